//! The doctor: looks at the data folder of a host that does not run, says what is damaged, where, and what mends it, and
//! makes again what can be made from the rest. What is mended with a loss is mended on a copy only.

mod bases;
mod examine;
mod finding;
mod folder;
mod modules;
mod rebuild;
mod repair;

pub use examine::{Examined, StoreFound, examine};
pub use finding::{Finding, Part, Told};
pub use folder::{MARKER, is_free, making};
pub use rebuild::{Rebuilt, rebuild};
pub use repair::{Loss, Repaired, StoreOf, repair};
