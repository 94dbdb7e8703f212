//! How the daemon is: everything a person or a monitor may ask about it, and what is wrong with the next thing to do.
//! Words and numbers only; who is told in which form is another question ([`super::view`] and the metrics page).

use std::collections::BTreeMap;

use super::look::Look;
use super::problem::Problem;
use super::{damage, membership};
use crate::domain::batch::Dropped;
use crate::domain::device::Device;
use crate::domain::grant::Status;
use crate::domain::ids::{GrantId, Slug};
use crate::domain::time::Timestamp;
use crate::network::{ControllerStatus, RadioUse, Reach};
use crate::serial::setup::Region;
use crate::view::Severity;

/// Events that were dropped are a problem for so long: then everybody who looks has seen it.
const DROPPED_MATTERS: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);
/// A clock that was set although it was right is a problem for so long.
const STEP_MATTERS: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Europe: one part in a hundred of an hour (timing sheet §4).
const EUROPEAN_AIRTIME_MS: u64 = 36_000;
/// Beyond this part of what the law allows, locks may be kept waiting.
const NEARLY_SPENT_PERCENT: u64 = 80;

/// So many frames in an hour that do not authenticate may be bad air, or a lock whose battery was changed.
const REJECTED_IN_BAD_AIR: u64 = 50;

/// How one lock is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockVitals {
    pub slug: Slug,
    /// Whether it can be reached; `None`: it left the network.
    pub reach: Option<Reach>,
    /// When it was last heard, or acknowledged something.
    pub last_contact: Option<Timestamp>,
    pub battery: Option<u8>,
    /// Grants on their way.
    pub pending: usize,
    /// Grants that need somebody.
    pub failed: usize,
    /// Commands that wait for it.
    pub queued: usize,
    /// What it cost since the start.
    pub radio: RadioUse,
    /// Frames in its name that did not authenticate in the last hour.
    pub rejected_lately: u64,
}

/// How the daemon is.
#[derive(Clone, PartialEq, Debug)]
pub struct Vitals {
    pub stick: ControllerStatus,
    /// Why there is no broker (`Err`), or that there is; `None`: none is wanted.
    pub broker: Option<Result<(), String>>,
    /// Events that wait for the broker.
    pub outbox_waiting: usize,
    /// Events it never got.
    pub dropped: Dropped,
    /// Whether the wall clock is believed.
    pub clock_trusted: bool,
    /// How often it was set since the start.
    pub clock_steps: u64,
    /// The time as it is believed.
    pub now: Timestamp,
    /// Milliseconds of transmission in the last hour.
    pub airtime_ms: u64,
    /// How many the law allows there, where it does not allow all.
    pub airtime_limit_ms: Option<u64>,
    pub grants: BTreeMap<Status, usize>,
    /// The grant that is on its way for longest, and since when.
    pub oldest_pending: Option<(GrantId, Timestamp)>,
    /// Each lock, by slug.
    pub locks: Vec<LockVitals>,
    /// What is wrong, worst first.
    pub problems: Vec<Problem>,
}

impl Vitals {
    /// Takes a look at everything.
    pub fn of(look: &Look<'_>) -> Self {
        let now = look.now;
        let mut locks: Vec<LockVitals> = look.state.devices().map(|device| lock(look, device)).collect();
        locks.sort_by(|a, b| a.slug.cmp(&b.slug));
        let mut grants = BTreeMap::new();
        for grant in look.state.grants() {
            *grants.entry(grant.status).or_default() += 1;
        }
        let waits = look.state.grants().filter(|grant| !grant.status.is_settled());
        let oldest = waits.min_by_key(|grant| grant.since).map(|grant| (grant.id, grant.since));
        let stick = look.network.controller().clone();
        let region = match &stick {
            ControllerStatus::Ready(info) => info.region,
            ControllerStatus::Absent { .. } | ControllerStatus::Starting { .. } => None,
        };
        let (clock_steps, _) = look.clock.steps();
        let mut vitals = Self {
            stick,
            broker: look.settings.mqtt.as_ref().map(|_| look.announcer.trouble().map_or(Ok(()), |why| Err(why.to_owned()))),
            outbox_waiting: look.announcer.waiting(),
            dropped: look.state.dropped(),
            clock_trusted: now.trusted,
            clock_steps,
            now: now.wall,
            airtime_ms: look.network.airtime_last_hour(now.mono),
            airtime_limit_ms: region.is_some_and(Region::is_european).then_some(EUROPEAN_AIRTIME_MS),
            grants,
            oldest_pending: oldest,
            locks,
            problems: Vec::new(),
        };
        vitals.problems = vitals.find_problems(look);
        vitals
    }

