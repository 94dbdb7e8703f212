//! Thirty days of a busy home in virtual time, on a real file: does the store grow for ever, or the memory?
//!
//! Bridge, store and housekeeping are driven as the daemon's shell drives them; only clock, stick, radio and locks are
//! simulated. Everything follows from one seed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has said what is wrong"
)]

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use latchkey::bridge::{After, BrokerInput, CheckSettings, Input, MqttSettings, Settings};
use latchkey::domain::actor::Actor;
use latchkey::domain::batch::Retention;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::PublishNames;
use latchkey::domain::grant::Schedule;
use latchkey::domain::ids::{EventId, NodeId, PersonId};
use latchkey::domain::intent::{CodeChoice, Intent, NewPerson, PersonChange};
use latchkey::domain::person::Contacts;
use latchkey::domain::pin::Pin;
use latchkey::domain::time::{Instant, Now, Timestamp};
use latchkey::mqtt::topic::Topics;
use latchkey::network;
use latchkey::run::turns::Turns;
use latchkey::serial::{Link, LinkEvent};
use latchkey::sim::model::Model;
use latchkey::sim::{Blueprint, World};
use latchkey::store::{EventQuery, Order, Place, Reader, Store};

const SEED: u64 = 30;
const DAY: Duration = Duration::from_secs(24 * 3600);
const BEGAN: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// Days that are kept: few enough that the last two thirds of the month must not grow.
const KEPT_DAYS: u64 = 10;
const LOCKS: [u16; 6] = [2, 3, 4, 5, 6, 7];
const PEOPLE: usize = 12;
/// Comings and goings a day, each an unlock at a keypad and a bolt thrown by hand.
const VISITS: u64 = 60;

struct Home {
    turns: Turns,
    reader: Reader,
    world: World,
    link: Link,
    entropy: Entropy,
    folder: tempfile::TempDir,
    now: Instant,
    /// When this life of the daemon began.
    started: Instant,
    lives: u64,
    connected: bool,
    codes: Vec<(PersonId, String)>,
    added: Option<PersonId>,
    published: Vec<EventId>,
}

impl Home {
    fn new() -> Self {
        let entropy = Entropy::from_number(SEED);
        let model = |n: u16| if n.is_multiple_of(2) { Model::version_2() } else { Model::version_1() };
        let nodes = LOCKS.iter().map(|&n| (NodeId(n), model(n))).collect();
        let mut blueprint = Blueprint { nodes, ..Blueprint::two_locks() };
        blueprint.radio.loss = 5;
        let folder = tempfile::tempdir().unwrap();
        let (turns, reader) = open(folder.path(), Instant::ZERO, &entropy);
        let world = World::new(&blueprint, &entropy);
        let mut home = Self {
            turns,
            reader,
            world,
            link: Link::new(),
            entropy: entropy.child("life"),
            folder,
            now: Instant::ZERO,
            started: Instant::ZERO,
            lives: 0,
            connected: false,
            codes: Vec::new(),
            added: None,
            published: Vec::new(),
        };
        home.power_on();
        home
    }

    fn power_on(&mut self) {
        self.turn(Input::Radio(network::Input::LinkUp));
        self.turn(Input::Broker(BrokerInput::Connected));
        self.connected = true;
    }

    /// The daemon dies between two turns and comes back on the same file.
    fn power_cut(&mut self) {
        self.lives += 1;
        self.started = self.now;
        self.world.host_left();
        self.link = Link::new();
        // The lock file is let go of with the old store.
        let unused = Store::in_memory(&self.entropy).unwrap();
        self.turns = Turns::new(unused.0, unused.1, settings(), self.entropy.child("between lives"));
        (self.turns, self.reader) = open(self.folder.path(), self.now, &self.entropy.child(&format!("life {}", self.lives)));
        self.power_on();
    }

    fn turn(&mut self, input: Input) {
        let now = wall(self.now, self.started);
        let effects = self.turns.take(input, now);
        self.release(effects);
    }

