//! What the shipped rules find, and what they do not.

#[test]
fn s1_05_try() {
    fishpond_tests::scenarios(&["tests/scenarios/try.scenario"]);
}
