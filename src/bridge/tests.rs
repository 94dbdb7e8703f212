//! The bridge at work on the simulated stick, in virtual time: every frame is real bytes, nothing sleeps.

mod away;
mod broker;
mod echoes;
mod import;
mod joining;
mod membership;
mod older_copy;
pub(crate) mod shapes;
mod standing;
mod told;
mod visits;

use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::bridge::ask::{self, Question};
use crate::domain::actor::Actor;
use crate::domain::batch::{Batch, Retention, Write};
use crate::domain::device::{Device, LockState};
use crate::domain::entropy::Entropy;
use crate::domain::event::{Action, Event, EventReason, EventType, PublishNames};
use crate::domain::grant::Schedule;
use crate::domain::ids::{NodeId, PersonId};
use crate::domain::intent::{Accepted, CodeChoice, Intent, NewPerson, PersonChange, Refusal};
use crate::domain::person::Contacts;
use crate::domain::pin::Pin;
use crate::domain::time::{BootId, Instant, Now, Timestamp};
use crate::mqtt::topic::{Message, Topics};
use crate::network;
use crate::serial::link::SendId;
use crate::serial::{Decoder, Frame, Received};
use crate::sim::node::Typed;
use crate::sim::{Blueprint, World};
use crate::store::Store;

/// Bridge and world on one clock, with a link that never loses a byte.
struct House {
    bridge: Bridge,
    store: Store,
    settings: Settings,
    entropy: Entropy,
    /// Where the power goes off: after that many more commits, before anything of the last one is released.
    fuse: Option<usize>,
    world: World,
    now: Instant,
    decoder: Decoder,
    sending: VecDeque<SendId>,
    committed: Vec<Batch>,
    said: Vec<Message>,
    happened: Vec<Event>,
    changes: Vec<crate::view::CurrentChange>,
    plugged: bool,
    frames_sent: usize,
    /// The kernel vouches for the wall clock.
    trusted: bool,
}

const V2: NodeId = NodeId(2);
const V1: NodeId = NodeId(3);

impl House {
    fn new(blueprint: &Blueprint, seed: u64) -> Self {
        let entropy = Entropy::from_number(seed);
        let (store, snapshot) = Store::in_memory(&entropy).unwrap();
        let topics = Topics::new("latchkey", "homeassistant").unwrap();
        let settings = Settings {
            zone: jiff::tz::TimeZone::UTC,
            mqtt: Some(MqttSettings { topics, names: PublishNames::Name, unlock: Ok(()) }),
            check: CheckSettings::default(),
            network: network::Options::default(),
            seal: "sealed",
            keep: Retention { age: Duration::from_secs(365 * 24 * 3600), events: 1_000_000 },
            boot: None,
            given_keys: None,
        };
        let mut house = Self {
            bridge: Bridge::new(snapshot, settings.clone(), &entropy),
            world: World::new(blueprint, &entropy),
            store,
            settings,
            entropy,
            fuse: None,
            now: Instant::ZERO,
            decoder: Decoder::new(),
            sending: VecDeque::new(),
            committed: vec![],
            said: vec![],
            happened: vec![],
            changes: vec![],
            plugged: false,
            frames_sent: 0,
            trusted: true,
        };
        house.plug_in();
        house
    }

    /// Both locks known, both inventories done.
    fn settled(seed: u64) -> Self {
        let mut house = Self::new(&Blueprint::two_locks(), seed);
        house.run_for(Duration::from_secs(3600));
        assert_eq!(house.bridge.parts.cx.state.devices().filter(|device| device.inventory.done).count(), 2, "seed {seed}");
        house
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_millis(1_800_000_000_000) + self.now.since(Instant::ZERO);
        Now { mono: self.now, wall, trusted: self.trusted }
    }

    /// What a test does to the bridge directly happens now.
    fn read_clock(&mut self) {
        self.bridge.parts.cx.now = self.now();
    }

    fn turn(&mut self, input: Input) {
        let turn = self.bridge.turn(input, self.now());
        self.commit(turn);
    }

