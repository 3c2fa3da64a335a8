//! What the shipped modules about sellers say: who is online (S0-01), how they reply (S0-02, S0-04).

use fishpond_tests::scenario;

#[test]
fn s0_01_online_and_then_offline_with_the_seconds_since() {
    scenario("plugins/online-status/scenarios/s0_01_status.scenario");
}

#[test]
fn s0_01_a_missed_disconnect_is_inferred_at_the_heartbeat_timeout() {
    scenario("plugins/online-status/scenarios/s0_01_missed_disconnect.scenario");
}

#[test]
fn s0_01_two_devices_are_online_until_the_last_closes() {
    scenario("plugins/online-status/scenarios/s0_01_two_devices.scenario");
}

#[test]
fn s0_01_a_late_event_moves_nothing_backwards() {
    scenario("plugins/online-status/scenarios/s0_01_late.scenario");
}

#[test]
fn s0_01_silence_by_the_clock_of_receipt() {
    scenario("plugins/online-status/scenarios/s0_01_receive_clock.scenario");
}

#[test]
fn s0_01_a_wrong_configuration_is_refused_with_its_places() {
    scenario("plugins/online-status/scenarios/wrong_configuration.scenario");
}

#[test]
fn s0_02_five_inquiries_three_replied_and_nothing_after_half_an_hour() {
    scenario("plugins/reply-behaviour/scenarios/s0_02_half_hour.scenario");
}

#[test]
fn s0_02_automatic_replies_do_not_count_and_duplicates_count_once() {
    scenario("plugins/reply-behaviour/scenarios/s0_02_not_counted.scenario");
}

#[test]
fn s0_02_out_of_order_is_corrected_and_what_is_later_is_late_dropped() {
    scenario("plugins/reply-behaviour/scenarios/s0_02_late.scenario");
}

#[test]
fn s0_04_opened_messages_reply_are_one_match_with_all_event_ids() {
    scenario("plugins/reply-behaviour/scenarios/s0_04_reply.scenario");
}

#[test]
fn s0_04_no_match_in_another_order_by_another_seller_automatically_or_too_late() {
    scenario("plugins/reply-behaviour/scenarios/s0_04_no_match.scenario");
}

#[test]
fn s0_04_interleaved_chats_are_one_match_each() {
    scenario("plugins/reply-behaviour/scenarios/s0_04_interleaved.scenario");
}

#[test]
fn s0_04_the_events_own_times_decide_not_their_arrival() {
    scenario("plugins/reply-behaviour/scenarios/s0_04_out_of_order.scenario");
}

#[test]
fn s0_04_a_wrong_configuration_is_refused_with_its_places() {
    scenario("plugins/reply-behaviour/scenarios/wrong_configuration.scenario");
}
