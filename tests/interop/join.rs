//! Devices that join and leave: the peer's locks are included with their PIN, with a wrong one, with S0, and let go again.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Broker, Daemon, Mock, Process, Proxy, Setup, figure, let_pass, seconds, until};

/// A lock that was there before.
const OLD: &str = "6:none:uc1:10";
/// Add Node (0x4A) and its word to stop.
const ADD_NODE: u8 = 0x4A;
const STOP: u8 = 5;

/// A device waits in learn mode: its PIN and its whole key.
fn join(mock: &Mock, spec: &str) -> (String, String) {
    let told = mock.control(&format!("join {spec}"));
    let text = |key: &str| told[key].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
    (text("pin"), text("dsk"))
}

fn wrong(pin: &str) -> String {
    format!("{:05}", (pin.parse::<u32>().unwrap() + 1) % 65_536)
}

fn device(daemon: &Daemon, slug: &str) -> Option<Value> {
    daemon.list(&["devices", "list"]).into_iter().find(|device| device["slug"] == slug)
}

fn node(daemon: &Daemon, id: u64) -> Option<Value> {
    let network: Value = serde_json::from_str(&daemon.ok(&["network", "status", "--json"])).unwrap();
    network["nodes"].as_array().unwrap().iter().find(|node| node["node"] == id).cloned()
}

/// Excludes a node of the peer, as somebody would who presses its button while the stick listens.
fn exclude(daemon: &Daemon, mock: &Mock, id: u64) {
    std::thread::scope(|scope| {
        let excluding = scope.spawn(|| daemon.cli(&["network", "exclude"]));
        until("the peer lets it go", seconds(20), || mock.may(&format!("leave {id}")).then_some(()));
        let answer = excluding.join().unwrap();
        assert_eq!(answer.code, 0, "{answer:?}");
    });
}

#[test]
fn locks_join_by_their_labels_and_take_codes_and_leave_no_pin_behind() {
    let (mock, broker) = (Mock::start(OLD), Broker::start());
    let proxy = Proxy::to(mock.port);
    // The keys are the daemon's own: the peer learns them by joining, or not at all.
    let setup = Setup::tcp(proxy.port).mqtt(broker.port).env("LATCHKEY_LOG", "latchkey=trace");
    let daemon = Daemon::start(setup);
    daemon.locks(1);
    let heard = broker.subscribe("#");

    let began = Instant::now();
    let (pin, dsk) = join(&mock, "9:s2:uc2:20");
    let told = daemon.ok(&["network", "include", "--pin", &pin, "--name", "Back Door"]);
    figure(&format!("an S2 lock included and interviewed in {:.1} s", began.elapsed().as_secs_f64()));
    assert!(told.contains("back_door"), "{told}");
    let back = device(&daemon, "back_door").expect("the new lock is a device");
    assert_eq!((&back["node"], &back["security"]), (&9.into(), &"s2_access_control".into()));

    let (s0_pin, _) = join(&mock, "10:s0:uc1:10");
    let told = daemon.cli(&["network", "include", "--name", "Cellar"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(format!("{}{}", told.stdout, told.stderr).contains("S0"), "nobody is warned: {told:?}");
    assert_eq!(device(&daemon, "cellar").unwrap()["security"], "s0");

    // The last line of standard input is the PIN, where none was given.
    let (asked_pin, asked_dsk) = join(&mock, "12:s2:uc1:10");
    let told = daemon.cli_with(&["network", "include", "--name", "Garage"], &format!("{asked_pin}\n"));
    assert_eq!(told.code, 0, "{told:?}");
    let tail = asked_dsk.split_once('-').unwrap().1;
    assert!(format!("{}{}", told.stdout, told.stderr).contains(tail), "nothing to compare the label with: {told:?}");

    daemon.add("Ada", "482915", &["back_door", "cellar", "garage"], true);
    for id in [9, 10, 12] {
        assert!(mock.codes(id).values().any(|code| code == "482915"), "node {id}: {:?}", mock.codes(id));
    }
    mock.unlock(9, mock.slot_of(9, "482915"));
    let used = until("the visit", seconds(20), || daemon.codes_used().pop());
    assert_eq!((&used["device"], &used["person"]["name"]), (&"back_door".into(), &"Ada Test".into()));
    let clear = proxy.user_code_commands().into_iter().filter(|command| command.node >= 9).count();
    assert_eq!(clear, 0, "a code or its slot was sent in clear");

    let steps: Vec<Value> = heard
        .messages()
        .into_iter()
        .filter(|it| it.topic.ends_with("/bridge/change"))
        .map(|it| it.payload["change"].clone())
        .collect();
    assert!(steps.iter().any(|step| step["state"] == "done"), "no word of it at the broker: {steps:?}");

    // The first two groups of a device's key: a PIN alone may be any number.
    let planted = [&dsk, &asked_dsk].map(|dsk| dsk.split('-').take(2).collect::<Vec<_>>().join("-"));
    let whole = |text: &str, word: &str| text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits == word);
    let (log, topics) = (daemon.log(), heard.text());
    for (place, text) in [("log", &log), ("topics", &topics)] {
        assert!(!planted.iter().any(|dsk| text.contains(dsk.as_str())), "a device's key in the {place}");
        for pin in [&pin, &s0_pin, &asked_pin] {
            let lines: Vec<&str> = text.lines().filter(|line| whole(line, pin) && !line.contains("port")).collect();
            assert!(lines.is_empty(), "a PIN in the {place}: {lines:?}");
        }
    }
    let exported: Value = serde_json::from_str(&daemon.ok(&["network", "keys", "export", "--reveal", "--json"])).unwrap();
    let keys: Vec<String> = exported.as_object().unwrap().values().map(|key| key.as_str().unwrap().to_lowercase()).collect();
    assert_eq!(keys.len(), 6);
    let raw: Vec<Vec<u8>> =
        keys.iter().map(|key| (0..16).map(|n| u8::from_str_radix(&key[2 * n..2 * n + 2], 16).unwrap()).collect()).collect();
    for file in fs::read_dir(daemon.path("")).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for (hex, key) in keys.iter().zip(&raw) {
            assert!(!text.contains(hex) && !bytes.windows(16).any(|it| it == key), "a network key in {}", file.display());
        }
        assert!(!planted.iter().any(|dsk| text.contains(dsk.as_str())), "a device's key in {}", file.display());
    }
    assert!(
        !keys.iter().any(|key| log.to_lowercase().contains(key) || topics.to_lowercase().contains(key)),
        "a network key was told"
    );
    assert_eq!(mock.complaints(), Vec::<String>::new(), "the peer complains");
}