    fn commit(&mut self, turn: Turn) {
        if !turn.batch.is_empty() {
            self.store.apply(&turn.batch).unwrap();
            self.committed.push(turn.batch);
            if let Some(fuse) = &mut self.fuse {
                *fuse = fuse.saturating_sub(1);
            }
        }
        if self.fuse == Some(0) {
            return;
        }
        for after in turn.after {
            match after {
                After::Send(id, frame) => {
                    // Answers to what a lock reports by itself are not what a code costs.
                    let is_answer = frame.params.windows(2).any(|pair| pair == [0x6C, 0x02]);
                    self.frames_sent += usize::from(!is_answer);
                    self.sending.push_back(id);
                    self.world.bytes_from_host(&frame.encode(), self.now);
                }
                After::Retained(message) => self.said.push(message),
                After::Publish(_, message) => self.said.push(message),
                After::Passing(message) => self.said.push(message),
                After::Change(change) => self.changes.push(*change),
                After::Live(event, _) => self.happened.push(event),
                After::Reopen => panic!("nothing hangs here"),
            }
        }
        self.exchange_bytes();
    }

    fn exchange_bytes(&mut self) {
        while let Some(bytes) = self.world.poll_transmit() {
            self.decoder.push(&bytes);
            while let Some(received) = self.decoder.next() {
                if self.fuse == Some(0) {
                    return;
                }
                match received {
                    Received::Ack => {
                        let sent = self.sending.pop_front().expect("an ACK for a frame");
                        self.turn(Input::Radio(network::Input::Sent(sent)));
                    }
                    Received::Frame(frame) => {
                        self.world.bytes_from_host(&[0x06], self.now);
                        self.turn(Input::Radio(network::Input::Frame(frame)));
                    }
                    other => panic!("a perfect line brought {other:?}"),
                }
            }
        }
    }

    /// Moves both to whatever is due next. `false`: nothing is due before `limit`.
    fn step(&mut self, limit: Instant) -> bool {
        if self.fuse == Some(0) {
            return false;
        }
        let bridge = self.bridge.poll_deadline().map(|deadline| deadline.at);
        let world = self.world.poll_deadline().map(|deadline| deadline.at);
        let Some(at) = [bridge, world].into_iter().flatten().min().filter(|at| *at <= limit) else { return false };
        assert!(at > self.now || world.is_some_and(|at| at <= self.now), "the bridge spins: {:?}", self.bridge.poll_deadline());
        self.now = self.now.max(at);
        self.world.handle_timeout(self.now);
        self.exchange_bytes();
        self.turn(Input::Timeout);
        true
    }

    fn run_for(&mut self, duration: Duration) {
        let limit = self.now + duration;
        while self.step(limit) {}
        self.now = limit;
    }

    fn plug_in(&mut self) {
        self.plugged = true;
        self.decoder.reset();
        self.sending.clear();
        self.turn(Input::Radio(network::Input::LinkUp));
    }

    fn unplug(&mut self) {
        self.plugged = false;
        self.world.replug(self.now);
        while self.world.poll_transmit().is_some() {}
        self.turn(Input::Radio(network::Input::LinkDown { why: "the cable is out".into() }));
    }

    /// The power goes off and comes back: what was not committed never was.
    fn cut_power(&mut self) {
        self.fuse = None;
        self.world.host_left();
        let snapshot = self.store.load().unwrap();
        self.entropy = self.entropy.child("after the cut");
        self.bridge = Bridge::new(snapshot, self.settings.clone(), &self.entropy);
        self.plug_in();
    }

    fn ask<Q: Question>(&mut self, question: Q) -> Result<Q::Answer, Refusal> {
        let (answer, turn) = self.bridge.ask(&Actor::Uid(1), question, self.now());
        self.commit(turn);
        answer
    }

    fn intend(&mut self, intent: Intent) -> Accepted {
        self.ask(intent).unwrap_or_else(|refusal| panic!("refused: {refusal:?}"))
    }

