//! A network that Z-Wave JS looked after, read from the files it wrote a moment ago: the format is the real one, of the
//! version that `tests/lab/package.json` pins.

use std::fs;
use std::path::Path;

use latchkey::cli::import::read;
use latchkey::domain::node::{InterviewStage, SecurityClass};
use latchkey::domain::slot::Content;
use latchkey::security::keys::KeyId;

use crate::harness::{Answer, Daemon, Mock, Proxy, Setup, figure, host_interviews, latchkey, seconds, until};

const LOCKS: &str = "2:s2:uc2:3,3:s0:uc1:3,4:none:uc1:2";
const KEYS: &str = include_str!("../lab/keys.json");

#[test]
fn a_network_of_zwave_js_is_read_from_what_it_wrote() {
    let mock = Mock::start(LOCKS);
    mock.plant(2, &[(3, "472913")]);
    mock.plant(3, &[(1, "8305"), (2, "61936193")]);
    let store = tempfile::tempdir().unwrap();
    host_interviews(mock.port, store.path());
    let settings = format!("{{\"zwave\": {{\"securityKeys\": {KEYS}}}}}");
    fs::write(store.path().join("settings.json"), settings).unwrap();

    let imported = read(store.path()).unwrap();
    assert_eq!(imported.home.0, 0x7e57_0001);
    let names: Vec<_> = imported.keys.ids().map(KeyId::name).collect();
    assert_eq!(names, ["S0_Legacy", "S2_Unauthenticated", "S2_Authenticated", "S2_AccessControl"]);
    let granted: Vec<_> = imported.locks.iter().map(|lock| (lock.node.id.0, lock.node.security)).collect();
    assert_eq!(granted, [(2, SecurityClass::S2AccessControl), (3, SecurityClass::S0), (4, SecurityClass::None)]);
    for lock in &imported.locks {
        assert_eq!(lock.node.stage, InterviewStage::Identity, "{lock:?}");
        let users = lock.node.user_code.as_ref().unwrap().users;
        assert_eq!(lock.slots.len(), usize::from(users), "every slot was looked at: {lock:?}");
        // What Z-Wave JS saw is what the lock holds.
        let held = mock.codes(lock.node.id.0);
        for (index, slot) in &lock.slots {
            match &slot.content {
                Content::Known(code) => assert_eq!(held[index].as_bytes(), code.reveal()),
                content => assert!(*content == Content::Empty && !held.contains_key(index), "slot {index}: {content:?}"),
            }
        }
    }
    assert!(imported.left_out.iter().any(|it| it.contains("Node 4") && it.contains("in clear")), "{:?}", imported.left_out);
    assert!(imported.others.is_empty(), "{:?}", imported.others);

    shows_no_secret(store.path());
}

/// What the locks of [`taken_over`] hold before anybody comes: node, slot, code.
const PLANTED: [(u16, u16, &str); 4] = [(2, 1, "472913"), (2, 3, "80517"), (3, 1, "8305"), (3, 2, "61936193")];

