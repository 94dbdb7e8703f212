//! The disk stalls, gives up or fills while the doors go on being used: the stick never waits, nothing is said that is not
//! saved, and nothing is lost once the disk works again.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Broker, Card, Daemon, Disk, Mock, Proxy, Setup, Subscriber, figure, let_pass, now, seconds, until};

const NODE: u16 = 6;
const CODE: &str = "482915";
/// What a report may take from the keypad to the daemon's clock on a busy machine.
const TRANSIT: f64 = 1.0;

/// One lock that knows Ada's code, behind a proxy that measures; a broker and somebody who listens.
struct House {
    mock: Mock,
    _broker: Broker,
    proxy: Proxy,
    subscriber: Subscriber,
    daemon: Daemon,
    lock: String,
    slot: u16,
    /// When Ada's code was typed, in seconds since 1970.
    typed: Vec<f64>,
}

impl House {
    fn on(disk: impl FnOnce(Setup) -> Setup) -> Self {
        let (mock, broker) = (Mock::start("6:none:uc1:10"), Broker::start());
        let proxy = Proxy::to(mock.port);
        let subscriber = broker.subscribe("watch");
        let mut daemon = Daemon::start(disk(Setup::tcp(proxy.port).mqtt(broker.port)));
        let lock = daemon.locks(1)[&NODE].clone();
        daemon.add("Ada", CODE, &[&lock], true);
        let slot = mock.slot_of(NODE, CODE);
        proxy.settle(seconds(2), seconds(60));
        // A log that begins anew has no room kept for it, which matters on a full disk.
        assert!(daemon.stop().success());
        daemon.restart();
        let house = Self { mock, _broker: broker, proxy, subscriber, daemon, lock, slot, typed: Vec::new() };
        until("ready again", seconds(30), || {
            let status = house.status();
            (status["stick"]["state"] == "ready" && status["broker"]["state"] == "connected").then_some(())
        });
        house.proxy.settle(seconds(2), seconds(60));
        house
    }

    fn type_code(&mut self, times: usize) {
        for _ in 0..times {
            self.typed.push(now());
            self.mock.unlock(NODE, self.slot);
        }
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.daemon.ok(&["status", "--json"])).unwrap()
    }

    fn add_grace(&self) -> crate::harness::Answer {
        let args = ["people", "add", "--first", "Grace", "--last", "Test", "--code", "-", "--on", &self.lock];
        self.daemon.cli_with(&args, "735019\n")
    }

    fn lock_has(&self, code: &str) -> bool {
        self.mock.codes(NODE).values().any(|c| c == code)
    }

    /// Each time the code was typed is an event: in the journal and on MQTT, in one order.
    fn nothing_was_lost(&self) -> Vec<Value> {
        let journal = until("every visit is in the journal", seconds(90), || {
            let mut journal = self.daemon.codes_used();
            journal.reverse();
            (journal.len() >= self.typed.len()).then_some(journal)
        });
        assert_eq!(journal.len(), self.typed.len(), "{journal:#?}");
        let wanted: Vec<_> = journal.iter().map(|e| e["event_id"].clone()).collect();
        let told = until("every visit on MQTT", seconds(60), || {
            let mut told: Vec<_> = self.subscriber.codes_used().into_iter().map(|m| m.payload["event_id"].clone()).collect();
            // At least once: an event whose acknowledgement was not saved comes again, right behind itself.
            told.dedup();
            (told.len() >= wanted.len()).then_some(told)
        });
        assert_eq!(told, wanted, "not in the order of the journal");
        journal
    }

    /// `at` is when it happened, however long it took to save: automations judge freshness by it.
    fn the_times_are_true(&self, journal: &[Value]) {
        let lag = |(event, typed): (&Value, &f64)| {
            let at: jiff::Timestamp = event["at"].as_str().unwrap().parse().unwrap();
            at.as_millisecond() as f64 / 1_000.0 - typed
        };
        let lags: Vec<f64> = journal.iter().zip(&self.typed).map(lag).collect();
        assert!(lags.iter().all(|lag| *lag < TRANSIT), "stamped so many seconds after it happened: {lags:.1?}");
    }

    fn acks_were_never_late(&self, what: &str) {
        let slowest = self.proxy.slowest_ack();
        figure(&format!("slowest ACK on a {what} disk: {slowest:.1} ms"));
        assert!(slowest < 100.0, "an ACK took {slowest} ms");
        assert_eq!(self.mock.complaints(), Vec::<String>::new());
    }
}

