//! A real broker for one test, and a subscriber to watch it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::tls::Pki;

const PATIENCE: Duration = Duration::from_secs(20);
const NEEDED: &str = "install mosquitto and mosquitto-clients to run this test";

/// A `mosquitto` of one's own.
pub struct Mosquitto {
    dir: TempDir,
    port: u16,
    child: Child,
}

impl Mosquitto {
    /// A broker that lets everybody in.
    pub fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), "allow_anonymous true\n")
    }

    /// A broker that asks for a login.
    pub fn start_with_password(user: &str, password: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("passwords");
        let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&file).args([user, password]).status();
        assert!(made.expect(NEEDED).success());
        Self::start_in(dir, &format!("allow_anonymous false\npassword_file {}\n", file.display()))
    }

    /// A broker that speaks TLS and asks for a certificate.
    pub fn start_with_tls(pki: &Pki) -> Self {
        let path = |name| pki.path(name).display().to_string();
        let (ca, cert, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
        let lines = format!("allow_anonymous true\ncafile {ca}\ncertfile {cert}\nkeyfile {key}\nrequire_certificate true\n");
        Self::start_in(tempfile::tempdir().unwrap(), &lines)
    }

    fn start_in(dir: TempDir, lines: &str) -> Self {
        // Between looking up a free port and listening there, another test may take it: then look again.
        for _ in 0..10 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            // The broker drops root's rights to a user that could not read the test's files.
            let listen = format!("user root\nlistener {port} 127.0.0.1\n{lines}");
            fs::write(dir.path().join("mosquitto.conf"), listen).unwrap();
            if let Some(child) = run(dir.path(), port) {
                return Self { dir, port, child };
            }
        }
        panic!("mosquitto found no free port");
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn witness(&self) -> Witness {
        Witness::of(self.port)
    }

    /// Ends the broker at once, as a power cut does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same broker again, with nothing kept.
    pub fn restart(&mut self) {
        self.child = run(self.dir.path(), self.port).expect("the port was taken meanwhile");
    }

    /// The broker stops in its tracks; its connections stay open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    pub fn publish(&self, topic: &str, payload: &str, retain: bool) {
        let mut publish = self.publisher(topic);
        if retain {
            publish.arg("-r");
        }
        feed(publish.arg("-s"), payload);
    }

    /// Publishes that many messages on one connection.
    pub fn publish_lines(&self, topic: &str, count: usize) {
        feed(self.publisher(topic).arg("-l"), &"LOCK\n".repeat(count));
    }

    fn publisher(&self, topic: &str) -> Command {
        let mut publish = Command::new("mosquitto_pub");
        publish.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-q", "1", "-t", topic]);
        publish
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // A test that failed may have ended the broker already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None`: the broker ended at once, most likely because its port was taken.
fn run(dir: &Path, port: u16) -> Option<Child> {
    let log = fs::File::create(dir.join("mosquitto.log")).unwrap();
    let conf = dir.join("mosquitto.conf");
    let mut child = Command::new("mosquitto").arg("-c").arg(conf).stdout(Stdio::null()).stderr(log).spawn().expect(NEEDED);
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(Instant::now() < deadline, "mosquitto does not listen");
        std::thread::yield_now();
    }
    Some(child)
}

fn feed(command: &mut Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).spawn().expect(NEEDED);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// One message as a subscriber got it.
#[derive(Debug)]
pub struct Seen {
    pub retained: bool,
    pub qos: u8,
    pub topic: String,
    pub payload: String,
}

/// A `mosquitto_sub` that listens to everything.
pub struct Witness {
    child: Child,
    lines: Receiver<String>,
}

impl Witness {
    /// A witness that surely listens: it has already got a message.
    pub fn of(port: u16) -> Self {
        let port = port.to_string();
        let at = ["-h", "127.0.0.1", "-p", &port, "-q", "1"];
        let probed = Command::new("mosquitto_pub").args(at).args(["-r", "-t", "probe", "-m", "x"]).status();
        assert!(probed.expect(NEEDED).success());
        let mut child = Command::new("mosquitto_sub")
            .args(at)
            .args(["-t", "probe", "-t", "latchkey/#", "-F", "%r %q %t %p"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect(NEEDED);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let witness = Self { child, lines };
        witness.wait_for("probe");
        witness
    }

    /// The next message on `topic`; others are passed over.
    pub fn wait_for(&self, topic: &str) -> Seen {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("nothing more came on {topic}") };
            let mut words = line.splitn(4, ' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let seen = Seen { retained: word() == "1", qos: word().parse().unwrap(), topic: word(), payload: word() };
            if seen.topic == topic {
                return seen;
            }
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