/// A folder as Z-Wave JS UI leaves it: the cache that Z-Wave JS wrote, keys and names.
fn folder_of(mock: &Mock) -> tempfile::TempDir {
    let store = tempfile::tempdir().unwrap();
    host_interviews(mock.port, store.path());
    let settings = format!("{{\"zwave\": {{\"securityKeys\": {KEYS}}}}}");
    fs::write(store.path().join("settings.json"), settings).unwrap();
    fs::write(store.path().join("nodes.json"), r#"{"0x7e570001": {"2": {"name": "Front door"}}}"#).unwrap();
    store
}

fn import(daemon: &Daemon, store: &Path, more: &[&str]) -> Answer {
    daemon.cli(&[&["network", "import-zwave-js", store.to_str().unwrap()][..], more].concat())
}

/// Neither a code nor a slot was sent so that a radio listener could read it, and nobody was included or excluded.
fn check_the_air(proxy: &Proxy, since: f64, codes: &[&str]) {
    for line in proxy.log().iter().filter(|line| line.kind == "data") {
        let readable = codes.iter().find(|code| line.bytes.windows(code.len()).any(|part| part == code.as_bytes()));
        assert!(readable.is_none(), "{readable:?} was readable on the air");
        // Add, remove, remove failed, replace failed (docs/protocol/serial-api.md §4).
        assert!(!line.to_stick || ![0x4A, 0x4B, 0x61, 0x63].contains(&line.bytes[3]), "a node was included anew or excluded");
    }
    let clear = proxy.user_code_commands_since(since);
    assert_eq!(clear, 0, "slots were asked for in clear");
}

#[test]
fn a_network_is_taken_over_by_a_running_daemon_and_no_code_is_lost() {
    let mock = Mock::start("2:s2:uc2:6,3:s0:uc1:4");
    PLANTED.iter().for_each(|(node, slot, code)| mock.plant(*node, &[(*slot, code)]));
    let store = folder_of(&mock);
    let planted_is_there = || {
        for (node, slot, code) in PLANTED {
            assert_eq!(mock.codes(node).get(&slot).map(String::as_str), Some(code), "slot {slot} of lock {node}");
        }
    };
    planted_is_there();

    // Its keys are its own until then: it can't speak to these locks.
    let proxy = Proxy::to(mock.port);
    let mut daemon = Daemon::start(Setup::tcp(proxy.port).env("LATCHKEY_LOG", "latchkey=trace"));
    until("the daemon gives up on both locks", seconds(120), || {
        let log = daemon.log();
        (log.matches("answers under none of the network's keys").count() >= 2).then_some(())
    });
    let since = proxy.now();
    proxy.mark();
    let shown = import(&daemon, store.path(), &[]);
    assert_eq!(shown.code, 0, "{shown:?}");
    for part in ["S2_AccessControl", "front_door, lock_3", "left alone: 4"] {
        assert!(shown.stdout.contains(part), "{part}: {shown:?}");
    }

    daemon.add("Ada", "593817", &["front_door", "lock_3"], true);
    let frames = proxy.frames();
    figure(&format!(
        "frames from the import of two locks to a new code in both: {} to the stick ({} transmissions)",
        frames.to_stick, frames.sent
    ));
    // Neither are classes tried out nor is anything asked that the files tell; S0 takes three frames for a question.
    assert!(frames.sent <= 45, "{} transmissions", frames.sent);
    daemon.add("Grace", "7264", &["front_door", "lock_3"], true);
    planted_is_there();
    for (node, slug) in [(2, "front_door"), (3, "lock_3")] {
        for code in ["593817", "7264"] {
            assert!(!PLANTED.contains(&(node, mock.slot_of(node, code), code)));
        }
        let devices = daemon.list(&["devices", "list"]);
        let device = devices.iter().find(|device| device["slug"] == slug).unwrap();
        assert_eq!((&device["slots"]["foreign"], &device["slots"]["managed"]), (&2.into(), &2.into()), "{device}");
        assert_ne!(device["security"], "none");
    }
    let taken =
        daemon.cli_with(&["people", "add", "--first", "Eve", "--last", "Test", "--code", "-", "--on", "front_door"], "472913\n");
    assert_eq!(taken.code, 1, "somebody's code was given away: {taken:?}");

    for node in [2, 3] {
        mock.unlock(node, mock.slot_of(node, "593817"));
    }
    let used = until("both visits", seconds(20), || Some(daemon.codes_used()).filter(|used| used.len() >= 2));
    assert!(used.iter().all(|event| event["person"]["name"] == "Ada Test"), "{used:?}");

    // Once more is once too often, and harmless.
    let again = import(&daemon, store.path(), &["--json"]);
    let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["changed"], false, "{again}");

    proxy.settle(seconds(2), seconds(120));
    daemon.stop();
    daemon.restart();
    daemon.ok_with(&["people", "edit", "Ada Test", "--code", "-", "--wait"], "615830\n");
    for node in [2, 3] {
        let held = mock.codes(node);
        assert!(held.values().any(|code| code == "615830") && !held.values().any(|code| code == "593817"), "{held:?}");
        assert_eq!(held.len(), 4);
        mock.unlock(node, mock.slot_of(node, "7264"));
    }
    let used = until("both visits", seconds(20), || Some(daemon.codes_used()).filter(|used| used.len() >= 4));
    assert_eq!(used.iter().filter(|event| event["person"]["name"] == "Grace Test").count(), 2, "{used:?}");
    planted_is_there();

    proxy.settle(seconds(2), seconds(120));
    check_the_air(&proxy, since, &["593817", "7264", "615830"]);
    let exported = daemon.ok(&["network", "keys", "export", "--reveal"]);
    let (exported, keys): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&exported).unwrap(), serde_json::from_str(KEYS).unwrap());
    for (name, key) in keys.as_object().unwrap() {
        assert_eq!(exported[name].as_str().unwrap(), key.as_str().unwrap().to_lowercase(), "{name}");
        assert!(!daemon.log().to_lowercase().contains(&exported[name].as_str().unwrap()[..16]), "{name} is in the log");
    }
    for (_, _, code) in PLANTED {
        assert!(!daemon.log().contains(code), "a code is in the log");
    }
    assert_eq!(mock.complaints(), Vec::<String>::new(), "the peer complains");
}

