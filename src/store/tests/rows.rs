//! What is applied comes back, whole or not at all.

use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::command::ClassId;
use crate::domain::batch::SlotOwner;
use crate::domain::device::{Device, DeviceKind, Habits, Inventory, LockState, SlowCheck};
use crate::domain::ids::{HomeId, NodeId, ProvisioningId, Slug};
use crate::domain::node::{ClassSupport, Node, SecurityClass};
use crate::domain::provisioning::{Provisioned, ProvisioningState};
use crate::domain::slot::{Dialect, Doing};
use crate::store::{CommitError, EventQuery};

fn device(entropy: &mut Entropy) -> Device {
    Device {
        former_slugs: vec![],
        id: DeviceId::new(entropy),
        slug: Slug::from_name("Front Door"),
        name: "Front Door".into(),
        kind: DeviceKind::Lock,
        node: Some(NodeId(5)),
        battery: Some(80),
        battery_low: false,
        lock_state: LockState::Locked,
        door_open: None,
        takes_codes: true,
        inventory: Inventory { next: 12, done: false, began: Timestamp::from_millis(900) },
        habits: Habits { echoes: true, masks: false },
        check: SlowCheck::default(),
        last_seen: Some(Timestamp::from_millis(2_000)),
    }
}

fn node(id: u16) -> Node {
    let mut node = Node::listed(NodeId(id));
    node.security = SecurityClass::S2AccessControl;
    node.classes.insert(ClassId::USER_CODE, ClassSupport { version: 2, secure: true });
    node
}

#[test]
fn every_kind_of_row_survives_a_restart() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (ada, lock) = (person(&mut entropy), device(&mut entropy));
    let code = credential(ada.id, "048213", &mut entropy);
    let grant = grant(&code, lock.id, &mut entropy);
    let mut known = slot(lock.id, 3, "048213");
    known.owner = Some(grant.id);
    let mut cleared = Slot::unseen(SlotKey { dialect: Dialect::UserCredential, user: 7, ..SlotKey::user_code(lock.id, 3) });
    cleared.content = Content::Empty;
    cleared.confirmed = known.confirmed.clone().map(|confirmed| Confirmed { code: None, ..confirmed });
    let masked = Slot { content: Content::Unreadable, ..Slot::unseen(SlotKey::user_code(lock.id, 4)) };
    let unseen = Slot::unseen(SlotKey::user_code(lock.id, 5));
    let used = event(lock.id, Some(ada.id), 3_000, &mut entropy);
    let since = Timestamp::from_millis(1_000);
    let waiting = provisioned(&mut entropy);
    let state = ProvisioningState::Included { node: NodeId(256) };
    let included = Provisioned { id: ProvisioningId::new(&mut entropy), name: None, state, added_at: since, ..waiting.clone() };

    let (mut store, first) = card.open().unwrap();
    assert!(first.people.is_empty() && first.home.is_none() && first.generation == Generation(0));
    store
        .apply(&batch([
            Write::PutPerson(ada.clone()),
            Write::PutCredential(code.clone()),
            Write::PutDevice(lock.clone()),
            Write::PutGrant(grant.clone()),
            Write::PutSlot(known.clone()),
            Write::PutSlot(masked.clone()),
            Write::PutSlot(unseen.clone()),
            Write::PutSlot(cleared.clone()),
            Write::SlotOwner { slot: known.key, owner: Some(SlotOwner { grant: grant.id, person: ada.id }), from: since },
            Write::PutNode(node(5)),
            Write::PutProvisioned(waiting.clone()),
            Write::PutProvisioned(included.clone()),
            Write::Event(used.clone()),
            Write::Outbox(used.id),
            Write::Generation(Generation(u64::MAX)),
            Write::Home(HomeId(0xfedc_ba98)),
            Write::Audit { actor: Actor::Uid(1000), act: Act::PersonAdded(ada.id), at: since },
        ]))
        .unwrap();
    drop(store);

    let (mut store, state) = card.open().unwrap();
    assert_eq!((state.hub, &state.fingerprint_key.0), (first.hub, &first.fingerprint_key.0));
    assert_eq!((state.generation, state.home), (Generation(u64::MAX), Some(HomeId(0xfedc_ba98))));
    assert_eq!(state.people, from_ref(&ada));
    assert_eq!(state.credentials, from_ref(&code));
    assert_eq!(state.devices, from_ref(&lock));
    assert_eq!(state.grants, from_ref(&grant));
    assert_eq!(state.slots, [known.clone(), masked.clone(), unseen.clone(), cleared.clone()]);
    assert_eq!(state.nodes, [node(5)]);
    assert_eq!(state.provisioning, [waiting, included.clone()]);
    assert_eq!(state.outbox, from_ref(&used));

    store
        .apply(&batch([
            Write::DeletePerson(ada.id),
            Write::DeleteCredential(code.id),
            Write::DeleteGrant(grant.id),
            Write::DeleteSlot(known.key),
            Write::DeleteSlot(unseen.key),
            Write::DeleteNode(NodeId(5)),
            Write::DeleteDevice(lock.id),
            Write::DeleteProvisioned(included.id),
            Write::OutboxDone(used.id),
        ]))
        .unwrap();
    drop(store);

    let (store, state) = card.open().unwrap();
    assert!(state.people.is_empty() && state.credentials.is_empty() && state.grants.is_empty() && state.nodes.is_empty());
    assert_eq!(state.slots, [masked, cleared]);
    assert!(state.outbox.is_empty() && state.devices.is_empty());
    assert_eq!(state.provisioning.len(), 1);
    assert_eq!(store.reader().events(&EventQuery::default()).unwrap().items, [used], "events outlive people");
}

