//! `latchkey simulate`, judged by a host that nobody here wrote, by our own daemon, and by those who mean it no good.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::{Daemon, Dice, Setup, Simulator, figure, host_drives, host_locks, latchkey, let_pass, seconds, until};

/// A stick with the lab's keys, nobody in its network, and this outside.
fn nobody_but(devices: &str) -> Simulator {
    Simulator::of(&format!(
        "[radio]\nhaste = 5\n[keys]\nS0_Legacy = \"0102030405060708090a0b0c0d0e0f10\"\n\
         S2_Unauthenticated = \"11111111111111111111111111111111\"\n\
         S2_Authenticated = \"22222222222222222222222222222222\"\n\
         S2_AccessControl = \"33333333333333333333333333333333\"\n{devices}"
    ))
}

/// What Z-Wave JS found; panics unless it is content.
fn judged(host: &mut crate::harness::Process) -> Value {
    let status = host.wait(seconds(240));
    let verdict: Value = serde_json::from_str(&host.stdout()).unwrap_or_else(|error| panic!("{error}: {}", host.stderr()));
    assert!(status.success() && verdict["ok"] == true, "{:#}", verdict["failures"]);
    verdict
}

#[test]
fn z_wave_js_accepts_every_lock_of_the_default_home_and_hears_who_comes() {
    let home = Simulator::home();
    assert_eq!(home.code(2, 1).as_deref(), Some("135790"));
    let mut host =
        host_drives(home.port(), &["--slots", "3", "--listen", "60", "--expect", "2:5", "--expect", "3:6", "--expect", "4:7"]);
    until("Z-Wave JS has judged the locks", seconds(240), || {
        (host.stderr().contains("listening") || !host.is_running()).then_some(())
    });
    for (node, slot) in [(2, 5), (3, 6), (4, 7)] {
        home.control(&format!("setcode {node} {slot} 47110{slot} quiet"));
        assert_eq!(home.control(&format!("type {node} 47110{slot}"))["user"], slot);
    }
    let verdict = judged(&mut host);
    let version = |node: &str| verdict["nodes"][node]["userCode"]["version"].clone();
    assert_eq!([version("2"), version("3"), version("4")], [2, 1, 1]);
    let security = |node: &str| verdict["nodes"][node]["security"].clone();
    assert_eq!([security("2"), security("3"), security("4")], ["S2_AccessControl", "S0_Legacy", "None"]);
    figure(&format!("Z-Wave JS judges the default home of `latchkey simulate` in {} ms", verdict["times_ms"]["judged"]));
}

#[test]
fn z_wave_js_locks_and_unlocks_the_doors() {
    let home = Simulator::home();
    let told = host_locks(&home.listen, "2,3,4");
    assert_eq!(told["ok"], true, "{told}");
    for node in ["2", "3", "4"] {
        // RF lock and RF unlock operation.
        assert_eq!(told["nodes"][node], json!({ "events": [3, 4], "locked": 255, "unlocked": 0 }), "{told}");
    }
    assert_eq!(home.control("dump")["3"]["door"], 0);
}

#[test]
fn z_wave_js_includes_a_lock_by_its_pin_and_one_that_only_has_s0() {
    let devices = "[[device]]\nname = \"new\"\nmodel = \"s2_lock\"\n[[device]]\nname = \"old\"\nmodel = \"s0_lock\"";
    for (name, node_class) in [("new", "S2_AccessControl"), ("old", "S0_Legacy")] {
        let stick = nobody_but(devices);
        let label = stick.control(&format!("join {name}"));
        let mut host = host_drives(stick.port(), &["--include", "--pin", label["pin"].as_str().unwrap(), "--slots", "1"]);
        // The button is pressed until somebody listens.
        until("the device joins", seconds(120), || {
            let answer = stick.try_control(&format!("join {name}"));
            (answer["ok"] == false || !host.is_running()).then_some(())
        });
        let verdict = judged(&mut host);
        assert_eq!(verdict["nodes"]["2"]["security"], node_class, "{:#}", verdict["inclusion"]);
        let dump = stick.control("dump");
        assert_eq!((&dump["devices"][name], &dump["2"]["device"]), (&json!(2), &json!(name)));
        assert_eq!(dump["2"]["security"][0], node_class);
    }
}

#[test]
fn z_wave_js_and_then_our_daemon_open_the_same_pseudo_terminal() {
    let home = Simulator::over_pty();
    assert!(home.link().is_symlink());
    let told = host_locks(&home.listen, "4");
    assert_eq!(told["nodes"]["4"]["locked"], 255, "{told}");
    let mut daemon = Daemon::start(Setup::tty(&home.link()).lab_keys());
    daemon.locks(3);
    assert!(daemon.stop().success());
    let link = home.link();
    let mut process = home.process;
    assert!(process.terminate().success());
    assert!(!link.is_symlink(), "the link outlives its simulator");
}

