//! A visit is told with the wrong name: of whoever has the slot now, or of nobody in particular.

use latchkey::domain::event::{EventReason, EventType};
use latchkey::domain::intent::Intent;

use super::{S2, SECOND, house, told, who_came};

#[test]
fn who_had_the_slot_then_came_and_not_who_has_it_now() {
    let mut house = house(18);
    let ada = house.add("Ada", "482913", &["lock_2"]);
    house.run_for(30 * SECOND);
    house.set_broker(false);
    house.keypad(S2, "482913");
    house.run_for(15 * SECOND);
    house.intend(Intent::RemovePerson(ada));
    house.run_for(30 * SECOND);
    house.add("Bob", "772135", &["lock_2"]);
    house.run_for(30 * SECOND);
    assert_eq!(house.codes(S2), [(1, "772135".into())], "Bob has Ada's slot");
    house.restart();
    house.set_broker(true);
    house.run_for(30 * SECOND);
    house.keypad(S2, "772135");
    house.run_for(15 * SECOND);
    assert_eq!(who_came(&house), [Some("Ada".to_owned()), Some("Bob".to_owned())]);
    let said: Vec<&str> = house.published.iter().map(|(_, message)| message.payload.as_str()).collect();
    assert!(said[0].contains("\"Ada\"") && said[1].contains("\"Bob\""), "{said:?}");
}

#[test]
fn a_stranger_s_code_names_nobody_and_says_why() {
    let mut house = house(18);
    let now = house.now();
    house.visit(S2, |lock| lock.program(4, Some(b"246824"), now));
    house.run_for(30 * SECOND);
    house.keypad(S2, "246824");
    house.run_for(15 * SECOND);
    let used = told(&house, EventType::CodeUsed);
    assert_eq!(used.len(), 1);
    assert_eq!((&used[0].person, used[0].reason, used[0].slot), (&None, Some(EventReason::UnmanagedSlot), Some(4)));
}
