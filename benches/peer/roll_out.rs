//! Codes go into locks: one lock, many codes at once, slow locks, air that loses frames.

use std::collections::BTreeMap;

use crate::harness::lab::Logged;
use crate::harness::{Mock, Proxy, Setup, seconds};
use crate::ours::{Ours, Spent, spent};
use crate::peer::tasks;
use crate::table::{Peer, Row};

/// Codes of one roll-out.
const CODES: u32 = 30;

/// Adds `count` people, each with a code of its own, to all these locks.
pub fn add_people(ours: &Ours, on: &BTreeMap<u16, String>, count: u32, code: impl Fn(u32) -> String) -> Vec<String> {
    let on: Vec<_> = on.values().map(String::as_str).collect();
    (0..count).map(|n| ours.add(&format!("P{n}"), &code(n), &on)).collect()
}

pub fn six_digits(n: u32) -> String {
    format!("{}", 200_000 + n * 1_217)
}

/// Rows "frames to the stick per changed code" and "first code in a slot".
pub fn one_lock() -> Vec<Row> {
    const SLOTS: f64 = 60.0;
    let mock = Mock::start("2:s2:uc1:60");
    let proxy = Proxy::to(mock.port);
    let there = tasks(&mock, Some(&proxy), &["ready", "set 2 30 1 6", "set 2 30 2 6 read"]);
    mock.control("delall 2 quiet");

    let ours = Ours::start(Setup::tcp(proxy.port));
    ours.wait_interviewed(1);
    proxy.mark();
    let locks = ours.wait_known(1);
    let reads = proxy.frames().to_stick as f64 / SLOTS;
    proxy.settle(seconds(2), seconds(60));
    let mut people = Vec::new();
    let first = spent(&ours.daemon.process, &proxy, || {
        people = add_people(&ours, &locks, CODES, six_digits);
        ours.wait_settled(seconds(120));
    });
    let changed = spent(&ours.daemon.process, &proxy, || {
        people.iter().zip(CODES..).for_each(|(person, n)| ours.change(person, &six_digits(n)));
        ours.wait_settled(seconds(120));
    });
    assert_eq!(mock.codes(2).into_values().filter(|code| (CODES..2 * CODES).any(|n| *code == six_digits(n))).count(), 30);
    let per_code = |frames: f64| frames / f64::from(CODES);
    let (set, read_back) = (per_code(there[1].frames()), per_code(there[2].frames()));
    let first = per_code(first.frames) + reads;
    vec![
        Row {
            work: "frames to the stick per changed code, confirmed (S2)".into(),
            peer: Peer::Measured(format!("{set:.2} set, {read_back:.2} with read-back")),
            here: format!("{:.2}", per_code(changed.frames)),
            ratio: Some(per_code(changed.frames) / read_back),
            budget: "1.0",
            met: per_code(changed.frames) < 1.05,
        },
        Row {
            work: "first code in a slot: read, then written (S2)".into(),
            peer: Peer::Measured(format!("{read_back:.2} with read-back, slot not read before")),
            here: format!("{first:.2}, of it {reads:.2} the inventory"),
            ratio: Some(first / read_back),
            budget: "2.0",
            met: first < 2.05,
        },
    ]
}

/// Row "30 four-digit codes on a bulk-capable lock".
pub fn bulk() -> Vec<Row> {
    let mock = Mock::start("9:s2:uc2b:40");
    let proxy = Proxy::to(mock.port);
    let there = tasks(&mock, Some(&proxy), &["ready", "set 9 30 1 4", "bulk 9 30 2 3"]);
    mock.control("delall 9 quiet");
    let (ours, locks) = Ours::knowing(&proxy, 1);
    let code = |n: u32| format!("{}", 5_003 + n * 31);
    let mut people = Vec::new();
    let first = spent(&ours.daemon.process, &proxy, || {
        people = add_people(&ours, &locks, CODES, code);
        ours.wait_settled(seconds(60));
    });
    let changed = spent(&ours.daemon.process, &proxy, || {
        people.iter().zip(CODES..).for_each(|(person, n)| ours.change(person, &code(n)));
        ours.wait_settled(seconds(60));
    });
    assert_eq!(mock.codes(9).into_values().filter(|held| (CODES..2 * CODES).any(|n| *held == code(n))).count(), 30);
    vec![Row {
        work: "frames for 30 four-digit codes on a bulk-capable lock (S2)".into(),
        peer: Peer::Measured(format!("{:.0}, or {:.0} by setMany", there[1].frames(), there[2].frames())),
        here: format!("{:.0} first, {:.0} changed", first.frames, changed.frames),
        ratio: Some(changed.frames / there[1].frames()),
        budget: "<= 11, by default",
        met: first.frames <= 11.0 && changed.frames <= 11.0,
    }]
}

