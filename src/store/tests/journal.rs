//! Questions about the past.

use std::sync::{Arc, Mutex};

use super::*;
use crate::domain::batch::SlotOwner;
use crate::store::{EventQuery, Order, PAGE_LIMIT};

/// A store with one event at each of `times`, in that order of writing.
fn journal(times: &[i64]) -> (Store, Vec<Event>) {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let lock = DeviceId::new(&mut entropy);
    let events: Vec<Event> = times.iter().map(|at| event(lock, None, *at, &mut entropy)).collect();
    store.apply(&batch(events.iter().cloned().map(Write::Event))).unwrap();
    (store, events)
}

#[test]
fn paging_shows_every_event_once_in_both_directions() {
    let (store, mut events) = journal(&[1, 2, 3, 4, 5, 6, 7]);
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let page = |after| store.reader().events(&EventQuery { order, limit: 3, after, ..EventQuery::default() }).unwrap();
        let first = page(None);
        let second = page(first.next);
        let third = page(second.next);
        assert_eq!([first.items.len(), second.items.len(), third.items.len()], [3, 3, 1]);
        assert_eq!(third.next, None);
        assert_eq!([first.items, second.items, third.items].concat(), events);
        events.reverse();
    }
}

#[test]
fn a_follower_misses_nothing_when_the_clock_steps_back() {
    let (store, events) = journal(&[5_000, 9_000, 2_000, 3_000]);
    let query = EventQuery { order: Order::OldestFirst, after: Some(events[1].id), ..EventQuery::default() };
    assert_eq!(store.reader().events(&query).unwrap().items, events[2..]);
}

#[test]
fn a_follower_that_is_up_to_date_is_not_shown_the_last_event_again() {
    let (store, events) = journal(&[1, 2]);
    let query = EventQuery { order: Order::OldestFirst, after: Some(events[1].id), ..EventQuery::default() };
    assert_eq!(store.reader().events(&query).unwrap().items, []);
}

#[test]
fn filters_select_by_person_device_and_time() {
    let (mut store, events) = journal(&[1_000, 2_000, 3_000]);
    let mut entropy = Entropy::from_number(3);
    let (ada, garage) = (PersonId::new(&mut entropy), DeviceId::new(&mut entropy));
    let hers = event(garage, Some(ada), 4_000, &mut entropy);
    store.apply(&batch([Write::Event(hers.clone())])).unwrap();
    let found = |query: EventQuery| store.reader().events(&query).unwrap().items;

    assert_eq!(found(EventQuery { person: Some(ada), ..EventQuery::default() }), std::slice::from_ref(&hers));
    assert_eq!(found(EventQuery { device: Some(garage), ..EventQuery::default() }), [hers]);
    let (since, before) = (Some(Timestamp::from_millis(2_000)), Some(Timestamp::from_millis(3_000)));
    assert_eq!(found(EventQuery { since, before, ..EventQuery::default() }), events[1..2]);
    assert_eq!(found(EventQuery { person: Some(PersonId::new(&mut entropy)), ..EventQuery::default() }), []);
}

#[test]
fn nobody_can_ask_for_the_whole_journal_at_once() {
    let (store, _) = journal(&(0..600).collect::<Vec<i64>>());
    let page = store.reader().events(&EventQuery { limit: u32::MAX, ..EventQuery::default() }).unwrap();
    assert_eq!(page.items.len(), PAGE_LIMIT as usize);
    assert!(page.next.is_some());
}

#[test]
fn a_late_event_is_ascribed_to_who_owned_the_slot_at_that_moment() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let slot = SlotKey::user_code(DeviceId::new(&mut entropy), 3);
    let mut owner = || Some(SlotOwner { grant: GrantId::new(&mut entropy), person: PersonId::new(&mut entropy) });
    let (ada, grace) = (owner(), owner());
    let history = [(1_000, ada), (2_000, None), (3_000, ada), (3_000, grace)];
    let write = |(from, owner)| Write::SlotOwner { slot, owner, from: Timestamp::from_millis(from) };
    store.apply(&batch(history.map(write))).unwrap();

    let owner_at = |slot, at| store.reader().slot_owner_at(slot, Timestamp::from_millis(at)).unwrap();
    assert_eq!(owner_at(slot, 999), None);
    assert_eq!(owner_at(slot, 1_999), ada);
    assert_eq!(owner_at(slot, 2_000), None);
    assert_eq!(owner_at(slot, 3_000), grace, "the last word of the same millisecond counts");
    assert_eq!(owner_at(SlotKey { index: 4, ..slot }, 3_000), None);
}

#[test]
fn a_reader_neither_waits_for_a_commit_nor_sees_half_of_it() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    let lock = DeviceId::new(&mut entropy);
    let seen: Arc<Mutex<Option<usize>>> = Arc::default();
    let (reader, report) = (store.reader(), Arc::clone(&seen));
    store.before_commit(move || {
        *report.lock().unwrap() = Some(reader.events(&EventQuery::default()).unwrap().items.len());
        Ok(())
    });
    store.apply(&batch([Write::Event(event(lock, None, 1_000, &mut entropy))])).unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(0));
    assert_eq!(store.reader().events(&EventQuery::default()).unwrap().items.len(), 1);
}
