//! The card is full: a visit is lost, or something is promised that nobody wrote down.

use std::collections::BTreeSet;

use latchkey::bridge::ask;
use latchkey::domain::event::EventType;
use latchkey::domain::intent::{Intent, Refusal};

use crate::support::house::person;

use super::{ALL, OLD, PLAIN, S0, S2, SECOND, house, is_active, told};

#[test]
fn a_visit_on_a_full_disk_is_told_once_with_its_time_when_there_is_room() {
    let mut house = house(26);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    house.set_disk_fails(true);
    let began = house.wall();
    // Not the one with S0: it gets no nonce from a daemon that can save nothing, and can't tell.
    for node in [S2, PLAIN, OLD] {
        house.keypad(node, "482913");
        house.run_for(5 * SECOND);
    }
    assert!(house.live.is_empty() && told(&house, EventType::CodeUsed).is_empty(), "nothing unsaved is told");
    house.run_for(90 * SECOND);
    house.set_disk_fails(false);
    house.run_for(60 * SECOND);
    let secured = house.view(ask::Device("lock_2".into())).flatten().expect("a device").id;
    let used = told(&house, EventType::CodeUsed);
    assert_eq!(used.len(), 3, "{used:?}");
    for event in &used {
        assert_eq!(event.person.as_ref().map(|person| person.name.as_str()), Some("Ada"));
        // A daemon that can save nothing loses its S2 sessions: that lock is only understood when it says it again.
        assert!(event.at - began < 20 * SECOND || event.device == secured, "the time at which it happened: {:?}", event.at);
    }
}

#[test]
fn events_that_the_broker_acknowledged_before_the_disk_was_full_are_not_published_again() {
    let mut house = house(26);
    house.add("Ada", "482913", &["lock_4"]);
    house.run_for(60 * SECOND);
    house.published.clear();
    // Less than the two seconds after which acknowledgements are saved without anything else to save.
    house.keypad(PLAIN, "482913");
    house.run_for(SECOND / 2);
    assert!(!house.published.is_empty(), "there is something to publish again");
    house.set_disk_fails(true);
    house.keypad(PLAIN, "482913");
    house.run_for(20 * SECOND);
    house.set_disk_fails(false);
    house.run_for(60 * SECOND);
    let ids: Vec<_> = house.published.iter().map(|(id, _)| *id).collect();
    let once: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(ids.len(), once.len(), "{ids:?}");
    assert_eq!(told(&house, EventType::CodeUsed).len(), 2);
}

#[test]
fn a_change_on_a_full_disk_is_refused_and_touches_no_lock() {
    let mut house = house(26);
    house.set_disk_fails(true);
    let answer = house.change(Intent::AddPerson(person("Ada", "482913", &ALL)));
    assert!(matches!(answer, Some(Err(Refusal::StoreUnavailable(_)))), "{answer:?}");
    house.run_for(60 * SECOND);
    house.set_disk_fails(false);
    house.run_for(60 * SECOND);
    assert!(house.statuses().is_empty());
    assert_eq!([S2, S0, PLAIN, OLD].map(|node| house.codes(node).len()), [0; 4]);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    assert!(ALL.iter().all(|slug| is_active(&mut house, "Ada", slug)), "the code is nobody's");
}