/// Row "5 slow locks × 10 codes".
pub fn slow() -> Vec<Row> {
    let mock = Mock::start("2:s2:uc1:10,3:s2:uc1:10,4:s2:uc1:10,5:s2:uc1:10,6:s2:uc1:10");
    let proxy = Proxy::to(mock.port);
    let there =
        tasks(&mock, Some(&proxy), &["ready", "mock beam 1100", "mock replydelay 300", "set 2,3,4,5,6 10 1 6", "mock beam 0"]);
    mock.control("replydelay 0");
    (2..=6).for_each(|node| drop(mock.control(&format!("delall {node} quiet"))));
    let (ours, locks) = Ours::knowing(&proxy, 5);
    mock.control("beam 1100");
    mock.control("replydelay 300");
    let here = spent(&ours.daemon.process, &proxy, || {
        add_people(&ours, &locks, 10, six_digits);
        ours.wait_settled(seconds(200));
    });
    assert_eq!(ours.active(), 50);
    let rests = rests(&proxy.log(), 50);
    vec![Row {
        work: "5 slow locks (1.1 s beam, 300 ms to answer) x 10 codes".into(),
        peer: Peer::Measured(format!("{:.1} s set, without read-back", there[3].seconds())),
        here: format!("{:.1} s, {:.0} frames; between two of them the stick rests {rests:.0} ms", here.seconds, here.frames),
        ratio: Some(here.seconds / there[3].seconds()),
        budget: "<= 58 s",
        met: here.seconds <= 58.0,
    }]
}

/// How long the stick has nothing to send between two of the last `count` transmissions, in milliseconds: the middle one.
fn rests(log: &[Logged], count: usize) -> f64 {
    let sends = |line: &&Logged| line.bytes.get(3).is_some_and(|function| matches!(function, 0x13 | 0xA9));
    let (mut rests, mut ended) = (Vec::new(), None);
    for line in log.iter().filter(sends) {
        // A request from the stick is the callback, which ends the transmission.
        match (line.to_stick, line.bytes.get(2) == Some(&0)) {
            (true, _) => rests.extend(ended.take().map(|ended| line.at - ended)),
            (false, true) => ended = Some(line.at),
            (false, false) => {}
        }
    }
    let mut last = rests.split_off(rests.len().saturating_sub(count - 1));
    last.sort_by(f64::total_cmp);
    last[last.len() / 2]
}

/// Row "10 % loss each way, 30 codes, one lock": which frames are lost is luck, so it is tried with three seeds, and the
/// middle one counts.
pub fn loss() -> Vec<Row> {
    let tries = [1, 2, 3].map(with_losses);
    let listed = |of: fn(&Losses) -> String| tries.each_ref().map(of).join(" / ");
    let middle = |of: fn(&Losses) -> f64| {
        let mut all = tries.each_ref().map(of);
        all.sort_by(f64::total_cmp);
        all[1]
    };
    let (there, here) = (middle(|it| it.there), middle(|it| it.here));
    let all_right = tries.iter().all(|it| (it.right, it.reported) == (30, 30));
    vec![Row {
        work: "10 % loss each way, 30 codes, one lock (S2), three times".into(),
        peer: Peer::Measured(format!(
            "{} s, {} reported, {} in the lock",
            listed(|it| format!("{:.1}", it.there)),
            listed(|it| it.reported_there.clone()),
            listed(|it| it.right_there.to_string())
        )),
        here: format!(
            "{} s, {} reported, {} in the lock, {} failed for a while, {} frames",
            listed(|it| format!("{:.1}", it.here)),
            listed(|it| it.reported.to_string()),
            listed(|it| it.right.to_string()),
            listed(|it| it.failed.to_string()),
            listed(|it| format!("{:.0}", it.frames))
        ),
        ratio: Some(here / there),
        budget: "30 right and reported right, <= 15 s",
        met: all_right && here <= 15.0,
    }]
}

/// One try of both hosts on the same bad air.
struct Losses {
    there: f64,
    reported_there: String,
    right_there: usize,
    here: f64,
    reported: usize,
    right: usize,
    failed: u64,
    frames: f64,
}

fn with_losses(seed: u32) -> Losses {
    let mock = Mock::with_luck("2:s2:uc1:40", seed);
    let proxy = Proxy::to(mock.port);
    // To the lock, and from it: its acknowledgements, and its own commands.
    let lose = |percent: u32| ["in", "ack", "out"].map(|way| format!("loss 2 {percent} {way}"));
    let [to, acks, from] = lose(10).map(|command| format!("mock {command}"));
    let there = tasks(&mock, Some(&proxy), &["ready", &to, &acks, &from, "set 2 30 1 6"]);
    let there = &there[4];
    let right_there = mock.codes(2).len();
    lose(0).iter().for_each(|command| drop(mock.control(command)));
    mock.control("delall 2 quiet");
    let (ours, locks) = Ours::knowing(&proxy, 1);
    lose(10).iter().for_each(|command| drop(mock.control(command)));
    let mut failed = 0;
    let Spent { seconds: here, frames, .. } = spent(&ours.daemon.process, &proxy, || {
        add_people(&ours, &locks, CODES, six_digits);
        failed = ours.wait_settled(seconds(200));
    });
    Losses {
        there: there.seconds(),
        reported_there: there.field("said").to_string(),
        right_there,
        here,
        reported: ours.active(),
        right: mock.codes(2).len(),
        failed,
        frames,
    }
}
