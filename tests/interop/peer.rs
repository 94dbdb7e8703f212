//! What a confirmed code costs here, and what it costs Z-Wave JS: the same locks, the same proxy, one run.
//!
//! Both know the slots when it begins. Z-Wave JS interviewed the locks (which clears every code in them) and confirms a code
//! by reading it back, as its users' tools do. We took our inventory, which is the one look at a slot before it is first
//! written, and is told as a figure of its own; a code is confirmed by the lock's report, or where there is none by a read.

use std::time::Instant;

use serde_json::Value;

use crate::harness::{Daemon, Mock, Proxy, Setup, figure, host_measures, seconds, until};

const LOCKS: &str = "2:s2:uc1:60,3:s0:uc1:60";
const SLOTS: u32 = 60;
/// So many codes are set by `tests/lab/measure.mjs`.
const PEERS_CODES: u32 = 30;

/// The frames of so many codes.
#[derive(Clone, Copy)]
struct Cost {
    codes: u32,
    to_stick: u64,
    from_stick: u64,
    ms: f64,
}

impl Cost {
    /// A row of `tests/lab/measure.mjs`.
    fn of_peer(rows: &[Value], label: &str) -> Self {
        let row = rows.iter().find(|row| row["label"] == label).unwrap_or_else(|| panic!("{label}: {rows:?}"));
        let count = |key: &str| row[key].as_u64().unwrap();
        Self { codes: PEERS_CODES, to_stick: count("h2c"), from_stick: count("c2h"), ms: row["ms"].as_f64().unwrap() }
    }

    /// Of `codes` changes, from the first until every code is confirmed.
    fn here(proxy: &Proxy, daemon: &Daemon, codes: u32, change: impl Fn(u32)) -> Self {
        proxy.settle(seconds(2), seconds(60));
        proxy.mark();
        let began = Instant::now();
        (0..codes).for_each(change);
        daemon.wait_all_active(seconds(120));
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        // What the locks still have to say belongs to it.
        proxy.settle(seconds(1), seconds(10));
        let frames = proxy.frames();
        Self { codes, to_stick: frames.to_stick, from_stick: frames.from_stick, ms }
    }

    fn print(self, whose: &str) {
        let per_code = |n: f64| n / f64::from(self.codes);
        figure(&format!(
            "{whose}: {:.2} frames to the stick, {:.2} from it, {:.0} ms per code ({} codes)",
            per_code(self.to_stick as f64),
            per_code(self.from_stick as f64),
            per_code(self.ms),
            self.codes
        ));
    }

    fn is_at_most(self, peer: Self) -> bool {
        let fits = |ours: u64, theirs: u64| ours * u64::from(peer.codes) <= theirs * u64::from(self.codes);
        fits(self.to_stick, peer.to_stick) && fits(self.from_stick, peer.from_stick)
    }
}

#[test]
fn a_confirmed_code_never_costs_more_than_with_z_wave_js() {
    let mock = Mock::start(LOCKS);
    let proxy = Proxy::to(mock.port);
    let rows = host_measures(&proxy, 2, 3);
    for node in [2, 3] {
        mock.control(&format!("delall {node} quiet"));
    }
    let interview: u64 =
        [2, 3].map(|node| Cost::of_peer(&rows, &format!("interview node {node} (clear codes)")).to_stick).iter().sum();

    proxy.mark();
    let daemon = Daemon::start(Setup::tcp(proxy.port).lab_keys());
    let locks = daemon.locks(2);
    until("every slot is known", seconds(120), || {
        daemon.list(&["devices", "list"]).iter().all(|device| device["inventory"]["done"] == true).then_some(())
    });
    figure(&format!(
        "frames to the stick until an S2 and an S0 lock are known: {interview} by Z-Wave JS, which clears their codes; {} here, which reads {} slots",
        proxy.frames().to_stick,
        2 * SLOTS
    ));

    // After a Set that nobody reports on, a lock is left alone for a second: fewer of those.
    for (node, class, label, codes) in
        [(2, "S2", "(c) 30 codes, one S2 lock, set + get", 30), (3, "S0", "30 codes, one S0 lock, set + get", 10)]
    {
        let peer = Cost::of_peer(&rows, label);
        let lock = locks[&node].as_str();
        let name = |n: u32| format!("{class}P{n}");
        let code = |n: u32| format!("{}", 100_000 * u32::from(node) + n * 1_217);
        let first = Cost::here(&proxy, &daemon, codes, |n| daemon.add(&name(n), &code(n), &[lock], false));
        let changed = Cost::here(&proxy, &daemon, codes, |n| {
            let person = format!("{} Test", name(n));
            daemon.ok_with(&["people", "edit", &person, "--code", "-"], &format!("{}\n", code(n + codes)));
        });
        peer.print(&format!("{class}, Z-Wave JS, set and read back"));
        first.print(&format!("{class}, here, first code in a slot of the inventory"));
        changed.print(&format!("{class}, here, changed code"));
        let held = mock.codes(node);
        assert!((codes..2 * codes).all(|n| held.values().any(|held| *held == code(n))), "lock {node}: {held:?}");
        assert!(first.is_at_most(peer) && changed.is_at_most(peer), "{class}: a code costs more than with Z-Wave JS");
    }
    assert_eq!(mock.complaints(), Vec::<String>::new());
}
