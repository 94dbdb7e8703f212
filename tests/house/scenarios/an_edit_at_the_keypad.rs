//! Manager and keypad fight over a slot, or the manager wipes what people programmed at the lock.

use latchkey::domain::event::EventType;
use latchkey::domain::grant::Schedule;
use latchkey::domain::intent::Intent;

use super::{DAY, PLAIN, S2, SECOND, grant, house, is_active, told};
use crate::support::house::House;

#[test]
fn a_code_programmed_at_the_lock_in_mid_roll_out_stays() {
    let mut house = house(22);
    for n in 0..5 {
        house.add(&format!("P{n}"), &format!("77{n}13{n}"), &["lock_2", "lock_4"]);
    }
    house.run_for(SECOND);
    for node in [S2, PLAIN] {
        let now = house.now();
        house.visit(node, |lock| lock.program(8, Some(b"246824"), now));
    }
    house.run_for(120 * SECOND);
    for node in [S2, PLAIN] {
        assert!(house.codes(node).contains(&(8, "246824".into())), "node {node}: {:?}", house.codes(node));
        assert_eq!(house.codes(node).len(), 6);
    }
    assert_eq!(told(&house, EventType::ForeignCodeAdded).len(), 2);
    assert!((0..5).all(|n| is_active(&mut house, &format!("P{n}"), "lock_2")));
}

/// Seconds between our code's arrival and the stranger's: nobody waits until the lock's reports can't be mistaken.
const QUICK: [u32; 4] = [1, 4, 9, 30];

/// Ada has a code in a lock that can be read, or can't, and so many seconds later somebody programs another over it.
fn written_over(masks: bool, wait: u32) -> House {
    let mut house = house(22);
    house.visit(PLAIN, |lock| lock.model.quirks.masks_codes = masks);
    house.add("Ada", "482913", &["lock_4"]);
    assert!(house.run_until(60 * SECOND, |house| is_active(house, "Ada", "lock_4")));
    house.run_for(wait * SECOND);
    let now = house.now();
    house.visit(PLAIN, |lock| lock.program(1, Some(b"246824"), now));
    house.run_for(15 * SECOND);
    house
}

#[test]
fn a_code_of_ours_changed_at_the_keypad_is_told_and_not_fought_over() {
    for wait in QUICK {
        let mut house = written_over(false, wait);
        house.run_for(DAY);
        house.restart();
        house.run_for(DAY);
        assert_eq!(house.codes(PLAIN), [(1, "246824".into())], "after {wait} s");
        let there = grant(&mut house, "Ada", "lock_4").expect("a grant");
        assert!(there.starts_with("changed_at_lock overwritten_at_lock") && !there.contains("yes"), "after {wait} s: {there}");
        assert_eq!(told(&house, EventType::CodeChangedAtLock).len(), 1, "after {wait} s: once, not every day");
    }
}

#[test]
fn a_code_changed_where_codes_are_masked_is_never_called_active() {
    for wait in QUICK {
        let mut house = written_over(true, wait);
        // Where it may have been the echo of our write, that is written once more, and then it is true.
        let ours_is_back = house.codes(PLAIN) == [(1, "482913".into())];
        let there = grant(&mut house, "Ada", "lock_4").expect("a grant");
        assert_eq!(there.contains("active") || there.contains("yes"), ours_is_back, "after {wait} s: {there}");
        house.run_for(DAY);
        assert_eq!(is_active(&mut house, "Ada", "lock_4"), ours_is_back, "after {wait} s and a day");
    }
    let mut house = written_over(true, 3600);
    house.run_for(DAY);
    assert_eq!(house.codes(PLAIN), [(1, "246824".into())], "no echo comes so late");
    assert!(grant(&mut house, "Ada", "lock_4").expect("a grant").starts_with("changed_at_lock"));
}

#[test]
fn a_code_that_a_stranger_put_where_ours_was_erased_is_not_written_over() {
    for masks in [false, true] {
        let mut house = house(23);
        house.visit(PLAIN, |lock| lock.model.quirks.masks_codes = masks);
        let ada = house.add("Ada", "482913", &["lock_4"]);
        assert!(house.run_until(60 * SECOND, |house| is_active(house, "Ada", "lock_4")));
        house.run_for(15 * SECOND);
        let now = house.now();
        house.visit(PLAIN, |lock| lock.program(1, None, now));
        house.run_for(15 * SECOND);
        let now = house.now();
        house.visit(PLAIN, |lock| lock.program(1, Some(b"246824"), now));
        house.run_for(15 * SECOND);
        assert!(grant(&mut house, "Ada", "lock_4").expect("a grant").starts_with("missing_from_lock"), "masks: {masks}");
        house.intend(Intent::Grant { person: ada, device: "lock_4".into(), schedule: Schedule::Always });
        house.run_for(120 * SECOND);
        assert!(is_active(&mut house, "Ada", "lock_4"), "masks: {masks}");
        assert_eq!(house.codes(PLAIN), [(1, "246824".into()), (2, "482913".into())], "masks: {masks}");
    }
}
