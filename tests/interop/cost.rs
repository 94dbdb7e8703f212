//! What the work costs: frames on the wire, memory, processor time.

use std::collections::BTreeMap;

use crate::harness::{Broker, Daemon, Frames, Mock, Proxy, Setup, figure, let_pass, seconds, until};

const CODES: usize = 30;

/// In a slot that is known already: one set under Supervision, whose report is the confirmation.
#[test]
fn a_code_costs_one_transmission_and_an_idle_lock_costs_none() {
    let (mock, broker) = (Mock::start("6:none:uc1:40,8:none:uc2:40"), Broker::start());
    let proxy = Proxy::to(mock.port);
    let daemon = Daemon::start(Setup::tcp(proxy.port).mqtt(broker.port));
    let locks = daemon.locks(2);
    proxy.settle(seconds(4), seconds(180));

    for (node, version, first) in [(8, "v2", 520_000), (6, "v1", 630_000)] {
        proxy.mark();
        let start = std::time::Instant::now();
        for i in 0..CODES {
            daemon.add(&format!("N{node}P{i}"), &format!("{}", first + i * 1_217), &[&locks[&node]], false);
        }
        daemon.wait_all_active(seconds(120));
        let took = start.elapsed().as_secs_f64();
        let Frames { to_stick, from_stick, sent } = proxy.frames();
        let per_code = |n: u64| n as f64 / CODES as f64;
        figure(&format!(
            "frames per code, User Code {version}, {CODES} codes in {took:.1} s: {:.2} to the stick ({:.2} transmissions), {:.2} from it",
            per_code(to_stick),
            per_code(sent),
            per_code(from_stick)
        ));
        assert_eq!(mock.codes(node).len(), CODES);
        assert!(per_code(sent) <= 1.1, "{version}: {sent} transmissions for {CODES} codes");
    }

    proxy.settle(seconds(3), seconds(60));
    let idle = seconds(std::env::var("LATCHKEY_IDLE_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60));
    proxy.mark();
    let cpu = daemon.process.cpu();
    let_pass(idle);
    let spent = daemon.process.cpu() - cpu;
    let frames = proxy.frames();
    let (resident, anonymous) = daemon.process.memory_mb();
    let share = 100.0 * spent.as_secs_f64() / idle.as_secs_f64();
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    figure(&format!(
        "idle for {} s with two locks ({build} build): {} frames, {resident:.1} MB resident ({anonymous:.1} MB anonymous), {share:.2} % of a core",
        idle.as_secs(),
        frames.to_stick
    ));
    assert_eq!(frames.to_stick, 0, "polls an idle lock");
    assert!(share < 0.5, "{share:.2} % of a core while idle");
    // A debug build maps a larger binary; what the daemon itself allocates is the same.
    assert!(anonymous < 15.0, "{anonymous:.1} MB allocated while idle");
    assert!(cfg!(debug_assertions) || resident < 15.0, "{resident:.1} MB resident while idle");
    assert_eq!(mock.complaints(), Vec::<String>::new());
}

/// Codes saved while the first inventory is still under way do not wait for its end, and no slot is written blindly.
#[test]
fn a_slot_is_read_once_before_it_is_first_written() {
    let mock = Mock::start("8:none:uc2:120");
    mock.plant(8, &[(1, "2468"), (2, "97531")]);
    let proxy = Proxy::to(mock.port);
    let daemon = Daemon::start(Setup::tcp(proxy.port));
    let lock = daemon.locks(1)[&8].clone();
    for i in 0..6 {
        daemon.add(&format!("P{i}"), &format!("{}", 710_000 + i * 1_217), &[&lock], false);
    }
    daemon.wait_all_active(seconds(60));
    let ours: Vec<_> = mock.codes(8).into_keys().filter(|slot| *slot > 2).collect();
    assert_eq!(ours.len(), 6);

    // The log file is written behind the frames.
    let used = until("the log has every write", seconds(10), || {
        let mut used: BTreeMap<u16, String> = BTreeMap::new();
        for command in proxy.user_code_commands() {
            used.entry(command.slot).or_default().push(if command.is_write { 'W' } else { 'R' });
        }
        ours.iter().all(|slot| used.get(slot).is_some_and(|u| u.contains('W'))).then_some(used)
    });
    for slot in ours {
        assert!(["RW", "RWR"].contains(&used[&slot].as_str()), "slot {slot}: {} (R read, W write)", used[&slot]);
    }
    assert!(used.iter().all(|(slot, u)| *slot > 2 || !u.contains('W')), "wrote to a slot that is not ours: {used:?}");
}
