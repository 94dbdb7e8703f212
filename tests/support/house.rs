//! A house: the daemon's turns on a store on disk, a simulated world, one clock, and a power switch.
//!
//! Everything follows from one seed, and nothing sleeps. A turn is applied by [`Turns::take`], as in the daemon's shell.
//! The power can go off before any commit, after it, or between any two of its effects ([`Cut`]): what was committed is
//! there when it comes back, and nothing else is.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use latchkey::bridge::ask::{self, Question};
use latchkey::bridge::{After, BrokerInput, CheckSettings, Input, MqttSettings, Settings};
use latchkey::domain::actor::Actor;
use latchkey::domain::batch::{Batch, Retention, Write};
use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::{Event, PublishNames};
use latchkey::domain::grant::Schedule;
use latchkey::domain::ids::{EventId, NodeId, PersonId};
use latchkey::domain::intent::{Accepted, CodeChoice, Intent, NewPerson, Refusal};
use latchkey::domain::person::Contacts;
use latchkey::domain::pin::Pin;
use latchkey::domain::time::{BootId, Instant, Now, Timestamp};
use latchkey::mqtt::topic::{Message, Topics};
use latchkey::network;
use latchkey::run::turns::Turns;
use latchkey::security::keys::NetworkKeys;
use latchkey::serial::{Decoder, Frame, FunctionId, Link, LinkEvent, Message as Said, NodeIdWidth, Received};
use latchkey::sim::node::{Node, Typed};
use latchkey::sim::{Blueprint, World};
use latchkey::store::{AuditEntry, AuditQuery, CommitError, EventQuery, Order, Place, Reader, Store};
use latchkey::view::{GrantView, PersonView};

/// When the story of every house begins.
const BEGAN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// So many frames of nodes are remembered for whoever looks at them.
const HEARD: usize = 64;

/// Where the power goes off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// In the `n`th commit from now (0: the next), before it is durable: nothing of it is there afterwards.
    Before(usize),
    /// After the `n`th commit from now, when so many of its effects are out.
    After(usize, usize),
}

/// Picks frames.
pub type Which = fn(&Frame) -> bool;

/// What the disk does to commits; shared with the hook inside the store.
#[derive(Default)]
struct Disk {
    commits: usize,
    fails: bool,
    cut: Option<Cut>,
    blown: bool,
}

/// The daemon in its house.
pub struct House {
    pub world: World,
    pub seed: u64,
    turns: Turns,
    reader: Reader,
    link: Link,
    entropy: Entropy,
    folder: PathBuf,
    keeps: tempfile::TempDir,
    disk: Arc<Mutex<Disk>>,
    now: Instant,
    /// When this life of the daemon began: it counts from its own start.
    started: Instant,
    /// What the wall clock says beyond the time that went by.
    wall_ahead: i64,
    pub trusted: bool,
    traced: bool,
    lives: u64,
    boots: u64,
    broker: bool,
    plugged: bool,
    /// Frames of the stick that get lost, and how many more: it believes that they arrived.
    lost: Option<(usize, Which)>,
    /// The stick hears, and says nothing.
    hung: bool,
    /// Bytes on the way to the daemon of which one gets lost or changed: each so many bytes.
    noise: Option<u64>,
    /// Events as the broker got them, in order, repeats included.
    pub published: Vec<(EventId, Message)>,
    /// What was said retained, by topic.
    pub retained: BTreeMap<String, String>,
    /// Events as live listeners saw them.
    pub live: Vec<Event>,
    /// Frames that went to the stick.
    pub sent: Vec<Frame>,
    /// What the stick told of nodes' frames lately: from whom, and the payload.
    pub heard: VecDeque<(NodeId, Vec<u8>)>,
    /// How many effects each commit of this life had, for [`Cut::After`] to count.
    pub effects: Vec<usize>,
}

