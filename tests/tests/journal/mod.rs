//! What is durable stays, what is not leaves no half: crashes between any two frames, damage, restarts.
//!
//! A real `kill -9` through the binary is a test of its own, beside these.

mod backup;
mod bounded;
mod crash;
mod damage;
mod dedup;
mod doctor;
mod memory;
mod restart;
mod signals;
mod skipped;
mod sweep;
