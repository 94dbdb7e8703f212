//! A home in which every kind of row occurs: what a kept store was made of.

use std::path::Path;
use std::time::Duration;

use latchkey::bridge::ask::ExportKeys;
use latchkey::bridge::membership::Expect;
use latchkey::domain::batch::{Batch, Snapshot, Write};
use latchkey::domain::entropy::Entropy;
use latchkey::domain::grant::{Grant, Reason, Schedule, Status};
use latchkey::domain::ids::{GrantId, NodeId, PersonId, ProvisioningId};
use latchkey::domain::intent::{CodeChoice, Intent, PersonChange};
use latchkey::domain::node::{Node, SecurityClass};
use latchkey::domain::person::Contacts;
use latchkey::domain::pin::Pin;
use latchkey::domain::provisioning::{Label, Provisioned, ProvisioningState, ScannedProduct};
use latchkey::domain::slot::{Content, Doing, Progress, Slot};
use latchkey::domain::time::{Instant, Now, Timestamp};
use latchkey::security::dsk::Dsk;
use latchkey::security::keys::{KeyMask, NetworkKeys};
use latchkey::sim::Blueprint;
use latchkey::sim::model::{Model, Quirks};
use latchkey::sim::node::Entry;
use latchkey::store::{Place, Store};
use serde_json::{Value, json};

use super::listing::listing;
use crate::support::house::{House, person};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// S2; most people's codes are here.
pub const FRONT: NodeId = NodeId(2);
/// S0, of version 1: it refuses a code that another slot has.
pub const BACK: NodeId = NodeId(3);
/// Without security, of version 1: it shows stars, and says nothing of a code that it was given.
pub const MASKED: NodeId = NodeId(4);
/// S2; out of range.
pub const FAR: NodeId = NodeId(5);
/// Without security; it has one slot.
pub const SMALL: NodeId = NodeId(6);
/// Without security; it refuses every code.
pub const WORN: NodeId = NodeId(7);
/// It could have keys, and the daemon has none for it. Out of range.
pub const KEYLESS: NodeId = NodeId(8);

/// The home as it begins.
pub fn blueprint() -> Blueprint {
    let of = |model: Model| Model { slots: 12, ..model };
    let silent = Quirks { no_supervision: true, masks_codes: true, silent_writes: true, ..Quirks::default() };
    Blueprint {
        nodes: [
            (FRONT, of(Model::s2())),
            (BACK, of(Model::s0())),
            (MASKED, Model { quirks: silent, ..of(Model::version_1()) }),
            (FAR, of(Model::s2())),
            (SMALL, Model { slots: 1, ..Model::version_2() }),
            (WORN, Model { quirks: Quirks { refuses_writes: true, ..Quirks::default() }, ..of(Model::version_2()) }),
            (KEYLESS, of(Model::s2())),
        ]
        .into(),
        keys: Some(NetworkKeys::generate(&mut Entropy::from_number(61))),
        ..Blueprint::two_locks()
    }
}

/// Lives in the home for a while, and leaves `<name>.db`, `<name>.key`, and what is in them and in the locks as `<name>.json`.
pub fn make(to: &Path, name: &str) {
    let mut house = House::new(&blueprint(), 17);
    house.run_for(HOUR);
    live(&mut house);
    let wall = house.wall();
    let codes: Vec<Value> = blueprint().nodes.keys().map(|node| json!({ "node": node.0, "codes": house.codes(*node) })).collect();
    let folder = house.end();

    let place =
        Place { database: folder.path().join("latchkey.db"), key_file: folder.path().join("store.key"), credentials: None };
    let open = || {
        let now = Now { mono: Instant::ZERO, wall, trusted: true };
        Store::open(&place, now, &Entropy::from_number(62)).expect("a store")
    };
    let (mut store, snapshot) = open();
    store.apply(&Batch { writes: caught_in_the_middle(&snapshot, wall) }).expect("a commit");
    drop(store);

    for (file, kept) in [("latchkey.db", "db"), ("store.key", "key"), ("latchkey.db.mark", "mark")] {
        let file = folder.path().join(file);
        if file.exists() {
            std::fs::copy(file, to.join(format!("{name}.{kept}"))).expect("a copy");
        }
    }
    let (store, snapshot) = open();
    let kept = json!({ "made_at": wall, "store": listing(&snapshot, &store.reader()), "locks": codes });
    let text = serde_json::to_string_pretty(&kept).expect("JSON");
    std::fs::write(to.join(format!("{name}.json")), text + "\n").expect("a file");
}

