//! The filters that we ship, in real chains: their scenarios lie with them.

use fishpond_tests::scenario;

#[test]
fn s2_13_lists_deny_who_is_blocked() {
    scenario("plugins/lists/scenarios/s2_13_lists.scenario");
}

#[test]
fn s2_13_an_allow_list_beats_others_only_where_it_is_final() {
    scenario("plugins/lists/scenarios/s2_13_allow_is_final.scenario");
}

#[test]
fn s2_13_what_stops_messages_counts_whatever_its_time_is() {
    scenario("plugins/lists/scenarios/s2_13_clocks.scenario");
}

#[test]
fn s2_13a_blocking_stops_what_comes_what_is_held_and_what_waits() {
    scenario("plugins/lists/scenarios/s2_13a_block_stops_all.scenario");
}

#[test]
fn s2_13b_who_is_in_stays_in_while_the_share_grows() {
    scenario("plugins/gray/scenarios/s2_13b_share.scenario");
}

#[test]
fn s2_13g_an_opt_out_stops_all_that_was_not_sent_but_critical_messages() {
    scenario("plugins/preference/scenarios/s2_13g_opt_out.scenario");
}

#[test]
fn s2_13g_a_preference_that_cannot_be_asked_blocks() {
    scenario("plugins/preference/scenarios/s2_13g_down.scenario");
}

#[test]
fn s2_13g_what_waits_is_not_shown_while_the_preference_cannot_be_asked() {
    scenario("plugins/preference/scenarios/s2_13g_down_while_waiting.scenario");
}

#[test]
fn x_25_an_opt_out_is_obeyed_whatever_the_clocks_of_phones_show() {
    scenario("plugins/preference/scenarios/x_25_clocks.scenario");
}

#[test]
fn s2_22_three_in_a_day_four_hours_apart() {
    scenario("plugins/fatigue/scenarios/s2_22_timeline.scenario");
}

#[test]
fn s2_22_another_period_goes_on_with_what_was_counted() {
    scenario("plugins/fatigue/scenarios/s2_22_longer_period.scenario");
}

#[test]
fn s2_22_what_reached_nobody_is_given_back_and_what_nobody_knows_is_kept() {
    scenario("plugins/fatigue/scenarios/s2_22_give_back.scenario");
}

#[test]
fn s2_22_a_lowered_cap_lets_nothing_new_through() {
    scenario("plugins/fatigue/scenarios/s2_22_lowered.scenario");
}

#[test]
fn s2_22_a_calendar_day_begins_at_midnight() {
    scenario("plugins/fatigue/scenarios/s2_22_calendar_day.scenario");
}

#[test]
fn s2_13_fatigue_holds_until_there_is_room() {
    scenario("plugins/fatigue/scenarios/s2_13_hold.scenario");
}

#[test]
fn s2_13_beyond_a_cap_it_goes_by_another_channel_and_counts_for_nothing() {
    scenario("plugins/fatigue/scenarios/s2_13_downgrade.scenario");
}

#[test]
fn s2_13_a_channel_that_there_is_not_is_refused_before_anything_runs_on_it() {
    scenario("plugins/fatigue/scenarios/s2_13_wrong_channel.scenario");
}
