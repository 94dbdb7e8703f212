//! The only place that reads clocks.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::time::{Instant, Now, Timestamp};

/// Both clocks, counted from the daemon's start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    // The runtime's clock: real in the daemon, virtual where a test has paused it.
    started: tokio::time::Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { started: tokio::time::Instant::now() }
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
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp::from_millis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX));
        Now { mono: self.mono(), wall, trusted: is_synchronised() }
    }
}

/// systemd-timesyncd leaves a file once it has set the clock. Where another program keeps the time, there is no such
/// folder, and the clock is taken as it is.
fn is_synchronised() -> bool {
    let folder = Path::new("/run/systemd/timesync");
    !folder.exists() || folder.join("synchronized").exists()
}
