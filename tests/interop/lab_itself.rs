//! The lab without the daemon: when these fail, look at the machine before the code.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{Broker, Mock, Proxy, Pty, seconds, until};

/// Get Library Version (docs/protocol/serial-api.md §4, 0x15).
const GET_VERSION: [u8; 5] = [0x01, 0x03, 0x00, 0x15, 0xE9];
const ACK: u8 = 0x06;

#[test]
fn the_peer_answers_through_the_proxy_and_a_pulled_cable() {
    let mock = Mock::start("6:none:uc1:4");
    mock.plant(6, &[(2, "2468")]);
    assert_eq!(mock.codes(6).into_iter().collect::<Vec<_>>(), [(2, "2468".to_owned())]);
    assert_eq!(mock.slot_of(6, "2468"), 2);

    let proxy = Proxy::to(mock.port);
    let ask = || {
        let mut host = TcpStream::connect(("127.0.0.1", proxy.port)).ok()?;
        host.set_read_timeout(Some(seconds(5))).unwrap();
        host.write_all(&GET_VERSION).ok()?;
        let mut answer = [0; 2];
        host.read_exact(&mut answer).ok()?;
        Some(answer)
    };
    assert_eq!(ask(), Some([ACK, 0x01]));
    until("the frames are counted", seconds(5), || {
        let frames = proxy.frames();
        ((frames.to_stick, frames.from_stick, frames.sent) == (1, 1, 0)).then_some(())
    });
    assert!(proxy.log().iter().any(|l| l.to_stick && l.bytes == GET_VERSION));
    proxy.cut(seconds(1));
    assert_eq!(ask(), None, "the cable is out");
    until("the cable is back", seconds(10), ask);
}

#[test]
fn the_peer_answers_through_a_tty() {
    let mock = Mock::start("6:none:uc1:4");
    let mut tty = Pty::to(mock.port);
    for _ in 0..2 {
        let mut port = OpenOptions::new().read(true).write(true).open(&tty.link).unwrap();
        port.write_all(&GET_VERSION).unwrap();
        let mut answer = [0; 2];
        port.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [ACK, 0x01]);
        tty.unplug();
        assert!(!tty.link.exists());
        tty.plug();
    }
}

/// A subscriber misses nothing while the broker is away; this is what lets the tests count events.
#[test]
fn the_broker_keeps_sessions_over_its_restart() {
    let mut broker = Broker::start();
    let subscriber = broker.subscribe("watch");
    broker.go_away();
    broker.come_back();
    let port = broker.port.to_string();
    let publish = ["-p", &port, "-q", "1", "-t", "latchkey/device/x/event", "-m", "{\"event_type\":\"code_used\"}"];
    assert!(std::process::Command::new("mosquitto_pub").args(publish).status().unwrap().success());
    until("the message", seconds(20), || subscriber.codes_used().into_iter().next());
}
