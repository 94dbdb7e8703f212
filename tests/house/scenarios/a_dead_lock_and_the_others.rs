//! One lock that does not answer blocks everybody's codes everywhere, or switches people off.

use latchkey::bridge::ask;

use super::{ALL, HOUR, S0, SECOND, grant, house, is_active};

#[test]
fn a_dead_lock_changes_nothing_at_the_others_also_after_a_restart() {
    let mut house = house(15);
    house.visit(S0, |lock| lock.faults.gone = true);
    house.add("Ada", "482913", &ALL);
    house.run_for(30 * SECOND);
    for restarted in [false, true] {
        for slug in ["lock_2", "lock_4", "lock_5"] {
            assert!(is_active(&mut house, "Ada", slug), "{slug}, restarted: {restarted}");
        }
        let there = grant(&mut house, "Ada", "lock_3").expect("it is wanted still");
        assert!(!there.contains("active") && !there.contains("yes"), "{there}");
        house.restart();
        house.run_for(60 * SECOND);
    }
    let people = house.view(ask::People).expect("a view").items;
    assert!(people[0].enabled);
    house.visit(S0, |lock| lock.faults.gone = false);
    house.run_for(3 * HOUR);
    assert!(is_active(&mut house, "Ada", "lock_3"), "{:?}", grant(&mut house, "Ada", "lock_3"));
}
