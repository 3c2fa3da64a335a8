//! What the shipped rules find, and what they do not: one scenario file for each promise.

mod in_c;
mod sellers;
mod traced;

use fishpond::scenario::{Checked, Modules, check_file};
use fishpond_tests::{GUESTS, component, house, native, scenario};

/// So that `fishpond module new` needs no test of ours to be changed.
#[test]
fn a_new_module_passes_its_scenarios() {
    for package in fishpond_build::guest_packages(&house::root()).expect("there are guests") {
        let name = package.file_name().expect("a name").to_string_lossy().into_owned();
        if GUESTS.contains(&&*name) {
            continue;
        }
        let mut modules = Modules::kept_in(native());
        modules.add(&name, component(&name));
        for file in std::fs::read_dir(package.join("scenarios")).expect("a module has scenarios") {
            let file = file.expect("a scenario").path();
            let checked = check_file(&file, &modules, false, true).expect("the scenario runs");
            assert_eq!(checked, Checked::Passed, "{}", file.display());
        }
    }
}

#[test]
fn s1_05_two_users_within_a_minute_match_once() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_two_users_within_a_minute.scenario");
}

#[test]
fn s1_05_no_match_for_one_user_on_two_devices() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_one_user_on_two_devices.scenario");
}

#[test]
fn s1_05_no_match_for_a_second_user_after_60_001_ms() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_beyond_a_minute.scenario");
}

#[test]
fn s1_05_no_match_for_the_same_event_twice() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_the_same_event_twice.scenario");
}

#[test]
fn s1_05_no_second_match_for_a_third_user_inside_the_cool_down() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_third_inside_the_cool_down.scenario");
}

#[test]
fn s1_05_a_new_match_after_the_cool_down() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_cool_down.scenario");
}

#[test]
fn s1_05_no_match_across_an_unblacklist() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_unblacklist_between.scenario");
}

#[test]
fn s1_05_an_event_without_an_actor_is_a_bad_event() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_nobody_acted.scenario");
}

#[test]
fn s1_05_no_key_duplicate_and_id_reused_are_said() {
    scenario("plugins/c2c-blacklist/scenarios/s1_05_no_key.scenario");
}

#[test]
fn s1_05_a_wrong_configuration_is_refused_with_its_places() {
    scenario("plugins/c2c-blacklist/scenarios/wrong_configuration.scenario");
}

#[test]
fn s1_07_window_edges_are_inclusive() {
    scenario("plugins/c2c-blacklist/scenarios/s1_07_edges.scenario");
}

#[test]
fn s1_07_windows_know_no_borders_of_minutes_and_days() {
    scenario("plugins/c2c-blacklist/scenarios/s1_07_borders.scenario");
}

#[test]
fn s1_07_windows_slide_per_key() {
    scenario("plugins/c2c-blacklist/scenarios/s1_07_per_key.scenario");
}

#[test]
fn s1_07_out_of_order_inside_the_lateness_makes_the_same_match() {
    scenario("plugins/c2c-blacklist/scenarios/s1_07_out_of_order.scenario");
}

#[test]
fn s1_07_beyond_the_lateness_is_counted_late() {
    scenario("plugins/c2c-blacklist/scenarios/s1_07_late.scenario");
}

#[test]
fn s1_07_a_clock_jump_makes_no_burst() {
    scenario("plugins/c2c-blacklist/scenarios/s1_07_clock_jump.scenario");
}

#[test]
fn s1_19_four_different_houses_match_once_with_their_ids() {
    scenario("plugins/rental-browse/scenarios/s1_19_four_different_houses.scenario");
}

#[test]
fn s1_19_four_houses_at_the_window_edge() {
    scenario("plugins/rental-browse/scenarios/s1_19_window_edge.scenario");
}

#[test]
fn s1_19_each_browse_counts_toward_one_match() {
    scenario("plugins/rental-browse/scenarios/s1_19_each_browse_counts_once.scenario");
}

#[test]
fn s1_19_no_match_for_one_house_or_another_category() {
    scenario("plugins/rental-browse/scenarios/s1_19_no_interest.scenario");
}

#[test]
fn the_example_greets_the_third_visit() {
    scenario("examples/hello-rule/scenarios/third-visit.scenario");
}

#[test]
fn the_example_that_does_nothing_finds_nothing() {
    scenario("examples/noop-rule/scenarios/nothing.scenario");
}
