//! Builds guests. A Rust module needs three things that a checkout does not have: a standard library for wasm32, a
//! linker that writes Wasm, and the step from a core module to a component. This crate finds or fetches the first
//! two and does the third; `cargo xtask` is its face. A guest in C needs bindings and a C compiler for Wasm.
//!
//! | file | what it is |
//! |---|---|
//! | `toolchain` | which Rust compiler builds for wasm32 here, and how to get one |
//! | `guest` | package -> core module -> `target/components/NAME.wasm` |
//! | `c` | a guest in C: bindings, C compiler, core module |
//! | `component` | core module -> component, and what it may import |
//! | `scaffold` | a new rule |
//! | `workspace` | where things are |
//! | `apt` | installing Debian's packages |
//! | `process` | commands with a time limit and errors that say what failed |

mod apt;
mod c;
mod component;
mod guest;
mod process;
mod scaffold;
mod toolchain;
mod workspace;

pub use component::componentize;
pub use guest::{build_guest, build_guests};
pub use scaffold::new_module;
pub use toolchain::{Route, Toolchain};
pub use workspace::{c_guests, components_dir, guest_packages, workspace_root};
