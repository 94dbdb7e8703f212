//! `latchkey simulate` as a process, and Z-Wave JS as its host.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::lab::{ask, node};
use super::{Process, seconds, until};

/// A simulated stick with its control port.
pub struct Simulator {
    /// As it says itself: `tcp://…`, or the path of a link.
    pub listen: String,
    pub process: Process,
    control: u16,
    _dir: TempDir,
}

impl Simulator {
    /// The default home, over TCP.
    pub fn home() -> Self {
        Self::over_tcp(&[])
    }

    /// A world of this text, over TCP.
    pub fn of(world: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("world.toml");
        std::fs::write(&file, world).unwrap();
        let args = ["--listen", "tcp://127.0.0.1:0", "--world", file.to_str().unwrap()];
        Self::start(dir, &args)
    }

    pub fn over_tcp(args: &[&str]) -> Self {
        Self::start(tempfile::tempdir().unwrap(), &[&["--listen", "tcp://127.0.0.1:0"], args].concat())
    }

    /// On a pseudo terminal.
    pub fn over_pty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("stick").to_str().unwrap().to_owned();
        Self::start(dir, &["--pty", &link])
    }

    fn start(dir: TempDir, args: &[&str]) -> Self {
        let args = [&["simulate", "--control", "127.0.0.1:0"], args].concat();
        let mut process = Process::start(env!("CARGO_BIN_EXE_latchkey"), args, |_| {});
        let ready: Value = until("the simulator serves", seconds(30), || {
            assert!(process.is_running(), "the simulator ended: {}", process.stderr());
            process.stdout().lines().next().and_then(|line| serde_json::from_str(line).ok())
        });
        assert_eq!(ready["ready"], true, "{ready}");
        let listen = ready["listen"].as_str().unwrap().to_owned();
        let control = ready["control"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
        Self { listen, process, control, _dir: dir }
    }

    /// The TCP port of the stick.
    pub fn port(&self) -> u16 {
        self.listen.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    pub fn control_port(&self) -> u16 {
        self.control
    }

    pub fn link(&self) -> PathBuf {
        PathBuf::from(&self.listen)
    }

    /// One command of the control port that has to be carried out.
    pub fn control(&self, command: &str) -> Value {
        let answer = self.try_control(command);
        assert_eq!(answer["ok"], true, "{command}: {answer}");
        answer
    }

    pub fn try_control(&self, command: &str) -> Value {
        ask(self.control, command)
    }

    /// The code in a slot.
    pub fn code(&self, node: u16, slot: u16) -> Option<String> {
        let dump = self.control("dump");
        dump[node.to_string()]["codes"][slot.to_string()]["code"].as_str().map(str::to_owned)
    }
}

/// Z-Wave JS drives the stick at `port`, and judges it: `tests/lab/drive-with-zwavejs.mjs`.
pub fn host_drives(port: u16, args: &[&str]) -> Process {
    let endpoint = format!("127.0.0.1:{port}");
    node("drive-with-zwavejs.mjs", &[&[endpoint.as_str(), "--keys", "keys.json"], args].concat())
}

/// Z-Wave JS at `endpoint` (a path, or `tcp://…`) interviews these nodes, locks and unlocks them, and says what it read:
/// `tests/interop/lock-with-zwavejs.mjs`.
pub fn host_locks(endpoint: &str, nodes: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/lock-with-zwavejs.mjs");
    let mut host = node(script.to_str().unwrap(), &[endpoint, nodes]);
    host.wait(seconds(180));
    serde_json::from_str(&host.stdout()).unwrap_or_else(|error| panic!("{error}: {}{}", host.stdout(), host.stderr()))
}
