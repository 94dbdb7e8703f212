//! What happens while the power goes off.

use std::time::Duration;

use latchkey::bridge::ask;
use latchkey::bridge::membership::{MembersAsk, Wanted};
use latchkey::command::ClassId;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::NodeId;
use latchkey::domain::intent::{Intent, Refusal};
use latchkey::domain::node::{Beam, ClassSupport, InterviewStage, Joining, Node, NodeProtocol, SecurityClass, UserCodeSupport};
use latchkey::domain::pin::CodeText;
use latchkey::domain::slot::Content;
use latchkey::domain::takeover::{LockTakeover, Takeover};
use latchkey::network::inclusion::{JoinSecurity, Terms};
use latchkey::security::key_file::KeyFile;
use latchkey::security::keys::{KeyId, NetworkKeys};
use latchkey::sim::Blueprint;
use latchkey::sim::device::{Device, DeviceId};
use latchkey::sim::model::{Model, Quirks};
use latchkey::sim::node::Entry;
use latchkey::view::ChangeState;

use super::cut_everywhere;
use super::run::{Person, Run};
use crate::support::house::House;

const SECOND: Duration = Duration::from_secs(1);
const S2: NodeId = NodeId(2);
const S0: NodeId = NodeId(3);
const PLAIN: NodeId = NodeId(4);
const ALL: [&str; 3] = ["lock_2", "lock_3", "lock_4"];

/// Something that happens, and how often the power goes off in it.
pub struct Story {
    pub name: &'static str,
    /// How many moments are taken of those that there are.
    pub cuts: usize,
    /// Everything up to the first moment.
    pub prepare: fn(u64) -> (House, Vec<Person>),
    pub tell: fn(&mut Run) -> Result<(), String>,
}

#[test]
fn a_roll_out_is_finished_wherever_the_power_goes_off() {
    cut_everywhere(&Story { name: "a roll-out", cuts: 40, prepare: |seed| (settled(seed), vec![]), tell: roll_out });
}

fn roll_out(run: &mut Run) -> Result<(), String> {
    run.add("Ada", "482913", &ALL)?;
    run.add("Bob", "772135", &ALL)?;
    run.add("Cy", "604178", &ALL)?;
    run.wait(40 * SECOND)
}

#[test]
fn several_codes_in_one_frame_are_all_there_wherever_the_power_goes_off() {
    cut_everywhere(&Story { name: "codes in bulk", cuts: 24, prepare: |seed| (settled_choosy(seed), vec![]), tell: in_bulk });
}

fn in_bulk(run: &mut Run) -> Result<(), String> {
    for (name, code) in [("Ada", "4829"), ("Bob", "7721"), ("Cy", "6041"), ("Di", "9035"), ("Eve", "5937")] {
        run.add(name, code, &["lock_2", "lock_4"])?;
    }
    run.wait(40 * SECOND)
}

#[test]
fn no_revoked_code_stays_wherever_the_power_goes_off() {
    cut_everywhere(&Story { name: "a revocation and a removal", cuts: 36, prepare: inhabited, tell: revocation });
}

fn revocation(run: &mut Run) -> Result<(), String> {
    run.revoke("Ada", "lock_2")?;
    run.wait(2 * SECOND)?;
    run.remove("Bob")?;
    run.wait(SECOND)?;
    run.revoke("Ada", "lock_3")?;
    run.wait(40 * SECOND)
}

#[test]
fn a_changed_code_replaces_the_old_one_wherever_the_power_goes_off() {
    cut_everywhere(&Story { name: "a code change", cuts: 36, prepare: inhabited, tell: code_change });
}

fn code_change(run: &mut Run) -> Result<(), String> {
    run.new_code("Ada", "193746")?;
    run.wait(2 * SECOND)?;
    run.new_code("Bob", "826451")?;
    run.new_code("Ada", "508163")?;
    run.wait(40 * SECOND)
}

#[test]
fn who_came_is_told_once_wherever_the_power_goes_off() {
    cut_everywhere(&Story { name: "visits, the broker here and away", cuts: 40, prepare: inhabited, tell: visits });
}

fn visits(run: &mut Run) -> Result<(), String> {
    run.type_code("Ada", S2)?;
    run.wait(20 * SECOND)?;
    run.type_code("Bob", S0)?;
    run.wait(20 * SECOND)?;
    run.power();
    run.house.set_broker(false);
    run.type_code("Ada", PLAIN)?;
    run.wait(20 * SECOND)?;
    run.type_code("Bob", S2)?;
    run.wait(20 * SECOND)?;
    run.power();
    run.house.set_broker(true);
    run.wait(20 * SECOND)
}

#[test]
fn a_first_look_at_locks_ends_wherever_the_power_goes_off() {
    cut_everywhere(&Story { name: "a first inventory", cuts: 40, prepare: |seed| (unknown(seed), vec![]), tell: first_look });
}

