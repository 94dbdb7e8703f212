//! The service as the README installs it.

use super::machine::{Machine, readme_commands};
use super::{seconds, until};

/// The service runs, with the daemon itself in it.
fn installed() -> Machine {
    let machine = Machine::boot();
    machine.ok(&readme_commands().0);
    answers(&machine);
    machine
}

fn answers(machine: &Machine) {
    until("the daemon answers", seconds(30), || machine.bash("latchkey status").ok());
}

/// What `latchkey status` says if the key came from systemd.
const FROM_SYSTEMD: &str = "if the credential store.key is bound to this machine's TPM";

#[test]
fn the_commands_of_the_readme_install_a_service_that_starts_with_the_system() {
    let machine = installed();
    assert_eq!(machine.ok("systemctl is-enabled latchkey").trim(), "enabled");
    assert_eq!(machine.ok("stat -c %U /proc/$(systemctl show --value --property MainPID latchkey)").trim(), "latchkey");
    // Here every file is where the unit says, so that systemd has nothing left to remark.
    assert_eq!(machine.ok("systemd-analyze verify latchkey.service"), "");
    assert!(machine.journal().contains("latchkey is running"), "{}", machine.journal());
    assert_eq!(
        machine.ok("journalctl --no-pager --unit latchkey --priority warning --grep . || true").trim(),
        "-- No entries --"
    );
}

#[test]
fn only_members_of_the_group_reach_the_socket() {
    let machine = installed();
    let modes = machine.ok("stat -c '%a %U %G %n' /var/lib/latchkey /run/latchkey /run/latchkey/latchkey.sock /etc/latchkey");
    let expected = "700 latchkey latchkey /var/lib/latchkey\n750 latchkey latchkey /run/latchkey\n\
                    660 latchkey latchkey /run/latchkey/latchkey.sock\n750 root latchkey /etc/latchkey\n";
    assert_eq!(modes, expected);
    let status = "latchkey status --socket /run/latchkey/latchkey.sock";
    machine.ok(&format!("setpriv --reuid nobody --regid nogroup --groups latchkey {status}"));
    machine.refused(&format!("setpriv --reuid nobody --regid nogroup --clear-groups {status}"));
}

#[test]
fn a_key_in_the_credential_store_goes_before_the_key_file() {
    let machine = installed();
    assert!(!machine.ok("latchkey status").contains(FROM_SYSTEMD));
    machine.ok("install -D -m 600 /var/lib/latchkey/store.key /etc/credstore/store.key && rm /var/lib/latchkey/store.key");
    machine.ok("systemctl restart latchkey");
    answers(&machine);
    assert!(machine.ok("latchkey status").contains(FROM_SYSTEMD), "{}", machine.ok("latchkey status"));
}

#[test]
fn the_commands_of_the_readme_seal_the_key_and_the_codes_stay_readable() {
    let machine = installed();
    machine.ok("cp /var/lib/latchkey/store.key /run/key.before");
    machine.ok(&readme_commands().1);
    machine.refused("test -e /var/lib/latchkey/store.key");
    machine.ok("systemctl restart latchkey");
    answers(&machine);
    assert!(machine.ok("latchkey status").contains(FROM_SYSTEMD), "{}", machine.ok("latchkey status"));
    machine.refused("grep -rqf /run/key.before /etc/credstore.encrypted /etc/systemd/system");
}