    fn add(&mut self, name: &str, code: &str, on: &[&str]) -> PersonId {
        let accepted = self.intend(Intent::AddPerson(NewPerson {
            external_id: None,
            first_name: name.into(),
            last_name: String::new(),
            contacts: Contacts::default(),
            code: Some(CodeChoice::Given(Pin::parse(code).unwrap())),
            on: on.iter().map(|slug| (*slug).to_owned()).collect(),
            schedule: Schedule::Always,
        }));
        accepted.person.unwrap()
    }

    fn statuses(&self) -> Vec<String> {
        self.bridge.parts.cx.state.grants().map(|g| format!("{:?} {:?}", g.status, g.reason)).collect()
    }

    /// What is believed of the slots of a lock: owned or not, and what is there.
    fn slots(&self, node: NodeId) -> Vec<(u16, bool, crate::domain::slot::Content)> {
        let device = self.bridge.parts.cx.state.device_of(node).unwrap().id;
        self.bridge
            .parts
            .cx
            .state
            .slots(device)
            .values()
            .map(|it| (it.key.index, it.owner.is_some(), it.content.clone()))
            .collect()
    }

    /// The codes a lock itself holds.
    fn codes(&self, node: NodeId) -> Vec<(u16, String)> {
        let lock = self.world.node(node).unwrap();
        let text = |code: &[u8]| String::from_utf8(code.to_vec()).unwrap();
        lock.memory.codes.entries().map(|(user, entry)| (user, text(entry.code.reveal()))).collect()
    }

    fn program(&mut self, node: NodeId, user: u16, code: Option<&[u8]>) {
        let now = self.now;
        self.world.visit(node, |lock| lock.program(user, code, now));
        self.exchange_bytes();
        self.run_for(Duration::from_secs(5));
    }

    /// The node says this by itself.
    fn hear(&mut self, node: NodeId, payload: &[u8]) {
        self.turn(Input::Radio(network::Input::Frame(said_by(node, payload))));
    }

    fn keypad(&mut self, node: NodeId, code: &str) -> Typed {
        let typed = self.world.keypad(node, code.as_bytes(), self.now).unwrap();
        self.run_for(Duration::from_secs(5));
        typed
    }
}

/// The stick's frame with a command of a node.
fn said_by(source: NodeId, payload: &[u8]) -> Frame {
    let command = crate::serial::transmit::ApplicationCommand {
        rx: crate::serial::transmit::RxStatus::default(),
        destination: Some(NodeId(1)),
        source,
        payload: payload.to_vec().into(),
        multicast_mask: bytes::Bytes::new(),
        rssi: None,
        trailing: bytes::Bytes::new(),
    };
    crate::serial::Message::ApplicationCommand(command).write(crate::serial::NodeIdWidth::Bits16)
}

#[test]
fn a_code_saved_here_is_in_both_locks_and_its_use_comes_back_with_a_name() {
    let mut house = House::settled(1);
    house.add("Ada", "48213", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.statuses(), ["Active None", "Active None"]);
    assert_eq!(house.codes(V2), [(1, "48213".to_owned())]);
    assert_eq!(house.codes(V1), [(1, "48213".to_owned())]);
    for node in [V2, V1] {
        assert_eq!(house.keypad(node, "48213"), Typed::Opened(1));
        let event = house.happened.pop().unwrap();
        assert_eq!((event.kind, event.action, event.slot), (EventType::CodeUsed, Some(Action::Unlock), Some(1)));
        assert_eq!(event.person.unwrap().name, "Ada");
    }
}