fn first_look(run: &mut Run) -> Result<(), String> {
    for _ in 0..60 {
        run.wait(60 * SECOND)?;
    }
    for device in run.view(&ask::Devices).items {
        if !device.inventory.done || device.slots.foreign != 2 {
            return Err(format!("not looked through: {device:?}"));
        }
    }
    run.add("Ada", "482913", &ALL)?;
    run.wait(40 * SECOND)
}

#[test]
fn a_network_is_taken_over_or_not_wherever_the_power_goes_off() {
    cut_everywhere(&Story { name: "an import", cuts: 40, prepare: |seed| (anothers(seed), vec![]), tell: import });
}

fn import(run: &mut Run) -> Result<(), String> {
    run.change(Intent::ImportNetwork(Box::new(takeover(SEED_OF_KEYS))))?;
    run.wait(20 * SECOND)?;
    run.add("Ada", "482913", &["front_door", "lock_3", "lock_4"])?;
    run.wait(600 * SECOND)
}

#[test]
fn both_locks_join_wherever_the_power_goes_off() {
    cut_everywhere(&Story { name: "an inclusion", cuts: 40, prepare: |seed| (empty(seed), vec![]), tell: inclusion });
}

fn inclusion(run: &mut Run) -> Result<(), String> {
    join(run, Device::new(Model { slots: 4, ..Model::s2() }, 7), "Front Door", SecurityClass::S2AccessControl)?;
    join(run, Device::new(Model { slots: 4, ..Model::s0() }, 8), "Back Door", SecurityClass::S0)?;
    run.add("Ada", "482913", &["front_door", "back_door"])?;
    run.wait(60 * SECOND)
}

/// Somebody includes a lock, and does not give up: where it was left without keys it is excluded, and they begin anew.
fn join(run: &mut Run, device: Device, name: &str, security: SecurityClass) -> Result<(), String> {
    // A PIN is a demand that the lock proves itself, which one without S2 can't.
    let pin = (security != SecurityClass::S0).then(|| device.dsk().pin());
    let terms = Terms { security: JoinSecurity::Best, pin };
    let include = MembersAsk::Begin(Wanted::Include { terms, name: Some(name.to_owned()) });
    let now = run.house.now();
    // Unpacked, and not in learn mode any more.
    let id = run.house.world.offer(device, now);
    run.wait(31 * SECOND)?;
    for _ in 0..4 {
        if run.house.world.node_of(id).is_some() {
            if is_member(run, id, security)? {
                return called(run, id, name);
            }
            follow(run, &MembersAsk::Begin(Wanted::Exclude), id)?;
            if run.house.world.node_of(id).is_some() {
                continue;
            }
        }
        follow(run, &include, id)?;
    }
    if is_member(run, id, security)? { called(run, id, name) } else { Err(format!("{name} did not join in four tries")) }
}

/// A lock whose daemon died before the interview has not got the name that was asked for: a change under way is kept in
/// memory only. Whoever finds it under another name gives it again.
fn called(run: &mut Run, id: DeviceId, name: &str) -> Result<(), String> {
    let node = run.house.world.node_of(id).ok_or("it is not in the network")?;
    let found = run.view(&ask::Devices).items.into_iter().find(|it| it.node == Some(node));
    let found = found.ok_or_else(|| format!("{name} joined, and is no device"))?;
    if found.name == name {
        return Ok(());
    }
    let device = found.slug.to_string();
    run.change(Intent::Rename { device, name: name.to_owned(), slug: None })
}

/// Whether a device has its keys; where it is a lock to us, it has.
fn is_member(run: &mut Run, id: DeviceId, security: SecurityClass) -> Result<bool, String> {
    let Some(node) = run.house.world.node_of(id) else { return Ok(false) };
    let found = run.view(&ask::Network).nodes.into_iter().find(|it| it.node == node);
    let Some(found) = found else { return Ok(false) };
    if found.joining == Joining::UnderWay {
        return Err(format!("half a member for ever: {found:?}"));
    }
    let member = found.joining == Joining::Done && found.security == security;
    if found.device.is_some() && !member {
        return Err(format!("a lock without keys is a device: {found:?}"));
    }
    Ok(member)
}

/// Begins a change, presses the device's button when it is time, and waits for the end.
fn follow(run: &mut Run, begin: &MembersAsk, device: DeviceId) -> Result<(), String> {
    loop {
        match run.ask(begin) {
            Ok(_) => break,
            // The stick is being set up after the power came back.
            Err(Refusal::StickNotReady(_)) => run.wait(SECOND)?,
            Err(why) => return Err(format!("no change can begin: {why}")),
        }
    }
    run.wait(SECOND)?;
    let now = run.house.now();
    run.house.world.press(device, now);
    for _ in 0..30 {
        run.wait(10 * SECOND)?;
        let change = run.view(&ask::Change).change;
        if change.is_none_or(|change| matches!(change.state.known(), Some(ChangeState::Done | ChangeState::Failed))) {
            break;
        }
    }
    // What was cut off in the middle is put in order.
    run.wait(60 * SECOND)
}

