//! Who did what, by whom and what it concerned.

use rusqlite::Connection;

use super::*;
use crate::domain::audit::JoinSecurity;
use crate::domain::ids::{AccountId, NodeId, TokenId};
use crate::domain::node::SecurityClass;
use crate::store::{AuditEntry, RecordedActor};

fn audited(n: i64, actor: Actor, act: Act) -> Write {
    Write::Audit { actor, act, at: Timestamp::from_millis(n) }
}

fn lines(store: &Store, query: &AuditQuery) -> Vec<AuditEntry> {
    store.reader().audit(query).unwrap().items
}

#[test]
fn the_audit_says_who_did_what_newest_first() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    store.apply(&batch((1..=5).map(|n| audited(n, Actor::Uid(n.try_into().unwrap()), Act::NetworkKeysExported)))).unwrap();
    let page = |after| store.reader().audit(&AuditQuery { after, limit: 2, ..AuditQuery::default() }).unwrap();
    let first = page(None);
    let second = page(first.next);
    let actors: Vec<&str> = first.items.iter().chain(&second.items).map(|entry| entry.actor.name.as_str()).collect();
    assert_eq!(actors, ["uid 5", "uid 4", "uid 3", "uid 2"]);
}

#[test]
fn what_concerned_a_person_is_found_after_they_are_gone() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let (ada, bob) = (PersonId::new(&mut entropy), PersonId::new(&mut entropy));
    let (device, grant) = (DeviceId::new(&mut entropy), GrantId::new(&mut entropy));
    let acts = [
        Act::PersonAdded(ada),
        Act::PersonAdded(bob),
        Act::Granted { person: ada, device, grant },
        Act::Unlocked(device),
        Act::PersonRemoved(ada),
    ];
    store.apply(&batch((10..).zip(acts).map(|(n, act)| audited(n, Actor::Uid(7), act)))).unwrap();
    let of_ada = AuditQuery { person: Some(ada), ..AuditQuery::default() };
    let found: Vec<String> = lines(&store, &of_ada).into_iter().map(|line| line.act).collect();
    assert_eq!(found, ["person_removed", "granted", "person_added"]);
    let late = AuditQuery { since: Some(Timestamp::from_millis(12)), ..of_ada };
    assert_eq!(lines(&store, &late).len(), 2);
    let granted = lines(&store, &late).remove(1);
    assert_eq!((granted.person, granted.device, granted.grant), (Some(ada), Some(device), Some(grant)));
}

#[test]
fn each_kind_of_actor_is_told_from_the_others() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let (account, token) = (AccountId::new(&mut entropy), TokenId::new(&mut entropy));
    let actors = [
        Actor::Uid(1000),
        Actor::Account { id: account, name: "grace".into() },
        Actor::Token { id: token, name: "backup".into() },
        Actor::Mqtt,
        Actor::SMART_START,
    ];
    store.apply(&batch((1..).zip(actors).map(|(n, actor)| audited(n, actor, Act::ExclusionBegan)))).unwrap();
    let recorded = |kind: &str, id: Option<String>, name: &str| RecordedActor { kind: kind.into(), id, name: name.into() };
    let found: Vec<RecordedActor> =
        lines(&store, &AuditQuery { limit: 5, ..AuditQuery::default() }).into_iter().map(|line| line.actor).rev().collect();
    assert_eq!(
        found,
        [
            recorded("uid", Some("1000".into()), "uid 1000"),
            recorded("account", Some(account.to_string()), "grace"),
            recorded("token", Some(token.to_string()), "backup"),
            recorded("mqtt", None, "mqtt"),
            recorded("system", None, "smart start"),
        ]
    );
}

