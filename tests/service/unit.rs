//! What the unit says, and what it must not say.

use std::fs;
use std::process::Command;

use super::unit_file::UnitFile;
use super::{run, said, shipped};

/// What the service promises to those who run it, one setting a line.
const PROMISED: &[(&str, &str, &[&str])] = &[
    ("Service", "Type", &["notify"]),
    ("Service", "NotifyAccess", &["main"]),
    ("Service", "WatchdogSec", &["60"]),
    ("Service", "ExecStart", &["/usr/bin/latchkey run"]),
    ("Service", "Restart", &["on-failure"]),
    ("Service", "RestartPreventExitStatus", &["2"]),
    ("Service", "User", &["latchkey"]),
    ("Service", "Group", &["latchkey"]),
    ("Service", "SupplementaryGroups", &["dialout"]),
    ("Service", "StateDirectory", &["latchkey"]),
    ("Service", "StateDirectoryMode", &["0700"]),
    ("Service", "RuntimeDirectory", &["latchkey"]),
    ("Service", "RuntimeDirectoryMode", &["0750"]),
    ("Service", "ConfigurationDirectory", &["latchkey"]),
    ("Service", "LoadCredential", &["store.key"]),
    ("Service", "DevicePolicy", &["closed"]),
    ("Service", "CapabilityBoundingSet", &[""]),
    ("Service", "NoNewPrivileges", &["yes"]),
    ("Service", "ProtectSystem", &["strict"]),
    ("Service", "RestrictAddressFamilies", &["AF_UNIX AF_INET AF_INET6"]),
    ("Service", "LimitCORE", &["0"]),
    ("Install", "WantedBy", &["multi-user.target"]),
];

/// Kinds of serial port, by the name the kernel lists them under in /proc/devices, and the module that brings each. Those of
/// the board itself are built in; the one named by its file shares its number with screens and keyboards.
const SERIAL: &[(&str, Option<&str>)] =
    &[("char-ttyACM", Some("cdc_acm")), ("char-ttyUSB", Some("usbserial")), ("char-ttyAMA", None), ("/dev/ttyS0", None)];

/// Settings that would hide the stick, the network or the user's name from the daemon, whatever their value.
const HARMFUL: &[&str] = &[
    "PrivateDevices",
    "PrivateNetwork",
    "PrivateUsers",
    "NetworkNamespacePath",
    "IPAddressDeny",
    "RestrictNetworkInterfaces",
    "RootDirectory",
    "RootImage",
    "DynamicUser",
    "InaccessiblePaths",
    "TemporaryFileSystem",
    "BindPaths",
    "BindReadOnlyPaths",
    "ReadOnlyPaths",
];

#[test]
fn no_setting_is_misspelt_or_without_effect() {
    // systemd-analyze warns and succeeds: what counts is that it says nothing. The daemon is not installed where tests run.
    let dir = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(shipped("latchkey.service")).unwrap();
    let unit = dir.path().join("latchkey.service");
    fs::write(&unit, text.replace("/usr/bin/latchkey", env!("CARGO_BIN_EXE_latchkey"))).unwrap();
    let output = run(Command::new("systemd-analyze").arg("verify").arg(&unit));
    assert_eq!((said(&output).as_str(), output.status.code()), ("", Some(0)));

    fs::write(&unit, fs::read_to_string(&unit).unwrap().replace("NoNewPrivileges", "NoNewPriviledges")).unwrap();
    let output = run(Command::new("systemd-analyze").arg("verify").arg(&unit));
    assert!(said(&output).contains("NoNewPriviledges"), "this systemd would not have warned: {}", said(&output));
}

#[test]
fn the_service_is_not_more_exposed_than_one_point_five() {
    let output = run(Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=true", "--threshold=15"])
        .arg(shipped("latchkey.service")));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn what_the_service_promises_is_a_setting_and_not_a_comment() {
    let unit = UnitFile::shipped();
    for (section, key, values) in PROMISED {
        assert_eq!(unit.all(section, key), *values, "[{section}] {key}=");
    }
    let reload = unit.all("Service", "ExecReload");
    assert!(reload.last().unwrap().contains("kill -HUP"), "{reload:?}");
    for (section, key) in [("Unit", "StartLimitIntervalSec"), ("Unit", "StartLimitBurst"), ("Service", "RestartSec")] {
        assert_eq!(unit.all(section, key).len(), 1, "[{section}] {key}=");
    }
}

#[test]
fn nothing_in_the_unit_hides_the_stick_the_network_or_who_asked() {
    let unit = UnitFile::shipped();
    for key in HARMFUL {
        assert_eq!(unit.all("Service", key), [""; 0], "{key}=");
    }
}

#[test]
fn every_kind_of_serial_port_is_allowed_by_the_kernels_name() {
    let unit = UnitFile::shipped();
    let expected: Vec<_> = SERIAL.iter().map(|(class, _)| format!("{class} rw")).collect();
    assert_eq!(unit.all("Service", "DeviceAllow"), expected);
    // The one kind that every kernel has shows that this is how it lists them.
    let devices = fs::read_to_string("/proc/devices").unwrap();
    assert!(devices.lines().any(|l| l.split_whitespace().nth(1) == Some("ttyS")), "{devices}");
}

#[test]
fn a_stick_that_is_plugged_in_after_the_start_is_not_forbidden() {
    // systemd leaves a class out of the list if no driver has registered it by then.
    let unit = UnitFile::shipped();
    let modules: Vec<_> = SERIAL.iter().filter_map(|(_, module)| Some(format!("modprobe@{}.service", (*module)?))).collect();
    assert_eq!(unit.words("Unit", "Wants"), modules);
    assert_eq!(unit.words("Unit", "After"), modules);
}

#[test]
fn a_door_waits_for_neither_network_nor_time() {
    let unit = UnitFile::shipped();
    for key in ["After", "Requires", "Requisite", "BindsTo", "Wants", "PartOf"] {
        let others: Vec<_> = unit.words("Unit", key).into_iter().filter(|name| !name.starts_with("modprobe@")).collect();
        assert!(others.is_empty(), "{key}={others:?}");
    }
}