#[test]
fn what_was_being_sent_when_the_power_went_is_to_be_verified() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let doing = Doing::Write { generation: Generation(3), was_empty: true };
    let mut sending = slot(DeviceId::new(&mut entropy), 3, "4821");
    sending.progress = Progress::Sending { doing };
    let code = credential(PersonId::new(&mut entropy), "4821", &mut entropy);
    let mut grant = grant(&code, sending.key.device, &mut entropy);
    grant.status = Status::Sending;
    store.apply(&batch([Write::PutSlot(sending.clone()), Write::PutGrant(grant)])).unwrap();

    let state = store.load().unwrap();
    sending.progress = Progress::Verifying { doing, acked: false };
    assert_eq!(state.slots, [sending]);
    assert_eq!(state.grants[0].status, Status::Verifying);
}

/// What the lock called for while nobody listened is not known any more.
#[test]
fn an_acknowledgement_of_before_a_restart_does_not_pass_for_delivery() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let doing = Doing::Write { generation: Generation(3), was_empty: true };
    let mut acknowledged = slot(DeviceId::new(&mut Entropy::from_number(2)), 3, "4821");
    acknowledged.progress = Progress::Verifying { doing, acked: true };
    store.apply(&batch([Write::PutSlot(acknowledged)])).unwrap();
    assert_eq!(store.load().unwrap().slots[0].progress, Progress::Verifying { doing, acked: false });
}

#[test]
fn a_batch_that_fails_half_way_leaves_nothing_behind() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let ada = person(&mut entropy);
    let used = event(DeviceId::new(&mut entropy), None, 1_000, &mut entropy);
    store.apply(&batch([Write::Event(used.clone())])).unwrap();

    let twice = batch([Write::PutPerson(ada.clone()), Write::Generation(Generation(9)), Write::Event(used)]);
    assert!(matches!(store.apply(&twice), Err(CommitError::Sqlite(_))));
    let state = store.load().unwrap();
    assert!(state.people.is_empty() && state.generation == Generation(0));

    store.apply(&batch([Write::PutPerson(ada.clone())])).unwrap();
    assert_eq!(store.load().unwrap().people, [ada]);
}

#[test]
fn an_outbox_row_without_its_event_is_refused_at_the_commit_and_not_lost() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let used = event(DeviceId::new(&mut entropy), None, 1_000, &mut entropy);
    store.apply(&batch([Write::Outbox(used.id)])).unwrap_err();
    store.apply(&batch([Write::Outbox(used.id), Write::Event(used.clone()), Write::Outbox(used.id)])).unwrap();
    assert_eq!(store.load().unwrap().outbox, [used]);
}

#[test]
fn the_outbox_keeps_the_order_of_writing_when_the_clock_steps_back() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let lock = DeviceId::new(&mut entropy);
    let events: Vec<Event> = [5_000, 2_000, 9_000].map(|at| event(lock, None, at, &mut entropy)).into();
    for event in &events {
        store.apply(&batch([Write::Event(event.clone()), Write::Outbox(event.id)])).unwrap();
    }
    assert_eq!(store.load().unwrap().outbox, events);
    store.apply(&batch([Write::OutboxDone(events[0].id)])).unwrap();
    assert_eq!(store.load().unwrap().outbox, events[1..]);
}

#[test]
fn a_full_disk_is_told_apart_and_mended_by_making_room() {
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    let mut entropy = Entropy::from_number(2);
    let full: u32 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |store: &Store, pages: u32| {
        let _: u32 = store.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get(0)).unwrap();
    };
    let lock = DeviceId::new(&mut entropy);
    let crowd = batch((0..200).map(|at| Write::Event(event(lock, None, at, &mut entropy))));

    limit(&store, full);
    assert!(matches!(store.apply(&crowd), Err(CommitError::DiskFull)));
    limit(&store, 100_000);
    store.apply(&crowd).unwrap();
}

