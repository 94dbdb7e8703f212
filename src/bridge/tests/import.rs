//! Another controller's network, taken over in one commit or not at all.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::command::ClassId;
use crate::domain::audit::Act;
use crate::domain::ids::{HomeId, Slug};
use crate::domain::node::{ClassSupport, InterviewStage, Node, NodeProtocol, SecurityClass, UserCodeSupport};
use crate::domain::pin::CodeText;
use crate::domain::slot::Content;
use crate::domain::takeover::{LockTakeover, TakenOver, Takeover, TakeoverRefusal};
use crate::security::crypto::Key;
use crate::security::key_file::KeyFile;
use crate::security::keys::KeyId;

const HOME: HomeId = HomeId(0xC0FF_EE01);
const ELSEWHERE: HomeId = HomeId(0xD00D_0002);
const LAMP: NodeId = NodeId(9);

fn keys(first: u8) -> KeyFile {
    let mut keys = KeyFile::default();
    for (n, id) in (0..).zip([KeyId::S0, KeyId::Unauthenticated, KeyId::Authenticated, KeyId::AccessControl]) {
        keys.insert(id, Key::from_bytes([first + n; 16])).unwrap();
    }
    keys
}

fn lock(id: NodeId, security: SecurityClass, taken: &[(u16, Content)]) -> LockTakeover {
    let classes = [ClassId::DOOR_LOCK, ClassId::USER_CODE, ClassId::SECURITY, ClassId::SECURITY_2];
    let node = Node {
        stage: InterviewStage::Identity,
        protocol: Some(NodeProtocol { listening: true, beam: None, basic: 4, generic: 0x40, specific: 3 }),
        security,
        security_known: true,
        classes: classes.map(|class| (class, ClassSupport { version: 1, secure: true })).into(),
        user_code: Some(UserCodeSupport { users: 30, ..UserCodeSupport::default() }),
        ..Node::listed(id)
    };
    LockTakeover { node, name: None, taken: taken.iter().cloned().collect() }
}

/// Both locks of the house, as Z-Wave JS knew them.
fn takeover() -> Takeover {
    let known = |code: &str| Content::Known(CodeText::new(code));
    let mut front = lock(V2, SecurityClass::S2AccessControl, &[(1, known("472913")), (4, Content::Unreadable)]);
    front.name = Some("Front door".into());
    let back = lock(V1, SecurityClass::S0, &[(2, known("8305"))]);
    Takeover { home: HOME, keys: keys(0x40), locks: vec![front, back], others: vec![Node::listed(LAMP)] }
}

/// The same, of locks without keys: the simulated ones understand what is sent to them.
fn in_clear() -> Takeover {
    let mut takeover = takeover();
    for node in takeover.locks.iter_mut().map(|lock| &mut lock.node) {
        node.security = SecurityClass::None;
        node.classes.retain(|class, _| ![ClassId::SECURITY, ClassId::SECURITY_2].contains(class));
    }
    takeover
}

impl House {
    /// The stick is known, and nothing of the locks but that they are there.
    fn fresh(seed: u64) -> Self {
        let mut house = Self::new(&Blueprint::two_locks(), seed);
        while !matches!(house.bridge.parts.cx.network.controller(), network::ControllerStatus::Ready(_)) {
            assert!(house.step(Instant::from_millis(60_000)));
        }
        house
    }

    fn import(&mut self, takeover: Takeover) -> Result<TakenOver, Refusal> {
        self.ask(Intent::ImportNetwork(Box::new(takeover))).map(|accepted| accepted.taken_over.unwrap())
    }

    /// The refusal, after which everything must be as it was.
    fn refusal(&mut self, takeover: Takeover) -> TakeoverRefusal {
        let (keys, home, commits) =
            (self.bridge.parts.cx.network.keys().clone(), self.bridge.parts.cx.state.home(), self.committed.len());
        let Err(Refusal::Import(refusal)) = self.import(takeover) else { panic!("taken over") };
        assert_eq!((self.bridge.parts.cx.network.keys(), self.bridge.parts.cx.state.home()), (&keys, home));
        let written = self.committed[commits..].iter().flat_map(|batch| &batch.writes);
        let written: Vec<_> = written.filter(|write| matches!(write, Write::NetworkKeys(_) | Write::PutSlot(_))).collect();
        assert!(written.is_empty(), "{written:?}");
        refusal
    }

    fn slot(&self, node: NodeId, index: u16) -> Option<Content> {
        let device = self.bridge.parts.cx.state.device_of(node).unwrap().id;
        self.bridge.parts.cx.state.slots(device).get(&index).map(|slot| slot.content.clone())
    }
}

