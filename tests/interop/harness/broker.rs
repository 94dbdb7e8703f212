//! A real mosquitto, and somebody who listens.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{Process, free_port, seconds, until};

pub struct Broker {
    pub port: u16,
    dir: TempDir,
    process: Option<Process>,
}

impl Broker {
    pub fn start() -> Self {
        let mut broker = Self::absent();
        broker.come_back();
        broker
    }

    /// One that knows nothing any more when it comes back.
    pub fn start_forgetful() -> Self {
        let mut broker = Self::configured("persistence false\n");
        broker.come_back();
        broker
    }

    /// A port and a configuration; nobody listens until `come_back`.
    pub fn absent() -> Self {
        // Sessions survive a restart, so that no message falls between the broker's return and the subscriber's.
        Self::configured("persistence true\n")
    }

    fn configured(store: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let place = format!("persistence_location {}/\nmax_queued_messages 0\nuser root\n", dir.path().display());
        let listen = format!("listener {port} 127.0.0.1\nallow_anonymous true\n{store}{place}");
        fs::write(dir.path().join("m.conf"), listen).unwrap();
        Self { port, dir, process: None }
    }

    /// It stops in its tracks: connections stay open, and the kernel goes on taking in what is sent to it.
    pub fn freeze(&self) {
        self.process.as_ref().unwrap().signal("STOP");
    }

    pub fn thaw(&self) {
        self.process.as_ref().unwrap().signal("CONT");
    }

    /// Keeps what it knows at this moment: with this it comes back from a `kill9`.
    pub fn save(&self) {
        let file = self.dir.path().join("mosquitto.db");
        let _ = fs::remove_file(&file);
        self.process.as_ref().unwrap().signal("USR1");
        until("mosquitto saves", seconds(10), || file.exists().then_some(()));
    }

    /// As a power cut.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    pub fn go_away(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    pub fn come_back(&mut self) {
        // Where a package puts it is not on every user's path.
        let program = if std::path::Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        let config = self.dir.path().join("m.conf");
        let mut process = Process::start(program, ["-c", config.to_str().unwrap()], |_| {});
        until("mosquitto listens", seconds(20), || {
            assert!(process.is_running(), "mosquitto ended: {}", process.stderr());
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        self.process = Some(process);
    }

    /// Listens to everything; returns once the broker has confirmed it.
    pub fn subscribe(&self, name: &str) -> Subscriber {
        let port = self.port.to_string();
        let args = ["-p", &port, "-i", name, "-c", "-q", "1", "-t", "#", "-F", "%U\t%t\t%r\t%p"];
        let subscriber = Subscriber(Process::start("mosquitto_sub", args, |_| {}));
        until("the subscription holds", seconds(20), || {
            let probe = Command::new("mosquitto_pub").args(["-p", &port, "-t", "probe", "-m", name]).status();
            assert!(probe.is_ok(), "mosquitto_pub is missing; tests/run installs mosquitto-clients");
            subscriber.0.stdout().contains("probe\t").then_some(())
        });
        subscriber
    }
}

pub struct Subscriber(Process);

pub struct Message {
    /// When it reached the subscriber: seconds since 1970.
    pub received: f64,
    pub topic: String,
    pub retained: bool,
    pub payload: Value,
}

impl Subscriber {
    /// Everything received, in order. A payload that is not JSON is a string.
    pub fn messages(&self) -> Vec<Message> {
        let text = self.0.stdout();
        let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole_lines
            .lines()
            .filter_map(|line| {
                let mut parts = line.splitn(4, '\t');
                let received = parts.next()?.parse().ok()?;
                let (topic, retained, payload) = (parts.next()?, parts.next()?, parts.next()?);
                let payload = serde_json::from_str(payload).unwrap_or_else(|_| Value::String(payload.to_owned()));
                Some(Message { received, topic: topic.to_owned(), retained: retained == "1", payload })
            })
            .collect()
    }

    /// The `code_used` events received so far, as messages, in order, repeats included.
    pub fn codes_used(&self) -> Vec<Message> {
        let is_use = |m: &Message| m.topic.contains("/event") && m.payload["event_type"] == "code_used";
        self.messages().into_iter().filter(is_use).collect()
    }

    /// Every event received so far, on the live and on the late topics, in order, repeats included.
    pub fn events(&self) -> Vec<Message> {
        let is_event = |m: &Message| m.topic.ends_with("/event") || m.topic.ends_with("/event/late");
        self.messages().into_iter().filter(is_event).collect()
    }

    /// The newest payload of `topic`.
    pub fn last(&self, topic: &str) -> Option<Value> {
        self.messages().into_iter().rev().find(|m| m.topic == topic).map(|m| m.payload)
    }

    pub fn text(&self) -> String {
        self.0.stdout()
    }
}
