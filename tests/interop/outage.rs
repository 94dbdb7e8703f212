//! The broker goes away in every way a broker can, while the doors go on being used: what came is told afterwards, once per
//! event id, in order, old news on the late topic; and what is retained is the present.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Broker, Daemon, Message, Mock, Setup, Subscriber, Wire, figure, let_pass, now, seconds, until};

/// Two locks without encryption: their acts come as fast as the air lets them.
const LOCKS: &str = "6:none:uc1:8,8:none:uc2:8";
const NODES: [u16; 2] = [6, 8];
/// Codes of others in each lock: whose they are does not matter here.
const PLANTED: u16 = 5;
/// What happens during one outage.
const ACTS: usize = 200;
/// Automations may trust a live event up to this age (contract, MQTT event).
const FRESH: f64 = 60.0;
/// What a message may take from the daemon's decision to the subscriber's hand on a busy machine.
const TRANSIT: f64 = 2.0;

/// An act at a door: node, slot, whether it locked.
type Act = (u16, u16, bool);

/// Locks, a daemon, and who was at the door so far.
struct House {
    mock: Mock,
    daemon: Daemon,
    slugs: BTreeMap<u16, String>,
    acts: Vec<Act>,
    reports: usize,
    /// The slowest answer of `latchkey status` so far.
    slowest_status: Duration,
}

impl House {
    /// Everything about the locks is known, and nothing is under way.
    fn on(setup: impl FnOnce(Setup) -> Setup) -> Self {
        let mock = Mock::start(LOCKS);
        for node in NODES {
            let codes: Vec<_> = (1..=PLANTED).map(|slot| (slot, format!("{}", 24_680 + slot * 17))).collect();
            let codes: Vec<_> = codes.iter().map(|(slot, code)| (*slot, code.as_str())).collect();
            mock.plant(node, &codes);
        }
        let daemon = Daemon::start(setup(Setup::tcp(mock.port)));
        let slugs = daemon.locks(NODES.len());
        until("the first inventory is done", seconds(60), || {
            let devices = daemon.list(&["devices", "list"]);
            devices.iter().all(|d| d["inventory"]["done"] == true && d["slots"]["foreign"] == PLANTED).then_some(())
        });
        Self { mock, daemon, slugs, acts: Vec::new(), reports: 0, slowest_status: Duration::ZERO }
    }

    /// Somebody uses a keypad, and the batteries say how they are: `acts` acts and half as many battery reports, as quick as
    /// the air allows. `latchkey status` is asked all along.
    fn live(&mut self, acts: usize) {
        for _ in 0..acts {
            let n = self.acts.len();
            let node = NODES[(n / 3 + n) % NODES.len()];
            let slot = 1 + u16::try_from((n * n + 3 * n) % usize::from(PLANTED)).unwrap();
            let locks = (n / 2).is_multiple_of(3);
            self.mock.control(&format!("{} {node} {slot}", if locks { "lock" } else { "unlock" }));
            self.acts.push((node, slot, locks));
            if n % 2 == 1 {
                self.reports += 1;
                self.mock.control(&format!("battery {} {}", NODES[self.reports % NODES.len()], 20 + self.reports % 70));
            }
            if n.is_multiple_of(25) {
                self.ask_status();
            }
        }
    }

    fn ask_status(&mut self) -> Value {
        let asked = Instant::now();
        let status = self.daemon.ok(&["status", "--json"]);
        self.slowest_status = self.slowest_status.max(asked.elapsed());
        serde_json::from_str(&status).unwrap()
    }

    fn broker_state(&mut self) -> String {
        self.ask_status()["broker"]["state"].as_str().unwrap().to_owned()
    }

    /// The journal, oldest first: what should have been published.
    fn journal(&self) -> Vec<Value> {
        let mut events = self.daemon.list(&["events", "--limit", "5000"]);
        events.reverse();
        events
    }

    /// Every act is in the journal, once, in the order in which it happened.
    fn remembers_every_act(&self) {
        let all = until("every act is recorded", seconds(20), || {
            let used: Vec<_> = self.journal().into_iter().filter(|e| e["event_type"] == "code_used").collect();
            (used.len() >= self.acts.len()).then_some(used)
        });
        let node_of = |slug: &Value| *self.slugs.iter().find(|(_, s)| *slug == s.as_str()).expect("a known lock").0;
        let act = |e: &Value| {
            let slot = u16::try_from(e["slot"].as_u64().unwrap()).unwrap();
            (node_of(&e["device"]), slot, e["action"] == "lock")
        };
        assert_eq!(all.iter().map(act).collect::<Vec<_>>(), self.acts, "the journal tells another story");
    }

