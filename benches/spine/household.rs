//! Houses of any size, made of one simulated lock that was interviewed.

use std::path::Path;
use std::time::Duration;

use latchkey::domain::batch::{Batch, Snapshot, Write};
use latchkey::domain::device::Device;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::grant::{Confirmation, Grant, Schedule, Status};
use latchkey::domain::ids::{CredentialId, DeviceId, Generation, GrantId, NodeId, PersonId};
use latchkey::domain::node::Node;
use latchkey::domain::person::{Contacts, Credential, CredentialKind, Person};
use latchkey::domain::pin::{CodeText, Fingerprint, Pin};
use latchkey::domain::slot::{Confirmed, ConfirmedBy, Content, Slot, SlotKey};
use latchkey::domain::time::{Instant, Now, Timestamp};
use latchkey::serial::transmit::{ApplicationCommand, RxStatus};
use latchkey::serial::{FunctionId, Message, NodeIdWidth};
use latchkey::sim::Blueprint;
use latchkey::sim::chip::Chip;
use latchkey::sim::model::Model;
use latchkey::store::{Place, Store};

use crate::house::House;

/// Time of day at which every bench begins.
pub const WALL: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// One lock as the daemon knows it after interview and inventory.
pub struct Template {
    node: Node,
    device: Device,
}

impl Template {
    /// Interviews a simulated lock.
    pub fn learn() -> Self {
        let (store, snapshot) = Store::in_memory(&Entropy::from_number(3)).expect("memory");
        let mut house = House::new(snapshot, Some(store), &blueprint(1));
        house.start();
        house.run_for(Duration::from_secs(3600));
        let known = house.store.expect("as above").load().expect("what was committed");
        let (node, device) = (known.nodes[0].clone(), known.devices[0].clone());
        assert!(device.inventory.done && node.supervises());
        Self { node, device }
    }

    /// `locks` locks with `codes` codes each, all confirmed, and a guest with a code and no grant. There are as many
    /// people as locks, or as codes if those are more; each has a code on the same number of locks.
    pub fn household(&self, empty: Snapshot, locks: usize, codes: u16) -> (Snapshot, PersonId) {
        let mut house = Snapshot { generation: Generation(1), home: Some(blueprint(locks).home), ..empty };
        let mut entropy = Entropy::from_number(4);
        for n in 0..=locks.max(codes.into()) {
            let id = PersonId::new(&mut entropy);
            house.people.push(Person {
                id,
                external_id: None,
                first_name: format!("Person {n}"),
                last_name: String::new(),
                enabled: true,
                contacts: Contacts::default(),
                added_at: WALL,
                removed_at: None,
            });
            house.credentials.push(Credential {
                id: CredentialId::new(&mut entropy),
                person: id,
                kind: CredentialKind::Pin,
                pin: Pin::parse(&(103_024 + n * 37).to_string()).expect("six digits"),
                generation: Generation(1),
            });
        }
        for n in 0..locks {
            let id = DeviceId::new(&mut entropy);
            let slug = format!("lock_{n}").parse().expect("a slug");
            house.nodes.push(Node { id: node_id(n), ..self.node.clone() });
            house.devices.push(Device { id, slug, node: Some(node_id(n)), ..self.device.clone() });
            let holders = house.credentials[..house.credentials.len() - 1].iter().cycle().skip(n);
            for (index, credential) in (1..=codes).zip(holders) {
                let grant = GrantId::new(&mut entropy);
                house.grants.push(confirmed_grant(grant, credential, id));
                house.slots.push(Slot {
                    owner: Some(grant),
                    content: Content::Known(CodeText::from(&credential.pin)),
                    seen_at: Some(WALL),
                    confirmed: Some(Confirmed {
                        code: Some(Fingerprint::of(credential.pin.reveal().as_bytes(), &house.fingerprint_key)),
                        generation: Generation(1),
                        by: ConfirmedBy::Supervision,
                        at: WALL,
                    }),
                    ..Slot::unseen(SlotKey::user_code(id, index))
                });
            }
            house.slots.extend((codes + 1..=30).map(|index| Slot {
                content: Content::Empty,
                seen_at: Some(WALL),
                ..Slot::unseen(SlotKey::user_code(id, index))
            }));
        }
        let guest = house.people[house.people.len() - 1].id;
        (house, guest)
    }