/// Every sync takes two seconds, as on a worn card. What is answered and what is told is on the card first.
#[test]
fn a_slow_disk_delays_answers_and_events_but_no_ack_and_tells_nothing_unsaved() {
    let disk = Disk::new();
    let mut house = House::on(|setup| disk.under(setup));
    disk.be_slow();
    house.type_code(3);
    let asked = now();
    let answer = house.add_grace();
    let answered = now();
    assert_eq!(answer.code, 0, "{answer:?}");
    // All synced, and the answer's own change last of all.
    let saved = |from: f64, until: f64| disk.syncs().into_iter().any(|s| s.began >= from && s.ended <= until);
    assert!(saved(asked, answered), "answered before it was saved: {:?}", disk.syncs());
    house.type_code(1);
    let start = Instant::now();
    until("every visit is told", seconds(60), || (house.subscriber.codes_used().len() >= house.typed.len()).then_some(()));
    figure(&format!("disk with syncs of 2 s: a change answered after {:.1} s", answered - asked));
    figure(&format!("disk with syncs of 2 s: the last of 4 visits told {:.1} s after it", start.elapsed().as_secs_f64()));
    for (message, typed) in house.subscriber.codes_used().iter().zip(&house.typed) {
        assert!(saved(*typed, message.received), "told before it was saved: {}", message.payload);
    }

    disk.be_well();
    let well = Instant::now();
    house.daemon.wait_all_active(seconds(30));
    assert!(house.lock_has("735019"));
    until("quick again", seconds(20), || {
        let asked = Instant::now();
        house.status();
        (asked.elapsed() < Duration::from_millis(500)).then_some(())
    });
    figure(&format!("disk with syncs of 2 s: quick again {:.1} s after it was well", well.elapsed().as_secs_f64()));
    house.nothing_was_lost();
    house.acks_were_never_late("slow");
    house.daemon.kill9();
    house.daemon.restart();
    assert_eq!(house.daemon.list(&["people", "list"]).len(), 2, "an answered change is gone after a power cut");
}

/// A burst of reports queues up behind a slow disk: the hub still pings its broker, answers, and tells each event as soon as
/// that one is saved.
#[test]
fn a_burst_on_a_slow_disk_neither_silences_the_hub_nor_holds_back_the_first_event() {
    let disk = Disk::new();
    let mut house = House::on(|setup| disk.under(setup));
    let offline = |house: &House| {
        let messages = house.subscriber.messages();
        messages.iter().filter(|m| m.topic == "latchkey/bridge/state" && m.payload == "offline").count()
    };
    let before = offline(&house);
    disk.be_slow();
    let typed = Instant::now();
    house.type_code(6);
    until("the first visit is told", seconds(60), || house.subscriber.codes_used().into_iter().next());
    let first = typed.elapsed();
    until("every visit is told", seconds(90), || (house.subscriber.codes_used().len() >= house.typed.len()).then_some(()));
    disk.be_well();
    let last = typed.elapsed();
    figure(&format!(
        "6 visits at once on a disk with syncs of 2 s: told after {:.1} to {:.1} s",
        first.as_secs_f64(),
        last.as_secs_f64()
    ));
    house.nothing_was_lost();
    house.acks_were_never_late("slow");
    assert_eq!(offline(&house), before, "the broker took the hub for dead while its disk was slow");
    // A log that begins anew is synced with its folder and its head: three syncs save the first visit, one each other.
    let (typed, told) = (house.typed[0], house.subscriber.codes_used()[0].received);
    let ends: Vec<f64> = disk.syncs().iter().map(|it| it.ended).filter(|ended| (typed..told).contains(ended)).collect();
    assert!(ends.len() <= 3, "the first visit was told only after {} syncs", ends.len());
    assert!(told - ends.last().unwrap() < 1.0, "it was saved at {} and told at {told}", ends.last().unwrap());
}

/// Events wait for a slow disk; the time they carry is that of the door.
#[test]
fn an_event_that_waited_for_a_slow_disk_carries_the_time_at_which_it_happened() {
    let disk = Disk::new();
    let mut house = House::on(|setup| disk.under(setup));
    disk.be_slow();
    house.type_code(3);
    until("every visit is told", seconds(60), || (house.subscriber.codes_used().len() >= house.typed.len()).then_some(()));
    disk.be_well();
    let journal = house.nothing_was_lost();
    house.the_times_are_true(&journal);
}

/// The same where nothing could be saved for a while: what came meanwhile is old news, and not of this moment.
#[test]
fn an_event_that_waited_for_a_read_only_disk_carries_the_time_at_which_it_happened() {
    let disk = Disk::new();
    let mut house = House::on(|setup| disk.under(setup));
    disk.be_read_only();
    house.type_code(2);
    let troubled = |house: &House| house.status()["problems"].to_string().contains("saved");
    until("the trouble is noticed", seconds(10), || troubled(&house).then_some(()));
    let_pass(seconds(2));
    disk.be_well();
    until("the trouble is over", seconds(60), || (!troubled(&house)).then_some(()));
    let journal = house.nothing_was_lost();
    house.the_times_are_true(&journal);
}