#[test]
fn a_wrong_pin_lets_nobody_in_and_the_right_one_does_afterwards() {
    let mock = Mock::start(OLD);
    let daemon = Daemon::start(Setup::tcp(mock.port));
    daemon.locks(1);

    let (pin, _) = join(&mock, "9:s2:uc2:20");
    let told = daemon.cli(&["network", "include", "--pin", &wrong(&pin), "--name", "Back Door"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains("PIN is wrong") && told.stderr.contains("exclude"), "{told:?}");
    assert_eq!(device(&daemon, "back_door"), None, "a lock without keys is a device");
    assert_eq!(node(&daemon, 9).unwrap()["joining"], "refused");
    let status = daemon.ok(&["status"]);
    assert!(status.contains("network exclude"), "nobody says what to do: {status}");

    exclude(&daemon, &mock, 9);
    assert_eq!(node(&daemon, 9), None);
    assert!(!daemon.ok(&["status"]).contains("network exclude"));

    let (pin, _) = join(&mock, "9:s2:uc2:20");
    daemon.ok(&["network", "include", "--pin", &pin, "--name", "Back Door"]);
    daemon.add("Ada", "482915", &["back_door"], true);
    assert!(mock.codes(9).values().any(|code| code == "482915"));

    // It leaves, and another takes its place: slug, grants and code go on.
    exclude(&daemon, &mock, 9);
    assert_eq!(device(&daemon, "back_door").unwrap()["node"], Value::Null);
    let (pin, _) = join(&mock, "11:s2:uc1:20");
    daemon.ok(&["network", "include", "--pin", &pin, "--name", "New One"]);
    daemon.ok(&["devices", "replace", "back_door", "new_one"]);
    daemon.wait_all_active(seconds(60));
    assert_eq!(device(&daemon, "back_door").unwrap()["node"], 11);
    assert_eq!(device(&daemon, "new_one"), None);
    assert!(mock.codes(11).values().any(|code| code == "482915"), "{:?}", mock.codes(11));
}

#[test]
fn a_daemon_that_is_killed_or_stopped_in_the_middle_leaves_no_half_member_and_no_open_door() {
    let mock = Mock::start(OLD);
    let proxy = Proxy::to(mock.port);
    let mut daemon = Daemon::start(Setup::tcp(proxy.port));
    daemon.locks(1);

    // Killed while it waits for the PIN: the device is in the stick's list.
    join(&mock, "9:s2:uc2:20");
    let waiting = begin_include(&daemon);
    until("the PIN is asked for", seconds(20), || (change(&daemon)["state"] == "asked").then_some(()));
    daemon.kill9();
    drop(waiting);
    let_pass(Duration::from_millis(1_200));
    daemon.restart();
    daemon.locks(1);
    until("the half member is refused", seconds(30), || (node(&daemon, 9)?["joining"] == "refused").then_some(()));
    assert_eq!(daemon.list(&["devices", "list"]).len(), 1);
    exclude(&daemon, &mock, 9);

    // Stopped while the stick listens: it does not go on taking in whoever comes by.
    let _waiting = begin_include(&daemon);
    until("the stick listens", seconds(20), || (change(&daemon)["state"] == "ready").then_some(()));
    let began = Instant::now();
    assert!(daemon.stop().success());
    assert!(began.elapsed() < seconds(2), "{:?}", began.elapsed());
    let log = proxy.log();
    let orders: Vec<u8> =
        log.iter().filter(|l| l.to_stick && l.bytes.get(3) == Some(&ADD_NODE)).map(|l| l.bytes[4] & 0x0F).collect();
    assert_eq!(orders.last(), Some(&STOP), "the stick still takes devices in: {orders:?}");
}

/// Somebody began, and has not found the label yet.
fn begin_include(daemon: &Daemon) -> Process {
    let socket = daemon.path("latchkey.sock");
    let args = ["network", "include", "--socket", socket.to_str().unwrap()];
    Process::start(env!("CARGO_BIN_EXE_latchkey"), args, |command| {
        command.stdin(Stdio::piped());
    })
}

fn change(daemon: &Daemon) -> Value {
    let network: Value = serde_json::from_str(&daemon.ok(&["network", "status", "--json"])).unwrap();
    network["change"].clone()
}
