//! `nodeAsleepBlockNonceReport`: a lock asked for a nonce while the stick was busy with one that does not answer, and its
//! event was lost.

use super::{OLD, PLAIN, S0, SECOND, house, is_active, who_came};

#[test]
fn a_visit_is_told_while_dead_locks_are_being_called() {
    let mut house = house(3);
    house.add("Ada", "482913", &["lock_3"]);
    house.run_for(60 * SECOND);
    for node in [PLAIN, OLD] {
        house.visit(node, |lock| lock.faults.gone = true);
    }
    for n in 0..4 {
        house.add(&format!("P{n}"), &format!("77{n}13{n}"), &["lock_4", "lock_5"]);
        house.run_for(700 * SECOND / 1000);
        house.keypad(S0, "482913");
        house.run_for(12 * SECOND);
        assert_eq!(who_came(&house).len(), n + 1);
    }
    assert!(who_came(&house).iter().all(|name| name.as_deref() == Some("Ada")));
    assert!(is_active(&mut house, "Ada", "lock_3"));
}
