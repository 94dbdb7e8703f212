//! What the service manager is told (sd_notify(3)): that the daemon serves, what it waits for, and that its loop turns.
//! Without a manager nothing is told to anybody.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::domain::time::Instant;

/// How often the manager's status line is looked at where it wants no sign of life.
const LOOK: Duration = Duration::from_secs(30);

/// The line to the service manager.
///
/// [`Service::turned`] is called by the loop itself after a turn: a loop that is stuck in one gives no sign of life, and
/// the manager starts the daemon anew (`WatchdogSec=`).
#[derive(Debug)]
pub struct Service {
    interval: Duration,
    watched: bool,
    next: Instant,
    status: String,
}

impl Service {
    /// The manager of this process, as its environment names it.
    pub fn of_this_process() -> Self {
        // Twice in the time after which the manager gives up: one late turn is no death.
        let watchdog = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Self { interval: watchdog.unwrap_or(LOOK), watched: watchdog.is_some(), next: Instant::ZERO, status: String::new() }
    }

    /// The daemon serves: its store is open and its socket answers. A stick may still be awaited.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// The configuration is read again; [`Service::ready`] ends it.
    pub fn reloading(&self) {
        let mut states = vec![NotifyState::Reloading];
        states.extend(NotifyState::monotonic_usec_now());
        tell(&states);
    }

    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// When the loop shall turn even if nothing happens.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// The loop turns: a sign of life if one is due, with the status line if it changed.
    pub fn turned(&mut self, now: Instant, status: impl FnOnce() -> String) {
        if now < self.next {
            return;
        }
        self.next = now + self.interval;
        let status = status();
        let mut states = Vec::new();
        if self.watched {
            states.push(NotifyState::Watchdog);
        }
        if status != self.status {
            states.push(NotifyState::Status(&status));
        }
        tell(&states);
        self.status = status;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if states.is_empty() {
        return;
    }
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