#[test]
fn a_network_comes_along_in_one_commit_and_survives_the_power() {
    let mut house = House::fresh(1);
    let commits = house.committed.len();
    let taken = house.import(takeover()).unwrap();
    assert_eq!(
        (taken.changed, taken.locks.iter().map(Slug::as_str).collect::<Vec<_>>(), taken.occupied_slots, taken.others),
        (true, vec!["front_door", "lock_3"], 3, 0)
    );
    assert_eq!(taken.absent, [LAMP], "the stick does not list it");
    assert_eq!(taken.keys.len(), 4);

    let batch = &house.committed[commits];
    let count = |wanted: fn(&Write) -> bool| batch.writes.iter().filter(|write| wanted(write)).count();
    assert_eq!(count(|write| matches!(write, Write::NetworkKeys(_))), 1);
    assert_eq!(count(|write| matches!(write, Write::PutSlot(slot) if slot.owner.is_none() && slot.seen_at.is_none())), 3);
    let classes = batch.writes.iter().filter_map(|write| match write {
        Write::PutNode(node) => Some((node.id, node.security)),
        _ => None,
    });
    let classes: BTreeMap<_, _> = classes.collect();
    assert_eq!((classes[&V2], classes[&V1]), (SecurityClass::S2AccessControl, SecurityClass::S0));
    let audit: Vec<_> = batch.writes.iter().filter(|write| matches!(write, Write::Audit { .. })).collect();
    let [Write::Audit { actor, act, .. }] = audit.as_slice() else { panic!("{audit:?}") };
    assert_eq!(*actor, Actor::Uid(1));
    assert_eq!(*act, Act::NetworkImported { keys: 4, locks: 2, others: 0, occupied_slots: 3 });
    let said = format!("{batch:?}");
    assert!(!said.contains("472913") && !said.contains("8305"), "{said}");

    let held = house.bridge.parts.cx.network.keys().clone();
    assert_eq!(Some(held.network_key(KeyId::AccessControl)), keys(0x40).get(KeyId::AccessControl));
    house.cut_power();
    assert_eq!(house.bridge.parts.cx.network.keys(), &held);
    assert_eq!(house.slot(V2, 1), Some(Content::Known(CodeText::new("472913"))));
    assert_eq!(house.bridge.parts.cx.network.node(V1).unwrap().security, SecurityClass::S0);
}

#[test]
fn the_same_files_again_change_nothing() {
    let mut house = House::fresh(2);
    house.import(in_clear()).unwrap();
    house.run_for(Duration::from_secs(3600));
    let commits = house.committed.len();
    let again = house.import(in_clear()).unwrap();
    assert_eq!((again.changed, again.locks.len(), again.occupied_slots), (false, 2, 3));
    assert!(house.committed[commits..].is_empty(), "{:?}", house.committed[commits..].last());
}

#[test]
fn no_code_that_was_in_a_lock_is_written_over_or_cleared() {
    let mut house = House::fresh(3);
    let now = house.now;
    // Slot 1 is as it was told, slot 2 was told as empty (left out) and is not, and slot 4 is not taken any more.
    for (slot, code) in [(1, b"472913".as_slice()), (2, b"90817")] {
        house.world.visit(V2, |lock| lock.program(slot, Some(code), now));
    }
    house.exchange_bytes();
    house.import(in_clear()).unwrap();
    house.add("Ada", "48213", &["front_door"]);
    house.run_for(Duration::from_secs(60));
    let text = |slot, code: &str| (slot, code.to_owned());
    assert_eq!(house.codes(V2), [text(1, "472913"), text(2, "90817"), text(3, "48213")]);
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.slot(V2, 4), Some(Content::Empty), "the lock's own word counts more than an old memory");
    assert_eq!(house.codes(V2).len(), 3);
}

#[test]
fn somebody_s_code_that_came_along_is_nobody_else_s() {
    let mut house = House::fresh(4);
    house.import(takeover()).unwrap();
    let eve = Intent::AddPerson(NewPerson {
        external_id: None,
        first_name: "Eve".into(),
        last_name: String::new(),
        contacts: Contacts::default(),
        code: Some(CodeChoice::Given(Pin::parse("472913").unwrap())),
        on: vec!["front_door".into()],
        schedule: Schedule::Always,
    });
    assert_eq!(house.ask(eve), Err(Refusal::DuplicateCode));
}

#[test]
fn a_name_that_people_gave_here_stays() {
    let mut house = House::settled(5);
    house.intend(Intent::Rename { device: "lock_3".into(), name: "Cellar".into(), slug: None });
    let mut takeover = in_clear();
    takeover.locks[1].name = Some("Front door".into());
    takeover.locks[0].name = Some("Cellar".into());
    let taken = house.import(takeover).unwrap();
    assert_eq!(taken.locks.iter().map(Slug::as_str).collect::<Vec<_>>(), ["cellar_2", "cellar"]);
    assert_eq!(house.bridge.parts.cx.state.device_of(V2).unwrap().name, "Cellar");
}

#[test]
fn what_a_lock_showed_without_its_keys_is_looked_at_again() {
    let mut house = House::settled(6);
    house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.slot(V2, 2), Some(Content::Empty));
    house.import(takeover()).unwrap();
    assert_eq!((house.slot(V2, 2), house.slot(V2, 4)), (Some(Content::Unknown), Some(Content::Unreadable)));
    assert!(!house.bridge.parts.cx.state.device_of(V2).unwrap().inventory.done);
    assert_ne!(house.statuses(), ["Active None"], "nobody knows whether the code is there");
}

