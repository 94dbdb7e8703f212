//! A lock says "available" shortly after it was given a code: it is written again, for ever.

use latchkey::sim::node::{CodeTable, Node};

use super::{HOUR, OLD, SECOND, house, is_active, writes};

#[test]
fn a_lock_that_stores_late_is_written_to_once() {
    let mut house = house(12);
    let sent = house.sent.len();
    house.visit(OLD, |lock| lock.model.quirks.silent_writes = true);
    house.add("Ada", "482913", &["lock_5"]);
    assert!(house.run_until(10 * SECOND, |house| !house.codes(OLD).is_empty()));
    // It shows the code only a while after it took it.
    let empty = |lock: &mut Node| CodeTable::new(lock.model.slots);
    let taken = house.visit(OLD, |lock| {
        let none = empty(lock);
        std::mem::replace(&mut lock.memory.codes, none)
    });
    house.run_for(SECOND);
    house.visit(OLD, |lock| lock.memory.codes = taken);
    house.run_for(HOUR);
    assert!(is_active(&mut house, "Ada", "lock_5"), "{:?}", super::grant(&mut house, "Ada", "lock_5"));
    assert_eq!(writes(&house, OLD, sent), 1);
}

#[test]
fn a_lock_that_never_stores_is_not_written_to_all_day() {
    let mut house = house(12);
    house.visit(OLD, |lock| lock.model.quirks.silent_writes = true);
    house.add("Ada", "482913", &["lock_5"]);
    let sent = house.sent.len();
    for _ in 0..24 * 60 {
        house.run_for(60 * SECOND);
        house.visit(OLD, |lock| lock.memory.codes = CodeTable::new(lock.model.slots));
    }
    let writes = writes(&house, OLD, sent);
    assert!(writes <= 30, "{writes} writes in a day");
    assert!(!house.statuses().contains(&"active".to_owned()) || writes <= 1);
}
