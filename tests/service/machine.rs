//! A machine of its own with a real systemd, the service installed in it as the README says.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::process::Process;
use super::{run, said, seconds, until};

/// Settings of a test, after those of the unit.
const DROP_IN: &str = "/etc/systemd/system/latchkey.service.d/50-test.conf";

pub struct Machine {
    name: String,
    dir: TempDir,
    process: Option<Process>,
    /// Its first process, as it is called here.
    init: u32,
}

impl Machine {
    /// The service installed, not started.
    pub fn with_service() -> Self {
        let machine = Self::boot();
        let (install, _) = readme_commands();
        machine.ok(&install.replace("enable --now", "enable"));
        machine
    }

    /// A booted machine that has never heard of Latchkey.
    pub fn boot() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let user = run(Command::new("id").arg("-u"));
        assert_eq!(said(&user).trim(), "0", "a machine of its own needs root: run the tests as root");
        let dir = tempfile::tempdir().unwrap();
        let name = format!("latchkey-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let source = env!("CARGO_MANIFEST_DIR");
        let args = [
            script(),
            "boot".into(),
            name.clone().into(),
            dir.path().into(),
            env!("CARGO_BIN_EXE_latchkey").into(),
            source.into(),
        ];
        let mut process = Process::start("bash", args, |_| {});
        let init = until("the machine's first process is there", seconds(20), || {
            assert!(process.is_running(), "no machine:\n{}", process.stderr());
            // Until then it has children of its own.
            let forks = fs::read_to_string(format!("/proc/{}/comm", process.pid())).ok()? == "unshare\n";
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", process.pid())).ok()?;
            children.trim().parse().ok().filter(|_| forks)
        });
        let mut machine = Self { name, dir, process: Some(process), init };
        until("systemd has booted", seconds(30), || {
            let process = machine.process.as_mut()?;
            assert!(process.is_running(), "systemd ended:\n{}", process.stderr());
            // Before systemd has taken over, these are still the files of the system outside.
            let is_systemd = fs::read_to_string(format!("/proc/{init}/comm")).ok()? == "systemd\n";
            (is_systemd && machine.bash("systemctl is-active --quiet multi-user.target").is_ok()).then_some(())
        });
        machine
    }

    /// Runs `script` as the machine's root: what it said, if it succeeds.
    pub fn ok(&self, script: &str) -> String {
        self.bash(script).unwrap_or_else(|said| panic!("{script}:\n{said}"))
    }

    /// Runs `script`, which has to fail: what it said.
    pub fn refused(&self, script: &str) -> String {
        self.bash(script).err().unwrap_or_else(|| panic!("was not refused: {script}"))
    }

    /// Runs `script`: everything it said.
    pub fn bash(&self, script: &str) -> Result<String, String> {
        self.bash_with(script, "")
    }

    pub fn write(&self, path: &str, text: &str) {
        let folder = Path::new(path).parent().unwrap().display();
        self.bash_with(&format!("mkdir -p {folder} && cat >{path}"), text).unwrap();
    }

    /// Adds settings to those of the unit.
    pub fn adjust(&self, settings: &str) {
        self.write(DROP_IN, &format!("[Service]\n{settings}\n"));
        self.ok("systemctl daemon-reload");
    }

    /// A property of the service.
    pub fn show(&self, property: &str) -> String {
        self.ok(&format!("systemctl show --value --property {property} latchkey")).trim().to_owned()
    }

    /// Waits until the service is active in a process other than `before`; the process.
    pub fn wait_active(&self, before: &str) -> String {
        until("the service is active in a new process", seconds(30), || {
            let pid = self.show("MainPID");
            (self.show("ActiveState") == "active" && pid != "0" && pid != before).then_some(pid)
        })
    }

    /// What the journal has of the service, systemd's remarks included.
    pub fn journal(&self) -> String {
        self.ok("journalctl --no-pager --unit latchkey")
    }

    fn bash_with(&self, script: &str, input: &str) -> Result<String, String> {
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "120", "nsenter", "--target", &self.init.to_string()]);
        command.args(["--mount", "--pid", "--net", "--cgroup", "--uts", "--ipc", "--root", "--"]);
        command.args(["env", "-i", "--chdir=/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=", "LC_ALL=C.UTF-8"]);
        command.args(["bash", "-c", &format!("set -eo pipefail; umask 022; cd /source\n{script}")]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A script that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(journal) = self.bash("journalctl --no-pager --lines 60; systemctl status --no-pager latchkey || true")
        {
            eprintln!("--- the machine's last lines ---\n{journal}");
        }
        // With its first process the kernel ends everything in it.
        self.process = None;
        until("the machine's control group is cleared away", seconds(20), || {
            let cleared = run(Command::new("bash").args([script(), "clear".into(), (&self.name).into(), self.dir.path().into()]));
            cleared.status.success().then_some(())
        });
    }
}

/// The commands of the README: those that install the service, and those that seal its key.
pub fn readme_commands() -> (String, String) {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("\n## Install as a service\n").nth(1).unwrap_or_else(|| panic!("no such section in README.md"));
    let section = section.split("\n## ").next().unwrap();
    let mut blocks = section.split("```").skip(1).step_by(2);
    // Tests are root already, and have built the daemon.
    let mut next = || format!("sudo() {{ \"$@\"; }}; cargo() {{ :; }}\n{}", blocks.next().unwrap().trim());
    (next(), next())
}

fn script() -> std::ffi::OsString {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/machine.sh");
    path.into()
}
