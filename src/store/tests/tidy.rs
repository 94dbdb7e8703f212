use std::time::Duration;

use super::*;
use crate::domain::batch::{Retention, SlotOwner};
use crate::store::Tidied;

const DAY: i64 = 24 * 3_600_000;
const KEEP: Retention = Retention { age: Duration::from_secs(10 * 24 * 3600), events: 1_000_000 };

fn tidy(store: &mut Store, keep: &Retention, now: Option<Timestamp>) -> usize {
    let mut steps = 1;
    while store.tidy(keep, now).unwrap() == Tidied::More {
        steps += 1;
        assert!(steps < 10_000, "no end of it");
    }
    steps
}

fn days(store: &Store) -> Vec<i64> {
    let query = crate::store::EventQuery { order: crate::store::Order::OldestFirst, ..Default::default() };
    store.reader().events(&query).unwrap().items.iter().map(|event| event.at.as_millis() / DAY).collect()
}

fn audited(at: i64) -> Write {
    Write::Audit { actor: Actor::Uid(1), act: Act::NetworkKeysExported, at: Timestamp::from_millis(at) }
}

#[test]
fn the_journal_does_not_grow_for_ever_and_keeps_what_the_broker_still_needs() {
    let card = Card::new();
    let (mut store, _) = card.open().unwrap();
    let mut entropy = Entropy::from_number(3);
    let device = DeviceId::new(&mut entropy);
    let events: Vec<Event> = (0..20).map(|day| event(device, None, day * DAY, &mut entropy)).collect();
    store.apply(&batch(events.iter().cloned().map(Write::Event))).unwrap();
    store.apply(&batch([Write::Outbox(events[2].id), audited(0), audited(19 * DAY)])).unwrap();
    let now = Timestamp::from_millis(20 * DAY);
    assert_eq!(tidy(&mut store, &KEEP, None), 1);
    assert_eq!(days(&store).len(), 20, "a clock that may be wrong throws nothing away");
    tidy(&mut store, &KEEP, Some(now));
    assert_eq!(days(&store), [2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], "the one that waits for the broker stays");
    assert_eq!(store.reader().audit(&AuditQuery::default()).unwrap().items.len(), 2, "the making of the database is younger");

    tidy(&mut store, &Retention { events: 3, ..KEEP }, None);
    assert_eq!(days(&store), [2, 17, 18, 19]);
    store.apply(&batch([Write::OutboxDone(events[2].id)])).unwrap();
    tidy(&mut store, &KEEP, Some(now));
    assert_eq!(days(&store), [17, 18, 19]);
}

#[test]
fn whose_slot_it_is_stays_known_however_long_ago_it_was_given() {
    let card = Card::new();
    let (mut store, _) = card.open().unwrap();
    let mut entropy = Entropy::from_number(4);
    let device = DeviceId::new(&mut entropy);
    let [first, second] = [1, 2].map(|index| SlotKey::user_code(device, index));
    let mut owner = || SlotOwner { grant: GrantId::new(&mut entropy), person: PersonId::new(&mut entropy) };
    let (ada, bob, eve) = (owner(), owner(), owner());
    let since = |day: i64| Timestamp::from_millis(day * DAY);
    let owned = |slot, owner, day| Write::SlotOwner { slot, owner: Some(owner), from: since(day) };
    store.apply(&batch([owned(first, ada, 0), owned(first, bob, 1), owned(second, eve, 2), owned(first, ada, 15)])).unwrap();
    tidy(&mut store, &KEEP, Some(since(20)));
    let reader = store.reader();
    let at = |slot, day| reader.slot_owner_at(slot, since(day)).unwrap();
    assert_eq!(at(first, 12), Some(bob), "a late event of day 12 still has its name");
    assert_eq!(at(first, 16), Some(ada));
    assert_eq!(at(second, 19), Some(eve));
    assert_eq!(at(first, 0), None, "that is over");
}

#[test]
fn a_card_gets_its_space_back_and_the_log_stays_short() {
    let card = Card::new();
    let (mut store, _) = card.open().unwrap();
    let mut entropy = Entropy::from_number(5);
    let device = DeviceId::new(&mut entropy);
    for chunk in 0..100 {
        let events = (0..200).map(|n| Write::Event(event(device, None, chunk * 200 + n, &mut entropy)));
        store.apply(&batch(events)).unwrap();
    }
    let log = |card: &Card| std::fs::metadata(card.file("latchkey.db-wal")).map_or(0, |log| log.len());
    assert!(log(&card) > 1_000_000, "the log is copied when the daemon is idle: {}", log(&card));
    tidy(&mut store, &KEEP, None);
    assert_eq!(log(&card), 0);
    let full = store.reader().size();
    let steps = tidy(&mut store, &KEEP, Some(Timestamp::from_millis(30 * DAY)));
    assert!(steps > 50, "small steps, so that nobody waits for one: {steps}");
    assert!(store.reader().size() * 2 < full, "{full} bytes before, {} after", store.reader().size());
    assert_eq!(days(&store), [0_i64; 0]);
}

#[test]
fn a_database_that_could_not_shrink_is_rewritten_once_and_loses_nothing() {
    let card = Card::new();
    let (mut store, _) = card.open().unwrap();
    let ada = person(&mut Entropy::from_number(6));
    store.apply(&batch([Write::PutPerson(ada.clone())])).unwrap();
    drop(store);
    let mode = || -> u32 {
        let raw = rusqlite::Connection::open(card.file("latchkey.db")).unwrap();
        raw.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).unwrap()
    };
    assert_eq!(mode(), 2, "a new one can");
    let raw = rusqlite::Connection::open(card.file("latchkey.db")).unwrap();
    raw.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    drop(raw);
    assert_eq!(mode(), 0);
    let (_, snapshot) = card.open().unwrap();
    assert_eq!((mode(), snapshot.people), (2, vec![ada]));
}
