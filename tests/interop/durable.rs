//! The disk: it may be slow, and what others see is on it first.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{Broker, Daemon, Mock, Proxy, Setup, figure, now, seconds, until};

/// A stick repeats a frame that is not acknowledged within 1.5 s, and an SD card can stall for longer.
#[test]
fn a_commit_that_stalls_three_seconds_never_delays_an_ack() {
    let (mock, broker) = (Mock::start("6:none:uc1:4"), Broker::start());
    let proxy = Proxy::to(mock.port);
    let subscriber = broker.subscribe("watch");
    let mut daemon = Daemon::start(Setup::tcp(proxy.port).mqtt(broker.port));
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", "482915", &[&lock], true);
    let slot = mock.slot_of(6, "482915");
    proxy.settle(seconds(2), seconds(60));
    daemon.stop();

    daemon.setup = daemon.setup.clone().env("LATCHKEY_TEST_STALL_COMMIT_MS", "3000");
    daemon.restart();
    let online = |s: &str| (subscriber.last("latchkey/bridge/state")? == s).then_some(());
    until("online with a slow disk", seconds(120), || online("online"));
    proxy.settle(seconds(8), seconds(180));

    let visits = 4;
    let start = Instant::now();
    for _ in 0..visits {
        mock.unlock(6, slot);
    }
    until("the first visit is published", seconds(60), || subscriber.codes_used().into_iter().next());
    assert!(start.elapsed() >= Duration::from_millis(2_900), "the commit did not stall, so this test shows nothing");
    until("all visits are published", seconds(120), || (subscriber.codes_used().len() >= visits).then_some(()));

    let slowest = proxy.slowest_ack();
    figure(&format!("slowest ACK while every commit stalls 3 s: {slowest:.1} ms"));
    assert!(slowest < 100.0, "an ACK took {slowest} ms");
}

/// What a subscriber has heard survives a power cut: the sync of the log comes before the publish, as the kernel saw them.
#[test]
fn an_event_is_on_disk_before_it_is_published() {
    let (mock, broker) = (Mock::start("6:none:uc1:4"), Broker::start());
    let subscriber = broker.subscribe("watch");
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let mut setup = Setup::tcp(mock.port).mqtt(broker.port);
    let calls = "trace=fdatasync,fsync,write,writev,sendto,sendmsg";
    setup.prefix =
        ["strace", "-f", "-ttt", "-yy", "-s", "4096", "-e", calls, "-o", trace.to_str().unwrap()].map(String::from).into();
    let daemon = Daemon::start(setup);
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", "482915", &[&lock], true);
    let slot = mock.slot_of(6, "482915");

    let typed = now();
    mock.unlock(6, slot);
    until("the event on MQTT", seconds(30), || subscriber.codes_used().into_iter().next());

    let published = |line: &Call| line.text.contains("code_used") && line.text.contains(&format!(":{}]>", broker.port));
    let calls = until("the publish in the trace", seconds(10), || {
        let calls = Call::all(&fs::read_to_string(&trace).unwrap());
        calls.iter().any(published).then_some(calls)
    });
    let publish = calls.iter().position(published).unwrap();
    let synced = calls[..publish].iter().rev().find(|c| c.at >= typed && c.is_finished_sync());
    let synced = synced.unwrap_or_else(|| panic!("published without a sync since the code was typed: {}", calls[publish].text));
    figure(&format!("keypad event: synced {:.1} ms before its publish", (calls[publish].at - synced.at) * 1_000.0));
}

/// One line of strace's output: `PID TIME call(…) = result`, or one of the halves of an interrupted one.
struct Call {
    at: f64,
    text: String,
}

impl Call {
    fn all(trace: &str) -> Vec<Self> {
        let call = |line: &str| {
            let (_, rest) = line.trim_start().split_once(' ')?;
            let (at, text) = rest.trim_start().split_once(' ')?;
            Some(Self { at: at.parse().ok()?, text: text.to_owned() })
        };
        trace.lines().filter_map(call).collect()
    }

    fn is_finished_sync(&self) -> bool {
        let names = ["fdatasync(", "fsync(", "<... fdatasync resumed", "<... fsync resumed"];
        names.iter().any(|n| self.text.starts_with(n)) && self.text.ends_with("= 0")
    }
}
