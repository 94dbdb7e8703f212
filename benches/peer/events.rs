//! Somebody is at a keypad, once, or far too often.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Broker, Mock, Process, Setup, let_pass, node, seconds};
use crate::ours::Ours;
use crate::peer::{Host, run};
use crate::table::{Peer, Row};

const LOCK: &str = "2:s2:uc1:30";
const EVENTS: u32 = 300;
const FRAMES: u32 = 5_000;

/// Events as they reach a subscriber.
struct Told {
    p50: f64,
    p99: f64,
    lost: f64,
    /// Milliseconds of the host's processor for each.
    cpu: f64,
}

fn told(mock: &Mock, broker: &Broker, filter: &str, host: &Process) -> Told {
    // S2 has its sessions afterwards.
    mock.unlock(2, 1);
    let (control, port, count) = (mock.control.to_string(), broker.port.to_string(), EVENTS.to_string());
    let before = host.cpu();
    let said = run("latency.mjs", &[&control, &port, filter, "2", &count]);
    let cpu = (host.cpu() - before).as_secs_f64() * 1000.0 / f64::from(EVENTS);
    let said: Value = serde_json::from_str(&said).unwrap();
    let number = |field: &str| said[field].as_f64().unwrap_or(f64::NAN);
    Told { p50: number("p50"), p99: number("p99"), lost: number("lost"), cpu }
}

/// Rows "keypad event → MQTT subscriber" and "CPU per secure event".
pub fn latency() -> Vec<Row> {
    let (mock, broker) = (Mock::start(LOCK), Broker::start());
    let cache = tempfile::tempdir().unwrap();
    let publish = format!("publish {}", broker.port);
    let mut host = Host::start(&mock, None, cache.path(), &["ready", "set 2 1 1 6", &publish, "stay"]);
    host.wait(3);
    let there = told(&mock, &broker, "peer/device/+/event", &host.process);
    drop(host);
    mock.control("delall 2 quiet");

    let ours = Ours::start(Setup::tcp(mock.port).mqtt(broker.port));
    let locks = ours.wait_known(1);
    ours.add("Ada", "482915", &[&locks[&2]]);
    ours.wait_settled(seconds(30));
    let here = told(&mock, &broker, "latchkey/device/+/event", &ours.daemon.process);
    vec![
        Row {
            work: "keypad event (S2) to MQTT subscriber, p50 / p99".into(),
            peer: Peer::Measured(format!("{:.1} / {:.1} ms, {} lost, nothing durable", there.p50, there.p99, there.lost)),
            here: format!("{:.1} / {:.1} ms, {} lost, on disk first", here.p50, here.p99, here.lost),
            ratio: Some(here.p50 / there.p50),
            budget: "<= 3 / 6 ms",
            met: here.p50 <= 3.0 && here.p99 <= 6.0 && here.lost == 0.0,
        },
        Row {
            work: "CPU per secure event, publishing included".into(),
            peer: Peer::Measured(format!("{:.2} ms", there.cpu)),
            here: format!("{:.2} ms", here.cpu),
            ratio: Some(here.cpu / there.cpu),
            budget: "<= 0.5 ms",
            met: here.cpu <= 0.5,
        },
    ]
}

/// A flood at a host: frames for each second of its processor, and its memory at the worst.
fn flooded(mock: &Mock, host: &Process) -> (f64, f64) {
    mock.unlock(2, 1);
    let before = host.cpu();
    // It takes longer than a test would wait for the mock.
    let mut flood = node("ctl.mjs", &[&mock.control.to_string(), "flood", "2", &FRAMES.to_string(), "0"]);
    flood.wait(seconds(150));
    let answer: Value = serde_json::from_str(&flood.stdout()).unwrap();
    assert_eq!(answer["acked"], FRAMES, "{answer}");
    // It acknowledges a frame before it has looked into it.
    let mut spent = host.cpu();
    while {
        let_pass(Duration::from_millis(500));
        host.cpu()
    } > spent + Duration::from_millis(10)
    {
        spent = host.cpu();
    }
    (f64::from(FRAMES) / (host.cpu() - before).as_secs_f64(), host.status_mb("VmHWM"))
}

/// Row "flood of secure notifications".
pub fn flood() -> Vec<Row> {
    let mock = Mock::start(LOCK);
    let cache = tempfile::tempdir().unwrap();
    let mut host = Host::start(&mock, None, cache.path(), &["ready", "set 2 1 1 6", "stay"]);
    host.wait(2);
    let (their_rate, their_peak) = flooded(&mock, &host.process);
    drop(host);
    mock.control("delall 2 quiet");
    let ours = Ours::start(Setup::tcp(mock.port));
    let locks = ours.wait_known(1);
    ours.add("Ada", "482915", &[&locks[&2]]);
    ours.wait_settled(seconds(30));
    let (our_rate, our_peak) = flooded(&mock, &ours.daemon.process);
    let kept = ours.events();
    vec![Row {
        work: format!("flood of {FRAMES} secure notifications: frames/s per core, peak memory"),
        peer: Peer::Measured(format!("{their_rate:.0} /s, {their_peak:.0} MB")),
        here: format!("{our_rate:.0} /s, {our_peak:.1} MB, {kept} events on disk"),
        ratio: Some(our_rate / their_rate),
        budget: ">= 20,000 /s decoded, <= 25 MB",
        met: our_rate >= 20_000.0 && our_peak <= 25.0,
    }]
}