#[test]
fn files_of_another_network_than_the_stick_s_are_refused() {
    let mut house = House::fresh(7);
    let other = Takeover { home: ELSEWHERE, ..takeover() };
    let refusal = house.refusal(other.clone());
    assert_eq!(refusal, TakeoverRefusal::OtherStick { stick: HOME, files: ELSEWHERE });
    house.unplug();
    assert_eq!(house.refusal(other), TakeoverRefusal::OtherLocks { known: HOME, files: ELSEWHERE });
    assert!(house.import(takeover()).unwrap().changed, "without the stick, but its own network");
}

#[test]
fn before_there_is_a_stick_the_files_say_which_network_it_is() {
    let mut house = House::new(&Blueprint::two_locks(), 8);
    house.unplug();
    assert_eq!(house.bridge.parts.cx.state.home(), None);
    let taken = house.import(in_clear()).unwrap();
    assert_eq!((taken.locks.len(), taken.others, house.bridge.parts.cx.state.home()), (2, 1, Some(HOME)));
    house.plug_in();
    house.run_for(Duration::from_secs(7200));
    assert_eq!(house.bridge.parts.cx.state.devices().filter(|device| device.inventory.done).count(), 2);
    assert!(house.bridge.parts.cx.network.node(LAMP).is_none(), "the stick does not list it");
}

#[test]
fn keys_from_a_setting_that_say_otherwise_are_named() {
    let mut house = House::fresh(9);
    let setting = "zwave.keys_file";
    let given = Some(GivenKeys { setting, keys: BTreeSet::from([KeyId::S0]) });
    house.bridge.configure(Settings { given_keys: given, ..house.settings.clone() });
    let refusal = house.refusal(takeover());
    assert_eq!(refusal, TakeoverRefusal::KeyGiven { setting, key: KeyId::S0 });
    assert!(refusal.to_string().contains("zwave.keys_file gives another S0_Legacy"), "{refusal}");
    // The same key in the setting is no contradiction.
    let mut same = takeover();
    same.keys = KeyFile::default();
    same.keys.insert(KeyId::S0, house.bridge.parts.cx.network.keys().network_key(KeyId::S0).clone()).unwrap();
    same.keys.insert(KeyId::AccessControl, Key::from_bytes([0x43; 16])).unwrap();
    assert!(house.import(same).unwrap().changed);
}

#[test]
fn a_lock_whose_key_is_in_no_file_is_named() {
    let mut house = House::fresh(10);
    let without = Takeover { keys: KeyFile::default(), ..takeover() };
    let missing = TakeoverRefusal::KeyMissing { node: V2, key: KeyId::AccessControl };
    assert_eq!(house.refusal(without.clone()), missing);
    // One that the daemon has proven is not missing.
    house.import(takeover()).unwrap();
    assert!(!house.import(without).unwrap().changed);
}

#[test]
fn locks_with_people_s_codes_under_other_keys_are_not_cut_off() {
    let mut house = House::fresh(11);
    house.import(takeover()).unwrap();
    house.add("Ada", "48213", &["front_door"]);
    let other = Takeover { keys: keys(0x60), ..takeover() };
    let refusal = house.refusal(other.clone());
    assert!(matches!(&refusal, TakeoverRefusal::CutsOff { locks } if locks.len() == 1), "{refusal:?}");
    assert!(refusal.to_string().contains("front_door") && refusal.to_string().contains("revoke"), "{refusal}");
    assert!(!house.import(takeover()).unwrap().changed, "equal keys cut nobody off");
    let ada = house.bridge.parts.cx.state.people().next().unwrap().id;
    house.intend(Intent::RemovePerson(ada));
    assert!(house.import(other).unwrap().changed);
}

#[test]
fn exported_keys_are_on_record_before_anybody_sees_them() {
    let mut house = House::fresh(12);
    let commits = house.committed.len();
    let reply = house.ask(ask::ExportKeys);
    let said = format!("{reply:?}");
    let Ok(keys) = reply else { panic!("{said}") };
    assert_eq!(*keys, *house.bridge.parts.cx.network.keys());
    let [Write::Audit { actor, act, .. }, ..] = house.committed[commits].writes.as_slice() else { panic!("not on record") };
    assert_eq!((actor, act), (&Actor::Uid(1), &Act::NetworkKeysExported));
    assert!(said.contains("NetworkKeys(..)") && said.len() < 60, "{said}");
}

#[test]
fn keys_do_not_change_under_a_device_that_is_getting_them() {
    use crate::bridge::membership::{MembersAsk, Wanted};
    let mut house = House::fresh(9);
    house.ask(MembersAsk::Begin(Wanted::Exclude)).unwrap();
    let commits = house.committed.len();
    assert_eq!(house.refusal(takeover()), TakeoverRefusal::ChangeUnderWay);
    assert_eq!(house.committed.len(), commits);
    house.ask(MembersAsk::Cancel).unwrap();
    house.run_for(Duration::from_secs(10));
    assert!(house.import(takeover()).unwrap().changed);
}
