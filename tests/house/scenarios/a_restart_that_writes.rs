//! Codes are erased or written anew by the manager itself at a restart. A start reads, and writes nothing.

use latchkey::sim::node::CodeTable;

use super::{ALL, OLD, PLAIN, S0, S2, SECOND, frames, house, is_active};

#[test]
fn a_restart_and_a_power_cut_touch_no_code() {
    let mut house = house(9);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    let nodes = [S2, S0, PLAIN, OLD];
    // Whatever the daemon believes, nothing tells it that anything has changed: what it wrote now would show.
    for node in nodes {
        house.visit(node, |lock| lock.memory.codes = CodeTable::new(lock.model.slots));
    }
    for n in 0..3 {
        let sent = house.sent.len();
        if n == 1 {
            house.cut_power();
        } else {
            house.restart();
        }
        house.run_for(600 * SECOND);
        for node in nodes {
            assert_eq!(house.codes(node), [], "node {node} was written to at start {n}");
            let frames = frames(&house, node, sent);
            assert!(frames <= 4, "a start costs node {node} {frames} frames");
        }
    }
}

#[test]
fn a_restart_changes_nothing_of_what_is_shown() {
    let mut house = house(9);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    let before = house.grants();
    house.restart();
    house.run_for(60 * SECOND);
    assert_eq!(house.grants(), before);
    assert!(is_active(&mut house, "Ada", "lock_3"));
}