impl House {
    /// A daemon that was just installed in this world, and knows the network's keys.
    pub fn new(blueprint: &Blueprint, seed: u64) -> Self {
        Self::with_keys(blueprint, blueprint.keys.as_ref(), seed)
    }

    /// A daemon that knows no keys but its own: the network was another controller's.
    pub fn stranger(blueprint: &Blueprint, seed: u64) -> Self {
        Self::with_keys(blueprint, None, seed)
    }

    fn with_keys(blueprint: &Blueprint, keys: Option<&NetworkKeys>, seed: u64) -> Self {
        Self::begin(blueprint, keys, seed, in_memory_folder(), BEGAN)
    }

    /// A daemon whose store is in `folder` already, in a later boot of its machine; the world begins at `wall`.
    pub fn with_store(blueprint: &Blueprint, seed: u64, folder: tempfile::TempDir, wall: Timestamp) -> Self {
        Self::begin(blueprint, None, seed, folder, wall)
    }

    fn begin(blueprint: &Blueprint, keys: Option<&NetworkKeys>, seed: u64, keeps: tempfile::TempDir, wall: Timestamp) -> Self {
        let entropy = Entropy::from_number(seed);
        let world = World::new(blueprint, &entropy);
        let folder = keeps.path().to_owned();
        let disk = Arc::<Mutex<Disk>>::default();
        // A store that was made elsewhere names a boot of that machine.
        let boots = u64::from(wall != BEGAN);
        let boot = BootId(format!("boot {boots}"));
        let (turns, reader) = open(&folder, &disk, wall, boot, &entropy.child("life 0"), keys);
        let mut house = Self {
            world,
            seed,
            turns,
            reader,
            link: Link::new(),
            entropy: entropy.child("lives"),
            folder,
            keeps,
            disk,
            now: Instant::ZERO,
            started: Instant::ZERO,
            wall_ahead: wall.as_millis() - BEGAN.as_millis(),
            trusted: true,
            traced: std::env::var_os("LATCHKEY_TRACE").is_some(),
            lives: 0,
            boots,
            broker: true,
            plugged: true,
            lost: None,
            hung: false,
            noise: None,
            published: Vec::new(),
            retained: BTreeMap::new(),
            live: Vec::new(),
            sent: Vec::new(),
            heard: VecDeque::new(),
            effects: Vec::new(),
        };
        house.power_on();
        house
    }

    /// Ends the daemon. Its store is left in the folder.
    pub fn end(self) -> tempfile::TempDir {
        let Self { turns, reader, keeps, .. } = self;
        drop((turns, reader));
        keeps
    }

    /// The world's clock.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The time since the beginning.
    pub fn age(&self) -> Duration {
        self.now.since(Instant::ZERO)
    }

    /// What the daemon's wall clock shows.
    pub fn wall(&self) -> Timestamp {
        let real = BEGAN + self.age();
        Timestamp::from_millis(real.as_millis() + self.wall_ahead)
    }

    /// Sets the wall clock forward, or back.
    pub fn step_clock(&mut self, millis: i64) {
        self.wall_ahead += millis;
    }

    /// Puts the wall clock right.
    pub fn right_clock(&mut self) {
        self.wall_ahead = 0;
    }

    /// Moves everything to whatever is due next. `false`: nothing is due before `limit`, or the power is off.
    pub fn step(&mut self, limit: Instant) -> bool {
        if self.is_dark() {
            return false;
        }
        self.exchange_bytes();
        // The daemon counts from its own start.
        let daemon = self.turns.poll_deadline().map(|it| self.started + it.at.since(Instant::ZERO));
        let link = self.link.poll_deadline().map(|it| it.at);
        let world = self.world.poll_deadline().map(|it| it.at);
        let Some(at) = [world, link, daemon].into_iter().flatten().min().filter(|at| *at <= limit) else { return false };
        self.now = self.now.max(at);
        if world.is_some_and(|at| at <= self.now) {
            self.world.handle_timeout(self.now);
        }
        if link.is_some_and(|at| at <= self.now) {
            self.link.handle_timeout(self.now);
        }
        self.exchange_bytes();
        if daemon.is_some_and(|at| at <= self.now) {
            self.take(Input::Timeout);
        }
        true
    }