    /// One line: for the service manager and for a health check.
    pub fn headline(&self) -> String {
        let stick = match &self.stick {
            ControllerStatus::Ready(_) => "stick ready",
            ControllerStatus::Starting { .. } => "stick is starting",
            ControllerStatus::Absent { .. } => "waiting for stick",
        };
        let pending: usize = self.locks.iter().map(|lock| lock.pending).sum();
        format!("{stick}; {} locks; {pending} changes on their way; {} problems", self.locks.len(), self.needs_somebody())
    }

    /// How many problems need action: what is only worth knowing does not count.
    pub fn needs_somebody(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity > Severity::Info).count()
    }

    fn find_problems(&self, look: &Look<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |what: String, fix: &str| problems.push(Problem::warning(what, fix));
        if let ControllerStatus::Absent { why } = &self.stick {
            problem(format!("no Z-Wave stick: {why}"), "plug the stick in, or set serial.port");
        }
        if let Some(Err(why)) = &self.broker {
            problem(format!("no MQTT broker: {why}"), "start the broker, or check mqtt.url; events are kept meanwhile");
        }
        if let Some(why) = look.announcer.deaf() {
            problem(
                format!("commands over MQTT are off: {why}"),
                "take that message off the broker (publish an empty retained one in its place); events are published all the same",
            );
        }
        if self.dropped.count > 0 && self.now - self.dropped.at < DROPPED_MATTERS {
            let what = format!("{} events never reached the broker: it was away for too long", self.dropped.count);
            problem(what, "bring the broker back; `latchkey events` still has them");
        }
        if !self.clock_trusted {
            problem(
                "the clock is not synchronised".into(),
                "enable time synchronisation (timedatectl set-ntp true), or set home.clock if this machine's clock has a battery",
            );
        }
        if let (_, Some(step)) = look.clock.steps()
            && step.was_trusted
            && self.now - step.at < STEP_MATTERS
        {
            let what = format!("the clock was set by {} seconds although it was right", step.by_millis / 1000);
            problem(what, "find out who or what set it: schedules and stamps depend on it");
        }
        if let Some(limit) = self.airtime_limit_ms
            && self.airtime_ms * 100 >= limit * NEARLY_SPENT_PERCENT
        {
            let what = format!(
                "{} of the {} seconds of transmission that an hour may have are spent",
                self.airtime_ms / 1000,
                limit / 1000
            );
            problem(what, "wait: the rest of the changes goes out as the hour moves on");
        }
        problems.extend(damage::problems(look));
        problems.extend(membership::problems::of(look));
        let mut problem = |what: String, fix: &str| problems.push(Problem::warning(what, fix));
        for lock in &self.locks {
            match lock.reach {
                None => problem(
                    format!("{} left the network", lock.slug),
                    "include a lock and give it its place by `latchkey devices replace`, or forget it by `latchkey devices remove`",
                ),
                Some(Reach::Dead) => problem(format!("{} does not answer", lock.slug), "check its battery and its distance"),
                Some(Reach::Unknown | Reach::Alive | Reach::Asleep) => {}
            }
            if lock.failed > 0 {
                problem(format!("{} has {} grants that need you", lock.slug, lock.failed), "see `latchkey people list`");
            }
            if let Some(Problem { what, fix, .. }) = many_rejected(&lock.slug, lock.rejected_lately) {
                problem(what, &fix);
            }
        }
        // What is only worth knowing comes last.
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
        problems
    }
}

fn lock(look: &Look<'_>, device: &Device) -> LockVitals {
    let counts = look.state.grant_counts(device.id);
    let node = device.node.filter(|node| look.network.node(*node).is_some());
    LockVitals {
        slug: device.slug.clone(),
        reach: node.map(|node| look.network.reach(node)),
        last_contact: device.last_seen,
        battery: device.battery,
        pending: counts.pending,
        failed: counts.failed,
        queued: node.map_or(0, |node| look.network.queued(node)),
        radio: node.map(|node| look.network.radio(node)).unwrap_or_default(),
        rejected_lately: node.map_or(0, |node| look.network.rejected_lately(node, look.now.mono)),
    }
}

/// Frames in a lock's name that did not authenticate in the last hour, if they are too many for bad air.
fn many_rejected(slug: &Slug, count: u64) -> Option<Problem> {
    let problem = Problem::warning(
        format!("{slug}: {count} frames in its name did not authenticate in the last hour"),
        "somebody may send frames in the lock's name, or the lock and this hub disagree about keys: look at the door; if it \
         stays, exclude and include the lock again",
    );
    (count > REJECTED_IN_BAD_AIR).then_some(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_somebody_forges_in_a_lock_s_name_are_a_problem_and_bad_air_is_none() {
        let slug: Slug = "front_door".parse().unwrap();
        assert_eq!(many_rejected(&slug, 50), None);
        let problem = many_rejected(&slug, 51).unwrap();
        assert_eq!(problem.severity, Severity::Warning);
        assert_eq!(problem.what, "front_door: 51 frames in its name did not authenticate in the last hour");
    }
}
