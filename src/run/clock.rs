//! The only place that reads clocks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::process::Command;

use super::kernel;
use crate::config::ClockTrust;
use crate::domain::time::{Instant, Now, Timestamp};

/// How often it is looked whether something keeps the clock right.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often that is asked of systemd.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Both clocks, counted from the daemon's start.
#[derive(Clone, Debug)]
pub struct Clock {
    // The runtime's clock: real in the daemon, virtual where a test has paused it.
    started: tokio::time::Instant,
    trust: ClockTrust,
    synchronised: Option<(Instant, bool)>,
    /// What systemd said last, where the kernel may not be asked.
    told: Arc<AtomicBool>,
}

impl Clock {
    /// A clock that starts now.
    pub fn start(trust: ClockTrust) -> Self {
        Self { started: tokio::time::Instant::now(), trust, synchronised: None, told: Arc::default() }
    }

    /// Asks systemd for ever where the kernel may not be asked: a service with few rights is refused even to look at the
    /// clock's state, and systemd-timedated looks for it, whoever keeps the time.
    pub fn ask_elsewhere(&self) -> impl Future<Output = ()> + use<> {
        let told = Arc::clone(&self.told);
        async move {
            while kernel::is_synchronised().is_none() {
                let mut question = Command::new("timedatectl");
                question.args(["show", "--property=NTPSynchronized", "--value"]).kill_on_drop(true);
                // It would speak to the service manager in our place.
                question.env_remove("NOTIFY_SOCKET");
                let answer = question.output().await.is_ok_and(|answer| answer.stdout.starts_with(b"yes"));
                told.store(answer, Ordering::Relaxed);
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }

    /// Believes the wall clock on other grounds from now on.
    pub fn trust(&mut self, trust: ClockTrust) {
        self.trust = trust;
    }

    /// The monotonic time.
    pub fn mono(&self) -> Instant {
        self.of(tokio::time::Instant::now())
    }

    /// The runtime's name for a monotonic time.
    pub fn at(&self, instant: Instant) -> tokio::time::Instant {
        self.started + instant.since(Instant::ZERO)
    }

    /// The monotonic time at a moment of the runtime's.
    pub fn of(&self, moment: tokio::time::Instant) -> Instant {
        let elapsed = moment.saturating_duration_since(self.started);
        Instant::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    /// Both clocks, for one turn.
    pub fn now(&mut self) -> Now {
        let mono = self.mono();
        Now { mono, wall: wall(), trusted: self.is_trusted(mono) }
    }

    fn is_trusted(&mut self, now: Instant) -> bool {
        if self.trust == ClockTrust::Always {
            return true;
        }
        match self.synchronised {
            Some((at, known)) if now.since(at) < LOOK_AGAIN => known,
            _ => {
                let elsewhere = || self.told.load(Ordering::Relaxed) || timesyncd_has_set_it();
                let known = kernel::is_synchronised().unwrap_or_else(elsewhere);
                self.synchronised = Some((now, known));
                known
            }
        }
    }
}

/// What the wall clock says, right or wrong.
#[expect(clippy::disallowed_methods, reason = "this is where wall time enters")]
pub fn wall() -> Timestamp {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX))
}

/// Where the kernel may not be asked: systemd-timesyncd leaves a file once it has set the clock.
fn timesyncd_has_set_it() -> bool {
    Path::new("/run/systemd/timesync/synchronized").exists()
}