#[test]
fn a_power_cut_before_the_commit_leaves_the_old_state_and_after_it_the_new() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    let cut: Arc<Mutex<Option<Card>>> = Arc::default();
    let (before, files) = (Arc::clone(&cut), card.dir.path().to_owned());
    store.before_commit(move || {
        *before.lock().unwrap() = Some(power_cut(&files));
        Ok(())
    });
    let ada = person(&mut entropy);
    store.apply(&batch([Write::PutPerson(ada.clone()), Write::Generation(Generation(1))])).unwrap();

    let (_, after) = power_cut(card.dir.path()).open().unwrap();
    assert_eq!((after.people, after.generation), (vec![ada], Generation(1)));
    let (_, old) = cut.lock().unwrap().take().unwrap().open().unwrap();
    assert_eq!((old.people, old.generation), (vec![], Generation(0)));
}

#[test]
fn a_log_torn_at_any_length_gives_whole_batches_only() {
    let card = Card::new();
    let mut entropy = Entropy::from_number(2);
    let (mut store, _) = card.open().unwrap();
    for generation in 1..=4 {
        let ada = person(&mut entropy);
        store.apply(&batch([Write::PutPerson(ada), Write::Generation(Generation(generation))])).unwrap();
    }
    let log = std::fs::read(card.file("latchkey.db-wal")).unwrap();
    for cut in (0..=log.len()).step_by(log.len() / 23) {
        let torn = power_cut(card.dir.path());
        std::fs::write(torn.file("latchkey.db-wal"), &log[..cut]).unwrap();
        let (_, state) = torn.open().unwrap();
        assert_eq!(state.people.len() as u64, state.generation.0, "torn at {cut} of {}", log.len());
    }
}

#[test]
fn rows_written_by_the_first_version_still_load() {
    // A new field needs `#[serde(default)]`, a renamed word an alias: this text is in people's databases.
    let (mut store, _) = Store::in_memory(&Entropy::from_number(1)).unwrap();
    store
        .connection
        .execute_batch(
            r#"
            INSERT INTO people VALUES ('00000000-0000-4000-8000-000000000001', NULL, 'Ada', '', 1, '{}', 1000, NULL);
            INSERT INTO devices VALUES ('00000000-0000-4000-8000-000000000002', '{"id":"00000000-0000-4000-8000-000000000002",
                "slug":"front_door","name":"Front Door","kind":"lock","node":5,"battery":null,"lock_state":"unknown",
                "door_open":null,"inventory":{"next":0,"done":false,"began":0},"last_seen":null}');
            INSERT INTO grants (id, person, credential, device, schedule, wanted, generation, status, reason, since, next_try,
                attempts, confirmed_by, confirmed_at)
                VALUES ('00000000-0000-4000-8000-000000000003', '00000000-0000-4000-8000-000000000001',
                '00000000-0000-4000-8000-000000000004', '00000000-0000-4000-8000-000000000002', '{"kind":"always"}', 1, 7,
                'removal_unconfirmed', 'no_answer', 1000, NULL, 0, 'supervision', 1000);
            INSERT INTO slots VALUES ('00000000-0000-4000-8000-000000000002', 'user_code', 0, 'pin', 3, NULL, 'unreadable',
                NULL, NULL, NULL, 7, 'event', 1000, '{"state":"sending","doing":{"what":"clear","generation":7}}');
            INSERT INTO nodes VALUES (5, '{"id":5,"stage":"complete","protocol":{"listening":false,"beam":"Ms1000","basic":4,
                "generic":64,"specific":3},"security":"s2_access_control","classes":{"99":{"version":2,"secure":true}},
                "product":null,"firmware":[1,2],"user_code":null,"door_lock":{"door":true,"bolt":true,"latch":false},
                "supervision_refused":false}');
            INSERT INTO events VALUES (1, '01KAS2SV00000000000000000A', 1000, '00000000-0000-4000-8000-000000000002', NULL,
                '{"id":"01KAS2SV00000000000000000A","kind":"code_used","device":"00000000-0000-4000-8000-000000000002",
                "person":null,"action":"unlock","method":"keypad","slot":3,"allowed":true,"reason":"unmanaged_slot","at":1000}');
            INSERT INTO outbox (event) VALUES ('01KAS2SV00000000000000000A');
            "#,
        )
        .unwrap();
    let state = store.load().unwrap();
    let counts = [state.people.len(), state.devices.len(), state.grants.len(), state.slots.len(), state.nodes.len()];
    assert_eq!((counts, state.outbox.len()), ([1; 5], 1));
    assert_eq!(state.grants[0].status, Status::RemovalUnconfirmed);
    let doing = Doing::Clear { generation: Generation(7) };
    assert_eq!(state.slots[0].progress, Progress::Verifying { doing, acked: false });
}

