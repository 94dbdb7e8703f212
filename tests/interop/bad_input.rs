//! Wrong input: one line that says what to do, the right exit code, and nothing changed.

use std::fs;
use std::time::Duration;

use crate::harness::{Answer, Broker, Daemon, Mock, Pty, Setup, figure, latchkey, seconds, until};

/// A daemon that is meant to refuse: its exit code and its last line.
fn refusal(daemon: &mut Daemon) -> (i32, String) {
    let status = daemon.process.wait(seconds(30));
    let stderr = daemon.process.stderr();
    assert!(!stderr.contains("panicked"), "{stderr}");
    (status.code().unwrap_or(-1), stderr.trim().lines().last().unwrap_or_default().to_owned())
}

fn nowhere() -> Setup {
    Setup::tcp(1)
}

#[test]
fn a_wrong_configuration_names_the_key_and_what_to_write() {
    let cases = [
        ("[serial]\nprot = \"tcp://127.0.0.1:5555\"\n", "prot"),
        ("[home]\ntime_zone = \"Europe/Pariss\"\n", "time_zone"),
        ("[mqtt]\nurl = \"http://127.0.0.1\"\n", "url"),
        ("[serial]\nsoft_reset = 3\n", "soft_reset"),
        ("[doors]\nfront = true\n", "doors"),
        ("[serial\n", "latchkey.toml"),
    ];
    for (text, key) in cases {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("latchkey.toml");
        fs::write(&file, text).unwrap();
        for command in ["check", "run"] {
            let answer = latchkey(&[command, "--config", file.to_str().unwrap()], "");
            assert_eq!(answer.code, 2, "{command} {text:?}: {answer:?}");
            assert!(answer.line().contains(key) && answer.line().contains("latchkey.toml"), "{command} {text:?}: {answer:?}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "a refused configuration left files behind");
    }
    let missing = latchkey(&["run", "--config", "/nonexistent/latchkey.toml"], "");
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.line().contains("/nonexistent/latchkey.toml"));
}

#[test]
fn the_printed_template_is_a_valid_configuration() {
    let template = latchkey(&["config"], "");
    assert_eq!(template.code, 0, "{template:?}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("latchkey.toml");
    fs::write(&file, &template.stdout).unwrap();
    let check = latchkey(&["check", "--config", file.to_str().unwrap()], "");
    assert_eq!(check.code, 0, "{check:?}");
}

#[test]
fn a_stick_that_another_daemon_holds_is_named_and_not_disturbed() {
    let mock = Mock::start("8:none:uc2:20");
    let tty = Pty::to(mock.port);
    let first = Daemon::start(Setup::tty(&tty.link));
    let lock = first.locks(1)[&8].clone();
    let mut second = Daemon::launch(Setup::tty(&tty.link));
    let link = tty.link.display().to_string();
    until("the busy stick is named", seconds(30), || {
        let said = second.process.stderr() + &second.cli(&["status"]).stdout;
        said.contains(&link).then_some(())
    });
    assert!(second.process.is_running() || second.process.wait(seconds(1)).code() != Some(0));
    first.add("Ada", "482915", &[&lock], true);
    assert_eq!(mock.complaints(), Vec::<String>::new(), "two daemons talked to one stick");
}

#[test]
fn a_socket_that_another_daemon_answers_is_not_taken() {
    let mut first = Daemon::start(nowhere());
    let socket = first.path("latchkey.sock").display().to_string();
    let mut second = Daemon::launch(nowhere().env("LATCHKEY_API__SOCKET", &socket));
    let (code, line) = refusal(&mut second);
    assert!([1, 2].contains(&code), "exit {code}: {line}");
    assert!(line.contains(&socket), "{line}");
    assert!(first.process.is_running());
    first.ok(&["status"]);
}

#[test]
fn a_command_without_a_daemon_says_so() {
    let answer = latchkey(&["people", "list", "--socket", "/nonexistent/latchkey.sock"], "");
    assert_eq!(answer.code, 3, "{answer:?}");
    assert!(answer.line().contains("/nonexistent/latchkey.sock"), "{answer:?}");
    for wrong in [&["people", "add", "--frist", "Ada"][..], &["poeple", "list"]] {
        assert_eq!(latchkey(wrong, "").code, 2, "{wrong:?}");
    }
}

#[test]
fn refused_people_and_codes_change_nothing() {
    let mock = Mock::start("6:none:uc1:10");
    let daemon = Daemon::start(Setup::tcp(mock.port));
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", "482915", &[&lock], true);

    let refused = |args: &[&str], input: &str| -> Answer {
        let answer = daemon.cli_with(args, input);
        assert_eq!(answer.code, 1, "{args:?}: {answer:?}");
        answer.line();
        answer
    };
    for code in ["12a4", "123", "12345678901", "", "48 29"] {
        let answer =
            refused(&["people", "add", "--first", "Bad", "--last", "Code", "--code", "-", "--on", &lock], &format!("{code}\n"));
        assert!(code.is_empty() || !answer.line().contains(code), "repeats the code: {answer:?}");
    }
    let answer = refused(&["people", "add", "--first", "Twin", "--last", "Code", "--code", "-", "--on", &lock], "482915\n");
    assert!(!answer.line().contains("482915"), "repeats the code: {answer:?}");
    let answer =
        refused(&["people", "add", "--first", "Lost", "--last", "Door", "--code", "-", "--on", "no_such_door"], "604172\n");
    assert!(answer.line().contains("no_such_door"), "{answer:?}");
    let answer = refused(&["people", "show", "Nobody Here"], "");
    assert!(answer.line().contains("Nobody Here"), "{answer:?}");
    assert_eq!(daemon.list(&["people", "list"]).len(), 1, "a refused person was kept");

    // Two people of one name: refused, and both ids are there to choose from.
    daemon.add("Ada", "937164", &[&lock], true);
    let ids: Vec<_> = daemon.list(&["people", "list"]).iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect();
    let answer = refused(&["people", "remove", "Ada Test"], "");
    assert!(ids.len() == 2 && ids.iter().all(|id| answer.line().contains(id.as_str())), "{ids:?}: {answer:?}");
    assert_eq!(mock.codes(6).len(), 2);
    daemon.ok(&["people", "remove", &ids[0], "--wait"]);
    assert_eq!(mock.codes(6).len(), 1);
}

/// The locks do not need a broker: codes go out, events wait.
#[test]
fn an_unreachable_broker_stops_no_code_and_loses_no_event() {
    let mock = Mock::start("6:none:uc1:10");
    let mut broker = Broker::absent();
    let daemon = Daemon::start(Setup::tcp(mock.port).mqtt(broker.port));
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", "482915", &[&lock], true);
    mock.unlock(6, mock.slot_of(6, "482915"));
    until("the event is recorded", seconds(15), || (daemon.codes_used().len() == 1).then_some(()));

    broker.come_back();
    let back = std::time::Instant::now();
    let subscriber = broker.subscribe("watch");
    until("the daemon finds the broker", seconds(60), || (subscriber.last("latchkey/bridge/state")? == "online").then_some(()));
    figure(&format!("broker found {:.1} s after it came up", back.elapsed().as_secs_f64()));
    assert!(back.elapsed() < Duration::from_secs(60));
}
