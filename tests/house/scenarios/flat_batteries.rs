//! Batteries drained by polling, by endless reads, or by calling a lock that does not answer.

use super::{ALL, DAY, OLD, PLAIN, S0, S2, SECOND, frames, house};

#[test]
fn an_idle_week_costs_a_lock_next_to_nothing() {
    let mut house = house(10);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    let sent = house.sent.len();
    let before: Vec<u64> = [S2, S0, PLAIN, OLD].map(|node| house.node(node).wakeups()).into();
    house.run_for(7 * DAY);
    for (node, before) in [S2, S0, PLAIN, OLD].into_iter().zip(before) {
        // A check a day: by checksum in one frame, or all eight slots while it listens. S0 asks for a nonce each time.
        let (frames, woken) = (frames(&house, node, sent), house.node(node).wakeups() - before);
        let a_day = if node == S0 { 3 * 8 } else { 8 };
        assert!(frames <= 7 * a_day, "{frames} frames to node {node} in a week in which nothing happened");
        assert!(woken <= 8, "node {node} was woken {woken} times");
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
