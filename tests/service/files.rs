//! The user, the group and the folders, as systemd makes them in an empty system.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::{run, said, shipped};

/// A system with nothing but a group for serial ports.
fn empty_system() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/group"), "root:x:0:\ndialout:x:20:\n").unwrap();
    fs::write(root.path().join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    root
}

fn make_user(root: &Path) {
    let output =
        run(Command::new("systemd-sysusers").arg(format!("--root={}", root.display())).arg(shipped("latchkey.sysusers")));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).lines().all(|l| l.starts_with("Creating ")), "{}", said(&output));
}

/// A line of /etc/passwd or /etc/group.
fn entry(root: &Path, file: &str) -> Vec<String> {
    let text = fs::read_to_string(root.join("etc").join(file)).unwrap();
    let line = text.lines().find(|l| l.starts_with("latchkey:")).unwrap_or_else(|| panic!("no latchkey in {file}: {text}"));
    line.split(':').map(str::to_owned).collect()
}

#[test]
fn the_user_of_the_daemon_can_not_log_in() {
    let root = empty_system();
    make_user(root.path());
    let (user, group) = (entry(root.path(), "passwd"), entry(root.path(), "group"));
    assert_eq!(user[3], group[2], "its group is the group of the same name");
    assert_eq!(user[5], "/var/lib/latchkey");
    assert!(user[6].ends_with("/nologin"), "{user:?}");
    let shadow = fs::read_to_string(root.path().join("etc/shadow")).unwrap();
    assert!(shadow.lines().any(|l| l.starts_with("latchkey:!*:")), "a password is set: {shadow}");
    make_user(root.path());
}

#[test]
fn the_broker_s_password_is_in_a_folder_that_others_can_not_enter() {
    let root = empty_system();
    make_user(root.path());
    let output = run(Command::new("systemd-tmpfiles")
        .args(["--create", &format!("--root={}", root.path().display())])
        .arg(shipped("latchkey.tmpfiles")));
    assert_eq!((said(&output).as_str(), output.status.code()), ("", Some(0)));
    let folder = fs::metadata(root.path().join("etc/latchkey")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o7777, 0o750);
    assert_eq!((folder.uid().to_string().as_str(), folder.gid().to_string()), ("0", entry(root.path(), "group")[2].clone()));
}