/// The kernel gives up on a failing card: the file system is read-only from one moment to the next.
#[test]
fn a_read_only_disk_refuses_changes_tells_nothing_unsaved_and_loses_no_event() {
    let disk = Disk::new();
    let mut house = House::on(|setup| disk.under(setup));
    nothing_can_be_saved(&mut house, "read-only", || disk.be_read_only(), || disk.be_well());
}

/// A real file system without a free byte.
#[test]
fn a_full_disk_refuses_changes_tells_nothing_unsaved_and_loses_no_event() {
    let card = Card::of_megabytes(16);
    let mut house = House::on(|setup| card.under(setup));
    nothing_can_be_saved(&mut house, "full", || card.fill(), || card.make_room());
}

/// More than memory holds: what is lost is counted and said.
#[test]
fn reports_beyond_what_can_be_held_while_nothing_can_be_saved_are_not_lost_in_silence() {
    let disk = Disk::new();
    let house = House::on(|setup| disk.under(setup));
    disk.be_read_only();
    let reports = 300;
    house.mock.control(&format!("flood {NODE} {reports}"));
    let store = until("all are taken in", seconds(10), || {
        let store = house.status()["store"].clone();
        (store["held_frames"].as_u64()? + store["lost_frames"].as_u64()? == reports).then_some(store)
    });
    let lost = store["lost_frames"].as_u64().unwrap();
    assert!(lost > 0, "nothing was lost, so this test shows nothing: {store}");
    let problems = house.status()["problems"].to_string();
    assert!(problems.contains(&format!("{lost} reports")), "not said: {problems}");
    disk.be_well();
    let kept = until("what was held is recorded", seconds(60), || {
        let answer = house.daemon.cli(&["events", "--limit", "1000", "--json"]);
        let events: Value = serde_json::from_str(&answer.stdout).ok()?;
        let used = events["items"].as_array()?.iter().filter(|e| e["event_type"] == "code_used").count();
        (used as u64 + lost >= reports).then_some(used as u64)
    });
    assert_eq!(kept + lost, reports);
    figure(&format!("{reports} reports while nothing can be saved: {kept} kept, {lost} counted as lost"));
    house.acks_were_never_late("read-only");
}

fn nothing_can_be_saved(house: &mut House, what: &str, break_it: impl FnOnce(), mend_it: impl FnOnce()) {
    house.type_code(2);
    house.nothing_was_lost();
    let writes = |house: &House| house.proxy.user_code_commands().iter().filter(|c| c.is_write).count();
    let (wrote, told) = (writes(house), house.subscriber.events().len());

    break_it();
    let broken = Instant::now();
    house.type_code(10);
    let answer = house.add_grace();
    assert_eq!(answer.code, 1, "{answer:?}");
    let line = answer.line().to_owned();
    let problem = house.rename_over_the_api();
    assert_eq!(problem["type"], "urn:latchkey:store-unavailable", "{problem}");
    // Long enough for a second look at the disk, which must not help.
    while broken.elapsed() < seconds(5) {
        let asked = Instant::now();
        let status = house.status();
        assert!(asked.elapsed() < seconds(1), "`latchkey status` took {:?}", asked.elapsed());
        let problems = status["problems"].to_string();
        assert!(problems.contains("saved"), "`latchkey status` does not name the problem: {status}");
        let_pass(Duration::from_millis(500));
    }
    assert_eq!(writes(house), wrote, "a lock was written on behalf of a change that was not saved");
    assert!(!house.lock_has("735019"));
    assert_eq!(house.subscriber.events().len(), told, "an event was told that was not saved");

    mend_it();
    let mended = Instant::now();
    until("changes are taken again", seconds(60), || (house.add_grace().code == 0).then_some(()));
    figure(&format!(
        "{what} disk: refused with {line:?}; works again {:.1} s after it was mended",
        mended.elapsed().as_secs_f64()
    ));
    house.daemon.wait_all_active(seconds(60));
    assert!(house.lock_has("735019"));
    house.nothing_was_lost();
    house.acks_were_never_late(what);
}

impl House {
    /// A change as a script makes it, without the command line in between.
    fn rename_over_the_api(&self) -> Value {
        let body = json!({ "name": "Somewhere Else" }).to_string();
        let mut socket = UnixStream::connect(self.daemon.path("latchkey.sock")).unwrap();
        let head = format!(
            "PATCH /api/devices/{} HTTP/1.1\r\nHost: latchkey\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.lock,
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
        serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }
}
