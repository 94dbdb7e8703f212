//! What the sandbox leaves the daemon, and what it takes away.

use super::machine::Machine;
use super::{seconds, until};

/// A machine whose service runs the daemon with this configuration.
fn configured(configuration: &str) -> Machine {
    let machine = Machine::with_service();
    machine.write("/etc/latchkey/latchkey.toml", configuration);
    machine
}

/// Starts `command` beside the service.
fn beside(machine: &Machine, name: &str, command: &str) {
    let unit = format!("[Service]\nExecStart={command}\n");
    machine.write(&format!("/etc/systemd/system/{name}.service"), &unit);
    machine.ok(&format!("systemctl daemon-reload && systemctl start {name}"));
}

/// Runs `script` in the place of the daemon, as its user and with all that it is denied; what it printed.
fn in_the_sandbox(machine: &Machine, script: &str) -> String {
    machine.write("/run/probe.sh", script);
    let instead = "Type=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=/bin/bash /run/probe.sh";
    machine.adjust(&format!("{instead}\nStandardOutput=file:/run/probe.out\nStandardError=inherit"));
    machine.ok("systemctl start latchkey && cat /run/probe.out")
}

/// The first bytes of a frame that the daemon sent to whoever keeps `/run/stick.bytes`.
fn wait_for_frames(machine: &Machine) {
    machine.ok("systemctl start latchkey");
    until("the stick gets a frame", seconds(20), || machine.bash("test $(head -c 3 /run/stick.bytes | wc -c) = 3").ok());
}

#[test]
fn a_stick_on_a_serial_port_of_the_group_dialout_is_reached() {
    let machine = configured("[serial]\nport = \"/run/stick\"\n");
    beside(
        &machine,
        "stick",
        "/usr/bin/socat -u pty,rawer,link=/run/stick,group=dialout,mode=660 open:/run/stick.bytes,creat,append",
    );
    until("the pty appears", seconds(20), || machine.bash("test -c /run/stick").ok());
    wait_for_frames(&machine);
}

#[test]
fn a_stick_behind_a_serial_server_is_reached_over_ipv4_and_ipv6() {
    for (address, listen) in [("127.0.0.1", "tcp4-listen"), ("[::1]", "tcp6-listen"), ("localhost", "tcp4-listen")] {
        let machine = configured(&format!("[serial]\nport = \"tcp://{address}:5555\"\n"));
        beside(&machine, "stick", &format!("/usr/bin/socat -u {listen}:5555 open:/run/stick.bytes,creat,append"));
        wait_for_frames(&machine);
    }
}

#[test]
fn a_broker_named_by_its_host_name_is_reached() {
    let machine = configured("[mqtt]\nurl = \"mqtt://localhost:1883\"\n");
    beside(&machine, "broker", "/usr/sbin/mosquitto -p 1883");
    machine.ok("systemctl start latchkey");
    let online = "timeout 20 mosquitto_sub -p 1883 -t latchkey/bridge/state -C 1";
    assert_eq!(machine.ok(online).trim(), "online");
}

#[test]
fn the_daemon_can_look_for_its_stick_and_read_whether_the_clock_is_right() {
    let machine = Machine::with_service();
    machine.ok("mkdir -p /run/systemd/timesync && touch /run/systemd/timesync/synchronized");
    let seen = in_the_sandbox(&machine, "ls /sys/class/tty | grep -cx tty; ls /run/systemd/timesync; ls -d /dev/pts; id -nG");
    assert_eq!(seen, "1\nsynchronized\n/dev/pts\nlatchkey dialout\n");
}

#[test]
fn the_daemon_opens_serial_ports_and_no_other_device() {
    let machine = Machine::with_service();
    // A serial port, a screen (which has the same major number), raw memory: open to everybody, as far as the files go.
    machine.ok("mknod -m 666 /dev/ttyS0 c 4 64; mknod -m 666 /dev/tty9 c 4 9; mknod -m 666 /dev/mem c 1 1");
    let script = "for device in ttyS0 tty9 mem; do if exec 3<>/dev/$device; then echo $device: open; fi; done 2>&1";
    let seen = in_the_sandbox(&machine, &format!("set +e\n{script}\ntrue"));
    let line = |device: &str| seen.lines().find(|l| l.contains(device)).unwrap_or_else(|| panic!("{device}: {seen}")).to_owned();
    // Where there is no such port, its driver has been asked and says so.
    assert!(!line("ttyS0").contains("not permitted"), "{seen}");
    for device in ["tty9", "mem"] {
        assert!(line(device).contains("Operation not permitted"), "{seen}");
    }
}

#[test]
fn the_daemon_writes_only_where_it_belongs() {
    let machine = Machine::with_service();
    machine.write("/etc/latchkey/latchkey.toml", "");
    let script = "for f in /etc/latchkey/latchkey.toml /etc/x /usr/bin/x /var/x /var/lib/x /run/x /sys/kernel/x /root/x; do\n\
                  if echo >>$f; then echo wrote $f; fi; done 2>/dev/null\n\
                  for f in /var/lib/latchkey/x /run/latchkey/x /tmp/x; do echo >$f; done; stat -c %a /var/lib/latchkey/x";
    assert_eq!(in_the_sandbox(&machine, script), "600\n");
    machine.refused("test -e /tmp/x");
}

#[test]
fn the_daemon_has_no_privilege_and_gets_none() {
    let machine = Machine::with_service();
    let script = "grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t\\n' ' '; echo\n\
                  date --set 2030-01-01 && echo set the clock\nunshare --user true && echo made a namespace\n\
                  ls /proc | grep -x 1 && echo saw other processes\ntrue";
    let none = "0000000000000000";
    let seen = in_the_sandbox(&machine, &format!("exec 2>/dev/null\n{script}"));
    let expected = format!("CapPrm: {none} CapEff: {none} CapBnd: {none} CapAmb: {none} NoNewPrivs: 1 Seccomp: 2 \n");
    // `date` prints the time it could not set.
    let seen: String = seen.lines().filter(|l| !l.contains("2030")).map(|l| format!("{l}\n")).collect();
    assert_eq!(seen, expected);
}
