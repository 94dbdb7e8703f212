//! The store: newer, corrupt, without its key, taken, full. And what a thief of its files can read.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Broker, Daemon, Mock, Process, Setup, seconds, until};

const CODE: &str = "90417263";

/// A daemon that has written one code, and has ended.
fn settled(mock: &Mock) -> Daemon {
    let mut daemon = Daemon::start(Setup::tcp(mock.port));
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", CODE, &[&lock], true);
    assert!(daemon.stop().success(), "does not end well when asked to");
    daemon
}

/// Starts on a store that it has to refuse: exit code and last line.
fn refusal(daemon: &mut Daemon) -> (i32, String) {
    daemon.relaunch();
    let status = daemon.process.wait(seconds(30));
    let stderr = daemon.process.stderr();
    assert!(!stderr.contains("panicked"), "{stderr}");
    (status.code().unwrap_or(-1), stderr.trim().lines().last().unwrap_or_default().to_owned())
}

#[test]
fn a_store_from_a_newer_version_is_refused_and_kept() {
    let mock = Mock::start("6:none:uc1:4");
    let mut daemon = settled(&mock);
    let path = daemon.path("latchkey.db");
    let ours: i64 = {
        let db = rusqlite::Connection::open(&path).unwrap();
        let ours = db.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
        db.pragma_update(None, "user_version", 9_999).unwrap();
        ours
    };
    let (code, line) = refusal(&mut daemon);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("newer") && line.contains("latchkey.db"), "{line}");

    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", ours).unwrap();
    daemon.restart();
    assert_eq!(daemon.list(&["people", "list"]).len(), 1);
}

#[test]
fn a_corrupt_store_is_refused_and_kept() {
    let mock = Mock::start("6:none:uc1:4");
    let mut daemon = settled(&mock);
    let path = daemon.path("latchkey.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[..64].fill(b'x');
    fs::write(&path, &bytes).unwrap();
    let (code, line) = refusal(&mut daemon);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("latchkey.db"), "{line}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "the evidence was overwritten");
}

#[test]
fn a_store_without_its_key_is_refused_and_no_new_key_is_made() {
    let mock = Mock::start("6:none:uc1:4");
    let mut daemon = settled(&mock);
    let key = daemon.path("store.key");
    let kept = daemon.path("elsewhere");
    fs::rename(&key, &kept).unwrap();
    let (code, line) = refusal(&mut daemon);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("store.key"), "{line}");
    assert!(!key.exists(), "a new key was made for sealed rows");

    // A key of the right form that is not this store's.
    fs::write(&key, fs::read(&kept).unwrap().iter().map(|b| b.rotate_left(1)).collect::<Vec<_>>()).unwrap();
    let (code, line) = refusal(&mut daemon);
    assert_eq!(code, 2, "{line}");

    fs::rename(&kept, &key).unwrap();
    daemon.restart();
    assert_eq!(daemon.list(&["people", "list"]).len(), 1);
}

#[test]
fn a_second_daemon_on_one_store_is_refused_and_the_first_goes_on() {
    let mock = Mock::start("6:none:uc1:4");
    let mut daemon = Daemon::start(Setup::tcp(mock.port));
    daemon.locks(1);
    let config = daemon.path("latchkey.toml");
    let args = ["run", "--config", config.to_str().unwrap()];
    let mut second = Process::start(env!("CARGO_BIN_EXE_latchkey"), args, |c| {
        c.env("LATCHKEY_WEB__LISTEN", "127.0.0.1:0");
    });
    let status = second.wait(seconds(30));
    assert!([Some(1), Some(2)].contains(&status.code()), "{status}: {}", second.stderr());
    assert!(second.stderr().contains("latchkey."), "does not name what is taken: {}", second.stderr());
    assert!(daemon.process.is_running());
    daemon.ok(&["status"]);
}

