//! The peer: Z-Wave JS mock locks, the frame proxy before them, and a pty in place of a USB cable.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{Process, free_port, seconds, until};

/// A controller with locks on a TCP port.
pub struct Mock {
    pub port: u16,
    pub control: u16,
    _process: Process,
}

impl Mock {
    /// `locks`: `id:security:class:slots`, comma-separated (`6:none:uc1:30`); see `tests/lab/locks.config.cjs`.
    pub fn start(locks: &str) -> Self {
        Self::with_luck(locks, 1)
    }

    /// The same; `seed` decides what is lost where frames are lost at random.
    pub fn with_luck(locks: &str, seed: u32) -> Self {
        let (port, control) = (free_port(), free_port());
        let (a, b, seed) = (port.to_string(), control.to_string(), seed.to_string());
        let process = node("mock-locks.mjs", &["--port", &a, "--control", &b, "--locks", locks, "--seed", &seed]);
        until("the mock locks start", seconds(60), || process.stdout().contains("\"serial\"").then_some(()));
        Self { port, control, _process: process }
    }

    /// One command to the control port (head of `tests/lab/mock-locks.mjs`); panics if the mock refuses it.
    pub fn control(&self, command: &str) -> Value {
        let answer = ask(self.control, command);
        assert_eq!(answer["ok"], true, "mock: {command}: {answer}");
        answer
    }

    /// One command that may be refused; whether it was carried out.
    pub fn may(&self, command: &str) -> bool {
        ask(self.control, command)["ok"] == true
    }

    /// What the lock itself holds: slot → code.
    pub fn codes(&self, node: u16) -> BTreeMap<u16, String> {
        let dump = self.control("dump");
        let codes = dump[node.to_string()]["codes"].as_object().expect("the dump has codes");
        codes.iter().map(|(slot, c)| (slot.parse().unwrap(), c["code"].as_str().unwrap_or_default().to_owned())).collect()
    }

    /// The slot that holds `code`; panics if there is none.
    pub fn slot_of(&self, node: u16, code: &str) -> u16 {
        let codes = self.codes(node);
        *codes.iter().find(|(_, c)| *c == code).unwrap_or_else(|| panic!("lock {node} has no such code: {codes:?}")).0
    }

    /// Codes that somebody else put there before us.
    pub fn plant(&self, node: u16, codes: &[(u16, &str)]) {
        for (slot, code) in codes {
            self.control(&format!("setcode {node} {slot} {code} quiet"));
        }
    }

    /// Somebody types the code of `slot` at the door.
    pub fn unlock(&self, node: u16, slot: u16) {
        self.control(&format!("unlock {node} {slot}"));
    }

