//! The daemon and its service manager: signs of life that come from the loop itself, signals, and the journal's fields.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::harness::{Broker, Daemon, Mock, Setup, figure, free_port, seconds, until};

/// Stands for systemd: the socket that `NOTIFY_SOCKET` names.
struct Manager {
    socket: UnixDatagram,
    _folder: tempfile::TempDir,
    path: String,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self { socket, path: path.display().to_string(), _folder: folder }
    }

    /// What was told in the time `test` takes to be true, with when it came.
    fn listen(&self, limit: Duration, mut done: impl FnMut(&[(Instant, String)]) -> bool) -> Vec<(Instant, String)> {
        let end = Instant::now() + limit;
        let mut told = Vec::new();
        let mut buffer = [0; 4096];
        while Instant::now() < end && !done(&told) {
            if let Ok(len) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..len]);
                told.extend(text.lines().map(|line| (Instant::now(), line.to_owned())));
            }
        }
        told
    }

    fn wait_for(&self, line: &str) {
        let told = self.listen(seconds(20), |told| told.iter().any(|(_, said)| said.starts_with(line)));
        assert!(told.iter().any(|(_, said)| said.starts_with(line)), "not told {line}: {told:?}");
    }
}

/// A daemon without a stick, which still serves.
fn without_stick(manager: &Manager) -> Setup {
    Setup::tcp(free_port()).env("NOTIFY_SOCKET", &manager.path)
}

fn signs_of_life(told: &[(Instant, String)]) -> Vec<Instant> {
    told.iter().filter(|(_, line)| line == "WATCHDOG=1").map(|(at, _)| *at).collect()
}

#[test]
fn a_loop_that_is_stuck_gives_no_sign_of_life() {
    let manager = Manager::new();
    let setup = without_stick(&manager).env("WATCHDOG_USEC", "1000000").env("LATCHKEY_TEST_STALL_COMMIT_MS", "4000");
    let daemon = Daemon::start(setup);
    let told = manager.listen(seconds(20), |told| signs_of_life(told).len() >= 5);
    assert!(told.iter().any(|(_, line)| line == "READY=1"), "{told:?}");
    assert!(told.iter().any(|(_, line)| line.starts_with("STATUS=waiting for stick")), "{told:?}");
    let signs = signs_of_life(&told);
    let widest = signs.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(widest < seconds(1), "systemd would have killed a healthy daemon: {widest:?}");

    let began = Instant::now();
    let stuck = std::thread::scope(|scope| {
        scope.spawn(|| daemon.add("Ada", "48213", &[], false));
        manager.listen(seconds(6), |_| began.elapsed() > seconds(6))
    });
    let moments: Vec<Instant> = std::iter::once(began).chain(signs_of_life(&stuck)).collect();
    let silence = moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(silence > Duration::from_millis(3500), "signs of life while the loop was stuck for 4 s: silent for {silence:?}");
    assert!(!signs_of_life(&manager.listen(seconds(5), |told| signs_of_life(told).len() >= 2)).is_empty(), "it goes on after");
    figure(&format!("watchdog: widest pause {} ms idle, {} ms in a turn stuck for 4 s", widest.as_millis(), silence.as_millis()));
}

#[test]
fn a_daemon_told_to_stop_is_gone_in_two_seconds_whatever_holds_it() {
    let (mock, broker, manager) = (Mock::start("6:none:uc2:30"), Broker::start(), Manager::new());
    let mut daemon = Daemon::start(Setup::tcp(mock.port).mqtt(broker.port).env("NOTIFY_SOCKET", &manager.path));
    let lock = daemon.locks(1)[&6].clone();
    // A listener that never reads, a broker that never answers, and a roll-out that has begun.
    let socket = std::os::unix::net::UnixStream::connect(daemon.path("latchkey.sock")).unwrap();
    std::io::Write::write_all(&mut &socket, b"GET /api/live HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    for n in 0..10 {
        daemon.add(&format!("P{n}"), &format!("48{n}13"), &[&lock], false);
    }
    broker.freeze();
    let began = Instant::now();
    let status = daemon.stop();
    let took = began.elapsed();
    broker.thaw();
    assert!(status.success(), "{status}");
    assert!(took < seconds(2), "{took:?}");
    manager.wait_for("STOPPING=1");
    assert!(!daemon.path("latchkey.sock").exists(), "the socket is left behind");
    figure(&format!("SIGTERM in mid-roll-out, with a frozen broker: gone after {} ms", took.as_millis()));
}