/// What people do, and what befalls the locks.
fn live(house: &mut House) {
    let strangers: [(NodeId, u16, &[u8]); 4] =
        [(FRONT, 8, b"24689"), (BACK, 8, b"13572468"), (MASKED, 8, b"24689"), (WORN, 8, b"802463")];
    for (node, slot, code) in strangers {
        let now = house.now();
        house.visit(node, |lock| lock.program(slot, Some(code), now));
        house.run_for(MINUTE);
    }

    // Active, by what each lock confirms with; and a visit of each that the broker hears of.
    let mut ada = person("Ada", "482913", &["lock_2", "lock_3", "lock_4"]);
    ada.last_name = "Lovelace".into();
    ada.external_id = Some("crm-7".into());
    ada.contacts = Contacts { email: Some("ada@example.org".into()), mobile: Some("+44 20 7946 0018".into()) };
    let ada = house.intend(Intent::AddPerson(ada)).person.expect("a person");
    house.run_for(5 * MINUTE);
    for node in [FRONT, BACK, MASKED] {
        house.keypad(node, "482913");
        house.run_for(MINUTE);
    }
    house.keypad(FRONT, "999999");
    house.run_for(MINUTE);

    // Disabled: the code is out. And a person without a code.
    let bob = house.add("Bob", "772135", &["lock_2"]);
    house.run_for(MINUTE);
    house.intend(Intent::EditPerson(bob, PersonChange { enabled: Some(false), ..PersonChange::default() }));
    let mut nobody = person("Zoe", "4071", &[]);
    nobody.code = None;
    house.intend(Intent::AddPerson(nobody));
    house.run_for(MINUTE);

    // Being removed: out of the front door, and not out of the lock that does not answer.
    let cy = house.add("Cy", "604178", &["lock_2", "lock_5"]);
    let dora = house.add("Dora", "903517", &["lock_5"]);
    house.run_for(2 * MINUTE);
    house.visit(FAR, |lock| lock.faults.gone = true);
    house.visit(KEYLESS, |lock| lock.faults.gone = true);
    house.intend(Intent::RemovePerson(cy));
    house.run_for(HOUR);
    house.intend(Intent::Revoke { person: dora, device: "lock_5".into() });
    // Unreachable.
    house.intend(Intent::Grant { person: ada, device: "lock_5".into(), schedule: Schedule::Always });

    // Erased, and overwritten, at the lock.
    house.add("Eve", "159260", &["lock_2"]);
    house.add("Finn", "837465", &["lock_2"]);
    house.run_for(2 * MINUTE);
    let slot = |house: &House, code: &str| {
        house.codes(FRONT).into_iter().find(|(_, there)| there == code).expect("a code in the lock").0
    };
    let (eve, finn) = (slot(house, "159260"), slot(house, "837465"));
    let now = house.now();
    house.visit(FRONT, |lock| lock.program(eve, None, now));
    house.run_for(MINUTE);
    let now = house.now();
    house.visit(FRONT, |lock| lock.program(finn, Some(b"246824"), now));
    house.run_for(MINUTE);

    // Refused as a duplicate of a code that was put there unheard; refused for no reason.
    house.visit(BACK, |lock| assert!(lock.memory.codes.put(7, Entry::enabled(b"738291"))));
    house.add("Gus", "738291", &["lock_3"]);
    house.add("Hal", "519273", &["lock_7"]);
    // Written over in a lock that shows stars: nobody can look.
    let code = Some(CodeChoice::Given(Pin::parse("281604").expect("a code")));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    // No room: the only slot is a stranger's. The grant is added after the end.
    let now = house.now();
    house.visit(SMALL, |lock| lock.program(1, Some(b"13579"), now));
    house.add("Ida", "640829", &[]);
    house.add("Jon", "375046", &["lock_8"]);
    house.add("Pia", "428391", &["lock_5"]);
    house.run_for(2 * HOUR);

    // The codes of these are in the front door; what became of them is rewritten after the end.
    for (name, code) in [("Kim", "918273"), ("Lou", "746135"), ("Nia", "305948"), ("Oda", "567103")] {
        house.add(name, code, &["lock_2"]);
    }
    house.add("Mia", "650917", &["lock_2"]);
    house.run_for(5 * MINUTE);
    house.intend(Intent::Rename { device: "lock_3".into(), name: "Back Door".into(), slug: None });

    // Expected devices: one waits; the others are added after the end.
    let expect = Expect { label: label(1), name: Some("Shed".into()) };
    house.ask(expect).expect("an answer").expect("accepted");
    house.ask(ExportKeys).expect("an answer").expect("accepted");

    // The broker goes, and does not hear of these.
    house.set_broker(false);
    house.keypad(FRONT, "281604");
    house.run_for(MINUTE);
    house.intend(Intent::Lock("lock_2".into()));
    house.run_for(MINUTE);
    let now = house.now();
    house.visit(BACK, |lock| lock.turn_bolt(false, now));
    house.run_for(MINUTE);

    // A clear that arrived, and whose outcome nobody wrote down.
    let slot = slot(house, "650917");
    house.visit(FRONT, |lock| assert!(lock.memory.codes.remove(slot)));
    house.run_for(SECOND);
}

