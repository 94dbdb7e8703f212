//! The battery is out when somebody is removed: the owner has to read at once that the code may still open.

use super::{S2, SECOND, grant, house, is_active};

#[test]
fn a_removal_at_a_lock_that_is_known_to_be_dead_does_not_look_as_if_it_went_on() {
    let mut house = house(18);
    let eve = house.add("Eve", "482913", &["lock_2"]);
    assert!(house.run_until(60 * SECOND, |house| is_active(house, "Eve", "lock_2")));
    house.visit(S2, |lock| lock.faults.gone = true);
    house.intend(latchkey::domain::intent::Intent::RemovePerson(eve));
    house.run_for(20 * SECOND);
    for _ in 0..300 {
        let standing = grant(&mut house, "Eve", "lock_2").expect("the code is still there");
        assert!(standing.starts_with("removal_unconfirmed no_answer"), "{standing} after {:?}", house.age());
        house.run_for(SECOND);
    }
    house.visit(S2, |lock| lock.faults.gone = false);
    house.keypad(S2, "482913");
    assert!(house.run_until(30 * SECOND, |house| house.codes(S2).is_empty()));
}
