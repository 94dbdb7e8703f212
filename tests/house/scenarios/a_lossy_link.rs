//! One lock at the edge of the radio: statuses lag, everything is read again, nothing ends.

use latchkey::sim::radio::Conditions;

use super::{ALL, HOUR, OLD, PLAIN, S0, S2, frames, house, is_active};

#[test]
fn a_roll_out_over_a_bad_link_ends_and_reads_only_what_it_wrote() {
    let mut house = house(14);
    house.world.set_conditions(Conditions { loss: 49, ack_loss: 20, ..Conditions::default() });
    let sent = house.sent.len();
    house.add("Ada", "482913", &ALL);
    house.add("Bob", "772135", &ALL);
    let mut hours = 0;
    while !ALL.iter().all(|slug| is_active(&mut house, "Ada", slug) && is_active(&mut house, "Bob", slug)) {
        house.run_for(HOUR);
        hours += 1;
        assert!(hours <= 12, "{:?}", house.statuses());
    }
    for node in [S2, S0, PLAIN, OLD] {
        assert_eq!(house.codes(node).len(), 2);
        let frames = frames(&house, node, sent);
        assert!(frames <= 120, "{frames} frames to node {node}");
    }
}
