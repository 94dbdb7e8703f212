//! The daemon in a folder of its own, and its command line.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{Process, free_port, seconds, until};

/// What a daemon is told before it starts.
#[derive(Clone, Default)]
pub struct Setup {
    serial: String,
    mqtt: Option<u16>,
    keys: Option<PathBuf>,
    env: Vec<(String, String)>,
    /// A program before the daemon's own command line (strace, a limit).
    pub prefix: Vec<String>,
}

impl Setup {
    pub fn tcp(port: u16) -> Self {
        Self { serial: format!("tcp://127.0.0.1:{port}"), ..Self::default() }
    }

    pub fn tty(path: &Path) -> Self {
        Self { serial: path.display().to_string(), ..Self::default() }
    }

    #[must_use]
    pub fn mqtt(mut self, port: u16) -> Self {
        self.mqtt = Some(port);
        self
    }

    /// The network keys of the lab's locks.
    #[must_use]
    pub fn lab_keys(self) -> Self {
        self.keys(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/keys.json"))
    }

    #[must_use]
    pub fn keys(mut self, file: &Path) -> Self {
        self.keys = Some(file.to_owned());
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn config(&self, dir: &Path, web: u16) -> String {
        let d = dir.display();
        let mqtt = self.mqtt.map(|port| format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\n")).unwrap_or_default();
        let keys = self.keys.as_ref().map(|file| format!("[zwave]\nkeys_file = \"{}\"\n", file.display())).unwrap_or_default();
        format!(
            "[serial]\nport = \"{}\"\n{keys}[store]\npath = \"{d}/latchkey.db\"\nkey_file = \"{d}/store.key\"\n\
             [web]\nlisten = \"127.0.0.1:{web}\"\n[api]\nsocket = \"{d}/latchkey.sock\"\n\
             [home]\nname = \"Interop\"\ntime_zone = \"Europe/Paris\"\n{mqtt}",
            self.serial
        )
    }
}

/// What a command said.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// The one line that a refused user reads; panics if there is none, or more than one.
    pub fn line(&self) -> &str {
        let mut lines = self.stderr.lines().filter(|l| !l.trim().is_empty());
        let first = lines.next().unwrap_or_else(|| panic!("nothing on stderr: {self:?}"));
        assert_eq!(lines.next(), None, "more than one line: {self:?}");
        assert!(!first.contains("panicked"), "{self:?}");
        first
    }
}

pub struct Daemon {
    pub dir: TempDir,
    pub setup: Setup,
    pub process: Process,
    /// What earlier lives of this daemon wrote.
    logs: String,
}

impl Daemon {
    /// Starts it in a fresh folder and waits until its socket answers.
    pub fn start(setup: Setup) -> Self {
        let mut daemon = Self::launch(setup);
        daemon.wait_ready();
        daemon
    }

    /// Starts it and does not wait: it may be meant to refuse.
    pub fn launch(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("latchkey.toml"), setup.config(dir.path(), free_port())).unwrap();
        let process = spawn(dir.path(), &setup);
        Self { dir, setup, process, logs: String::new() }
    }

    /// The socket answers.
    pub fn wait_ready(&mut self) {
        let socket = self.path("latchkey.sock");
        until("the daemon's socket answers", seconds(60), || {
            assert!(self.process.is_running(), "the daemon ended:\n{}", self.process.stderr());
            UnixStream::connect(&socket).ok()
        });
    }

    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    pub fn stop(&mut self) -> ExitStatus {
        self.process.terminate()
    }

    /// Starts it again on the same folder (after `kill9` or `stop`), and waits until it answers.
    pub fn restart(&mut self) {
        self.relaunch();
        self.wait_ready();
    }

    /// Starts it again on the same folder and does not wait.
    pub fn relaunch(&mut self) {
        self.logs.push_str(&self.process.stderr());
        self.logs.push_str(&self.process.stdout());
        self.process = spawn(self.dir.path(), &self.setup);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Everything that it and its earlier lives wrote to their outputs.
    pub fn log(&self) -> String {
        format!("{}{}{}", self.logs, self.process.stderr(), self.process.stdout())
    }

    pub fn cli(&self, args: &[&str]) -> Answer {
        self.cli_with(args, "")
    }

    /// Runs one command against the daemon's socket, with `input` on its standard input.
    pub fn cli_with(&self, args: &[&str], input: &str) -> Answer {
        let socket = self.path("latchkey.sock");
        latchkey(&[args, &["--socket", socket.to_str().unwrap()]].concat(), input)
    }

    /// A command that has to succeed; its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        self.ok_with(args, "")
    }

    pub fn ok_with(&self, args: &[&str], input: &str) -> String {
        let answer = self.cli_with(args, input);
        assert_eq!(answer.code, 0, "latchkey {}: {answer:?}", args.join(" "));
        answer.stdout
    }

    /// A command that lists, as JSON items.
    pub fn list(&self, args: &[&str]) -> Vec<Value> {
        let text = self.ok(&[args, &["--json"]].concat());
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}: {text}", args.join(" ")));
        json["items"].as_array().unwrap_or_else(|| panic!("{}: no items: {json}", args.join(" "))).clone()
    }

