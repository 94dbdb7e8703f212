//! `supervisionRepeatedReport`: a lock that missed the answer repeats itself, and somebody seems to have come twice.

use std::time::Duration;

use latchkey::sim::radio::Conditions;

use super::{OLD, PLAIN, S0, S2, SECOND, house, who_came};

#[test]
fn a_lock_that_did_not_hear_the_answer_and_repeats_itself_is_one_visit() {
    for node in [S2, PLAIN] {
        let mut house = house(5);
        house.add("Ada", "482913", &["lock_2", "lock_4"]);
        house.run_for(60 * SECOND);
        house.keypad(node, "482913");
        // Its report is on the air; it does not hear what is said to it.
        assert!(house.run_until(5 * SECOND, |house| !house.live.is_empty()));
        house.visit(node, |lock| lock.faults.gone = true);
        house.run_for(Duration::from_millis(2500));
        house.visit(node, |lock| lock.faults.gone = false);
        house.run_for(30 * SECOND);
        assert_eq!(who_came(&house), [Some("Ada".to_owned())], "node {node}");
    }
}

#[test]
fn a_report_that_the_air_doubles_is_one_visit_where_the_lock_can_be_told_apart() {
    let mut house = house(5);
    house.add("Ada", "482913", &super::ALL);
    house.run_for(60 * SECOND);
    house.world.set_conditions(Conditions { duplication: 100, ..Conditions::default() });
    for (n, node) in [S2, S0, PLAIN].into_iter().enumerate() {
        house.keypad(node, "482913");
        house.run_for(30 * SECOND);
        assert_eq!(who_came(&house).len(), n + 1, "node {node}");
    }
    // In clear and without Supervision nothing tells a repeat from a second visit: both are told, rather than neither.
    house.keypad(OLD, "482913");
    house.run_for(30 * SECOND);
    assert_eq!(who_came(&house).len(), 5);
    house.world.set_conditions(Conditions::default());
    house.keypad(OLD, "482913");
    house.run_for(30 * SECOND);
    assert_eq!(who_came(&house).len(), 6);
}