#[test]
fn an_act_with_another_name_keeps_its_word_in_the_database() {
    let mut entropy = Entropy::from_number(2);
    let (person, device, grant) = (PersonId::new(&mut entropy), DeviceId::new(&mut entropy), GrantId::new(&mut entropy));
    let (other, entry, node) = (DeviceId::new(&mut entropy), ProvisioningId::new(&mut entropy), NodeId(5));
    let acts = [
        (Act::DatabaseMade, "database_made"),
        (Act::NetworkKeysMade, "network_keys_made"),
        (Act::OlderCopyFound, "older_copy_found"),
        (Act::PersonAdded(person), "person_added"),
        (Act::PersonChanged(person), "person_changed"),
        (Act::PersonRemoved(person), "person_removed"),
        (Act::Granted { person, device, grant }, "granted"),
        (Act::Revoked { person, device, grant: None }, "revoked"),
        (Act::GrantEnded { person, device, grant }, "grant_ended"),
        (Act::CodeRefused(Some(person)), "code_refused"),
        (Act::Locked(device), "locked"),
        (Act::Unlocked(device), "unlocked"),
        (Act::DeviceRenamed(device), "device_renamed"),
        (Act::DeviceReplaced { device, by: other }, "device_replaced"),
        (Act::DeviceRemoved(device), "device_removed"),
        (Act::InsecureAllowed { device, class: SecurityClass::None }, "insecure_allowed"),
        (Act::NodeInterviewed(node), "node_interviewed"),
        (Act::InclusionBegan(JoinSecurity::S0Only), "inclusion_began"),
        (Act::ExclusionBegan, "exclusion_began"),
        (Act::RemovalBegan(node), "removal_began"),
        (Act::ReplacementBegan(node, JoinSecurity::Best), "replacement_began"),
        (Act::PinEntered, "pin_entered"),
        (Act::KeysGiven(vec![SecurityClass::S2AccessControl]), "keys_given"),
        (Act::ChangeCancelled, "change_cancelled"),
        (Act::DeviceExpected(entry), "device_expected"),
        (Act::DeviceUnexpected(entry), "device_unexpected"),
        (Act::ExpectedDeviceCalled(Some(entry)), "expected_device_called"),
        (Act::ExpectedDeviceLeft { entry, node }, "expected_device_left"),
        (Act::NetworkImported { keys: 6, locks: 2, others: 1, occupied_slots: 3 }, "network_imported"),
        (Act::NetworkKeysExported, "network_keys_exported"),
    ];
    for (act, word) in &acts {
        assert_eq!(act.word(), *word);
    }
    let details = acts.iter().filter_map(|(act, _)| act.detail());
    let expected = [
        format!("by the lock of device {other}"),
        "without security".into(),
        "node 5".into(),
        "S0 only".into(),
        "node 5".into(),
        "node 5".into(),
        "S2 Access Control".into(),
        format!("entry {entry}"),
        format!("entry {entry}"),
        format!("entry {entry}"),
        format!("entry {entry}, node 5"),
        "6 keys, 2 locks, 1 other nodes, 3 occupied slots".into(),
    ];
    assert_eq!(details.collect::<Vec<_>>(), expected);
}

