//! Clocks, and how a figure is printed.

use std::fs;
use std::time::{Duration, Instant};

/// Both clocks since a moment.
#[derive(Clone, Copy)]
pub struct Meter {
    wall: Instant,
    cpu: Duration,
}

impl Meter {
    /// Starts now.
    pub fn start() -> Self {
        Self { cpu: cpu(), wall: clock() }
    }

    /// Real time since the start.
    pub fn wall(&self) -> Duration {
        self.wall.elapsed()
    }

    /// CPU time of this thread since the start, in steps of one tick of the kernel.
    pub fn cpu(&self) -> Duration {
        cpu().saturating_sub(self.cpu)
    }
}

/// Real time.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub fn clock() -> Instant {
    Instant::now()
}

fn cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with scheduler statistics");
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds on the CPU"))
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Prints one figure.
pub fn row(what: &str, took: Duration, budget: &str) {
    println!("{what:46} {:>10.1} us   budget {budget}", took.as_secs_f64() * 1e6);
}