    fn release(&mut self, effects: Vec<After>) {
        let now = wall(self.now, self.started);
        let mut afters = std::collections::VecDeque::from(effects);
        while let Some(after) = afters.pop_front() {
            match after {
                After::Send(id, frame) => self.link.send(id, frame),
                After::Publish(id, _) if self.connected => {
                    self.published.push(id);
                    afters.extend(self.turns.take(Input::Broker(BrokerInput::Acked(id)), now));
                }
                After::Publish(..) | After::Retained(_) | After::Passing(_) | After::Change(_) | After::Live(..) => {}
                After::Reopen => panic!("seed {SEED}: nothing hangs here"),
            }
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.link.bytes(bytes, self.now);
        while let Some(event) = self.link.poll_event() {
            self.turn(Input::Radio(match event {
                LinkEvent::Frame(frame) => network::Input::Frame(frame),
                LinkEvent::Sent(id) => network::Input::Sent(id),
                LinkEvent::Failed(id, why) => network::Input::Failed(id, why),
                LinkEvent::Unresponsive => network::Input::Unresponsive,
            }));
        }
        while let Some(bytes) = self.link.poll_transmit(self.now) {
            self.world.bytes_from_host(&bytes, self.now);
        }
    }

    fn run_for(&mut self, duration: Duration) {
        let limit = self.now + duration;
        loop {
            self.hear(&[]);
            while let Some(bytes) = self.world.poll_transmit() {
                self.hear(&bytes);
            }
            // The daemon counts from its own start.
            let daemon = self.turns.poll_deadline().map(|it| self.started + it.at.since(Instant::ZERO));
            let others = [self.world.poll_deadline(), self.link.poll_deadline()].into_iter().flatten().map(|it| it.at);
            let Some(at) = others.chain(daemon).min().filter(|at| *at <= limit) else { break };
            self.now = self.now.max(at);
            self.world.handle_timeout(self.now);
            self.link.handle_timeout(self.now);
            self.turn(Input::Timeout);
        }
        self.now = limit;
    }

    fn intend(&mut self, intent: Intent) {
        let (answer, effects) = self.turns.ask(&Actor::Uid(1), intent, wall(self.now, self.started));
        self.added = answer.unwrap_or_else(|why| panic!("seed {SEED}: {why}")).person;
        self.release(effects);
    }

    fn move_in(&mut self) {
        self.run_for(Duration::from_secs(2 * 3600));
        let devices: Vec<String> = LOCKS.iter().map(|n| format!("lock_{n}")).collect();
        for n in 0..PEOPLE {
            let code = (483_021 + n * 7_919).to_string();
            self.intend(Intent::AddPerson(NewPerson {
                external_id: None,
                first_name: format!("Person {n}"),
                last_name: "Busy".into(),
                contacts: Contacts::default(),
                code: Some(CodeChoice::Given(Pin::parse(&code).unwrap())),
                on: devices.clone(),
                schedule: Schedule::Always,
            }));
            self.codes.push((self.added.expect("a person was added"), code));
        }
        self.run_for(Duration::from_secs(3600));
    }

    fn day(&mut self, day: u64) {
        let pause = (DAY / u32::try_from(VISITS).unwrap()) / 2;
        for visit in 0..VISITS {
            let node = NodeId(LOCKS[usize::try_from(self.entropy.below(6)).unwrap()]);
            let who = usize::try_from(self.entropy.below(PEOPLE as u64)).unwrap();
            let now = self.now;
            self.world.keypad(node, self.codes[who].1.as_bytes(), now);
            self.run_for(pause);
            let now = self.now;
            self.world.visit(node, |lock| lock.turn_bolt(true, now));
            match visit {
                // The broker is away for two hours a day, the cable is out once a week, and so is the power.
                20 => {
                    self.turn(Input::Broker(BrokerInput::Disconnected { why: "gone".into() }));
                    self.connected = false;
                }
                25 => {
                    self.connected = true;
                    self.turn(Input::Broker(BrokerInput::Connected));
                }
                30 if day % 7 == 3 => self.power_cut(),
                40 if day % 7 == 5 => {
                    self.world.replug(now);
                    self.link = Link::new();
                    self.turn(Input::Radio(network::Input::LinkDown { why: "the cable is out".into() }));
                    self.turn(Input::Radio(network::Input::LinkUp));
                }
                50 => {
                    let who = usize::try_from(day % PEOPLE as u64).unwrap();
                    let code = (200_000 + day * 6_007 + 123).to_string();
                    let change =
                        PersonChange { code: Some(CodeChoice::Given(Pin::parse(&code).unwrap())), ..PersonChange::default() };
                    self.intend(Intent::EditPerson(self.codes[who].0, change));
                    self.codes[who].1 = code;
                }
                _ => {}
            }
            self.run_for(pause);
        }
        // A quiet minute before the figures are read.
        self.run_for(Duration::from_secs(60));
    }

    fn figures(&self, day: u64) -> Figures {
        let (mut rows, mut after) = (0, None);
        loop {
            let query = EventQuery { after, order: Order::OldestFirst, ..EventQuery::default() };
            let page = self.reader.events(&query).unwrap();
            rows += page.items.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Figures { day, bytes: self.reader.size(), rows, memory_kb: anonymous_memory_kb() }
    }
}

fn wall(now: Instant, started: Instant) -> Now {
    let mono = Instant::from_millis(now.as_millis() - started.as_millis());
    Now { mono, wall: BEGAN + now.since(Instant::ZERO), trusted: true }
}

fn settings() -> Settings {
    let topics = Topics::new("latchkey", "homeassistant").unwrap();
    Settings {
        zone: jiff::tz::TimeZone::UTC,
        mqtt: Some(MqttSettings { topics, names: PublishNames::Name, unlock: Ok(()) }),
        check: CheckSettings::default(),
        network: network::Options::default(),
        seal: "",
        keep: Retention { age: DAY * u32::try_from(KEPT_DAYS).unwrap(), events: 1_000_000 },
        boot: None,
        given_keys: None,
    }
}

fn open(folder: &Path, now: Instant, entropy: &Entropy) -> (Turns, Reader) {
    let place = Place { database: folder.join("latchkey.db"), key_file: folder.join("store.key"), credentials: None };
    let (store, snapshot) = Store::open(&place, wall(now, now), &entropy.child("store")).unwrap();
    let reader = store.reader();
    (Turns::new(store, snapshot, settings(), entropy.child("bridge")), reader)
}

struct Figures {
    day: u64,
    bytes: u64,
    rows: usize,
    memory_kb: u64,
}

/// What this process holds that is not mapped from a file.
fn anonymous_memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_busy_month_fills_neither_the_card_nor_the_memory() {
    let mut home = Home::new();
    home.move_in();
    let mut figures = Vec::new();
    for day in 1..=30 {
        home.day(day);
        if [1, KEPT_DAYS + 2, 30].contains(&day) {
            figures.push(home.figures(day));
        }
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("figures.txt");
    let mut out = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    for Figures { day, bytes, rows, memory_kb } in &figures {
        let line = format!("month, day {day:2}: store {} KB, {rows} events, anonymous memory {memory_kb} KB", bytes / 1024);
        println!("{line}");
        writeln!(out, "{line}").unwrap();
    }
    let [first, full, last] = &figures[..] else { panic!("three looks") };
    let a_day = u64::try_from(first.rows).unwrap();
    assert!(a_day >= 2 * VISITS, "a busy day has its events: {a_day}");
    let kept = u64::try_from(last.rows).unwrap();
    assert!(kept < a_day * (KEPT_DAYS + 2), "{kept} events on the last day, {a_day} a day");
    assert!(kept + a_day * 2 > a_day * KEPT_DAYS, "what is young enough is there: {kept}");
    assert!(last.bytes * 10 <= full.bytes * 11, "the store grows: {} bytes, then {}", full.bytes, last.bytes);
    assert!(last.memory_kb <= first.memory_kb + 2_048, "the memory grows: {} KB, then {}", first.memory_kb, last.memory_kb);
    let unique: std::collections::BTreeSet<_> = home.published.iter().collect();
    // The older locks' events are not supervised: of those that the air swallows three times running, one in 8,000 at this
    // loss, nobody ever hears.
    assert!(unique.len() as u64 + 3 >= 30 * 2 * VISITS, "events reached the broker: {}", unique.len());
    assert!(home.published.len() < unique.len() + 100, "and few of them twice: {}", home.published.len());
}