/// An S2 lock, an S0 lock and one without security, small ones, two strangers' codes in each.
fn blueprint() -> Blueprint {
    let of = |model: Model| Model { slots: 8, ..model };
    Blueprint {
        nodes: [(S2, of(Model::s2())), (S0, of(Model::s0())), (PLAIN, of(Model::version_2()))].into(),
        keys: Some(NetworkKeys::generate(&mut Entropy::from_number(SEED_OF_KEYS))),
        ..Blueprint::two_locks()
    }
}

const SEED_OF_KEYS: u64 = 40;
const STRANGERS: [(u16, &[u8]); 2] = [(2, b"24689"), (5, b"13572468")];

fn with_strangers(mut house: House) -> House {
    for node in [S2, S0, PLAIN] {
        house.visit(node, |lock| {
            for (slot, code) in STRANGERS {
                assert!(lock.memory.codes.put(slot, Entry::enabled(code)));
            }
        });
    }
    house
}

/// Nobody has looked at the locks yet.
fn unknown(seed: u64) -> House {
    with_strangers(House::new(&blueprint(), seed))
}

/// Every lock is known.
fn settled(seed: u64) -> House {
    let mut house = unknown(seed);
    house.run_for(3600 * SECOND);
    house
}

/// The same; the locks that take several codes at once mask them, and refuse a code that another slot has.
fn settled_choosy(seed: u64) -> House {
    let mut blueprint = blueprint();
    for model in blueprint.nodes.values_mut() {
        model.quirks = Quirks { masks_codes: true, refuses_duplicates: true, ..model.quirks };
    }
    let mut house = with_strangers(House::new(&blueprint, seed));
    house.run_for(3600 * SECOND);
    house
}

/// Two people have codes that open every lock.
fn inhabited(seed: u64) -> (House, Vec<Person>) {
    let mut house = settled(seed);
    let mut people = Vec::new();
    for (name, code) in [("Ada", "482913"), ("Bob", "772135")] {
        let (id, on) = (house.add(name, code, &ALL), ALL.map(str::to_owned).into());
        people.push(Person { name: name.into(), id, codes: vec![code.into()], on, removed: false });
    }
    house.run_for(60 * SECOND);
    (house, people)
}

/// A stick without a lock.
fn empty(seed: u64) -> House {
    let mut house = House::new(&Blueprint { keys: None, ..Blueprint::empty() }, seed);
    house.run_for(30 * SECOND);
    house
}

/// A network that another controller looked after.
fn anothers(seed: u64) -> House {
    let mut house = with_strangers(House::stranger(&blueprint(), seed));
    house.run_for(5 * SECOND);
    house
}

/// What its files say.
fn takeover(keys: u64) -> Takeover {
    let network = NetworkKeys::generate(&mut Entropy::from_number(keys));
    let mut file = KeyFile::default();
    for id in KeyId::ALL {
        file.insert(id, network.network_key(id).clone()).expect("six keys");
    }
    let mut front = lock(S2, SecurityClass::S2AccessControl);
    front.name = Some("Front door".into());
    let locks = vec![front, lock(S0, SecurityClass::S0), lock(PLAIN, SecurityClass::None)];
    Takeover { home: Blueprint::two_locks().home, keys: file, locks, others: vec![] }
}

fn lock(id: NodeId, security: SecurityClass) -> LockTakeover {
    let classes = [ClassId::DOOR_LOCK, ClassId::USER_CODE, ClassId::SECURITY, ClassId::SECURITY_2];
    let secured = |class: &ClassId| security != SecurityClass::None || ![ClassId::SECURITY, ClassId::SECURITY_2].contains(class);
    let node = Node {
        stage: InterviewStage::Identity,
        protocol: Some(NodeProtocol { listening: false, beam: Some(Beam::Ms1000), basic: 4, generic: 0x40, specific: 3 }),
        security,
        security_known: true,
        classes: classes
            .iter()
            .filter(|class| secured(class))
            .map(|class| (*class, ClassSupport { version: 1, secure: true }))
            .collect(),
        user_code: Some(UserCodeSupport { users: 8, ..UserCodeSupport::default() }),
        ..Node::listed(id)
    };
    let taken = STRANGERS.iter().map(|(slot, code)| (*slot, Content::Known(CodeText::new(code.to_vec())))).collect();
    LockTakeover { node, name: None, taken }
}