/// What the database should hold: maps, and nothing clever.
#[derive(Clone, Default)]
struct Model {
    people: BTreeMap<PersonId, Person>,
    credentials: BTreeMap<CredentialId, Credential>,
    slots: BTreeMap<SlotKey, Slot>,
    nodes: BTreeMap<NodeId, Node>,
    outbox: Vec<Event>,
    generation: Generation,
}

impl Model {
    /// One change, picked by three numbers.
    fn change(&mut self, (what, which, value): (u8, u8, u32), entropy: &mut Entropy) -> Vec<Write> {
        let mut pool = Entropy::from_number(u64::from(which));
        match what {
            0 => {
                let person = Person { first_name: format!("P{value}"), enabled: value % 2 == 0, ..person(&mut pool) };
                self.people.insert(person.id, person.clone());
                vec![Write::PutPerson(person)]
            }
            1 => {
                let id = PersonId::new(&mut pool);
                self.people.remove(&id);
                vec![Write::DeletePerson(id)]
            }
            2 => {
                let code = credential(PersonId::new(&mut pool), &format!("{:06}", value % 1_000_000), &mut pool);
                self.credentials.insert(code.id, code.clone());
                vec![Write::PutCredential(code)]
            }
            3 => {
                let mut slot = slot(DeviceId::new(&mut pool), u16::from(which) + 1, &value.to_string());
                let doing = Doing::Clear { generation: Generation(u64::from(value)) };
                slot.progress = if value % 3 == 0 { Progress::Sending { doing } } else { Progress::Idle };
                let written = slot.clone();
                if value % 3 == 0 {
                    slot.progress = Progress::Verifying { doing, acked: false };
                }
                self.slots.insert(slot.key, slot);
                vec![Write::PutSlot(written)]
            }
            4 => {
                let key = SlotKey::user_code(DeviceId::new(&mut pool), u16::from(which) + 1);
                self.slots.remove(&key);
                vec![Write::DeleteSlot(key)]
            }
            5 => {
                let node = Node { supervision_refused: value % 2 == 0, ..node(u16::from(which) + 1) };
                self.nodes.insert(node.id, node.clone());
                vec![Write::PutNode(node)]
            }
            6 => {
                let event = event(DeviceId::new(&mut pool), None, i64::from(value), entropy);
                self.outbox.push(event.clone());
                vec![Write::Event(event.clone()), Write::Outbox(event.id)]
            }
            7 if !self.outbox.is_empty() => vec![Write::OutboxDone(self.outbox.remove(0).id)],
            _ => {
                self.generation = Generation(u64::from(value));
                vec![Write::Generation(self.generation)]
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_history_of_batches_and_power_cuts_loads_as_the_model_says(
        turns in prop::collection::vec((prop::collection::vec((0..9u8, 0..4u8, any::<u32>()), 1..8), any::<bool>()), 1..12),
    ) {
        let mut card = Card::new();
        let mut entropy = Entropy::from_number(5);
        let mut model = Model::default();
        let (mut store, _) = card.open().unwrap();
        for (changes, fails) in turns {
            let mut wished = model.clone();
            let mut writes: Vec<Write> =
                changes.into_iter().flat_map(|change| wished.change(change, &mut entropy)).collect();
            if fails {
                writes.push(Write::Outbox(EventId::new(Timestamp::default(), &mut entropy)));
                store.apply(&batch(writes)).unwrap_err();
                let cut = power_cut(card.dir.path());
                store = cut.open().unwrap().0;
                card = cut;
            } else {
                store.apply(&batch(writes)).unwrap();
                model = wished;
            }
            let state = store.load().unwrap();
            prop_assert_eq!(state.generation, model.generation);
            prop_assert_eq!(by(state.people, |row| row.id), model.people.clone());
            prop_assert_eq!(by(state.credentials, |row| row.id), model.credentials.clone());
            prop_assert_eq!(by(state.slots, |row| row.key), model.slots.clone());
            prop_assert_eq!(by(state.nodes, |row| row.id), model.nodes.clone());
            prop_assert_eq!(&state.outbox, &model.outbox);
        }
    }
}

fn by<K: Ord, T>(rows: Vec<T>, key: impl Fn(&T) -> K) -> BTreeMap<K, T> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}
