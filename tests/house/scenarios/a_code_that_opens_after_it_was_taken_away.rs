//! A guest's code still opens after it was taken away, and nobody says so.

use latchkey::domain::intent::Intent;
use latchkey::sim::node::Typed;

use super::{HOUR, S2, SECOND, grant, house, who_came};

#[test]
fn a_revoked_code_in_a_lock_that_does_not_answer_is_said_to_open_and_goes_when_the_lock_is_heard() {
    let mut house = house(23);
    let ada = house.add("Ada", "482913", &["lock_2"]);
    house.run_for(30 * SECOND);
    house.visit(S2, |lock| lock.faults.gone = true);
    house.intend(Intent::Revoke { person: ada, device: "lock_2".into() });
    for restarted in [false, true] {
        house.run_for(HOUR);
        let there = grant(&mut house, "Ada", "lock_2").expect("it is not out yet");
        assert!(there.contains(" yes ") || there.contains(" unknown "), "restarted: {restarted}: {there}");
        assert!(there.starts_with("remov"), "{there}");
        house.cut_power();
    }
    house.run_for(HOUR);
    house.visit(S2, |lock| lock.faults.gone = false);
    assert_eq!(house.keypad(S2, "482913"), Typed::Opened(1));
    house.run_for(20 * SECOND);
    assert_eq!(who_came(&house), [Some("Ada".to_owned())], "a code that is being taken away has a name still");
    assert_eq!(house.keypad(S2, "482913"), Typed::Wrong, "the lock was heard: it goes at once");
    assert_eq!(grant(&mut house, "Ada", "lock_2"), None);
}