#[test]
fn changing_revoking_and_removing_leave_no_code_behind() {
    let mut house = House::settled(2);
    let ada = house.add("Ada", "48213", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(30));
    let code = Some(CodeChoice::Given(Pin::parse("59321").unwrap()));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    house.run_for(Duration::from_secs(30));
    assert_eq!((house.codes(V2), house.codes(V1)), (vec![(1, "59321".into())], vec![(1, "59321".into())]));
    house.intend(Intent::Revoke { person: ada, device: "lock_3".into() });
    house.run_for(Duration::from_secs(30));
    assert_eq!((house.codes(V2).len(), house.codes(V1).len()), (1, 0));
    house.intend(Intent::RemovePerson(ada));
    house.run_for(Duration::from_secs(30));
    assert_eq!((house.codes(V2), house.codes(V1)), (vec![], vec![]));
    assert_eq!(house.bridge.parts.cx.state.people().count(), 0, "nobody waits for a lock any more");
}

#[test]
fn a_code_is_written_with_one_frame_and_read_back_only_where_the_lock_stays_silent() {
    let mut house = House::settled(3);
    let before = house.frames_sent;
    house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.frames_sent - before, 2, "supervised: one frame, and one look at the lock's first report of a write");
    let before = house.frames_sent;
    house.add("Cy", "60417", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.frames_sent - before, 1, "from then on it is known to send one");
    // The older lock has no Supervision, but its "code added" event is its word: once it is known to give it, it is not
    // asked any more.
    let before = house.frames_sent;
    house.add("Bob", "77213", &["lock_3"]);
    house.run_for(Duration::from_secs(30));
    assert!(house.frames_sent - before <= 3, "its first report of a write is looked at, too");
    let before = house.frames_sent;
    house.add("Eve", "90517", &["lock_3"]);
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.frames_sent - before, 1);
    assert_eq!(house.statuses(), ["Active None", "Active None", "Active None", "Active None"]);
}

#[test]
fn thirty_codes_of_four_digits_take_eleven_frames_on_a_lock_that_takes_several() {
    let mut house = House::settled(11);
    // One write shows that the lock reports them.
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    house.intend(Intent::RemovePerson(ada));
    house.run_for(Duration::from_secs(30));
    let before = house.frames_sent;
    for n in 0..30 {
        house.add(&format!("P{n}"), &format!("{}", 2403 + n * 37), &["lock_2"]);
    }
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.codes(V2).len(), 30);
    assert!(house.statuses().iter().all(|status| status == "Active None"));
    assert!(house.frames_sent - before <= 11, "{} frames", house.frames_sent - before);
}

#[test]
fn one_refused_code_does_not_cost_its_neighbours_in_the_frame_theirs() {
    let mut blueprint = Blueprint::two_locks();
    let quirks = &mut blueprint.nodes.get_mut(&V2).unwrap().quirks;
    quirks.masks_codes = true;
    quirks.refuses_duplicates = true;
    let mut house = House::new(&blueprint, 12);
    house.program(V2, 20, Some(b"5937"));
    house.run_for(Duration::from_secs(3600));
    for (name, code) in [("Ada", "4826"), ("Bob", "7722"), ("Cy", "5937"), ("Di", "9035")] {
        house.add(name, code, &["lock_2"]);
    }
    house.run_for(Duration::from_secs(60));
    let mut statuses = house.statuses();
    statuses.sort();
    assert_eq!(statuses, ["Active None", "Active None", "Active None", "Rejected Some(Duplicate)"]);
    assert_eq!(house.codes(V2).len(), 4);
}

#[test]
fn a_bolt_moved_while_nobody_looked_is_not_shown_as_it_was() {
    let mut house = House::settled(13);
    let now = house.now;
    let bolt = |house: &House| house.bridge.parts.cx.state.device_of(V2).unwrap().lock_state;
    house.world.visit(V2, |lock| lock.turn_bolt(true, now));
    house.run_for(Duration::from_secs(5));
    assert_eq!(bolt(&house), LockState::Locked);
    house.unplug();
    assert_eq!(bolt(&house), LockState::Unknown, "nobody sees it move without the stick");
    house.world.visit(V2, |lock| lock.memory.locked = false);
    house.plug_in();
    house.run_for(Duration::from_millis(1500));
    assert_eq!(bolt(&house), LockState::Unknown);
    house.run_for(Duration::from_secs(60));
    assert_eq!(bolt(&house), LockState::Unlocked);
}

