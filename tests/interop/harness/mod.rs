//! What a test needs from the world: processes that end with it, free ports, a wait with a deadline.

mod broker;
mod daemon;
mod disk;
pub mod lab;
mod process;
mod simulator;
mod wire;

use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use broker::{Broker, Message, Subscriber};
pub use daemon::{Answer, Daemon, Setup, latchkey};
pub use disk::{Card, Disk};
pub use lab::{Frames, Mock, Proxy, Pty, host_interviews, host_measures, node};
pub use process::Process;
pub use simulator::{Simulator, host_drives, host_locks};
pub use wire::Wire;

/// Looks until there is an answer; panics with `what` when `limit` has passed. The only pause in these tests.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Lets `time` pass, because the time itself is under test (an idle window, a random moment); never to wait for something.
pub fn let_pass(time: Duration) {
    thread::sleep(time);
}

/// Seconds since 1970, as [`Message::received`] has them.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A port that nobody listens on. Outside the range from which the kernel serves outgoing connections: brokers and proxies
/// here close their port and come back to it, and must find it free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Keeps a measured figure for the summary of `tests/run`.
pub fn figure(text: &str) {
    println!("figure: {text}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("figures.txt");
    let mut file = OpenOptions::new().create(true).append(true).open(file).expect("target/tmp is writable");
    writeln!(file, "{text}").unwrap();
}

/// A small generator for random moments; a failing test prints its seed, `LATCHKEY_SEED` replays it.
pub struct Dice(u64);

impl Dice {
    pub fn new() -> Self {
        let seed = std::env::var("LATCHKEY_SEED")
            .ok()
            .and_then(|s| s.parse().ok())
            .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| u64::from(d.subsec_nanos())));
        println!("LATCHKEY_SEED={seed}");
        Self(seed)
    }

    /// Evenly in `0..below` (splitmix64).
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}
