//! Batteries drained by polling, by endless reads, or by calling a lock that does not answer.

use super::{ALL, DAY, OLD, PLAIN, S0, S2, SECOND, frames, house};

#[test]
fn an_idle_week_costs_a_lock_next_to_nothing() {
    let mut house = house(10);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    let sent = house.sent.len();
    house.run_for(7 * DAY);
    for node in [S2, S0, PLAIN, OLD] {
        let frames = frames(&house, node, sent);
        assert!(frames <= 7, "{frames} frames to node {node} in a week in which nothing happened");
    }
}

#[test]
fn a_lock_that_does_not_answer_is_not_called_all_day() {
    let mut house = house(10);
    house.visit(PLAIN, |lock| lock.faults.gone = true);
    house.add("Ada", "482913", &["lock_4"]);
    let sent = house.sent.len();
    house.run_for(DAY);
    let first = frames(&house, PLAIN, sent);
    assert!(first <= 80, "{first} frames on the first day");
    let sent = house.sent.len();
    house.run_for(DAY);
    let second = frames(&house, PLAIN, sent);
    assert!((1..=60).contains(&second), "{second} frames on the second day: it is tried, and ever more rarely");
}