/// What version 2 of the schema wrote.
#[test]
fn a_line_that_was_only_text_keeps_it_and_is_found_by_whom_it_concerned() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (ada, front) = (PersonId::new(&mut entropy), DeviceId::new(&mut entropy));
    let other = DeviceId::new(&mut entropy);
    drop(card.open().unwrap());
    let connection = Connection::open(&card.place.database).unwrap();
    connection
        .execute_batch(
            "DROP TABLE audit; PRAGMA user_version = 2; ALTER TABLE grants DROP COLUMN hold;
             ALTER TABLE grants DROP COLUMN hold_reason; ALTER TABLE grants DROP COLUMN hold_since;
             CREATE TABLE audit (
                 seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL) STRICT;
             INSERT INTO audit VALUES (900, 1, 'uid 0', 'gone by now'); DELETE FROM audit;",
        )
        .unwrap();
    let old = [
        ("latchkey", "made the database".to_owned(), "database_made", None, None),
        ("uid 1000", format!("added person {ada}"), "person_added", Some(ada), None),
        ("uid 1000", format!("changed person {ada}"), "person_changed", Some(ada), None),
        ("uid 1000", format!("granted device {front} to person {ada}"), "granted", Some(ada), Some(front)),
        ("uid 1000", format!("revoked device {front} from person {ada}"), "revoked", Some(ada), Some(front)),
        ("uid 1000", format!("ended the grant of person {ada} with device {front}"), "grant_ended", Some(ada), Some(front)),
        ("uid 1000", format!("removed person {ada}"), "person_removed", Some(ada), None),
        ("mqtt", format!("unlocked device {front}"), "unlocked", None, Some(front)),
        ("mqtt", format!("locked device {front}"), "locked", None, Some(front)),
        ("uid 0", format!("renamed device {front}"), "device_renamed", None, Some(front)),
        ("uid 0", format!("allowed device {front} codes in clear"), "insecure_allowed", None, Some(front)),
        (
            "uid 0",
            format!("put the lock of device {other} in the place of device {front}'s"),
            "device_replaced",
            None,
            Some(front),
        ),
        ("uid 0", format!("removed device {front}"), "device_removed", None, Some(front)),
        ("uid 0", "was refused a code that is in use".to_owned(), "code_refused", None, None),
        ("uid 0", "exported the network keys".to_owned(), "network_keys_exported", None, None),
        ("smart start", "a device on the list asked to be included".to_owned(), "note", None, None),
        ("uid 0", "began an inclusion with S0 only".to_owned(), "note", None, None),
        ("uid 0", "added person by hand".to_owned(), "note", None, None),
    ];
    for (at, (actor, what, ..)) in (2i64..).zip(&old) {
        connection.execute("INSERT INTO audit (at, actor, what) VALUES (?, ?, ?)", rusqlite::params![at, actor, what]).unwrap();
    }
    drop(connection);

    let (store, _) = card.open().unwrap();
    let found = lines(&store, &AuditQuery::default());
    assert_eq!(found.len(), old.len());
    for (line, (n, (actor, what, act, person, device))) in found.iter().rev().zip((0i64..).zip(&old)) {
        assert_eq!((line.seq, line.at), (901 + n, Timestamp::from_millis(2 + n)), "{what}");
        assert_eq!((line.actor.name.as_str(), line.detail.as_deref()), (*actor, Some(what.as_str())));
        assert_eq!((line.act.as_str(), line.person, line.device), (*act, *person, *device), "{what}");
    }
    let kinds: Vec<_> = found.iter().map(|line| (line.actor.kind.as_str(), line.actor.id.as_deref())).collect();
    assert!(kinds.contains(&("uid", Some("1000"))) && kinds.contains(&("mqtt", None)) && kinds.contains(&("system", None)));
}

#[test]
fn a_number_of_the_audit_is_not_used_again_after_an_upgrade() {
    let card = Card::new();
    drop(card.open().unwrap());
    let connection = Connection::open(&card.place.database).unwrap();
    connection
        .execute_batch(
            "DROP TABLE audit; PRAGMA user_version = 2; ALTER TABLE grants DROP COLUMN hold;
             ALTER TABLE grants DROP COLUMN hold_reason; ALTER TABLE grants DROP COLUMN hold_since;
             CREATE TABLE audit (
                 seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL) STRICT;
             INSERT INTO audit VALUES (900, 1, 'uid 0', 'gone by now'); DELETE FROM audit;",
        )
        .unwrap();
    drop(connection);
    let (mut store, _) = card.open().unwrap();
    store.apply(&batch([audited(1, Actor::Mqtt, Act::ExclusionBegan)])).unwrap();
    assert_eq!(lines(&store, &AuditQuery::default())[0].seq, 901);
}

#[test]
fn a_damaged_id_does_not_hide_who_did_what() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let ada = PersonId::new(&mut Entropy::from_number(2));
    store.apply(&batch([audited(1, Actor::Uid(1), Act::PersonAdded(ada))])).unwrap();
    store.connection.execute("UPDATE audit SET person = 'x' WHERE person IS NOT NULL", []).unwrap();
    let line = lines(&store, &AuditQuery::default()).remove(0);
    assert_eq!((line.act.as_str(), line.person), ("person_added", None));
}