/// A disk that fills up while the daemon runs: changes are refused whole, and work again when there is room.
#[test]
fn a_full_disk_refuses_changes_and_half_writes_nothing() {
    let mock = Mock::start("6:none:uc1:20");
    let mut setup = Setup::tcp(mock.port);
    // The limit on file sizes stands in for a full disk: it needs no root. Its signal has to become an error.
    setup.prefix = ["bash", "-c", "trap '' XFSZ; exec \"$@\"", "full-disk"].map(String::from).into();
    let mut daemon = Daemon::start(setup);
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", CODE, &[&lock], true);
    let limit = |size: &str| {
        let pid = daemon.process.pid().to_string();
        let done = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={size}:")]).status();
        assert!(done.unwrap().success(), "prlimit");
    };

    limit("4096");
    let args = ["people", "add", "--first", "Grace", "--last", "Test", "--code", "-", "--on", &lock];
    let answer = daemon.cli_with(&args, "551938\n");
    assert_eq!(answer.code, 1, "{answer:?}");
    answer.line();
    until("the daemon answers on a full disk", seconds(30), || (daemon.cli(&["status"]).code == 0).then_some(()));
    assert!(!mock.codes(6).values().any(|c| c == "551938"), "a code went out that was not saved");

    limit("unlimited");
    until("changes are taken again", seconds(60), || (daemon.cli_with(&args, "551938\n").code == 0).then_some(()));
    daemon.wait_all_active(seconds(60));
    let names: Vec<_> = daemon.list(&["people", "list"]).iter().map(|p| p["first_name"].clone()).collect();
    assert_eq!(names.len(), 2, "half-written people: {names:?}");
    daemon.kill9();
    daemon.restart();
    assert_eq!(daemon.list(&["people", "list"]).len(), 2);
    assert_eq!(mock.codes(6).len(), 2);
}

/// Whoever steals the card without the key, or reads the logs, learns no code.
const NETWORK_KEY: &str = "5ec2e7a1b0c95ec2e7a1b0c95ec2e7d4";

#[test]
fn no_planted_code_is_in_files_logs_or_messages() {
    let (mock, broker) = (Mock::start("6:none:uc1:20,8:none:uc2:20"), Broker::start());
    let subscriber = broker.subscribe("watch");
    let foreign = "31806427";
    mock.plant(8, &[(3, foreign)]);
    let keys = tempfile::tempdir().unwrap();
    let keys_file = keys.path().join("keys.json");
    fs::write(&keys_file, format!("{{\"S0_Legacy\": \"{NETWORK_KEY}\"}}")).unwrap();
    let setup = Setup::tcp(mock.port).mqtt(broker.port).env("RUST_LOG", "trace").env("LATCHKEY_LOG", "trace");
    let mut daemon = Daemon::start(setup.env("LATCHKEY_ZWAVE__KEYS_FILE", keys_file.to_str().unwrap()));
    let locks = daemon.locks(2);
    let codes = [CODE, "57203861", "68491035"];
    for (i, code) in codes[..2].iter().enumerate() {
        daemon.add(&format!("P{i}"), code, &[&locks[&6], &locks[&8]], true);
    }
    daemon.ok_with(&["people", "edit", "P1 Test", "--code", "-", "--wait"], &format!("{}\n", codes[2]));
    mock.unlock(8, mock.slot_of(8, codes[2]));
    mock.unlock(8, 3);
    until("both events", seconds(20), || (subscriber.codes_used().len() >= 2).then_some(()));
    daemon.kill9();

    let mut written =
        vec![("log".to_owned(), daemon.log().into_bytes()), ("messages".to_owned(), subscriber.text().into_bytes())];
    written.extend(files(daemon.dir.path()));
    assert!(
        written.iter().any(|(name, bytes)| name.contains("latchkey.db") && bytes.len() > 1_000),
        "the store was not searched"
    );
    daemon.restart();
    for list in [&["people", "list"][..], &["devices", "list"], &["events"]] {
        written.push((list.join(" "), daemon.ok(&[list, &["--json"]].concat()).into_bytes()));
    }
    let key: Vec<u8> = (0..16).map(|n| u8::from_str_radix(&NETWORK_KEY[2 * n..2 * n + 2], 16).unwrap()).collect();
    let spaced: Vec<_> = key.iter().map(u8::to_string).collect();
    for form in [NETWORK_KEY.into(), NETWORK_KEY.to_uppercase().into(), key, spaced.join(", ").into_bytes()] {
        for (name, bytes) in &written {
            assert!(!bytes.windows(form.len()).any(|w| w == form), "the network key stands in {name}");
        }
    }
    for code in codes.iter().chain([&foreign]) {
        let hex: String = code.bytes().map(|b| format!("{b:02x}")).collect();
        let spaced: Vec<_> = code.bytes().map(|b| b.to_string()).collect();
        for form in [(*code).to_owned(), hex.clone(), hex.to_uppercase(), spaced.join(", ")] {
            for (name, bytes) in &written {
                let found = bytes.windows(form.len()).position(|w| w == form.as_bytes());
                assert_eq!(found, None, "a code stands in {name} as {form}");
            }
        }
    }
}

/// Every file below `dir`, with its bytes.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        } else if path.is_dir() {
            found.extend(files(&path));
        }
    }
    found
}
