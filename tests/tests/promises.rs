//! One test for each promise; the modules follow an event's way through the host. Names begin with the row of
//! `docs/ACCEPTANCE.md` that they prove.

mod house;
mod intake;
mod journal;
mod modules;
mod neighbours;
mod random;
mod rules;
mod service;
mod swap;
mod time;
