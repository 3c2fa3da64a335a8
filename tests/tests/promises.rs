//! One test for each promise; the modules follow an event's way through the host.

mod rules;