    /// Waits until the broker has told every event of the journal, and judges what it told: without repeats the journal, in
    /// order; each on the topic for its age. `told` is what subscribers heard, in order. Returns how many were late.
    fn told_everything(&self, told: impl Fn() -> Vec<Message>) -> usize {
        let journal: Vec<Value> = self.journal().iter().map(|e| e["event_id"].clone()).collect();
        let in_order = until("every event of the journal on MQTT", seconds(60), || {
            let mut seen = BTreeSet::new();
            let ids = told().into_iter().map(|m| m.payload["event_id"].clone());
            let once: Vec<Value> = ids.filter(|id| seen.insert(id.to_string())).collect();
            (once.len() >= journal.len()).then_some(once)
        });
        assert!(in_order == journal, "not in the order of the journal: {in_order:?}\ninstead of {journal:?}");

        let mut late = BTreeSet::new();
        let mut wrong = Vec::new();
        for message in told() {
            assert!(!message.retained, "a retained event: {}", message.topic);
            let event = &message.payload;
            let slug = event["device"].as_str().unwrap();
            let at: jiff::Timestamp = event["at"].as_str().unwrap().parse().unwrap();
            let age = message.received - at.as_millisecond() as f64 / 1_000.0;
            if message.topic == format!("latchkey/device/{slug}/event/late") {
                late.insert(event["event_id"].to_string());
                if event["late"] != true || age <= FRESH {
                    wrong.push(format!("{age:.1} s old on the late topic: {event}"));
                }
            } else if event["late"] != false || age > FRESH + TRANSIT || message.topic != format!("latchkey/device/{slug}/event")
            {
                wrong.push(format!("{age:.1} s old on the live topic: {event}"));
            }
        }
        assert!(wrong.is_empty(), "{} events on a wrong topic: {wrong:#?}", wrong.len());
        late.len()
    }

    /// Whoever connects to the broker now is told exactly the present: nothing less, nothing that is gone, nothing stale.
    fn retained_is_the_present(&self, broker: &Broker) {
        let mut nth = 0;
        let end = Instant::now() + seconds(20);
        loop {
            nth += 1;
            let is = retained(&broker.subscribe(&format!("newcomer-{nth}")));
            let should = self.should_be_retained(is.get("latchkey/bridge/info"));
            if is == should {
                return;
            }
            assert!(Instant::now() < end, "retained is\n{is:#?}\ninstead of\n{should:#?}");
        }
    }

    /// From `devices list`. Of `bridge/info` the counts only.
    fn should_be_retained(&self, info: Option<&Value>) -> BTreeMap<String, Value> {
        let devices = self.daemon.list(&["devices", "list"]);
        let mut all = BTreeMap::from([("latchkey/bridge/state".to_owned(), json!("online"))]);
        let mut counts = info.cloned().unwrap_or_default();
        counts["devices"] = json!(devices.len());
        counts["events_dropped"] = json!(0);
        all.insert("latchkey/bridge/info".to_owned(), counts);
        for device in devices {
            let topic = format!("latchkey/device/{}", device["slug"].as_str().unwrap());
            let door = match device["door_open"].as_bool() {
                Some(true) => json!("open"),
                Some(false) => json!("closed"),
                None => Value::Null,
            };
            let state = json!({
                "lock_state": device["lock_state"], "door": door, "battery": device["battery"], "grants": device["sync"],
            });
            all.insert(format!("{topic}/state"), state);
            let available = device["reach"] != "dead";
            all.insert(format!("{topic}/availability"), json!(if available { "online" } else { "offline" }));
        }
        all
    }

    /// What was promised about each outage, whatever its kind, and the figures.
    fn unharmed(&self, what: &str, before: (f64, f64), during: (f64, f64)) {
        let after = self.daemon.process.memory_mb();
        let slowest = self.slowest_status;
        figure(&format!(
            "broker outage ({what}): {} acts and {} battery reports; memory before/during/after {:.1}/{:.1}/{:.1} MB resident \
             ({:.1}/{:.1}/{:.1} anonymous); slowest status {} ms",
            self.acts.len(),
            self.reports,
            before.0,
            during.0,
            after.0,
            before.1,
            during.1,
            after.1,
            slowest.as_millis()
        ));
        for now in [during, after] {
            assert!(now.0 - before.0 < 2.0, "memory grew from {before:?} to {now:?} MB (resident, anonymous)");
        }
        assert!(slowest < seconds(1), "`latchkey status` took {slowest:?}");
        assert_eq!(self.mock.complaints(), Vec::<String>::new(), "an ACK was late or the peer complains");
    }
}

