//! The only place that reads clocks, and knows in which boot.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::process::Command;

use super::adjtimex;
use crate::config::ClockTrust;
use crate::domain::time::{BootId, Instant, Now, Timestamp};

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
            while adjtimex::is_synchronised().is_none() {
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
                let known = adjtimex::is_synchronised().unwrap_or_else(elsewhere);
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

/// Names the time since the machine was switched on; `None` where that can't be known.
///
/// A hardened service does not see the kernel's own name for it. Its runtime directory (`runtime`) lies in memory and is
/// gone with the power: a name that is still there was given in this boot, else `fresh` becomes it.
pub(super) fn boot_id(runtime: Option<&Path>, fresh: &str) -> Option<BootId> {
    let kernels = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let name = kernels.or_else(|| given_in(runtime?, fresh))?;
    Some(BootId(name.trim().to_owned())).filter(|id| !id.0.is_empty())
}

fn given_in(runtime: &Path, fresh: &str) -> Option<String> {
    let file = runtime.join("boot");
    if let Ok(given) = std::fs::read_to_string(&file) {
        return Some(given);
    }
    std::fs::write(&file, fresh).ok()?;
    Some(fresh.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_one_boot_the_same_way_twice() {
        let first = boot_id(None, "a");
        assert!(first.is_some());
        assert_eq!(first, boot_id(None, "b"));
    }

    #[test]
    fn a_boot_that_the_kernel_does_not_name_has_one_name_until_the_power_goes() {
        let runtime = tempfile::tempdir().unwrap();
        assert_eq!(given_in(runtime.path(), "first").as_deref(), Some("first"));
        assert_eq!(given_in(runtime.path(), "second").as_deref(), Some("first"));
        std::fs::remove_file(runtime.path().join("boot")).unwrap();
        assert_eq!(given_in(runtime.path(), "second").as_deref(), Some("second"));
        assert_eq!(given_in(Path::new("/nowhere"), "x"), None);
    }
}