    /// Lets that much time go by. The world goes on where the power is off.
    pub fn run_for(&mut self, duration: Duration) {
        let limit = self.now + duration;
        while self.step(limit) {}
        while let Some(due) = self.world.poll_deadline().filter(|due| self.is_dark() && due.at <= limit) {
            self.now = self.now.max(due.at);
            self.world.handle_timeout(self.now);
            while self.world.poll_transmit().is_some() {}
        }
        self.now = limit;
    }

    /// Runs until `done` says so; `false`: that took longer than `limit`.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                self.now = self.now.max(end);
                return done(self);
            }
        }
    }

    /// Asks, and has the answer in the same turn. `None`: the power went off in it.
    pub fn ask<Q: Question>(&mut self, question: Q) -> Option<Result<Q::Answer, Refusal>> {
        if self.is_dark() {
            return None;
        }
        let (now, before) = (self.daemons_now(), self.commits());
        let (answer, effects) = self.turns.ask(&Actor::Uid(1), question, now);
        let mut inputs = VecDeque::new();
        // The answer is the first effect.
        let is_answered = self.release_until_cut(before, 1, effects, &mut inputs);
        self.take_all(inputs);
        is_answered.then_some(answer)
    }

    /// Changes something; a refusal is an answer, too.
    pub fn change(&mut self, intent: Intent) -> Option<Result<Accepted, Refusal>> {
        self.ask(intent)
    }

    /// Changes something that has to be accepted.
    pub fn intend(&mut self, intent: Intent) -> Accepted {
        match self.change(intent) {
            Some(Ok(accepted)) => accepted,
            other => panic!("seed {}: refused: {other:?}", self.seed),
        }
    }

    /// Adds somebody with a code on these devices.
    pub fn add(&mut self, name: &str, code: &str, on: &[&str]) -> PersonId {
        self.intend(Intent::AddPerson(person(name, code, on))).person.expect("a person was added")
    }

    /// What somebody is shown: people, devices, status. `None`: the store can't be written, or the power is off.
    pub fn view<Q: Question>(&mut self, question: Q) -> Option<Q::Answer> {
        match self.ask(question) {
            Some(Ok(view)) => Some(view),
            None | Some(Err(Refusal::StoreUnavailable(_))) => None,
            Some(Err(refusal)) => panic!("seed {}: no view: {refusal:?}", self.seed),
        }
    }

    /// Every grant as it is shown, with its person's name.
    pub fn grants(&mut self) -> Option<Vec<(String, GrantView)>> {
        let people = self.view(ask::People)?.items.into_iter();
        let of = |person: PersonView| {
            let name = person.first_name;
            person.grants.into_iter().map(move |grant| (name.clone(), grant))
        };
        Some(people.flat_map(of).collect())
    }

    /// The statuses of all grants.
    pub fn statuses(&mut self) -> Vec<String> {
        self.grants().expect("a view").iter().map(|(_, grant)| grant.status.to_string()).collect()
    }

    /// The codes a lock itself holds.
    pub fn codes(&self, node: NodeId) -> Vec<(u16, String)> {
        let text = |code: &[u8]| String::from_utf8_lossy(code).into_owned();
        self.node(node).memory.codes.entries().map(|(user, entry)| (user, text(entry.code.reveal()))).collect()
    }

    /// A node as it is.
    pub fn node(&self, node: NodeId) -> &Node {
        self.world.node(node).unwrap_or_else(|| panic!("seed {}: there is no node {node}", self.seed))
    }

    /// Does something at a node.
    pub fn visit<T>(&mut self, node: NodeId, act: impl FnOnce(&mut Node) -> T) -> T {
        let result = self.world.visit(node, act);
        self.exchange_bytes();
        result.unwrap_or_else(|| panic!("seed {}: there is no node {node}", self.seed))
    }

    /// Types a code at a keypad.
    pub fn keypad(&mut self, node: NodeId, code: &str) -> Typed {
        let now = self.now;
        self.visit(node, |lock| lock.type_code(code.as_bytes(), now))
    }

    /// The journal, oldest first.
    pub fn journal(&self) -> Vec<Event> {
        let (mut events, mut after) = (Vec::new(), None);
        loop {
            let query = EventQuery { after, order: Order::OldestFirst, ..EventQuery::default() };
            let page = self.reader.events(&query).expect("a journal");
            events.extend(page.items);
            after = page.next;
            if after.is_none() {
                return events;
            }
        }
    }

    /// The newest lines of the audit, newest first.
    pub fn audit(&self) -> Vec<AuditEntry> {
        self.reader.audit(&AuditQuery::default()).expect("an audit").items
    }

    /// The broker says something.
    pub fn broker(&mut self, said: BrokerInput) {
        self.take(Input::Broker(said));
    }

    /// Somebody publishes to the daemon's broker; it hears nothing of it while the broker is away.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) {
        if self.broker {
            let message = BrokerInput::Message { topic: topic.to_owned(), payload: payload.to_vec(), retained: false };
            self.take(Input::Broker(message));
        }
    }

    /// The stick hears a frame in a node's name that the node did not send.
    pub fn forge(&mut self, node: NodeId, payload: Vec<u8>) {
        self.trace(|| format!("~~ forged in the name of node {node}: {payload:02x?}"));
        self.world.forge(node, payload, self.now);
    }

    /// The broker comes, or goes.
    pub fn set_broker(&mut self, here: bool) {
        if here != self.broker {
            self.broker = here;
            self.take(Input::Broker(if here {
                BrokerInput::Connected
            } else {
                BrokerInput::Disconnected { why: "gone".into() }
            }));
        }
    }

    /// Pulls the stick out.
    pub fn unplug(&mut self) {
        if std::mem::take(&mut self.plugged) {
            self.world.replug(self.now);
            self.link = Link::new();
            self.take(Input::Radio(network::Input::LinkDown { why: "the cable is out".into() }));
        }
    }

    /// Plugs it in again.
    pub fn plug_in(&mut self) {
        if !std::mem::replace(&mut self.plugged, true) {
            self.link = Link::new();
            self.world.host_left();
            self.take(Input::Radio(network::Input::LinkUp));
        }
    }

    /// The next so many frames of this sort get lost between the stick and the daemon, and the stick does not know.
    pub fn lose(&mut self, frames: usize, which: Which) {
        self.lost = Some((frames, which));
    }

    /// The stick says nothing from now on, or speaks again.
    pub fn set_hung(&mut self, hung: bool) {
        self.hung = hung;
    }

    /// From now on one byte of so many from the stick is changed; `None`: a good cable.
    pub fn set_noise(&mut self, one_in: Option<u64>) {
        self.noise = one_in;
    }

    /// Whether commits fail from now on.
    pub fn set_disk_fails(&self, fails: bool) {
        self.disk.lock().expect("one thread").fails = fails;
    }

    /// How many commits were tried since the power came on last.
    pub fn commits(&self) -> usize {
        self.disk.lock().expect("one thread").commits
    }

    /// Where the power will go off.
    pub fn arm(&self, cut: Cut) {
        let mut disk = self.disk.lock().expect("one thread");
        let ahead = disk.commits;
        disk.cut = Some(match cut {
            Cut::Before(n) => Cut::Before(ahead + n),
            Cut::After(n, effects) => Cut::After(ahead + n, effects),
        });
    }

    /// The power stays on.
    pub fn disarm(&self) {
        self.disk.lock().expect("one thread").cut = None;
    }

    /// Whether the power is off.
    pub fn is_dark(&self) -> bool {
        self.disk.lock().expect("one thread").blown
    }

    /// The power goes off now, if it is not off already, and comes back: another boot of the hub.
    pub fn cut_power(&mut self) {
        self.boots += 1;
        self.restart();
    }

    /// Somebody keeps a copy of the store as it is.
    pub fn copy_store(&self) {
        for (file, copy) in self.store_files() {
            let _ = std::fs::remove_file(&copy);
            if file.exists() {
                std::fs::copy(&file, &copy).expect("a copy");
            }
        }
    }

    /// The daemon ends, the copy takes the store's place, and it starts again.
    pub fn bring_store_back(&mut self) {
        self.start_again(|house| {
            for (file, copy) in house.store_files() {
                let _ = std::fs::remove_file(&file);
                if copy.exists() {
                    std::fs::copy(&copy, &file).expect("a copy");
                }
            }
            // Made anew from the others.
            let _ = std::fs::remove_file(house.folder.join("latchkey.db-shm"));
        });
    }

    /// The files of the database, and where their copies are.
    fn store_files(&self) -> [(PathBuf, PathBuf); 2] {
        ["latchkey.db", "latchkey.db-wal"].map(|name| (self.folder.join(name), self.folder.join(format!("copy of {name}"))))
    }

    /// The daemon dies between two turns and is started again by the same system.
    pub fn restart(&mut self) {
        self.start_again(|_| {});
    }

    fn start_again(&mut self, meanwhile: impl FnOnce(&Self)) {
        self.trace(|| "-- starts again".into());
        self.lives += 1;
        self.started = self.now;
        self.effects.clear();
        self.world.host_left();
        self.link = Link::new();
        *self.disk.lock().expect("one thread") = Disk::default();
        let entropy = self.entropy.child(&format!("life {}", self.lives));
        // The lock file is let go of with the old store.
        let (store, snapshot) = Store::in_memory(&entropy).expect("a store");
        self.turns = Turns::new(store, snapshot, settings(BootId(String::new())), entropy.clone());
        // Whoever reads the journal has the database open, too.
        self.reader = Store::in_memory(&entropy).expect("a store").0.reader();
        meanwhile(self);
        let boot = BootId(format!("boot {}", self.boots));
        (self.turns, self.reader) = open(&self.folder, &self.disk, self.wall(), boot, &entropy, None);
        self.power_on();
    }

    fn power_on(&mut self) {
        if self.plugged {
            self.take(Input::Radio(network::Input::LinkUp));
        }
        if self.broker {
            self.take(Input::Broker(BrokerInput::Connected));
        }
    }

    /// One turn, and what follows from it.
    fn take(&mut self, input: Input) {
        if self.is_dark() {
            return;
        }
        self.take_all(VecDeque::from([input]));
    }

    fn take_all(&mut self, mut inputs: VecDeque<Input>) {
        while let Some(input) = inputs.pop_front().filter(|_| !self.is_dark()) {
            let (now, before) = (self.daemons_now(), self.commits());
            let effects = self.turns.take(input, now);
            self.release_until_cut(before, 0, effects, &mut inputs);
        }
    }

    /// Lets out what others can see of a turn, `answers` answers before all else, as far as the power stays on. `true`: the
    /// answers are out.
    fn release_until_cut(&mut self, before: usize, answers: usize, effects: Vec<After>, inputs: &mut VecDeque<Input>) -> bool {
        let (committed, cut) = {
            let disk = self.disk.lock().expect("one thread");
            if disk.blown {
                return false;
            }
            (before..disk.commits, disk.cut)
        };
        let last = match cut {
            Some(Cut::After(n, released)) if committed.contains(&n) => Some(released),
            _ => None,
        };
        // Housekeeping before the turn's own commit has no effects.
        let own = committed.end.saturating_sub(1);
        let count = answers + effects.len();
        self.effects.extend(committed.map(|n| if n == own { count } else { 0 }));
        for (n, effect) in effects.into_iter().enumerate() {
            if last.is_some_and(|last| answers + n >= last) {
                break;
            }
            self.release(effect, inputs);
        }
        if last.is_some() {
            self.disk.lock().expect("one thread").blown = true;
        }
        last.is_none_or(|last| last >= answers)
    }

    fn release(&mut self, effect: After, inputs: &mut VecDeque<Input>) {
        match effect {
            After::Send(id, frame) => {
                self.trace(|| format!("-> {}", self::hex(&frame)));
                self.sent.push(frame.clone());
                self.link.send(id, frame);
            }
            After::Publish(id, message) if self.broker => {
                self.published.push((id, message));
                inputs.push_back(Input::Broker(BrokerInput::Acked(id)));
            }
            After::Retained(message) if self.broker => {
                self.retained.insert(message.topic, message.payload);
            }
            After::Live(event, _) => {
                self.trace(|| format!("!! {:?} {:?} {:?}", event.kind, event.slot, event.reason));
                self.live.push(event);
            }
            After::Publish(..) | After::Retained(_) | After::Passing(_) | After::Change(_) => {}
            // As the shell does: the port is closed and opened again.
            After::Reopen => {
                self.link = Link::new();
                self.world.host_left();
                inputs.push_back(Input::Radio(network::Input::LinkDown { why: "opened again".into() }));
                inputs.push_back(Input::Radio(network::Input::LinkUp));
            }
        }
    }

    fn exchange_bytes(&mut self) {
        if self.is_dark() || !self.plugged {
            while self.world.poll_transmit().is_some() {}
            return;
        }
        loop {
            while let Some(bytes) = self.link.poll_transmit(self.now) {
                self.world.bytes_from_host(&bytes, self.now);
            }
            let Some(mut bytes) = self.world.poll_transmit() else { break };
            if self.hung || self.is_lost(&bytes) {
                continue;
            }
            if let Some(one_in) = self.noise {
                // One byte at most: the line's checksum is a sum of bits, and would let every second pair pass.
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if self.entropy.below(one_in) < length {
                    let at = usize::try_from(self.entropy.below(length)).unwrap_or_default();
                    bytes[at] ^= 1 << self.entropy.below(8);
                }
            }
            self.link.bytes(&bytes, self.now);
            self.hear();
            if self.is_dark() {
                return;
            }
        }
        self.hear();
    }

    /// Whether the stick's frame gets lost. It has its acknowledgement.
    fn is_lost(&mut self, bytes: &[u8]) -> bool {
        let Some((left @ 1.., which)) = &mut self.lost else { return false };
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let Some(Received::Frame(frame)) = decoder.next() else { return false };
        if !which(&frame) {
            return false;
        }
        *left -= 1;
        self.world.bytes_from_host(&[0x06], self.now);
        true
    }

    fn hear(&mut self) {
        while let Some(event) = self.link.poll_event() {
            if let LinkEvent::Frame(frame) = &event {
                self.trace(|| format!("<- {}", self::hex(frame)));
                self.note_heard(frame);
            }
            self.take(Input::Radio(match event {
                LinkEvent::Frame(frame) => network::Input::Frame(frame),
                LinkEvent::Sent(id) => network::Input::Sent(id),
                LinkEvent::Failed(id, why) => network::Input::Failed(id, why),
                LinkEvent::Unresponsive => network::Input::Unresponsive,
            }));
        }
    }

    fn note_heard(&mut self, frame: &Frame) {
        if ![FunctionId::APPLICATION_COMMAND, FunctionId::BRIDGE_APPLICATION_COMMAND].contains(&frame.function) {
            return;
        }
        // No node has the number 0: where the first byte of an id is one, ids are two bytes wide.
        let width = if frame.params.get(1) == Some(&0) { NodeIdWidth::Bits16 } else { NodeIdWidth::Bits8 };
        if let Ok(Said::ApplicationCommand(command)) = Said::parse(frame, width) {
            self.heard.push_back((command.source, command.payload.to_vec()));
            if self.heard.len() > HEARD {
                self.heard.pop_front();
            }
        }
    }

    /// Tells what happens, for whoever reads a failing seed with `LATCHKEY_TRACE=1`. Codes of simulated locks are no secrets.
    pub fn trace(&self, what: impl FnOnce() -> String) {
        if self.traced {
            eprintln!("{:>12.3} {}", self.age().as_secs_f64(), what());
        }
    }

    fn daemons_now(&self) -> Now {
        let mono = Instant::ZERO + self.now.since(self.started);
        Now { mono, wall: self.wall(), trusted: self.trusted }
    }
}

