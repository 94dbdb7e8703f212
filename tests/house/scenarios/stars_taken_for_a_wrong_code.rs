//! A lock that shows stars instead of digits: taken for a wrong code, written again, and again.

use latchkey::domain::intent::Intent;
use latchkey::sim::node::Typed;

use super::{ALL, DAY, HOUR, OLD, PLAIN, S0, S2, blueprint, is_active, settled, writes};

#[test]
fn stars_are_neither_a_wrong_code_nor_a_reason_to_write_again() {
    let mut blueprint = blueprint();
    for model in blueprint.nodes.values_mut() {
        model.quirks.masks_codes = true;
    }
    let mut house = settled(&blueprint, 11);
    house.add("Ada", "482913", &ALL);
    house.run_for(HOUR);
    let sent = house.sent.len();
    for slug in ALL {
        assert!(is_active(&mut house, "Ada", slug), "{slug}: {:?}", super::grant(&mut house, "Ada", slug));
        house.intend(Intent::Check(slug.into()));
    }
    house.run_for(DAY);
    house.restart();
    house.run_for(DAY);
    for (slug, node) in ALL.into_iter().zip([S2, S0, PLAIN, OLD]) {
        assert!(is_active(&mut house, "Ada", slug), "{slug}: {:?}", super::grant(&mut house, "Ada", slug));
        assert_eq!(house.keypad(node, "482913"), Typed::Opened(1));
    }
    assert_eq!(writes(&house, PLAIN, sent) + writes(&house, OLD, sent), 0);
}
