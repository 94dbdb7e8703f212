//! One value that can't be read costs only whose it is; an older copy is noticed.

use std::fs;

use super::*;
use crate::domain::batch::Damage;
use crate::domain::slot::Doing;
use crate::store::EventQuery;

/// A card with a person, their code, a grant, a slot, an expected device and an event that waits.
fn furnished(card: &Card) -> (Credential, Grant, Slot, Provisioned, Event) {
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    let ada = person(&mut entropy);
    let code = credential(ada.id, "4821", &mut entropy);
    let device = DeviceId::new(&mut entropy);
    let (grant, slot) = (grant(&code, device, &mut entropy), slot(device, 3, "4821"));
    let (expected, event) = (provisioned(&mut entropy), event(device, None, 1_000, &mut entropy));
    store
        .apply(&batch([
            Write::PutPerson(ada),
            Write::PutCredential(code.clone()),
            Write::PutGrant(grant.clone()),
            Write::PutSlot(slot.clone()),
            Write::PutProvisioned(expected.clone()),
            Write::Event(event.clone()),
            Write::Outbox(event.id),
        ]))
        .unwrap();
    (code, grant, slot, expected, event)
}

/// What is found after `sql` was done to the database.
fn after(card: &Card, sql: &str) -> Snapshot {
    let connection = rusqlite::Connection::open(&card.place.database).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
    drop(connection);
    card.open().unwrap_or_else(|error| panic!("{sql}: {error}")).1
}

#[test]
fn one_damaged_value_costs_only_whose_it_is() {
    let card = Card::new();
    let (code, grant, slot, expected, event) = furnished(&card);
    let cases = [
        ("UPDATE credentials SET code = x'00'", Damage::Code { credential: code.id, person: code.person }),
        ("UPDATE credentials SET kind = 'song'", Damage::Code { credential: code.id, person: code.person }),
        ("UPDATE slots SET code = x'00'", Damage::Slot(slot.key)),
        ("UPDATE slots SET confirmed_code = x'00'", Damage::Slot(slot.key)),
        ("UPDATE slots SET content = 'half full'", Damage::Slot(slot.key)),
        ("UPDATE slots SET progress = '{'", Damage::Slot(slot.key)),
        ("UPDATE slots SET confirmed_by = 'hearsay'", Damage::Slot(slot.key)),
        ("UPDATE provisioning SET dsk = x'00'", Damage::Label { id: expected.id, name: expected.name.clone() }),
        ("UPDATE provisioning SET state = 'x'", Damage::Label { id: expected.id, name: expected.name.clone() }),
        ("UPDATE grants SET status = 'x'", Damage::Grant(grant.id)),
        ("UPDATE grants SET schedule = 'x'", Damage::Grant(grant.id)),
        ("UPDATE people SET contacts = 'x'", Damage::Contacts(code.person)),
        ("UPDATE events SET event = 'x'", Damage::WaitingEvent(event.id)),
    ];
    for (sql, damage) in cases {
        let copy = power_cut(card.dir.path());
        let state = after(&copy, sql);
        assert_eq!(state.damage, [damage], "{sql}");
        let rows = (state.people.len(), state.grants.len(), state.slots.len());
        assert_eq!(rows, (1, 1, 1), "{sql}: people, grants and slots stay");
    }
}

#[test]
fn what_a_damaged_row_said_of_a_slot_or_a_grant_is_not_believed_and_not_acted_on() {
    let card = Card::new();
    furnished(&card);
    let copy = power_cut(card.dir.path());
    let slot = after(&copy, "UPDATE slots SET confirmed_code = x'00'").slots.remove(0);
    assert_eq!((slot.content, slot.confirmed, slot.progress), (Content::Unknown, None, Progress::RowDoubted));
    let copy = power_cut(card.dir.path());
    let grant = after(&copy, "UPDATE grants SET status = 'x'").grants.remove(0);
    assert_eq!((grant.status, grant.reason, grant.next_try), (Status::Rejected, Some(Reason::Damaged), None));
}

#[test]
fn a_damaged_key_of_fingerprints_or_canary_does_not_stop_the_hub() {
    let card = Card::new();
    furnished(&card);
    let copy = power_cut(card.dir.path());
    let state = after(&copy, "UPDATE meta SET value = x'00' WHERE key = 'fingerprint_key'");
    assert_eq!(state.damage, [Damage::Fingerprints]);
    assert_eq!((state.slots[0].confirmed.clone(), state.slots[0].progress), (None, Progress::RowDoubted));
    assert_eq!(copy.open().unwrap().1.damage, [], "another key is there now");

    let copy = power_cut(card.dir.path());
    assert_eq!(after(&copy, "UPDATE meta SET value = x'00' WHERE key = 'canary'").credentials.len(), 1);
    fs::write(&copy.place.key_file, "ab".repeat(32)).unwrap();
    assert!(matches!(copy.refusal(), OpenError::KeyWrong { .. }), "the canary is whole again");
}

