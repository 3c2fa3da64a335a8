//! Time: watermarks over intakes, the order of event time, absence, expiry, clocks that jump; over restarts, crashes, and
//! any number of workers (DECISIONS 11 to 15, 27).

mod backfill;
mod clock;
mod cut;
mod expiry;
mod late;

use fishpond_tests::scenario;

#[test]
fn absence_is_judged_by_the_watermark_and_by_no_jump_of_the_clock() {
    scenario("tests/tests/time/absence.scenario");
}

#[test]
fn the_slowest_intake_that_is_not_idle_holds_the_watermark() {
    scenario("tests/tests/time/intakes.scenario");
}

#[test]
fn inputs_in_the_order_of_their_times_wait_for_the_watermark() {
    scenario("tests/tests/time/order.scenario");
}

#[test]
fn what_waits_for_the_watermark_may_read_no_derived_events() {
    scenario("tests/tests/time/derived.scenario");
}
