//! Locks under S2 and S0: codes travel sealed or not at all, and what breaks a session does not lose one.

use std::time::Duration;

use crate::harness::{Broker, Daemon, Mock, Proxy, Setup, figure, let_pass, seconds, until};

/// User Code v1 and v2 under S2, v1 under S0.
const LOCKS: &str = "2:s2:uc1:20,3:s2:uc2:20,5:s0:uc1:20";
const NODES: [u16; 3] = [2, 3, 5];

fn holds(mock: &Mock, node: u16, code: &str) -> bool {
    mock.codes(node).values().any(|held| held == code)
}

/// Nothing that a radio listener could read: neither a User Code command nor its class under Supervision.
fn said_in_clear(proxy: &Proxy) -> usize {
    proxy.user_code_commands().iter().filter(|command| NODES.contains(&command.node)).count()
}

#[test]
fn a_code_reaches_secured_locks_sealed_and_its_use_is_told_with_a_name() {
    let (mock, broker) = (Mock::start(LOCKS), Broker::start());
    let proxy = Proxy::to(mock.port);
    let setup = Setup::tcp(proxy.port).lab_keys().mqtt(broker.port).env("LATCHKEY_LOG", "latchkey=trace");
    let daemon = Daemon::start(setup);
    let locks = daemon.locks(3);
    let all: Vec<&str> = NODES.iter().map(|node| locks[node].as_str()).collect();

    daemon.add("Ada", "482915", &all, true);
    daemon.add("Grace", "7350", &all, true);
    assert!(NODES.iter().all(|node| holds(&mock, *node, "482915") && holds(&mock, *node, "7350")));
    daemon.ok_with(&["people", "edit", "Ada Test", "--code", "-", "--wait"], "615830\n");
    for node in NODES {
        assert!(holds(&mock, node, "615830") && !holds(&mock, node, "482915"), "lock {node}: {:?}", mock.codes(node));
        mock.unlock(node, mock.slot_of(node, "615830"));
    }
    let used = until("all three visits", seconds(20), || Some(daemon.codes_used()).filter(|used| used.len() >= NODES.len()));
    assert!(used.iter().all(|event| event["person"]["name"] == "Ada Test"), "{used:?}");
    daemon.ok(&["people", "remove", "Ada Test", "--wait"]);
    assert!(NODES.iter().all(|node| !holds(&mock, *node, "615830") && holds(&mock, *node, "7350")));

    proxy.settle(seconds(2), seconds(60));
    assert_eq!(said_in_clear(&proxy), 0, "a code or its slot was sent in clear");
    let log = daemon.log();
    let keys = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/keys.json")).unwrap();
    let keys: std::collections::BTreeMap<String, String> = serde_json::from_str(&keys).unwrap();
    for secret in keys.values().map(String::as_str).chain(["482915", "615830", "7350"]) {
        assert!(!log.to_lowercase().contains(secret), "a secret in the log");
    }
    assert_eq!(mock.complaints(), Vec::<String>::new(), "the peer complains");
}

/// A lock whose battery was changed has forgotten its nonces; a hub that lost power has, too.
#[test]
fn a_session_lost_on_either_side_costs_no_code() {
    let mock = Mock::start(LOCKS);
    let mut daemon = Daemon::start(Setup::tcp(mock.port).lab_keys());
    let locks = daemon.locks(3);
    let all: Vec<&str> = NODES.iter().map(|node| locks[node].as_str()).collect();
    daemon.add("Warm", "60417", &all, true);

    let code = |n: u32| format!("{}", 41_000 + n * 1_313);
    for n in 0..6 {
        daemon.add(&format!("P{n}"), &code(n), &all, false);
        if n % 2 == 0 {
            mock.control("forget 2");
            mock.control("forget 3");
        } else {
            daemon.kill9();
            // As under systemd; the mock needs it to stop waiting for the dead host's ACK.
            let_pass(Duration::from_millis(1_200));
            daemon.restart();
        }
    }
    daemon.wait_all_active(seconds(180));
    for node in NODES {
        for n in 0..6 {
            assert!(holds(&mock, node, &code(n)), "lock {node} lacks the code of P{n}");
        }
    }
    // The lock lost its nonces, too: its frame can't be opened at first, and the visit is told all the same.
    mock.control("forget 3");
    mock.unlock(3, mock.slot_of(3, &code(1)));
    let used = until("the visit", seconds(20), || daemon.codes_used().pop());
    assert_eq!(used["person"]["name"], "P1 Test");
}

#[test]
fn frames_lost_in_mid_session_cost_no_code_and_leave_none() {
    let mock = Mock::start(LOCKS);
    let daemon = Daemon::start(Setup::tcp(mock.port).lab_keys());
    let locks = daemon.locks(3);
    let all: Vec<&str> = NODES.iter().map(|node| locks[node].as_str()).collect();
    daemon.add("Warm", "60417", &all, true);

    for node in NODES {
        mock.control(&format!("loss {node} 10 in"));
        mock.control(&format!("loss {node} 10 out"));
    }
    let code = |n: u32| format!("{}", 52_000 + n * 1_313);
    let began = std::time::Instant::now();
    for n in 0..8 {
        daemon.add(&format!("P{n}"), &code(n), &all, false);
    }
    for n in 0..4 {
        daemon.ok(&["people", "remove", &format!("P{n} Test")]);
    }
    let statuses = || daemon.statuses();
    until("everything is settled", seconds(240), || {
        (statuses().iter().all(|(_, status)| status == "active") && daemon.list(&["people", "list"]).len() == 5).then_some(())
    });
    for node in NODES {
        let held = mock.codes(node);
        assert_eq!(held.len(), 5, "lock {node} keeps a removed code, or lacks one: {held:?}");
        assert!((4..8).all(|n| holds(&mock, node, &code(n))), "lock {node}: {held:?}");
    }
    figure(&format!(
        "8 codes on 3 secured locks, 10 % lost each way, half of them removed again: {:.1} s",
        began.elapsed().as_secs_f64()
    ));
}

/// Keys that are not the locks': somebody has to bring the right ones, and learns so.
#[test]
fn locks_under_other_keys_are_named() {
    let mock = Mock::start("2:s2:uc1:20,5:s0:uc1:20");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let names = ["S0_Legacy", "S2_Unauthenticated", "S2_Authenticated", "S2_AccessControl"];
    let keys = names.iter().zip(["5a", "5b", "5c", "5d"]).map(|(name, byte)| format!("\"{name}\": \"{}\"", byte.repeat(16)));
    std::fs::write(&file, format!("{{{}}}", keys.collect::<Vec<_>>().join(","))).unwrap();
    let daemon = Daemon::start(Setup::tcp(mock.port).keys(&file));
    until("both are named", seconds(120), || {
        let log = daemon.log();
        let named =
            |node| log.lines().any(|line| line.contains("none of the network's keys") && line.ends_with(&format!("node={node}")));
        [2, 5].into_iter().all(named).then_some(())
    });
}