    /// What the peer found wrong with its host.
    pub fn complaints(&self) -> Vec<String> {
        let errors = self.control("stats")["mockErrors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|e| e.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The same for a host whose cable was pulled: it could not acknowledge what was on its way.
    pub fn complaints_but_for_the_cable(&self) -> Vec<String> {
        self.complaints().into_iter().filter(|e| !e.contains("did not respond with an ACK")).collect()
    }
}

/// Counts and logs the frames between daemon and mock; can pull the cable.
pub struct Proxy {
    pub port: u16,
    pub control: u16,
    log: PathBuf,
    _dir: TempDir,
    _process: Process,
}

/// Frames of one interval.
#[derive(Clone, Copy, Debug)]
pub struct Frames {
    pub to_stick: u64,
    pub from_stick: u64,
    /// Frames that ask the stick to send something over the air.
    pub sent: u64,
}

/// One line of the proxy's log.
pub struct Logged {
    /// Milliseconds since the proxy started.
    pub at: f64,
    pub to_stick: bool,
    pub kind: String,
    pub bytes: Vec<u8>,
}

/// A read (User Code Get) or a write (Set, Extended Set) of one slot.
pub struct UserCodeCommand {
    pub node: u16,
    pub slot: u16,
    pub is_write: bool,
}

impl Proxy {
    pub fn to(target: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("frames.jsonl");
        let (port, control) = (free_port(), free_port());
        let args = [port.to_string(), format!("127.0.0.1:{target}"), "--control".into(), control.to_string(), "--log".into()];
        let mut args: Vec<_> = args.iter().map(String::as_str).collect();
        args.push(log.to_str().unwrap());
        let process = node("frame-proxy.mjs", &args);
        until("the proxy starts", seconds(30), || TcpStream::connect(("127.0.0.1", control)).ok());
        Self { port, control, log, _dir: dir, _process: process }
    }

    /// Starts a new interval.
    pub fn mark(&self) {
        ask(self.control, "mark interval");
    }

    /// The frames since the last mark.
    pub fn frames(&self) -> Frames {
        let stats = ask(self.control, "stats");
        let count = |side: &str| stats[side]["data"].as_u64().unwrap();
        // Send Data, Send Data Bridge (docs/protocol/serial-api.md §4).
        let sent = ["0x13", "0xa9"].iter().filter_map(|f| stats["h2c"]["fn"][f].as_u64()).sum();
        Frames { to_stick: count("h2c"), from_stick: count("c2h"), sent }
    }

    /// Waits until no frame has passed for `quiet`: interviews and the first inventory are done.
    pub fn settle(&self, quiet: Duration, limit: Duration) {
        let mut last = (self.total(), std::time::Instant::now());
        until("the line falls quiet", limit, || {
            let now = self.total();
            if now != last.0 {
                last = (now, std::time::Instant::now());
            }
            (last.1.elapsed() >= quiet).then_some(())
        });
    }

    /// Pulls the plug for `time`.
    pub fn cut(&self, time: Duration) {
        ask(self.control, &format!("cut {}", time.as_millis()));
    }

    /// Sends bytes to the daemon between two frames.
    pub fn inject(&self, hex: &str) {
        ask(self.control, &format!("inject {hex}"));
    }

    /// Sends `count` random bytes to the daemon between two frames.
    pub fn garbage(&self, count: u32, seed: u32) {
        ask(self.control, &format!("garbage {count} {seed}"));
    }

    /// Everything that passed.
    pub fn log(&self) -> Vec<Logged> {
        let text = fs::read_to_string(&self.log).unwrap();
        text.lines()
            .filter_map(|l| serde_json::from_str::<Value>(l).ok())
            .filter_map(|l| {
                Some(Logged {
                    at: l["t"].as_f64()?,
                    to_stick: l["dir"].as_str()? == "h2c",
                    kind: l["kind"].as_str()?.to_owned(),
                    bytes: l["hex"].as_str().map(unhex).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// The slots that the daemon ever asked a lock to read, write or clear, in order, from the bytes themselves.
    pub fn user_code_commands(&self) -> Vec<UserCodeCommand> {
        self.log().into_iter().filter(|l| l.to_stick).flat_map(|l| user_code_commands(&l.bytes)).collect()
    }

    /// How many such commands were sent after [`Proxy::now`] told that time.
    pub fn user_code_commands_since(&self, since: f64) -> usize {
        let later = self.log().into_iter().filter(|l| l.to_stick && l.at > since);
        later.map(|l| user_code_commands(&l.bytes).len()).sum()
    }

    /// The time of the last frame so far.
    pub fn now(&self) -> f64 {
        self.log().last().map_or(0.0, |line| line.at)
    }

    /// Over all frames from the stick: the longest time until the daemon's ACK, in milliseconds.
    pub fn slowest_ack(&self) -> f64 {
        let mut open: Vec<f64> = Vec::new();
        let mut slowest = 0.0_f64;
        let mut acked = 0;
        for line in self.log() {
            match (line.to_stick, line.kind.as_str()) {
                (false, "data") => open.push(line.at),
                (true, "ack") if !open.is_empty() => {
                    slowest = slowest.max(line.at - open.remove(0));
                    acked += 1;
                }
                _ => {}
            }
        }
        assert!(acked > 10, "the proxy's log was not understood");
        slowest
    }

    fn total(&self) -> u64 {
        let total = ask(self.control, "total");
        total["h2c"]["data"].as_u64().unwrap() + total["c2h"]["data"].as_u64().unwrap()
    }
}

/// A terminal in place of a USB cable, bridged to a TCP port.
pub struct Pty {
    pub link: PathBuf,
    target: u16,
    bridge: Option<Process>,
    _dir: TempDir,
}

impl Pty {
    pub fn to(target: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut pty = Self { link: dir.path().join("stick"), target, bridge: None, _dir: dir };
        pty.plug();
        pty
    }

    pub fn plug(&mut self) {
        let terminal = format!("pty,rawer,link={}", self.link.display());
        let bridge = Process::start("socat", [terminal, format!("tcp:127.0.0.1:{},nodelay", self.target)], |_| {});
        until("the pty appears", seconds(20), || self.link.exists().then_some(()));
        self.bridge = Some(bridge);
    }

    pub fn unplug(&mut self) {
        if let Some(mut bridge) = self.bridge.take() {
            bridge.terminate();
        }
        let _ = fs::remove_file(&self.link);
    }
}

/// User Code Set (63 01), Get (63 02) and Extended Set (63 0B) in a Send Data (Bridge) frame, under Supervision or not
/// (docs/protocol/command-classes.md 0x63). Codes are ASCII digits, so that the class's number cannot be mistaken
/// inside one.
fn user_code_commands(frame: &[u8]) -> Vec<UserCodeCommand> {
    let (node, class) = match frame.get(3) {
        Some(0x13) => (u16::from(frame[4]), frame.get(6)),
        Some(0xA9) => (u16::from(frame[5]), frame.get(7)),
        _ => return Vec::new(),
    };
    // What is sealed under S0 or S2 is noise, in which any two bytes turn up now and then.
    if matches!(class, Some(0x98 | 0x9F)) {
        return Vec::new();
    }
    let is_ours = |w: &[u8]| w[0] == 0x63 && matches!(w[1], 0x01 | 0x02 | 0x0B);
    let Some(at) = (6..frame.len() - 2).find(|i| is_ours(&frame[*i..])) else {
        return Vec::new();
    };
    if frame[at + 1] != 0x0B {
        return vec![UserCodeCommand { node, slot: u16::from(frame[at + 2]), is_write: frame[at + 1] == 0x01 }];
    }
    let mut commands = Vec::new();
    let mut entry = at + 3;
    for _ in 0..frame[at + 2] {
        commands.push(UserCodeCommand { node, slot: u16::from_be_bytes([frame[entry], frame[entry + 1]]), is_write: true });
        entry += 4 + usize::from(frame[entry + 3] & 0x0F);
    }
    commands
}

/// Lets Z-Wave JS look after the network at `port` until it has asked every lock everything, codes too, and close its
/// files in `store`.
pub fn host_interviews(port: u16, store: &Path) {
    let endpoint = format!("127.0.0.1:{port}");
    let store = store.to_str().unwrap();
    let mut host = node("host.mjs", &[&endpoint, "--keys", "keys.json", "--settle", "1", "--cache", store, "--query-codes"]);
    until("Z-Wave JS has interviewed the locks", seconds(120), || host.stdout().contains("settled").then_some(()));
    // It lets go of its lock when its files are whole.
    assert!(host.wait(seconds(30)).success(), "{}", host.stderr());
}

/// What Z-Wave JS needs for each of the lab's tasks on an S2 lock and an S0 lock, through `proxy`: `tests/lab/measure.mjs`.
pub fn host_measures(proxy: &Proxy, s2: u16, s0: u16) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("rows.json");
    let (endpoint, control) = (format!("127.0.0.1:{}", proxy.port), proxy.control.to_string());
    let (s2, s0) = (s2.to_string(), s0.to_string());
    let out_file = out.to_str().unwrap();
    let args = [&endpoint, &control, "--keys", "keys.json", "--s2", &s2, "--s0", &s0, "--out", out_file];
    let mut host = node("measure.mjs", &args);
    assert!(host.wait(seconds(180)).success(), "{}", host.stderr());
    serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap()
}

/// Where the peer's packages are.
pub fn lab_packages() -> PathBuf {
    let packages = std::env::var_os("ZWAVEJS_LAB")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("lab"), PathBuf::from);
    assert!(packages.join("node_modules").exists(), "no Z-Wave JS in {}: `tests/run` installs it", packages.display());
    packages
}

/// Runs a script, named from the lab's folder, with the packages that `tests/run` installed.
pub fn node(script: &str, args: &[&str]) -> Process {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab");
    let packages = lab_packages();
    Process::start("node", [&[script], args].concat(), |c| {
        c.current_dir(lab).env("ZWAVEJS_LAB", packages);
    })
}

/// One line there, one line of JSON back.
pub(super) fn ask(port: u16, command: &str) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("{command}: the lab is gone: {e}"));
    stream.set_read_timeout(Some(seconds(30))).unwrap();
    stream.write_all(format!("{command}\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap_or_else(|e| panic!("{command}: {e}"));
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{command}: {e}: {line}"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}