    /// Waits until `count` locks are known: node → slug.
    pub fn locks(&self, count: usize) -> BTreeMap<u16, String> {
        until("the locks are known", seconds(90), || {
            let answer = self.cli(&["devices", "list", "--json"]);
            let json: Value = serde_json::from_str(&answer.stdout).ok()?;
            let locks = json["items"].as_array()?.iter().filter(|d| d["kind"] == "lock");
            let known: BTreeMap<_, _> = locks
                .map(|d| (u16::try_from(d["node"].as_u64().unwrap()).unwrap(), d["slug"].as_str().unwrap().to_owned()))
                .collect();
            (known.len() >= count).then_some(known)
        })
    }

    /// Adds `Name Test` with `code` on `devices`; waits for the locks if `wait`.
    pub fn add(&self, first: &str, code: &str, devices: &[&str], wait: bool) {
        let mut args = vec!["people", "add", "--first", first, "--last", "Test", "--code", "-"];
        for device in devices {
            args.extend(["--on", device]);
        }
        if wait {
            args.push("--wait");
        }
        self.ok_with(&args, &format!("{code}\n"));
    }

    /// Everybody's grants: (first name, status).
    pub fn statuses(&self) -> Vec<(String, String)> {
        let people = self.list(&["people", "list"]);
        let name = |p: &Value| p["first_name"].as_str().unwrap().to_owned();
        people
            .iter()
            .flat_map(|p| p["grants"].as_array().unwrap().iter().map(|g| (name(p), g["status"].as_str().unwrap().to_owned())))
            .collect()
    }

    /// Waits until every grant is active.
    pub fn wait_all_active(&self, limit: Duration) {
        let mut open = Vec::new();
        let end = std::time::Instant::now() + limit;
        loop {
            open.clear();
            open.extend(self.statuses().into_iter().filter(|(_, s)| s != "active"));
            if open.is_empty() {
                return;
            }
            assert!(std::time::Instant::now() < end, "not active within {limit:?}: {open:?}");
            super::let_pass(Duration::from_millis(100));
        }
    }

    /// What `latchkey events` shows of used codes.
    pub fn codes_used(&self) -> Vec<Value> {
        self.list(&["events", "--limit", "1000"]).into_iter().filter(|e| e["event_type"] == "code_used").collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(60).collect();
            eprintln!("--- the daemon's last lines ---");
            tail.iter().rev().for_each(|l| eprintln!("{l}"));
        }
    }
}

/// Runs the binary once, at most two and a half minutes.
pub fn latchkey(args: &[&str], input: &str) -> Answer {
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "150", env!("CARGO_BIN_EXE_latchkey")]).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let answer = Answer { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) };
    assert_ne!(answer.code, 124, "hangs: latchkey {}: {answer:?}", args.join(" "));
    answer
}

fn spawn(dir: &Path, setup: &Setup) -> Process {
    let config = dir.join("latchkey.toml");
    let daemon = [env!("CARGO_BIN_EXE_latchkey"), "run", "--config", config.to_str().unwrap()].map(String::from);
    let mut line = setup.prefix.iter().cloned().chain(daemon);
    let program = line.next().unwrap();
    Process::start(&program, line, |command| {
        command.envs(setup.env.iter().map(|(k, v)| (k, v)));
    })
}