#[test]
fn files_that_are_no_good_change_nothing_and_are_named() {
    let mock = Mock::start("2:s2:uc2:3");
    let store = folder_of(&mock);
    let settings = store.path().join("settings.json");
    let daemon = Daemon::start(Setup::tcp(mock.port));
    daemon.locks(1);
    let cut = KEYS.replace("3333333333", "33333333");
    for (content, part) in [
        (format!("{{\"zwave\": {{\"securityKeys\": {cut}}}}}"), "S2_AccessControl has 26 digits"),
        ("{\"zwave\": ".to_owned(), "not JSON"),
        ("{}".to_owned(), "node 2 needs the key S2_AccessControl"),
    ] {
        fs::write(&settings, content).unwrap();
        let refused = import(&daemon, store.path(), &[]);
        assert!(refused.code == 1 && refused.line().contains(part), "{refused:?}");
        assert!(!refused.stderr.contains("33333"), "{refused:?}");
    }
    let missing = import(&daemon, &store.path().join("none"), &[]);
    assert!(missing.code == 1 && missing.line().contains("does not exist"), "{missing:?}");
    fs::rename(store.path().join("7e570001.jsonl"), store.path().join("7e570002.jsonl")).unwrap();
    fs::remove_file(&settings).unwrap();
    fs::write(store.path().join("keys.json"), KEYS).unwrap();
    let other = import(&daemon, store.path(), &[]);
    assert!(other.code == 1 && other.line().contains("the stick belongs to network 0x7e570001"), "{other:?}");
    assert!(daemon.ok(&["devices", "list"]).contains("lock_2"), "no name was taken over");

    let refused = daemon.cli(&["network", "keys", "export"]);
    assert!(refused.code == 2 && refused.line().contains("--reveal"), "{refused:?}");
}

/// The command line says the same, and neither a code nor a key.
fn shows_no_secret(store: &Path) {
    for json in [&[][..], &["--json"]] {
        let shown = latchkey(&[&["network", "import-zwave-js", store.to_str().unwrap(), "--dry-run"][..], json].concat(), "");
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(shown.stdout.contains("s2_access_control") && shown.stdout.contains("S0_Legacy"), "{shown:?}");
        for secret in ["472913", "8305", "61936193", "3333333333", "0102030405"] {
            assert!(!shown.stdout.contains(secret) && !shown.stderr.contains(secret), "{shown:?}");
        }
    }
}
