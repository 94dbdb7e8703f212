//! `unresponsiveStick`: the stick hangs, and the daemon goes on as if all were well.

use latchkey::bridge::ask;
use latchkey::domain::grant::Status;
use latchkey::view::StickView;

use super::{ALL, SECOND, house, is_active};

#[test]
fn a_hung_stick_is_told_and_costs_no_code_once_it_is_back() {
    let mut house = house(6);
    house.add("Ada", "482913", &ALL);
    house.run_for(SECOND);
    house.set_hung(true);
    house.add("Bob", "772135", &ALL);
    house.run_for(120 * SECOND);
    let status = house.view(ask::Status).expect("a view");
    let stick = status.running.expect("a store").stick;
    assert!(!matches!(stick, StickView::Ready { .. }), "nobody is told that all is well");
    for (name, grant) in house.grants().expect("a view") {
        assert!(name != "Bob" || grant.status != Status::Active, "{grant:?}");
    }
    house.set_hung(false);
    house.run_for(600 * SECOND);
    for slug in ALL {
        assert!(is_active(&mut house, "Ada", slug) && is_active(&mut house, "Bob", slug), "{slug}");
    }
}
