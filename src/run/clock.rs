//! The only place that reads clocks.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::kernel;
use crate::config::ClockTrust;
use crate::domain::time::{Instant, Now, Timestamp};

/// How often the kernel is asked whether its clock is kept right.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Both clocks, counted from the daemon's start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    // The runtime's clock: real in the daemon, virtual where a test has paused it.
    started: tokio::time::Instant,
    trust: ClockTrust,
    synchronised: Option<(Instant, bool)>,
}

impl Clock {
    /// A clock that starts now.
    pub fn start(trust: ClockTrust) -> Self {
        Self { started: tokio::time::Instant::now(), trust, synchronised: None }
    }

    /// Believes the wall clock on other grounds from now on.
    pub fn trust(&mut self, trust: ClockTrust) {
        self.trust = trust;
    }

    /// The monotonic time.
    pub fn mono(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The runtime's name for a monotonic time.
    pub fn at(&self, instant: Instant) -> tokio::time::Instant {
        self.started + instant.since(Instant::ZERO)
    }

    /// Both clocks, for one turn.
    #[expect(clippy::disallowed_methods, reason = "this is where wall time enters")]
    pub fn now(&mut self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp::from_millis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX));
        let mono = self.mono();
        Now { mono, wall, trusted: self.is_trusted(mono) }
    }

    fn is_trusted(&mut self, now: Instant) -> bool {
        if self.trust == ClockTrust::Always {
            return true;
        }
        match self.synchronised {
            Some((at, known)) if now.since(at) < LOOK_AGAIN => known,
            _ => {
                let known = kernel::is_synchronised().unwrap_or_else(timesyncd_has_set_it);
                self.synchronised = Some((now, known));
                known
            }
        }
    }
}

/// Where the kernel may not be asked: systemd-timesyncd leaves a file once it has set the clock.
fn timesyncd_has_set_it() -> bool {
    Path::new("/run/systemd/timesync/synchronized").exists()
}
