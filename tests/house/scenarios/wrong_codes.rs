//! Somebody tries codes at the door, and nobody hears of it.

use latchkey::domain::event::{EventReason, EventType};

use super::{PLAIN, S2, SECOND, house, told};

#[test]
fn wrong_codes_and_the_keypad_s_silence_after_them_are_told_of_nobody() {
    for (seed, node) in [(28, S2), (29, PLAIN)] {
        let mut house = house(seed);
        house.add("Ada", "482913", &["lock_2", "lock_4"]);
        house.run_for(30 * SECOND);
        for _ in 0..5 {
            house.keypad(node, "909173");
            house.run_for(2 * SECOND);
        }
        house.run_for(20 * SECOND);
        let denied = told(&house, EventType::CodeDenied);
        assert_eq!(denied.len(), 4);
        for event in &denied {
            let said = (&event.person, event.reason, event.allowed);
            assert_eq!(said, (&None, Some(EventReason::WrongCode), Some(false)));
        }
        assert_eq!(told(&house, EventType::KeypadLockedOut).len(), 1);
        assert!(told(&house, EventType::CodeUsed).is_empty());
        assert_eq!(house.published.len(), house.journal().len());
    }
}