fn retained(newcomer: &Subscriber) -> BTreeMap<String, Value> {
    let of_ours = |m: &Message| m.retained && m.topic.starts_with("latchkey/");
    newcomer.messages().into_iter().filter(of_ours).map(|m| (m.topic, m.payload)).collect()
}

/// A dry run, so that what a debug build maps and warms up at first use counts as before.
fn warmed_up(house: &mut House, subscriber: &Subscriber) -> (f64, f64) {
    house.live(40);
    house.remembers_every_act();
    house.told_everything(|| subscriber.events());
    house.daemon.process.memory_mb()
}

/// A virtual machine that was paused, a host that swaps: the connection stands and nobody is there, for over a minute.
#[test]
fn a_frozen_broker_gets_old_events_as_late_and_new_ones_as_live() {
    let broker = Broker::start();
    let subscriber = broker.subscribe("watch");
    let mut house = House::on(|setup| setup.mqtt(broker.port));
    let before = warmed_up(&mut house, &subscriber);
    let told_before = house.acts.len();

    broker.freeze();
    let frozen = Instant::now();
    house.live(ACTS / 2);
    let old = Instant::now();
    until("the daemon notices", seconds(15), || (house.broker_state() == "disconnected").then_some(()));
    figure(&format!("frozen broker: noticed after at most {:.1} s", frozen.elapsed().as_secs_f64()));
    until("the first half is old news", seconds(70), || {
        house.ask_status();
        let_pass(Duration::from_millis(500));
        (old.elapsed().as_secs_f64() > FRESH + 1.0).then_some(())
    });
    house.live(ACTS / 2);
    house.remembers_every_act();
    let during = house.daemon.process.memory_mb();

    broker.thaw();
    let back = Instant::now();
    let late = house.told_everything(|| subscriber.events());
    figure(&format!("frozen broker: all told {:.1} s after it came back", back.elapsed().as_secs_f64()));
    house.retained_is_the_present(&broker);
    house.unharmed(&format!("frozen for {} s", (back - frozen).as_secs()), before, during);
    assert_eq!(late, house.acts.len() - told_before - ACTS / 2, "exactly the first half is old news");
}

/// A power cut of the broker's machine: what it had saved comes back, and is older than the truth.
#[test]
fn a_killed_broker_that_comes_back_with_yesterdays_state_is_put_right() {
    let mut broker = Broker::start();
    killed(&mut broker, "killed, back with older state", Broker::save);
}

/// The same, and the broker knows nothing any more.
#[test]
fn a_killed_broker_that_forgot_everything_is_told_everything() {
    let mut broker = Broker::start_forgetful();
    killed(&mut broker, "killed, back empty", |_| {});
}

fn killed(broker: &mut Broker, what: &str, before_it_dies: impl FnOnce(&Broker)) {
    let wire = Wire::to(broker.port);
    let first = broker.subscribe("watch");
    let mut house = House::on(|setup| setup.mqtt(wire.port));
    let before = warmed_up(&mut house, &first);
    before_it_dies(broker);

    // Half of the acts with the broker there, so that it dies with one on its way.
    let half = |house: &mut House| house.live(ACTS / 2);
    half(&mut house);
    broker.kill9();
    wire.close();
    half(&mut house);
    house.remembers_every_act();
    assert_eq!(house.broker_state(), "disconnected");
    let during = house.daemon.process.memory_mb();

    // Who listens is there before the daemon, so that nothing falls between them.
    // The first subscriber connects again at some time by itself: what it receives from then on, the second one has too.
    let back = now();
    broker.come_back();
    let second = broker.subscribe("watch-again");
    wire.open();
    house.told_everything(|| {
        let before = first.events().into_iter().filter(|event| event.received < back);
        before.chain(second.events()).collect()
    });
    house.retained_is_the_present(broker);
    house.unharmed(what, before, during);
}

/// A firewall that drops and then forgets what it dropped: packets are sent again and arrive.
#[test]
fn a_silent_network_that_heals_loses_and_reorders_nothing() {
    silent("silent, then healed", Wire::heal);
}

/// A firewall that restarts: it knows none of the connections any more.
#[test]
fn a_silent_network_that_breaks_loses_and_reorders_nothing() {
    silent("silent, then reset", |wire| {
        wire.close();
        wire.open();
    });
}

