//! What a module may do, and what becomes of one that does something else.

mod capture;
mod equal;
mod kinds;
mod limits;
mod misuse;
mod pause;
mod resend;
mod signals;
mod upload;
mod workers;