#[test]
fn a_bolt_is_not_shown_as_it_was_before_a_restart_while_the_stick_is_out() {
    let mut house = House::settled(13);
    let now = house.now;
    house.world.visit(V2, |lock| lock.turn_bolt(true, now));
    house.run_for(Duration::from_secs(5));
    let snapshot = house.store.load().unwrap();
    house.bridge = Bridge::new(snapshot, house.settings.clone(), &house.entropy);
    assert_eq!(house.bridge.parts.cx.state.device_of(V2).unwrap().lock_state, LockState::Unknown);
}

#[test]
fn a_changed_code_that_a_masking_lock_refused_never_counts_as_taken() {
    let mut blueprint = Blueprint::two_locks();
    blueprint.nodes.get_mut(&V2).unwrap().quirks.masks_codes = true;
    let mut house = House::new(&blueprint, 14);
    house.run_for(Duration::from_secs(3600));
    let ada = house.add("Ada", "1357", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.statuses(), ["Active None"]);
    house.world.visit(V2, |lock| lock.model.quirks.refuses_writes = true);
    let code = Some(CodeChoice::Given(Pin::parse("8642").unwrap()));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.statuses(), ["Rejected Some(RefusedByLock)"]);
    assert_eq!(house.keypad(V2, "1357"), Typed::Opened(1));
    assert_eq!(house.statuses(), ["Rejected Some(RefusedByLock)"], "the old code opened, which proves nothing of the new one");
}

#[test]
fn a_masking_lock_that_never_answers_is_written_twice_and_not_for_ever() {
    let mut blueprint = Blueprint::two_locks();
    let quirks = &mut blueprint.nodes.get_mut(&V2).unwrap().quirks;
    (quirks.masks_codes, quirks.drops_supervision, quirks.silent_writes) = (true, true, true);
    let mut house = House::new(&blueprint, 14);
    house.run_for(Duration::from_secs(3600));
    house.add("Ada", "1357", &["lock_2"]);
    house.run_for(Duration::from_secs(600));
    assert_eq!(house.statuses(), ["Active None"], "stars in a slot that was seen empty before");
    let before = house.frames_sent;
    house.run_for(Duration::from_secs(24 * 3600));
    // The daily check of the other lock reads its thirty slots.
    assert!(house.frames_sent - before < 40, "{} frames", house.frames_sent - before);
}

#[test]
fn a_code_that_was_revoked_before_it_left_is_never_written() {
    let mut house = House::settled(15);
    house.world.visit(V2, |lock| lock.faults.gone = true);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(600));
    house.intend(Intent::Revoke { person: ada, device: "lock_2".into() });
    house.world.visit(V2, |lock| lock.faults.gone = false);
    house.program(V2, 9, Some(b"2468"));
    house.run_for(Duration::from_secs(3600));
    assert_eq!(house.codes(V2), [(9, "2468".into())]);
    let used = house.world.node(V2).unwrap();
    assert_eq!(used.memory.codes.user_of(b"48213"), None);
    assert_eq!(house.statuses(), Vec::<String>::new());
}

#[test]
fn news_about_an_old_code_does_not_stop_the_new_one() {
    let mut house = House::settled(16);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    house.world.visit(V2, |lock| lock.faults.gone = true);
    let code = Some(CodeChoice::Given(Pin::parse("59321").unwrap()));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    house.run_for(Duration::from_secs(120));
    house.world.visit(V2, |lock| lock.faults.gone = false);
    house.program(V2, 1, None);
    house.run_for(Duration::from_secs(120));
    assert_eq!((house.statuses(), house.codes(V2)), (vec!["Active None".into()], vec![(1, "59321".into())]));
}