#[test]
fn a_person_added_at_our_daemon_opens_the_simulated_doors() {
    let home = Simulator::home();
    let daemon = Daemon::start(Setup::tcp(home.port()).lab_keys());
    let locks = daemon.locks(3);
    let doors: Vec<&str> = locks.values().map(String::as_str).collect();
    daemon.add("Ada", "482915", &doors, true);
    for node in [2, 3, 4] {
        let typed = home.control(&format!("type {node} 482915"));
        assert_eq!(typed["typed"], "opened", "node {node}: {typed}");
    }
    let used = until("the visits are known", seconds(30), || Some(daemon.codes_used()).filter(|used| used.len() == 3));
    assert!(used.iter().all(|event| event["person"]["name"] == "Ada Test"), "{used:?}");

    // Three days pass in a moment, and the network is the same.
    home.control("advance 3d");
    assert!(home.control("stats")["now_ms"].as_u64().unwrap() > 3 * 86_400_000);
    daemon.ok(&["people", "revoke", "Ada Test", doors[0], "--wait"]);
    assert_eq!(home.control("type 2 482915")["typed"], "wrong");
}

#[test]
fn a_host_that_connects_takes_the_place_of_the_one_before() {
    /// Get Version, and how its answer begins (docs/protocol/serial-api.md §1).
    const GET_VERSION: [u8; 5] = [0x01, 0x03, 0x00, 0x15, 0xE9];
    let home = Simulator::home();
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", home.port())).unwrap();
        stream.set_read_timeout(Some(seconds(10))).unwrap();
        stream
    };
    let asks = |stream: &mut TcpStream| {
        stream.write_all(&GET_VERSION).unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!((answer[0], answer[1], answer[4]), (0x06, 0x01, 0x15), "{answer:02x?}");
    };
    let mut first = connect();
    asks(&mut first);
    let mut second = connect();
    asks(&mut second);
    let mut rest = Vec::new();
    // Closed: its read ends, with or without an error.
    let _ = first.read_to_end(&mut rest);
    asks(&mut connect());
}

#[test]
fn garbage_at_either_port_leaves_the_simulator_as_it_was() {
    let mut home = Simulator::home();
    let mut dice = Dice::new();
    let mut garbage = |len: usize| (0..len).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect::<Vec<_>>();
    for _ in 0..20 {
        for port in [home.port(), home.control_port()] {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            // It may hang up in the middle.
            let _ = stream.write_all(&garbage(3_000));
        }
    }
    // Frames that are right, with what nobody would send.
    let mut stream = TcpStream::connect(("127.0.0.1", home.port())).unwrap();
    for function in 0..=255 {
        let mut frame = [vec![0x01, 0x09, 0x00, function], garbage(6)].concat();
        frame.push(frame[1..].iter().fold(0xFF, |sum, byte| sum ^ byte));
        let _ = stream.write_all(&frame).and_then(|()| stream.write_all(&[0x06]));
    }
    let_pass(seconds(1));
    for line in ["open sesame", "type 2", "type 99 4711", "join nobody", &"x".repeat(5_000)] {
        let answer = home.try_control(line);
        assert_eq!(answer["ok"], false, "{answer}");
        assert!(answer["error"].as_str().unwrap().len() > 10, "{answer}");
    }
    assert!(home.process.is_running());
    let mut host = host_drives(home.port(), &["--slots", "1", "--nodes", "4"]);
    judged(&mut host);
    assert!(!home.process.stderr().contains("panicked"), "{}", home.process.stderr());
    assert!(!home.process.stderr().contains("135790"), "a code is in the log");
    home.control("quit");
    assert!(home.process.wait(seconds(10)).success());
}

#[test]
fn what_is_wrong_with_the_command_line_or_the_world_is_one_line_with_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.toml");
    let world = file.to_str().unwrap();
    for (text, says) in [
        ("[[node]]\nid = 2\nmodel = \"s2_lock\"\ncolour = \"red\"", "line 4: unknown field `colour`"),
        ("[[node]]\nid = 2\nmodel = \"plain_lock\"\n[[node]]\nid = 2\nmodel = \"plain_lock\"", "an id of its own"),
        ("[keys]\nS0_Legacy = \"0102\"", "S0_Legacy"),
        ("[[node]]\nid = 300\nmodel = \"plain_lock\"", "write 2 to 232"),
    ] {
        std::fs::write(&file, text).unwrap();
        let answer = latchkey(&["simulate", "--listen", "tcp://127.0.0.1:0", "--world", world], "");
        assert_eq!(answer.code, 2, "{answer:?}");
        assert!(answer.line().contains(says) && answer.line().contains("w.toml"), "{answer:?}");
    }
    let missing = latchkey(&["simulate", "--listen", "tcp://127.0.0.1:0", "--world", "nowhere.toml"], "");
    assert_eq!(missing.code, 2);
    assert!(missing.line().contains("house-40"), "{missing:?}");
    assert_eq!(latchkey(&["simulate"], "").code, 2);
    assert_eq!(latchkey(&["simulate", "--listen", "127.0.0.1:0"], "").code, 2);
    assert_eq!(latchkey(&["simulate", "--listen", "tcp://127.0.0.1:0", "--pty", "x"], "").code, 2);

    std::fs::write(&file, "precious").unwrap();
    let in_the_way = latchkey(&["simulate", "--pty", world], "");
    assert_eq!(in_the_way.code, 1);
    assert!(in_the_way.line().contains("remove it"), "{in_the_way:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}
