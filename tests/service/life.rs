//! The life of the service: it starts, reloads, stops, and comes back from what can be come back from.

use std::thread;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::{seconds, until};

/// A machine whose service has `settings` besides its own; not started.
fn machine(settings: &str) -> Machine {
    let machine = Machine::with_service();
    machine.adjust(settings);
    machine
}

/// The same, and the service has said that it is ready.
fn started(settings: &str) -> (Machine, String) {
    let machine = machine(settings);
    machine.ok("systemctl start latchkey");
    let pid = machine.wait_active("");
    (machine, pid)
}

#[test]
fn a_service_without_a_stick_is_active_and_says_what_it_waits_for() {
    let (machine, _) = started("");
    assert!(machine.show("StatusText").contains("waiting for stick"), "{}", machine.show("StatusText"));
}

#[test]
fn a_reload_keeps_the_process_and_a_wrong_configuration_only_fails_the_reload() {
    let (machine, pid) = started("");
    machine.ok("systemctl reload latchkey");
    until("it is read", seconds(10), || machine.journal().contains("the configuration was read again").then_some(()));
    assert_eq!(machine.wait_active(""), pid);

    machine.write("/etc/latchkey/latchkey.toml", "[serial]\nprot = 1\n");
    machine.refused("systemctl reload latchkey");
    assert!(machine.journal().contains("prot"), "the journal names the key: {}", machine.journal());
    assert_eq!(machine.wait_active(""), pid);
}

#[test]
fn a_stop_takes_less_than_two_seconds_and_is_no_failure() {
    let (machine, _) = started("");
    let began = Instant::now();
    machine.ok("systemctl stop latchkey");
    assert!(began.elapsed() < seconds(2), "{:?}", began.elapsed());
    assert_eq!((machine.show("ActiveState"), machine.show("Result")), ("inactive".into(), "success".into()));
}

#[test]
fn a_killed_daemon_is_back_by_itself() {
    let (machine, pid) = started("RestartSec=100ms");
    machine.ok("systemctl kill --signal KILL latchkey");
    machine.wait_active(&pid);
    assert_eq!(machine.show("NRestarts"), "1");
}

#[test]
fn a_wrong_configuration_is_not_tried_again_and_again() {
    // This one is the daemon itself, as it ends before it has anything to tell systemd.
    let machine = Machine::with_service();
    machine.adjust("RestartSec=100ms");
    machine.write("/etc/latchkey/latchkey.toml", "[serial]\nprot = 1\n");
    machine.refused("systemctl start latchkey");
    // Ten times as long as a restart would take.
    thread::sleep(seconds(1));
    let now = ["ActiveState", "Result", "ExecMainStatus", "NRestarts"].map(|p| machine.show(p));
    assert_eq!(now, ["failed", "exit-code", "2", "0"]);
    assert!(machine.journal().contains("prot"), "the journal names the key: {}", machine.journal());
}

#[test]
fn a_daemon_that_hangs_is_ended_and_started_anew() {
    let (machine, pid) = started("WatchdogSec=2\nTimeoutStopSec=1\nRestartSec=100ms");
    // A daemon that gives signs of life is left alone for longer than the watchdog waits.
    thread::sleep(Duration::from_secs(5));
    assert_eq!((machine.wait_active(""), machine.show("NRestarts")), (pid.clone(), "0".into()));

    machine.ok("systemctl kill --signal STOP latchkey");
    machine.wait_active(&pid);
    assert!(machine.journal().contains("Watchdog timeout"), "{}", machine.journal());
}

#[test]
fn a_daemon_that_dies_at_once_every_time_is_given_up_in_the_end() {
    let machine = Machine::with_service();
    machine.adjust("ExecStart=\nExecStart=/bin/false\nRestartSec=0");
    machine.refused("systemctl start latchkey");
    until("systemd gives up", seconds(60), || (machine.show("ActiveState") == "failed").then_some(()));
    let restarts: u32 = machine.show("NRestarts").parse().unwrap();
    // Five seconds apart, as the unit has it, that is five minutes.
    assert!((59..=60).contains(&restarts), "{restarts}");
}
