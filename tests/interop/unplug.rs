//! The cable comes out in mid-roll-out and goes back in; bytes on the line are not always frames.

use std::fs;
use std::path::Path;

use crate::harness::{Daemon, Mock, Proxy, Pty, Setup, figure, seconds, until};

const PEOPLE: usize = 15;

fn start_roll_out(mock: &Mock, daemon: &Daemon) {
    let lock = daemon.locks(1)[&8].clone();
    for person in 0..PEOPLE {
        daemon.add(&format!("P{person}"), &format!("{}", 340_000 + person * 1_237), &[&lock], false);
    }
    until("the roll-out is under way", seconds(60), || (mock.codes(8).len() >= 2).then_some(()));
}

#[test]
fn a_dropped_tcp_connection_in_mid_roll_out_resumes_by_itself() {
    let mock = Mock::start("8:none:uc2:30");
    let proxy = Proxy::to(mock.port);
    let daemon = Daemon::start(Setup::tcp(proxy.port));
    start_roll_out(&mock, &daemon);
    let before = mock.codes(8).len();
    proxy.cut(seconds(2));
    assert!(before < PEOPLE, "the roll-out was over before the cut");
    let cut = std::time::Instant::now();
    daemon.wait_all_active(seconds(90));
    assert_eq!(mock.codes(8).len(), PEOPLE);
    figure(&format!(
        "TCP cut for 2 s at {before} of {PEOPLE} codes: all in the lock {:.1} s after the cut",
        cut.elapsed().as_secs_f64()
    ));
    assert_eq!(mock.complaints_but_for_the_cable(), Vec::<String>::new());
}

#[test]
fn a_pulled_stick_in_mid_roll_out_resumes_by_itself() {
    let mock = Mock::start("8:none:uc2:30");
    let mut tty = Pty::to(mock.port);
    let mut daemon = Daemon::start(Setup::tty(&tty.link));
    start_roll_out(&mock, &daemon);
    tty.unplug();
    let before = mock.codes(8).len();
    assert!(before < PEOPLE, "the roll-out was over before the stick was pulled");

    // While it is gone the daemon lives, answers, and does not spin.
    let cpu = daemon.process.cpu();
    let gone = std::time::Instant::now();
    until("two seconds without a stick", seconds(10), || {
        daemon.ok(&["status"]);
        (gone.elapsed() > seconds(2)).then_some(())
    });
    let spent = daemon.process.cpu() - cpu;
    assert!(spent < seconds(1), "spins without a stick: {spent:?} of processor time in {:?}", gone.elapsed());

    tty.plug();
    daemon.wait_all_active(seconds(90));
    assert_eq!(mock.codes(8).len(), PEOPLE);
    assert!(daemon.process.is_running());
}

/// A stick that is not there yet is waited for.
#[test]
fn a_daemon_started_before_its_stick_finds_it_later() {
    let mock = Mock::start("8:none:uc2:10");
    let mut tty = Pty::to(mock.port);
    tty.unplug();
    let daemon = Daemon::start(Setup::tty(&tty.link));
    daemon.ok(&["status"]);
    tty.plug();
    let lock = daemon.locks(1)[&8].clone();
    daemon.add("Ada", "482915", &[&lock], true);
}

/// Malformed frames seen on real sticks, and plain noise, between the frames of a roll-out.
#[test]
fn garbage_on_the_line_neither_stops_the_daemon_nor_the_roll_out() {
    let mock = Mock::start("8:none:uc2:30");
    let proxy = Proxy::to(mock.port);
    let mut daemon = Daemon::start(Setup::tcp(proxy.port));
    start_roll_out(&mock, &daemon);
    let malformed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/frames/malformed.jsonl")).unwrap();
    let mut injected = 0;
    for line in malformed.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(hex) = row["hex"].as_str().filter(|h| !h.is_empty()) {
            proxy.inject(hex);
            injected += 1;
        }
    }
    assert!(injected > 5, "the malformed frames were not understood");
    for seed in 0..20 {
        proxy.garbage(64, seed);
    }
    daemon.wait_all_active(seconds(120));
    assert_eq!(mock.codes(8).len(), PEOPLE);
    assert!(daemon.process.is_running());
    assert!(!daemon.log().contains("panicked"), "a byte made it panic");
}
