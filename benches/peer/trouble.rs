//! The host dies in mid-roll-out, or its cable is pulled.

use std::time::Duration;

use crate::harness::{Mock, Proxy, let_pass, seconds, until};
use crate::ours::Ours;
use crate::peer::{Host, Task, tasks, tasks_in};
use crate::roll_out::{add_people, six_digits};
use crate::table::{Peer, Row};

/// In clear, so that the proxy sees which slots are read.
const LOCK: &str = "8:none:uc2:40";

/// So many of 30 codes are in the lock.
fn wait_under_way(mock: &Mock, codes: usize) {
    until("the roll-out is under way", seconds(60), || (mock.codes(8).len() >= codes).then_some(()));
}

/// Row "after kill -9 in mid-roll-out".
pub fn kill() -> Vec<Row> {
    let mock = Mock::start(LOCK);
    let proxy = Proxy::to(mock.port);
    let cache = tempfile::tempdir().unwrap();
    let mut host = Host::start(&mock, None, cache.path(), &["ready", "set 8 30 1 6"]);
    host.wait(1);
    wait_under_way(&mock, 12);
    host.process.kill9();
    // Its lock on the folder has to go stale first.
    let_pass(seconds(15));
    let there = tasks_in(cache.path(), &mock, None, &["ready", "cached 8 30"]);
    let wrong = unlike_the_lock(&there[1], &mock);
    mock.control("delall 8 quiet");

    let (mut ours, locks) = Ours::knowing(&proxy, 1);
    add_people(&ours, &locks, 30, six_digits);
    wait_under_way(&mock, 12);
    ours.daemon.kill9();
    let held = mock.codes(8).len();
    // As systemd would; the mock waits for the dead host's ACK meanwhile.
    let_pass(Duration::from_millis(1_200));
    let reads = || proxy.user_code_commands().iter().filter(|command| !command.is_write).count();
    let before = reads();
    ours.daemon.restart();
    let failed = ours.wait_settled(seconds(120));
    proxy.settle(seconds(1), seconds(10));
    let reads = reads() - before;
    assert_eq!((ours.active(), mock.codes(8).len()), (30, 30));
    vec![Row {
        work: "after kill -9 in mid-roll-out: reads needed to know the truth".into(),
        peer: Peer::Measured(format!("30 slots: the cache is wrong in {wrong}, and nobody knows in which")),
        here: format!("{reads} (killed at {held} of 30), {failed} failed for a while"),
        ratio: Some(reads as f64 / 30.0),
        budget: "<= 1 per lock",
        met: reads <= 1,
    }]
}

/// In how many slots the cache has something else than the lock.
fn unlike_the_lock(cached: &Task, mock: &Mock) -> usize {
    let held = mock.codes(8);
    let is_wrong = |slot: &u16| cached.field("slots")[slot.to_string()].as_str() != held.get(slot).map(String::as_str);
    (1..=30).filter(is_wrong).count()
}

/// Row "cable out", for 2 s and for 20 s.
pub fn cable() -> Vec<Row> {
    [2, 20].into_iter().map(cable_out).collect()
}

fn cable_out(time: u64) -> Row {
    let mock = Mock::start(LOCK);
    let proxy = Proxy::to(mock.port);
    let there = tasks(&mock, Some(&proxy), &["ready", &format!("cut {} 8 30 1", time * 1_000)]);
    let there = &there[1];
    let end = there.field("destroyed").as_str().map_or_else(
        || format!("resumes {:.1} s after", there.number("resumed_ms") / 1_000.0),
        |why| format!("the driver is destroyed ({})", why.split(':').next().unwrap_or_default()),
    );
    mock.control("delall 8 quiet");

    let (ours, locks) = Ours::knowing(&proxy, 1);
    add_people(&ours, &locks, 30, six_digits);
    wait_under_way(&mock, 5);
    proxy.cut(seconds(time));
    let returns = proxy.now() + time as f64 * 1_000.0;
    let failed = ours.wait_settled(seconds(180));
    let (active, held) = (ours.active(), mock.codes(8).len());
    // Send Data, Send Data Bridge.
    let asks = |kind: u8| kind == 0x13 || kind == 0xA9;
    let resumed = until("the log has the first command after the cut", seconds(10), || {
        let log = proxy.log().into_iter();
        log.filter(|l| l.to_stick && l.at >= returns && l.bytes.get(3).is_some_and(|f| asks(*f))).map(|l| l.at).next()
    });
    let resumed = (resumed - returns) / 1_000.0;
    Row {
        work: format!("cable out for {time} s in mid-roll-out of 30 codes"),
        peer: Peer::Measured(format!("{} calls fail, {end}", there.field("failed"))),
        here: format!(
            "resumes {resumed:.1} s after its return, {active} reported, {held} in the lock, {failed} failed for a while"
        ),
        ratio: None,
        budget: "resumes within 1 s of the cable's return, nothing failed",
        met: resumed <= 1.0 && failed == 0 && (active, held) == (30, 30),
    }
}