#[test]
fn a_replaced_code_is_nobody_else_s_while_it_still_opens() {
    let mut house = House::settled(17);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    house.unplug();
    let code = Some(CodeChoice::Given(Pin::parse("59321").unwrap()));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    let bob = Intent::AddPerson(NewPerson {
        external_id: None,
        first_name: "Bob".into(),
        last_name: String::new(),
        contacts: Contacts::default(),
        code: Some(CodeChoice::Given(Pin::parse("48213").unwrap())),
        on: vec!["lock_3".into()],
        schedule: Schedule::Always,
    });
    assert_eq!(house.ask(bob), Err(Refusal::DuplicateCode));
}

#[test]
fn an_idle_house_sends_nothing_and_writes_nothing() {
    let mut house = House::settled(4);
    house.add("Ada", "48213", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(60));
    let (frames, commits) = (house.frames_sent, house.committed.len());
    house.run_for(Duration::from_secs(600));
    assert_eq!((house.frames_sent, house.committed.len()), (frames, commits));
}

#[test]
fn codes_that_were_there_before_us_are_left_alone() {
    let mut house = House::new(&Blueprint::two_locks(), 5);
    for node in [V2, V1] {
        house.program(node, 1, Some(b"2468"));
        house.program(node, 4, Some(b"13579"));
    }
    house.run_for(Duration::from_secs(60));
    for (name, code) in [("Ada", "48213"), ("Bob", "77213"), ("Cy", "60417"), ("Di", "90125")] {
        house.add(name, code, &["lock_2", "lock_3"]);
    }
    house.run_for(Duration::from_secs(120));
    for node in [V2, V1] {
        let codes = house.codes(node);
        assert_eq!(codes.len(), 6, "{:?}", house.statuses());
        assert!(codes.contains(&(1, "2468".into())) && codes.contains(&(4, "13579".into())));
    }
}

#[test]
fn pulling_the_cable_in_mid_roll_out_only_delays_it() {
    for seed in 0..20 {
        let mut house = House::settled(100 + seed);
        for n in 0..8 {
            house.add(&format!("P{n}"), &format!("7{n}3{n}5"), &["lock_2", "lock_3"]);
        }
        house.run_for(Duration::from_millis(400 * seed));
        house.unplug();
        house.run_for(Duration::from_secs(20));
        house.plug_in();
        house.run_for(Duration::from_secs(120));
        assert!(house.statuses().iter().all(|status| status == "Active None"), "seed {seed}: {:?}", house.statuses());
        assert_eq!((house.codes(V2).len(), house.codes(V1).len()), (8, 8), "seed {seed}");
    }
}

#[test]
fn a_power_cut_at_any_commit_of_a_roll_out_loses_nothing_and_touches_nothing_foreign() {
    for cut in 1..60 {
        let mut house = House::settled(200);
        house.program(V1, 2, Some(b"2468"));
        house.program(V2, 7, Some(b"13579"));
        for n in 0..5 {
            house.add(&format!("P{n}"), &format!("7{n}3{n}5"), &["lock_2", "lock_3"]);
        }
        house.fuse = Some(cut);
        house.run_for(Duration::from_secs(60));
        house.cut_power();
        house.run_for(Duration::from_secs(120));
        assert!(house.statuses().iter().all(|status| status == "Active None"), "cut {cut}: {:?}", house.statuses());
        for (node, foreign) in [(V1, (2, "2468".to_owned())), (V2, (7, "13579".to_owned()))] {
            let codes = house.codes(node);
            assert!(codes.len() == 6 && codes.contains(&foreign), "cut {cut}: {codes:?}");
        }
    }
}

#[test]
fn a_power_cut_while_codes_leave_never_leaves_one_behind() {
    for cut in 1..20 {
        let mut house = House::settled(201);
        let people: Vec<_> = (0..3).map(|n| house.add(&format!("P{n}"), &format!("7{n}3{n}5"), &["lock_2", "lock_3"])).collect();
        house.run_for(Duration::from_secs(60));
        for person in people {
            house.intend(Intent::RemovePerson(person));
        }
        house.fuse = Some(cut);
        house.run_for(Duration::from_secs(60));
        house.cut_power();
        house.run_for(Duration::from_secs(120));
        assert_eq!((house.codes(V1), house.codes(V2)), (vec![], vec![]), "cut {cut}");
        assert_eq!(house.bridge.parts.cx.state.people().count(), 0, "cut {cut}");
    }
}

