//! Signals between keys, circles that end by name, and permissions: as scenarios tell them.

use fishpond_tests::scenario;

#[test]
fn a_signal_is_handled_once_by_the_key_that_it_is_for() {
    scenario("tests/tests/modules/signals.scenario");
}

#[test]
fn circles_end_by_name_also_through_timers() {
    scenario("tests/tests/modules/hops.scenario");
}

#[test]
fn x_06_what_was_not_granted_is_warned_of_and_refused_by_name() {
    scenario("tests/tests/modules/x_06_permissions.scenario");
}
