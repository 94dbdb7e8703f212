//! A code saved here works in a lock there; codes of others are left alone.

use crate::harness::{Daemon, Mock, Pty, Setup, seconds, until};

const FOREIGN_V1: [(u16, &str); 2] = [(2, "2468"), (30, "13579")];
const FOREIGN_V2: [(u16, &str); 2] = [(1, "9090"), (40, "70707")];

/// Two locks at once, User Code v1 and v2, through the whole life of a code.
fn a_codes_life(mock: &Mock, setup: Setup) {
    mock.plant(6, &FOREIGN_V1);
    mock.plant(8, &FOREIGN_V2);
    let daemon = Daemon::start(setup);
    let locks = daemon.locks(2);
    let both = [locks[&6].as_str(), locks[&8].as_str()];
    let foreign_untouched = || {
        for (node, foreign) in [(6, FOREIGN_V1), (8, FOREIGN_V2)] {
            let codes = mock.codes(node);
            for (slot, code) in foreign {
                assert_eq!(codes.get(&slot).map(String::as_str), Some(code), "lock {node} slot {slot} was not ours");
            }
        }
    };
    let holds = |node: u16, code: &str| mock.codes(node).values().any(|c| c == code);

    for (name, code) in [("Ada", "482915"), ("Grace", "73501964")] {
        daemon.add(name, code, &both, true);
        assert!(holds(6, code) && holds(8, code), "--wait returned before {name}'s code was in both locks");
    }
    assert_eq!(mock.codes(6).len(), 4);
    foreign_untouched();

    daemon.ok_with(&["people", "edit", "Ada Test", "--code", "-", "--wait"], "615830\n");
    assert!(holds(6, "615830") && holds(8, "615830"), "the new code is not in both locks");
    assert!(!holds(6, "482915") && !holds(8, "482915"), "the old code still opens");
    foreign_untouched();

    daemon.ok(&["people", "revoke", "Ada Test", both[0], "--wait"]);
    assert!(!holds(6, "615830"), "revoked, and still opens");
    assert!(holds(8, "615830"), "revoked on one lock, gone from the other");
    daemon.ok(&["people", "grant", "Ada Test", both[0], "--wait"]);
    assert!(holds(6, "615830"), "granted again, and does not open");

    daemon.ok(&["people", "remove", "Ada Test", "--wait"]);
    daemon.ok(&["people", "remove", "Grace Test", "--wait"]);
    for (node, foreign) in [(6, FOREIGN_V1), (8, FOREIGN_V2)] {
        assert_eq!(mock.codes(node).len(), foreign.len(), "lock {node} keeps codes of removed people");
    }
    foreign_untouched();
    assert_eq!(mock.complaints(), Vec::<String>::new(), "the peer complains");
}

#[test]
fn a_code_is_added_changed_and_removed_in_both_locks_over_tcp() {
    let mock = Mock::start("6:none:uc1:30,8:none:uc2:40");
    a_codes_life(&mock, Setup::tcp(mock.port));
}

#[test]
fn a_code_is_added_changed_and_removed_in_both_locks_through_a_tty() {
    let mock = Mock::start("6:none:uc1:30,8:none:uc2:40");
    let tty = Pty::to(mock.port);
    a_codes_life(&mock, Setup::tty(&tty.link));
}

/// The peer's bulk-capable lock takes Extended User Code Set; what it holds afterwards is what counts.
#[test]
fn a_bulk_capable_lock_holds_every_code_of_a_roll_out() {
    let mock = Mock::start("9:none:uc2b:40");
    mock.plant(9, &[(3, "31313"), (17, "171717")]);
    let daemon = Daemon::start(Setup::tcp(mock.port));
    let lock = daemon.locks(1)[&9].clone();
    let codes: Vec<_> = (0..12).map(|i| format!("{}", 4207 + i * 311)).collect();
    for (i, code) in codes.iter().enumerate() {
        daemon.add(&format!("Bulk{i}"), code, &[&lock], false);
    }
    daemon.wait_all_active(seconds(60));
    let held = mock.codes(9);
    assert_eq!(held.len(), codes.len() + 2, "{held:?}");
    assert!(codes.iter().all(|code| held.values().any(|c| c == code)), "a code reported active is not in the lock: {held:?}");
    assert_eq!((held[&3].as_str(), held[&17].as_str()), ("31313", "171717"));
}

/// A lock that hears nothing holds up its own codes only, and the command line says so instead of hanging.
#[test]
fn a_dead_lock_does_not_hold_up_the_other() {
    let mock = Mock::start("6:none:uc1:10,8:none:uc2:10");
    let daemon = Daemon::start(Setup::tcp(mock.port));
    let locks = daemon.locks(2);
    daemon.add("Warm", "884211", &[&locks[&6], &locks[&8]], true);
    mock.control("drop 6 on");

    let (code, input) = ("590263", "590263\n");
    let args = [
        "people", "add", "--first", "Split", "--last", "Test", "--code", "-", "--on", &locks[&6], "--on", &locks[&8], "--wait=4",
    ];
    let answer = daemon.cli_with(&args, input);
    assert_eq!(answer.code, 4, "--wait has to run out while a lock is dead: {answer:?}");
    assert!(mock.codes(8).values().any(|c| c == code), "the living lock waited for the dead one");

    mock.control("drop 6 off");
    until("the dead lock gets its code when it is back", seconds(120), || {
        mock.codes(6).values().any(|c| c == code).then_some(())
    });
    daemon.wait_all_active(seconds(60));
}

/// A lock that refuses a code is reported as refusing, and keeps what it had.
#[test]
fn a_refused_code_is_never_called_active() {
    let mock = Mock::start("6:none:uc1:10,8:none:uc2:10");
    let daemon = Daemon::start(Setup::tcp(mock.port));
    let locks = daemon.locks(2);
    mock.control("fail 8 on");
    let args =
        ["people", "add", "--first", "No", "--last", "Test", "--code", "-", "--on", &locks[&6], "--on", &locks[&8], "--wait=8"];
    let answer = daemon.cli_with(&args, "720318\n");
    assert_ne!(answer.code, 0, "a refused code counted as done: {answer:?}");
    assert!(mock.codes(6).values().any(|c| c == "720318"));
    let active = daemon.statuses().into_iter().filter(|(_, s)| s == "active").count();
    assert_eq!(active, 1, "{:?}", daemon.statuses());
    assert!(mock.codes(8).is_empty());
}