#[test]
fn a_stranger_s_code_is_nobody_s_and_a_new_one_is_told() {
    let mut house = House::settled(7);
    house.program(V2, 9, Some(b"2468"));
    assert_eq!(house.happened.pop().unwrap().kind, EventType::ForeignCodeAdded);
    house.keypad(V2, "2468");
    let event = house.happened.pop().unwrap();
    assert_eq!((event.person, event.reason, event.slot), (None, Some(EventReason::UnmanagedSlot), Some(9)));
}

#[test]
fn a_code_erased_at_the_keypad_is_missing_and_comes_back_only_when_asked() {
    let mut house = House::settled(8);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    house.program(V2, 1, None);
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.statuses(), ["MissingFromLock Some(ErasedAtLock)"]);
    assert_eq!(house.happened.pop().unwrap().kind, EventType::CodeChangedAtLock);
    house.intend(Intent::Grant { person: ada, device: "lock_2".into(), schedule: Schedule::Always });
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.statuses(), ["Active None"]);
    assert_eq!(house.codes(V2), [(1, "48213".into())]);
}

#[test]
fn a_disabled_person_s_code_leaves_the_lock_and_comes_back() {
    let mut house = House::settled(9);
    let ada = house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    let toggle = |enabled| PersonChange { enabled: Some(enabled), ..PersonChange::default() };
    house.intend(Intent::EditPerson(ada, toggle(false)));
    house.run_for(Duration::from_secs(30));
    assert_eq!((house.statuses(), house.codes(V2)), (vec!["Disabled Some(PersonDisabled)".into()], vec![]));
    house.intend(Intent::EditPerson(ada, toggle(true)));
    house.run_for(Duration::from_secs(30));
    assert_eq!((house.statuses(), house.codes(V2).len()), (vec!["Active None".into()], 1));
}

#[test]
fn events_wait_for_the_broker_and_leave_one_by_one() {
    let mut house = House::settled(10);
    house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    house.keypad(V2, "48213");
    house.keypad(V2, "48213");
    assert!(house.said.is_empty());
    house.turn(Input::Broker(BrokerInput::Connected));
    let events = |house: &House| house.said.iter().filter(|m| m.topic == "latchkey/device/lock_2/event").count();
    assert_eq!(events(&house), 1);
    let first = house.happened.iter().find(|event| event.kind == EventType::CodeUsed).unwrap().id;
    house.turn(Input::Broker(BrokerInput::Acked(first)));
    assert_eq!(events(&house), 2);
    let done = |house: &House, id| house.committed.last().unwrap().writes.contains(&Write::OutboxDone(id));
    assert!(!done(&house, first), "no commit of its own: the next one takes it along");
    house.run_for(Duration::from_secs(3));
    assert!(done(&house, first), "or two seconds");
    let second = house.happened.iter().filter(|event| event.kind == EventType::CodeUsed).nth(1).unwrap().id;
    house.turn(Input::Broker(BrokerInput::Acked(second)));
    house.turn(Input::Stopping);
    assert!(done(&house, second), "or the end of the daemon");
}

#[test]
fn an_event_that_waited_for_the_disk_carries_the_time_at_which_it_happened() {
    let mut house = House::settled(13);
    house.add("Ada", "48213", &["lock_2"]);
    house.run_for(Duration::from_secs(30));
    house.turn(Input::Broker(BrokerInput::Connected));
    let since = house.now;
    house.now = house.now + Duration::from_secs(90);
    let unlock = [0x71, 0x05, 0, 0, 0, 0xFF, 0x06, 0x06, 0x04, 0x63, 0x03, 0x01, 0x01];
    house.turn(Input::Radio(network::Input::Waited { frame: said_by(V2, &unlock), since }));
    let used = house.happened.iter().find(|event| event.kind == EventType::CodeUsed).expect("the visit");
    assert_eq!(used.at, house.now().back_to(since).wall);
    let said = house.said.iter().find(|message| message.payload.contains("code_used")).unwrap();
    assert!(said.topic.ends_with("/event/late"), "an automation must not take it for a visit just now: {}", said.topic);
}