fn label(number: u8) -> Label {
    let product = ScannedProduct { generic: 0x40, specific: 3, manufacturer: 0xFFFE, product_type: 1, product: 2 };
    Label { dsk: Dsk::new([number; 16]), keys: KeyMask::KNOWN, long_range: false, product }
}

/// Rows as a power cut leaves them in the middle of a change. In the locks each change arrived, so that nothing has to be
/// written to a lock that answers.
fn caught_in_the_middle(snapshot: &Snapshot, at: Timestamp) -> Vec<Write> {
    let of = |name: &str| -> PersonId { snapshot.people.iter().find(|it| it.first_name == name).expect("a person").id };
    let grant = |name: &str, node: NodeId| -> Grant {
        let device = snapshot.devices.iter().find(|it| it.node == Some(node)).expect("a device").id;
        let found = snapshot.grants.iter().find(|it| it.person == of(name) && it.device == device);
        found.unwrap_or_else(|| panic!("{name} has no grant")).clone()
    };
    let slot = |name: &str| -> Slot {
        let owner = grant(name, FRONT).id;
        snapshot.slots.iter().find(|it| it.owner == Some(owner)).expect("a slot").clone()
    };
    let mut writes = Vec::new();
    let mut under_way = |name: &str, status: Status, wanted: bool, progress: Progress| {
        let before = Slot { content: Content::Empty, confirmed: None, ..slot(name) };
        let grant = Grant { wanted, status, reason: None, since: at, confirmed: None, ..grant(name, FRONT) };
        writes.push(Write::PutSlot(if wanted { Slot { progress, ..before } } else { Slot { progress, ..slot(name) } }));
        writes.push(Write::PutGrant(grant));
    };
    let write = |name: &str| Doing::Write { generation: grant(name, FRONT).generation, was_empty: true };
    under_way("Kim", Status::Sending, true, Progress::Sending { doing: write("Kim") });
    under_way("Lou", Status::Verifying, true, Progress::Verifying { doing: write("Lou"), acked: true });
    let generation = snapshot.generation.next();
    under_way("Mia", Status::Removing, false, Progress::Sending { doing: Doing::Clear { generation } });
    writes.push(Write::Generation(generation));
    let doubted = Progress::Doubted { own_echo: false, deleted: true };
    writes.push(Write::PutSlot(Slot { progress: doubted, ..slot("Nia") }));
    writes.push(Write::PutSlot(Slot { progress: Progress::RowDoubted, ..slot("Oda") }));

    let mut stands = |grant: Grant, status: Status, reason: Reason, next_try: Option<Timestamp>| {
        writes.push(Write::PutGrant(Grant { status, reason: Some(reason), next_try, ..grant }));
    };
    let later = Some(at + HOUR);
    stands(grant("Ada", FAR), Status::Unreachable, Reason::NoAnswer, later);
    stands(grant("Pia", FAR), Status::Pending, Reason::StickAbsent, None);
    stands(grant("Dora", FAR), Status::RemovalUnconfirmed, Reason::NoAnswer, later);
    stands(grant("Jon", KEYLESS), Status::Rejected, Reason::Insecure, None);
    let mut ids = Entropy::from_number(63);
    let ida = snapshot.credentials.iter().find(|it| it.person == of("Ida")).expect("a code");
    let small = snapshot.devices.iter().find(|it| it.node == Some(SMALL)).expect("a device").id;
    let ida = Grant {
        id: GrantId::new(&mut ids),
        person: ida.person,
        credential: ida.id,
        device: small,
        confirmed: None,
        ..grant("Pia", FAR)
    };
    stands(ida, Status::Pending, Reason::LockFull, None);
    let keyless = snapshot.nodes.iter().find(|it| it.id == KEYLESS).expect("a node").clone();
    writes.push(Write::PutNode(Node { security: SecurityClass::None, ..keyless }));

    let states =
        [ProvisioningState::Included { node: FRONT }, ProvisioningState::Failed { why: "the device did not answer".into() }];
    for (number, state) in (2..).zip(states) {
        let id = ProvisioningId::new(&mut ids);
        writes.push(Write::PutProvisioned(Provisioned { id, label: label(number), name: None, added_at: at, state }));
    }
    writes
}
