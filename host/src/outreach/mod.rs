//! From match to screen: which policies act on a match, which chain judges a message, what was decided, and handing it
//! over.
//!
//! # Layout
//! - `rules`: policies and chains at some position, pure; `book`: the same at the end of the journal, where changes are
//!   checked (`check`) and appended
//! - `dispatch`: follows what is durable, gives it to `channels`, and reports what they say
//! - `index`: finds decisions again; `find`: reads them

mod book;
mod check;
mod dispatch;
mod error;
mod find;
mod index;
mod postings;
mod rules;

#[cfg(test)]
mod tests;

pub use book::{Book, Kept, Stamp};
pub use check::EntryRequest;
pub use dispatch::{Dispatcher, Dispatching, Fatal};
pub use error::Error;
pub use find::{FRAMES_PER_PAGE, Found, Page, Query, What};
pub use index::{Counts, Index, MatchCounts, Stopped};
pub use rules::{Bound, Chain, ChainState, PLATFORM, Rules, Selection, validity};