#[test]
fn the_keys_of_the_radio_and_a_device_are_not_gone_on_without() {
    for sql in [
        "UPDATE meta SET value = x'00' WHERE key = 'network_keys'",
        "INSERT INTO devices (id, device) VALUES ('x', '{')",
        "UPDATE meta SET value = x'00' WHERE key IN ('canary', 'fingerprint_key', 'network_keys')",
    ] {
        let card = Card::new();
        drop(card.open().unwrap());
        rusqlite::Connection::open(&card.place.database).unwrap().execute(sql, []).unwrap();
        let error = card.refusal();
        assert!(error.is_configuration(), "{sql}: {error}");
    }
}

#[test]
fn one_damaged_event_does_not_hide_the_others() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    let device = DeviceId::new(&mut entropy);
    let events: Vec<Event> = (0..3).map(|at| event(device, None, at, &mut entropy)).collect();
    store.apply(&batch(events.iter().cloned().map(Write::Event))).unwrap();
    store.connection.execute("UPDATE events SET event = 'x' WHERE id = ?", [events[1].id]).unwrap();
    let page = store.reader().events(&EventQuery::default()).unwrap();
    assert_eq!(page.items, [events[2].clone(), events[0].clone()]);
}

#[test]
fn an_older_copy_is_noticed_even_if_only_slots_changed_since() {
    let card = Card::new();
    let (.., slot, _, _) = furnished(&card);
    let older = fs::read(&card.place.database).unwrap();
    let (mut store, state) = card.open().unwrap();
    assert!(!state.is_older_copy);
    let progress = Progress::Sending { doing: Doing::Clear { generation: Generation(4) } };
    store.apply(&batch([Write::PutSlot(Slot { progress, ..slot })])).unwrap();
    // As a process that is killed leaves it.
    let card = power_cut(card.dir.path());
    assert!(!card.open().unwrap().1.is_older_copy, "the newest copy raises no alarm");
    fs::write(&card.place.database, &older).unwrap();
    assert!(card.open().unwrap().1.is_older_copy);
    assert!(card.open().unwrap().1.is_older_copy, "until what it says is in doubt, each start sees it");
    let (mut store, _) = card.open().unwrap();
    store.apply(&batch([Write::Generation(Generation(9))])).unwrap();
    assert!(store.load().unwrap().is_older_copy, "another change does not end it");
    store.apply(&batch([Write::OlderCopyFound(NOW.wall)])).unwrap();
    assert!(!store.load().unwrap().is_older_copy);
    drop(store);
    let state = card.open().unwrap().1;
    assert_eq!((state.is_older_copy, state.older_copy_found), (false, Some(NOW.wall)));
}

#[test]
fn a_backup_brought_to_another_machine_is_doubted_and_an_upgrade_is_not() {
    let card = Card::new();
    furnished(&card);
    let mark = card.file("latchkey.db.mark");
    fs::remove_file(&mark).unwrap();
    assert!(card.open().unwrap().1.is_older_copy, "a database that had a mark comes without");

    let card = Card::new();
    furnished(&card);
    fs::remove_file(card.file("latchkey.db.mark")).unwrap();
    let before_marks = after(&card, "DELETE FROM meta WHERE key = 'commits'");
    assert!(!before_marks.is_older_copy);
    assert!(!card.open().unwrap().1.is_older_copy);
}

#[test]
fn a_mark_of_another_hub_or_of_rubbish_raises_the_alarm_and_events_alone_move_no_mark() {
    let card = Card::new();
    furnished(&card);
    let mark = card.file("latchkey.db.mark");
    let whole = fs::read(&mark).unwrap();
    let (mut store, _) = card.open().unwrap();
    let used = event(DeviceId::new(&mut Entropy::from_number(3)), None, 2_000, &mut Entropy::from_number(4));
    store.apply(&batch([Write::Event(used)])).unwrap();
    drop(store);
    assert_eq!(fs::read(&mark).unwrap(), whole, "an event costs no page more");
    for rubbish in [b"".as_slice(), b"latchkey 1 another 00000000000000000001\n", &[0; 4096]] {
        fs::write(&mark, rubbish).unwrap();
        assert!(card.open().unwrap().1.is_older_copy);
    }
    let (mut store, _) = card.open().unwrap();
    store.apply(&batch([Write::OlderCopyFound(NOW.wall)])).unwrap();
    drop(store);
    assert_eq!(fs::read(&mark).unwrap().len(), whole.len());
    assert!(!card.open().unwrap().1.is_older_copy);
}
