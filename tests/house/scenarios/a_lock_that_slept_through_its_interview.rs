//! A lock that could not be asked what it is: taken for one with no slots, for ever.

use super::{ALL, HOUR, S0, S2, SECOND, blueprint, grant, is_active};
use crate::support::house::House;
use latchkey::bridge::ask;

#[test]
fn a_lock_that_was_away_in_its_interview_is_asked_when_it_is_heard() {
    let mut house = House::new(&blueprint(), 24);
    house.run_for(4 * SECOND);
    for node in [S2, S0] {
        house.visit(node, |lock| lock.faults.gone = true);
    }
    house.run_for(HOUR);
    house.restart();
    house.run_for(HOUR);
    for node in [S2, S0] {
        house.visit(node, |lock| lock.faults.gone = false);
        let now = house.now();
        house.visit(node, |lock| lock.turn_bolt(true, now));
    }
    house.run_for(3 * HOUR);
    let devices = house.view(ask::Devices).expect("a view").items;
    let slots: Vec<_> = devices.iter().map(|device| device.slots.total).collect();
    assert_eq!(slots, [8, 8, 8, 8]);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    for slug in ALL {
        assert!(is_active(&mut house, "Ada", slug), "{slug}: {:?}", grant(&mut house, "Ada", slug));
    }
}