    /// The same, in a store: a file of that folder, or memory.
    pub fn stored(&self, locks: usize, codes: u16, folder: Option<&Path>) -> (Store, Snapshot) {
        let (mut store, empty) = match folder {
            Some(folder) => open(folder),
            None => Store::in_memory(&Entropy::from_number(5)).expect("memory"),
        };
        let (house, _) = self.household(empty, locks, codes);
        store.apply(&rows(&house)).expect("a commit");
        (store, house)
    }

    /// The same, with the stick set up and the broker there.
    pub fn settled(&self, locks: usize, codes: u16, folder: Option<&Path>) -> House {
        let (store, snapshot) = self.stored(locks, codes, folder);
        let mut house = House::new(snapshot, Some(store), &blueprint(locks));
        house.start();
        house
    }
}

fn confirmed_grant(id: GrantId, credential: &Credential, device: DeviceId) -> Grant {
    Grant {
        id,
        person: credential.person,
        credential: credential.id,
        device,
        schedule: Schedule::Always,
        wanted: true,
        generation: Generation(1),
        hold: None,
        status: Status::Active,
        reason: None,
        since: WALL,
        next_try: None,
        attempts: 0,
        confirmed: Some(Confirmation { by: ConfirmedBy::Supervision, at: WALL }),
    }
}

fn rows(house: &Snapshot) -> Batch {
    let meta = house.home.map(Write::Home).into_iter().chain([Write::Generation(house.generation)]);
    let people = house.people.iter().cloned().map(Write::PutPerson);
    let credentials = house.credentials.iter().cloned().map(Write::PutCredential);
    let devices = house.devices.iter().cloned().map(Write::PutDevice);
    let grants = house.grants.iter().cloned().map(Write::PutGrant);
    let slots = house.slots.iter().cloned().map(Write::PutSlot);
    let nodes = house.nodes.iter().cloned().map(Write::PutNode);
    Batch { writes: meta.chain(people).chain(credentials).chain(devices).chain(grants).chain(slots).chain(nodes).collect() }
}

/// The file store of a folder, as the daemon opens it: WAL with synchronous=FULL.
pub fn open(folder: &Path) -> (Store, Snapshot) {
    let place = Place { database: folder.join("latchkey.db"), key_file: folder.join("store.key"), credentials: None };
    let now = Now { mono: Instant::ZERO, wall: WALL, trusted: true };
    Store::open(&place, now, &Entropy::from_number(6)).expect("a store")
}

/// Classic node ids first, then Long Range ones, beyond their last (4000) where there are that many.
pub fn node_id(n: usize) -> NodeId {
    let id = if n < 231 { n + 2 } else { n + 25 };
    NodeId(u16::try_from(id).expect("few nodes"))
}

/// A stick that lists no Long Range nodes, so that those in the store are believed. Its locks listen and answer at once:
/// twenty changes are in them before the daemon first asks for a bolt, two seconds after a start.
pub fn blueprint(locks: usize) -> Blueprint {
    let mut chip = Chip::series_700();
    chip.functions.remove(&FunctionId::GET_LR_NODES);
    let model = Model { beam: None, thinking: Duration::from_millis(5), ..Model::version_2() };
    let nodes = (0..locks).map(|n| (node_id(n), model.clone())).collect();
    Blueprint { chip, nodes, ..Blueprint::two_locks() }
}

/// What the stick sends when a code is used: Access Control, keypad unlock, with a User Code Report as parameters.
pub fn keypad_unlock(node: NodeId, user: u8) -> Vec<u8> {
    let payload = [0x71, 0x05, 0, 0, 0, 0xFF, 0x06, 0x06, 0x04, 0x63, 0x03, user, 0x01];
    let command = ApplicationCommand {
        rx: RxStatus::default(),
        destination: Some(NodeId(1)),
        source: node,
        payload: payload.to_vec().into(),
        multicast_mask: bytes::Bytes::new(),
        rssi: None,
        trailing: bytes::Bytes::new(),
    };
    Message::ApplicationCommand(command).write(NodeIdWidth::Bits16).encode()
}