#[test]
fn a_reload_takes_over_what_it_can_and_names_the_rest() {
    let (mock, manager) = (Mock::start("6:none:uc1:4"), Manager::new());
    let daemon = Daemon::start(Setup::tcp(mock.port).env("NOTIFY_SOCKET", &manager.path));
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", "48213", &[&lock], true);
    manager.wait_for("READY=1");
    let used_at = |count: usize| {
        mock.unlock(6, mock.slot_of(6, "48213"));
        let used = until("the event", seconds(20), || Some(daemon.codes_used()).filter(|used| used.len() == count));
        used[0]["at"].as_str().unwrap().to_owned()
    };
    assert!(used_at(1).contains('+'), "the zone of Paris");

    let config = daemon.path("latchkey.toml");
    let old = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "[home]\nname = 7\n").unwrap();
    daemon.process.signal("HUP");
    until("the mistake is named", seconds(10), || daemon.log().contains("the configuration stays as it was").then_some(()));
    assert!(daemon.log().contains("latchkey.toml:2"), "where: {}", daemon.log());

    let new = old.replace("Europe/Paris", "America/New_York").replace("latchkey.sock", "other.sock");
    std::fs::write(&config, new).unwrap();
    daemon.process.signal("HUP");
    until("it is read", seconds(10), || daemon.log().contains("the configuration was read again").then_some(()));
    let log = daemon.log();
    assert!(log.contains("home.time_zone") && log.contains("need a restart") && log.contains("api.socket"), "{log}");
    manager.wait_for("RELOADING=1");
    manager.wait_for("READY=1");
    let at = used_at(2);
    assert!(at.ends_with("-05:00") || at.ends_with("-04:00"), "the zone of New York: {at}");
    assert!(daemon.path("latchkey.sock").exists());
}

/// Where the journal is, its fields are kept apart from the words, so that `journalctl LATCHKEY_DEVICE=front_door` works.
#[test]
fn a_line_in_the_journal_can_be_found_by_node_device_and_person() {
    let mock = Mock::start("6:none:uc1:4");
    let mut setup = Setup::tcp(mock.port).env("LATCHKEY_LOG", "latchkey=debug");
    // A journal of the test's own, in a mount namespace: a bare machine has none, a real one must not be written to.
    let script = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && \
        { socat -u UNIX-RECV:/run/systemd/journal/socket OPEN:\"$1/journal\",creat,append & } && \
        until [ -S /run/systemd/journal/socket ]; do :; done; shift; \
        export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2); exec \"$@\"";
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    setup.prefix = ["unshare", "-m", "bash", "-c", script, "journal", &out].map(String::from).into();
    let daemon = Daemon::start(setup);
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", "48213", &[&lock], true);
    let person = daemon.list(&["people", "list"])[0]["id"].as_str().unwrap().to_owned();
    let journal = || String::from_utf8_lossy(&std::fs::read(folder.path().join("journal")).unwrap_or_default()).into_owned();
    let lines = ["LATCHKEY_NODE=6".to_owned(), format!("LATCHKEY_DEVICE={lock}"), format!("LATCHKEY_PERSON={person}")];
    until("the lines are in the journal", seconds(10), || lines.iter().all(|line| has_field(&journal(), line)).then_some(()));
    let text = journal();
    assert!(has_field(&text, "SYSLOG_IDENTIFIER=latchkey"), "{text}");
    assert!(!text.contains("Ada") && !text.contains("48213"), "a name or a code in the journal: {text}");
    assert_eq!(daemon.process.stderr().trim(), "", "lines come twice");
}

/// A field of the journal's protocol is a line, or a name, a length and the value.
fn has_field(journal: &str, field: &str) -> bool {
    let (name, value) = field.split_once('=').unwrap();
    journal.lines().any(|line| line == field)
        || journal
            .split(name)
            .skip(1)
            .any(|rest| rest.starts_with('\n') && rest.get(9..).is_some_and(|rest| rest.starts_with(value)))
}