/// Somebody with a code on these devices, always.
pub fn person(name: &str, code: &str, on: &[&str]) -> NewPerson {
    NewPerson {
        external_id: None,
        first_name: name.into(),
        last_name: String::new(),
        contacts: Contacts::default(),
        code: Some(CodeChoice::Given(Pin::parse(code).expect("a code"))),
        on: on.iter().map(|slug| (*slug).to_owned()).collect(),
        schedule: Schedule::Always,
    }
}

fn settings(boot: BootId) -> Settings {
    let topics = Topics::new("latchkey", "homeassistant").expect("topics");
    Settings {
        zone: jiff::tz::TimeZone::UTC,
        mqtt: Some(MqttSettings { topics, names: PublishNames::Name, unlock: Ok(()) }),
        check: CheckSettings::default(),
        network: network::Options::default(),
        seal: "",
        keep: Retention { age: Duration::from_secs(365 * 24 * 3600), events: 1_000_000 },
        boot: Some(boot),
        given_keys: None,
    }
}

/// Opens the store, as the daemon does at a start. With `keys` it is one that knows the keys of its network.
fn open(
    folder: &Path,
    disk: &Arc<Mutex<Disk>>,
    wall: Timestamp,
    boot: BootId,
    entropy: &Entropy,
    keys: Option<&NetworkKeys>,
) -> (Turns, Reader) {
    let place = Place { database: folder.join("latchkey.db"), key_file: folder.join("store.key"), credentials: None };
    let now = Now { mono: Instant::ZERO, wall, trusted: true };
    let (mut store, mut snapshot) = Store::open(&place, now, &entropy.child("store")).expect("a store");
    if let Some(keys) = keys {
        store.apply(&Batch { writes: vec![Write::NetworkKeys(Box::new(keys.clone()))] }).expect("a commit");
        snapshot = store.load().expect("a snapshot");
    }
    let reader = store.reader();
    let disk = Arc::clone(disk);
    store.before_commit(move || {
        let mut disk = disk.lock().expect("one thread");
        let n = disk.commits;
        disk.commits += 1;
        disk.blown |= disk.cut == Some(Cut::Before(n));
        if disk.blown || disk.fails { Err(CommitError::DiskFull) } else { Ok(()) }
    });
    (Turns::new(store, snapshot, settings(boot), entropy.child("bridge")), reader)
}

/// A frame as `latchkey decode --reveal` takes it.
fn hex(frame: &Frame) -> String {
    frame.encode().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder that costs no wear: thousands of lives are written to it.
pub fn in_memory_folder() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.expect("a folder")
}

/// A grant in a line.
pub fn told(name: &str, grant: &GrantView) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let device = or_dash(grant.device.as_ref().map(ToString::to_string));
    let reason = or_dash(grant.reason.as_ref().map(ToString::to_string));
    let next_try = or_dash(grant.next_try.as_ref().map(ToString::to_string));
    format!("{name} {device} {} {reason} {} {} {next_try}", grant.status, grant.opens_now, grant.code_in_lock)
}
