//! A lock with new batteries has forgotten its sessions, and is never understood again.

use super::{ALL, OLD, PLAIN, S0, S2, SECOND, house, is_active, who_came};
use latchkey::sim::node::Node;

#[test]
fn a_lock_with_new_batteries_is_heard_and_written_to() {
    let mut house = house(8);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    for node in [S2, S0, PLAIN, OLD] {
        house.visit(node, Node::power_cut);
        house.keypad(node, "482913");
        house.run_for(15 * SECOND);
    }
    assert_eq!(who_came(&house).len(), 4);
    for node in [S2, S0, PLAIN, OLD] {
        house.visit(node, Node::power_cut);
    }
    house.add("Bob", "772135", &ALL);
    house.run_for(60 * SECOND);
    for slug in ALL {
        assert!(is_active(&mut house, "Bob", slug), "{slug}");
    }
}
