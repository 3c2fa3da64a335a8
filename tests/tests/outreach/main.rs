//! From match to screen: what policies do about matches, what chains say, and what reaches a person. One scenario file for
//! each promise, beside this file or with the filter that it is about; named after its row of docs/ACCEPTANCE.md.

mod counted;
mod cut;
mod gap;
mod limits;
mod shipped;

use fishpond_tests::scenario;

#[test]
fn s1_05_a_tag_is_given_once_and_its_match_names_both_events() {
    scenario("tests/tests/outreach/s1_05_tag_once.scenario");
}

#[test]
fn s1_05_repeats_under_one_once_are_one_tag_and_one_message() {
    scenario("tests/tests/outreach/s1_05_once.scenario");
}

#[test]
fn s1_14_the_record_lists_candidates_and_the_chosen_one() {
    scenario("tests/tests/outreach/s1_14_candidates.scenario");
}

#[test]
fn s1_19_a_match_is_published_once_with_its_ids_and_kept_while_its_reader_stands_still() {
    scenario("tests/tests/outreach/s1_19_hand_off.scenario");
}

#[test]
fn s2_08_a_changed_chain_is_in_the_next_decision() {
    scenario("tests/tests/outreach/s2_08_live_changes.scenario");
}

#[test]
fn s2_08_what_was_held_is_judged_by_the_chain_of_its_release() {
    scenario("tests/tests/outreach/s2_08_removed_while_held.scenario");
}

#[test]
fn s2_12_priority_and_validity_choose_and_the_record_says_so() {
    scenario("tests/tests/outreach/s2_12_priorities.scenario");
}

#[test]
fn s2_12_what_is_held_when_its_policy_ends_is_cancelled() {
    scenario("tests/tests/outreach/s2_12_ended_while_held.scenario");
}

#[test]
fn s2_13_four_filters_each_say_their_numbers_in_the_order_of_the_chain() {
    scenario("tests/tests/outreach/s2_13_all_filters.scenario");
}

#[test]
fn s2_13_a_filters_error_is_what_its_entry_declares() {
    scenario("tests/tests/outreach/s2_13_errors.scenario");
}

#[test]
fn s2_13_a_part_of_the_platform_judges_every_business_first() {
    scenario("tests/tests/outreach/s2_13_platform.scenario");
}

#[test]
fn s2_13g_critical_messages_ignore_opt_outs_and_no_entry_that_leaves_them_out_stops_them() {
    scenario("tests/tests/outreach/s2_13g_critical.scenario");
}

#[test]
fn s2_22_scenes_are_counted_apart() {
    scenario("tests/tests/outreach/s2_22_scenes.scenario");
}

#[test]
fn s2_22_businesses_are_counted_apart_and_together() {
    scenario("tests/tests/outreach/s2_22_businesses.scenario");
}

#[test]
fn s2_22_what_ignores_the_cap_and_what_does_not_count_are_two_things() {
    scenario("tests/tests/outreach/s2_22_exempt.scenario");
}

#[test]
fn s2_22_a_cap_that_cannot_be_asked_blocks_or_lets_pass_as_its_entry_says() {
    scenario("tests/tests/outreach/s2_22_down.scenario");
}

#[test]
fn s2_23_two_chains_count_in_one_place_and_only_what_was_sent() {
    scenario("tests/tests/outreach/s2_23_shared.scenario");
}

#[test]
fn x_25_an_opt_out_before_a_match_is_obeyed_however_late_its_filter_is() {
    scenario("tests/tests/outreach/x_25_held_back.scenario");
}

#[test]
fn x_25_a_filter_that_is_too_late_closes_its_entry() {
    scenario("tests/tests/outreach/x_25_too_late.scenario");
}

#[test]
fn x_26_a_repair_goes_on_where_every_shard_stood() {
    scenario("tests/tests/outreach/x_26_repair.scenario");
}

#[test]
fn timers_fire_on_their_own_clocks_and_outlive_a_restart() {
    scenario("tests/tests/outreach/timers.scenario");
}

#[test]
fn derived_events_are_inputs_like_others_and_go_round_no_further_than_allowed() {
    scenario("tests/tests/outreach/derived.scenario");
}

#[test]
fn the_stream_shows_what_waits_and_an_acknowledgement_ends_it() {
    scenario("tests/tests/outreach/stream.scenario");
}

#[test]
fn who_is_not_there_gets_it_later_or_elsewhere_or_not_as_the_policy_says() {
    scenario("tests/tests/outreach/offline.scenario");
}

#[test]
fn a_slot_shows_the_best_of_what_waits_for_it() {
    scenario("tests/tests/outreach/slot.scenario");
}

#[test]
fn s2_13g_an_opt_out_stops_what_a_slot_has_not_shown() {
    scenario("tests/tests/outreach/s2_13g_slot.scenario");
}

#[test]
fn s2_22_what_was_shown_counts_also_when_nobody_acknowledged_it() {
    scenario("tests/tests/outreach/s2_22_shown.scenario");
}

#[test]
fn a_delivery_is_tried_again_and_ends() {
    scenario("tests/tests/outreach/log_channel.scenario");
}

#[test]
fn the_herald_says_what_it_is_told() {
    scenario("tests/guests/herald/scenarios/told.scenario");
}

#[test]
fn x_26_a_repair_survives_a_restart_before_its_first_outcome() {
    scenario("tests/tests/outreach/x_26_repair_restart.scenario");
}

#[test]
fn s1_05_a_match_that_nobody_acts_on_does_not_use_its_once_up() {
    scenario("tests/tests/outreach/s1_05_once_unused.scenario");
}

#[test]
fn s2_22_a_reservation_is_given_back_also_by_a_look_that_did_not_ask_the_filter() {
    scenario("tests/tests/outreach/s2_22_left_chain.scenario");
}

#[test]
fn what_the_host_learns_are_events_like_others() {
    scenario("tests/tests/outreach/facts.scenario");
}