fn silent(what: &str, end: impl FnOnce(&Wire)) {
    let broker = Broker::start();
    let wire = Wire::to(broker.port);
    let subscriber = broker.subscribe("watch");
    let mut house = House::on(|setup| setup.mqtt(wire.port));
    let before = warmed_up(&mut house, &subscriber);

    let began = Instant::now();
    wire.fall_silent();
    house.live(ACTS);
    house.remembers_every_act();
    until("the daemon notices", seconds(15), || (house.broker_state() == "disconnected").then_some(()));
    until("the broker notices", seconds(15), || (subscriber.last("latchkey/bridge/state")? == "offline").then_some(()));
    let during = house.daemon.process.memory_mb();
    end(&wire);
    let healed = Instant::now();
    house.told_everything(|| subscriber.events());
    figure(&format!(
        "{what} after {:.1} s: all told {:.1} s later",
        (healed - began).as_secs_f64(),
        healed.elapsed().as_secs_f64()
    ));
    house.retained_is_the_present(&broker);
    house.unharmed(what, before, during);
}

/// The hub restarts while the broker is away: what waits is on the disk.
#[test]
fn a_daemon_killed_during_an_outage_still_tells_what_happened_before_and_after() {
    let mut broker = Broker::start();
    let subscriber = broker.subscribe("watch");
    let mut house = House::on(|setup| setup.mqtt(broker.port));
    broker.go_away();
    for _ in 0..2 {
        house.live(30);
        house.remembers_every_act();
        house.daemon.kill9();
        house.daemon.restart();
        until("the stick is back", seconds(30), || (house.ask_status()["stick"]["state"] == "ready").then_some(()));
    }
    house.live(30);
    house.remembers_every_act();
    broker.come_back();
    house.told_everything(|| subscriber.events());
    house.retained_is_the_present(&broker);
}

/// A new name while all is well: dashboards built on the old topics see nothing instead of yesterday.
#[test]
fn a_renamed_lock_leaves_nothing_retained_under_its_old_name() {
    let broker = Broker::start();
    let mut house = House::on(|setup| setup.mqtt(broker.port));
    until("connected", seconds(20), || (house.broker_state() == "connected").then_some(()));
    house.retained_is_the_present(&broker);
    house.daemon.ok(&["devices", "rename", &house.slugs[&6], "Front Door"]);
    house.retained_is_the_present(&broker);
}

/// The same while the broker is away: it kept the old name's topics, and nobody else can take them off.
#[test]
fn a_lock_renamed_during_an_outage_leaves_nothing_retained_under_its_old_name() {
    let mut broker = Broker::start();
    let mut house = House::on(|setup| setup.mqtt(broker.port));
    house.retained_is_the_present(&broker);
    broker.go_away();
    until("the daemon notices", seconds(15), || (house.broker_state() == "disconnected").then_some(()));
    house.daemon.ok(&["devices", "rename", &house.slugs[&6], "Front Door"]);
    broker.come_back();
    house.retained_is_the_present(&broker);
}

/// The same while nobody knows yet that the broker is gone: what was said last went nowhere.
#[test]
fn a_lock_renamed_in_the_first_moment_of_an_outage_leaves_nothing_retained_under_its_old_name() {
    let broker = Broker::start();
    let mut house = House::on(|setup| setup.mqtt(broker.port));
    house.retained_is_the_present(&broker);
    broker.freeze();
    house.daemon.ok(&["devices", "rename", &house.slugs[&6], "Front Door"]);
    until("the daemon notices", seconds(15), || (house.broker_state() == "disconnected").then_some(()));
    broker.thaw();
    until("connected again", seconds(30), || (house.broker_state() == "connected").then_some(()));
    house.retained_is_the_present(&broker);
}

/// The same, and the hub restarts before the broker is back: the old name has to be remembered, or found.
#[test]
fn a_lock_renamed_before_a_restart_leaves_nothing_retained_under_its_old_name() {
    let mut broker = Broker::start();
    let mut house = House::on(|setup| setup.mqtt(broker.port));
    house.retained_is_the_present(&broker);
    broker.go_away();
    until("the daemon notices", seconds(15), || (house.broker_state() == "disconnected").then_some(()));
    house.daemon.ok(&["devices", "rename", &house.slugs[&6], "Front Door"]);
    house.daemon.stop();
    house.daemon.restart();
    broker.come_back();
    until("connected again", seconds(30), || (house.broker_state() == "connected").then_some(()));
    house.retained_is_the_present(&broker);
}

/// Nobody to tell: a hub without a broker must not pile up events for one.
#[test]
fn without_a_broker_configured_no_event_waits_for_one() {
    let mut house = House::on(|setup| setup);
    house.live(30);
    house.remembers_every_act();
    let db = rusqlite::Connection::open(house.daemon.path("latchkey.db")).unwrap();
    let waiting: i64 = db.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).unwrap();
    assert_eq!(waiting, 0);
}