#[test]
fn a_broker_that_comes_back_with_old_names_is_told_that_they_are_gone() {
    let mut house = House::settled(14);
    let rename = |name: &str| Intent::Rename { device: "lock_2".into(), name: name.into(), slug: Some("front".into()) };
    house.turn(Input::Broker(BrokerInput::Connected));
    house.intend(rename("Front"));
    let gone = |house: &House| {
        let topic = "latchkey/device/lock_2/state";
        house.said.iter().any(|message| message.topic == topic && message.payload.is_empty())
    };
    assert!(gone(&house));
    house.said.clear();
    house.cut_power();
    house.turn(Input::Broker(BrokerInput::Connected));
    assert!(gone(&house), "also after a restart, when nobody remembers what was said");
    // The name comes back: what is under it is true again.
    house.said.clear();
    house.intend(Intent::Rename { device: "front".into(), name: "Lock 2".into(), slug: Some("lock_2".into()) });
    house.turn(Input::Broker(BrokerInput::Connected));
    assert!(!gone(&house));
}

#[test]
fn what_happened_before_a_power_cut_never_looks_fresh_after_it() {
    let boot = |name: &str| Some(BootId(name.into()));
    for (next, late) in [("first", false), ("second", true)] {
        let mut house = House::new(&Blueprint::two_locks(), 12);
        house.settings.boot = boot("first");
        house.trusted = false;
        house.cut_power();
        house.run_for(Duration::from_secs(3600));
        house.add("Ada", "48213", &["lock_2"]);
        house.run_for(Duration::from_secs(30));
        house.keypad(V2, "48213");
        // The clock stood still with the power off: it reads as if no time had gone by.
        house.settings.boot = boot(next);
        house.cut_power();
        house.turn(Input::Broker(BrokerInput::Connected));
        let used = house.said.iter().find(|message| message.payload.contains("code_used")).unwrap();
        assert_eq!(used.topic.ends_with("/event/late"), late, "{}", used.topic);
    }
}

/// A lock that confirms nothing may be asked before it stored the code.
#[test]
fn a_code_that_is_still_being_stored_is_looked_at_again_and_not_written_again() {
    use crate::domain::grant::{Grant, Status};
    use crate::domain::slot::{Content, Doing, Progress};
    use crate::reconcile::observe::Sighting;
    let mut house = House::settled(44);
    house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(30));
    let device = house.bridge.parts.cx.state.device_named("lock_3").unwrap().id;
    let grant = house.bridge.parts.cx.state.grants_on(device).next().unwrap().clone();
    let now = house.now();
    let mut slot = house.bridge.parts.cx.state.slot_of(&grant).unwrap().clone();
    let doing = Doing::Write { generation: grant.generation, was_empty: true };
    slot.progress = Progress::Verifying { doing, acked: true };
    (slot.content, slot.confirmed) = (Content::Unknown, None);
    let key = slot.key;
    house.bridge.parts.cx.state.put_slot(slot, now.wall);

    let see = |house: &mut House| {
        house.bridge.parts.cx.sync.see(key, &Sighting::Empty, &mut house.bridge.parts.cx.state, now);
        let slot = house.bridge.parts.cx.state.slot_of(&grant).unwrap().clone();
        (
            slot.progress,
            house
                .bridge
                .parts
                .cx
                .sync
                .failures(&Grant { status: Status::Verifying, ..grant.clone() }, &house.bridge.parts.cx.state),
        )
    };
    assert_eq!(see(&mut house), (Progress::Verifying { doing, acked: true }, 0), "it is not written again yet");
    assert_eq!(see(&mut house), (Progress::Idle, 1), "now it is");
}
