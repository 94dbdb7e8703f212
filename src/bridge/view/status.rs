//! How the daemon is: each problem with the next thing to do.

use super::parts::{radio, reach};
use super::people;
use crate::bridge::look::{Look, stamp};
use crate::bridge::problem::Problem;
use crate::bridge::vitals::{LockVitals, Vitals};
use crate::bridge::words::Settings;
use crate::domain::time::Timestamp;
use crate::network::ControllerStatus;
use crate::view::{
    AirtimeView, BrokerView, ClockView, LockStatusView, OutboxView, ProblemView, RunningView, StatusView, StickView, StoreView,
};

/// Of what the status is made.
pub enum Source<'a> {
    Bridge(&'a Look<'a>),
    /// It waits to be built anew from a store that takes nothing: what can still be said for certain.
    NoBridge(&'a StoreTrouble<'a>, &'a Settings),
}

/// Why nothing can be saved, and what that does.
#[derive(Clone, Copy, Debug)]
pub struct StoreTrouble<'a> {
    /// What the store said.
    pub why: &'a str,
    /// When it is tried again.
    pub next_try: Timestamp,
    /// Frames that wait in memory.
    pub held: usize,
    /// Frames that found no room there.
    pub lost: u64,
}

/// How the daemon is.
pub fn status(source: &Source<'_>) -> StatusView {
    let (store, running, locks, problems) = match source {
        Source::Bridge(look) => {
            let vitals = Vitals::of(look);
            let store = StoreView::Ready { codes: look.settings.seal.to_owned(), bytes: None };
            let locks = vitals.locks.iter().map(|lock| of_lock(look, lock)).collect();
            (store, Some(running(look, &vitals)), locks, vitals.problems)
        }
        Source::NoBridge(trouble, settings) => {
            let store = StoreView::Unavailable {
                why: trouble.why.to_owned(),
                next_try: stamp(trouble.next_try, &settings.zone),
                held_frames: trouble.held,
                lost_frames: trouble.lost,
                codes: settings.seal.to_owned(),
                bytes: None,
            };
            (store, None, Vec::new(), trouble.problems())
        }
    };
    let problems = problems.into_iter().map(ProblemView::from).collect();
    StatusView { version: env!("CARGO_PKG_VERSION").to_owned(), store, running, locks, problems, web: None }
}

impl StoreTrouble<'_> {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![Problem::warning(
            format!("nothing can be saved: {}", self.why),
            "mend the disk; it is tried again by itself. Do not restart: what the locks tell meanwhile waits in memory",
        )];
        if self.lost > 0 {
            problems.push(Problem::warning(
                format!("{} reports of locks were dropped: so many can't wait in memory", self.lost),
                "mend the disk; then look at the locks themselves for what is missing",
            ));
        }
        problems
    }
}

impl From<Problem> for ProblemView {
    fn from(problem: Problem) -> Self {
        Self { severity: problem.severity.into(), what: problem.what, fix: problem.fix }
    }
}

fn running(look: &Look<'_>, vitals: &Vitals) -> RunningView {
    let stick = match &vitals.stick {
        ControllerStatus::Ready(info) => StickView::Ready { home_id: info.home.to_string(), library: info.library.clone() },
        ControllerStatus::Starting { step } => StickView::Starting { step: (*step).to_owned() },
        ControllerStatus::Absent { why } => StickView::Absent { why: why.clone() },
    };
    let broker = vitals.broker.as_ref().map(|broker| match broker {
        Ok(()) => BrokerView::Connected,
        Err(why) => BrokerView::Disconnected { why: why.clone() },
    });
    let (steps, step) = look.clock.steps();
    RunningView {
        hub: look.state.hub,
        generation: look.state.generation,
        stick,
        broker,
        outbox: OutboxView { waiting: vitals.outbox_waiting, dropped: vitals.dropped.count },
        clock: ClockView {
            trusted: vitals.clock_trusted,
            now: look.stamp(look.now.wall),
            steps,
            last_step: step.map(|step| look.stamp(step.at)),
        },
        radio: AirtimeView {
            airtime_last_hour_ms: vitals.airtime_ms,
            airtime_limit_ms: vitals.airtime_limit_ms,
            duty_cycle_percent: duty_cycle(vitals.airtime_ms),
        },
        grants: vitals.grants.iter().map(|(status, count)| ((*status).into(), *count)).collect(),
        oldest_pending: vitals.oldest_pending.and_then(|(id, _)| people::grant(look, id)),
    }
}

fn of_lock(look: &Look<'_>, lock: &LockVitals) -> LockStatusView {
    LockStatusView {
        slug: lock.slug.clone(),
        reach: lock.reach.map(|at| reach(at).into()),
        last_seen: lock.last_contact.map(|at| look.stamp(at)),
        pending: lock.pending,
        failed: lock.failed,
        queued: lock.queued,
        radio: radio(lock.radio),
    }
}

/// Percent of the last hour, to the hundredth.
fn duty_cycle(airtime_ms: u64) -> f64 {
    let hundredths = u32::try_from(airtime_ms * 10_000 / 3_600_000).unwrap_or(u32::MAX);
    f64::from(hundredths) / 100.0
}
