//! Which bolt is moved when. A lock is given one operation at a time, and of those that wait for it only the latest is
//! kept: an earlier request is out of date. Any client of the broker can ask, so there is a rate for each lock and actor,
//! and one for each actor over all locks. A single operation is within it and never waits.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::actor::Actor;
use crate::domain::device::LockState;
use crate::domain::ids::DeviceId;
use crate::domain::time::{Deadline, Instant};
use crate::network::JobId;

/// A person waits at the door: a bolt that moves minutes later is worse than one that does not.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// One lock, one actor: a few hasty retries, and then no more than six wake-ups a minute.
const PER_LOCK: Rate = Rate { burst: 6, every: Duration::from_secs(10) };
/// One actor, all locks: a large house is locked at once. After that it has to share the air: a bolt of an S0 lock takes four
/// beams, of a second each.
const PER_ACTOR: Rate = Rate { burst: 64, every: Duration::from_secs(8) };
/// So many meters may be kept before those that are full again are thrown away.
const METERS: usize = 256;

/// An operation that is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) state: LockState,
    pub(super) actor: Actor,
    /// Too late from then on.
    pub(super) until: Instant,
}

/// The latest that waits for a lock.
#[derive(Debug)]
struct Waiting {
    wanted: Wanted,
    /// Since when something waits for this lock: the one that waited longest goes first, whatever was replaced meanwhile.
    since: Instant,
}

/// What becomes of one that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Go,
    /// It goes now in place of this one, if that has not left yet. If it has: [`Operations::wait`].
    Instead(JobId),
    /// It waits, or is the same as what waits: it goes when the lock is free and the rate allows.
    Waits,
    /// There were too many.
    TooMany,
}

/// Operations under way, and those that wait.
#[derive(Default, Debug)]
pub(super) struct Operations {
    under_way: BTreeMap<DeviceId, (JobId, LockState)>,
    waiting: BTreeMap<DeviceId, Waiting>,
    per_lock: BTreeMap<(Actor, DeviceId), Meter>,
    per_actor: BTreeMap<Actor, Meter>,
}

impl Operations {
    /// A request to move a bolt.
    pub(super) fn ask(&mut self, device: DeviceId, wanted: Wanted, now: Instant) -> Answer {
        let due = self.due(&wanted.actor, device, now);
        if due >= wanted.until {
            return Answer::TooMany;
        }
        let waiting = self.waiting.get(&device).map(|waiting| &waiting.wanted);
        if let Some(other) = waiting.filter(|other| other.actor != wanted.actor) {
            // An actor over its rate does not push out one that is not.
            if due > now && self.due(&other.actor, device, now) < due {
                return Answer::TooMany;
            }
        }
        match self.under_way.get(&device) {
            None if due <= now => {
                self.replace(device, now);
                Answer::Go
            }
            Some((job, state)) if *state != wanted.state && due <= now => Answer::Instead(*job),
            Some(_) | None => {
                self.wait(device, wanted, now);
                Answer::Waits
            }
        }
    }

    /// It goes when the lock is free.
    pub(super) fn wait(&mut self, device: DeviceId, wanted: Wanted, now: Instant) {
        let since = self.replace(device, now);
        self.waiting.insert(device, Waiting { wanted, since });
    }

    /// It was handed to the network.
    pub(super) fn began(&mut self, device: DeviceId, wanted: &Wanted, job: JobId, now: Instant) {
        self.tidy(now);
        self.per_lock.entry((wanted.actor.clone(), device)).or_default().take(&PER_LOCK, now);
        self.per_actor.entry(wanted.actor.clone()).or_default().take(&PER_ACTOR, now);
        self.replace(device, now);
        self.under_way.insert(device, (job, wanted.state));
    }

    /// It was taken back before it left.
    pub(super) fn taken_back(&mut self, device: DeviceId) {
        self.under_way.remove(&device);
    }

    /// It ended. `done`: the bolt is there, and a waiting request for the same is fulfilled, too. Gives what had been wanted;
    /// `None`: it was none of these, or was replaced.
    pub(super) fn ended(&mut self, job: JobId, done: bool) -> Option<(DeviceId, LockState)> {
        let (&device, &(_, state)) = self.under_way.iter().find(|(_, (id, _))| *id == job)?;
        self.under_way.remove(&device);
        if done && self.waiting.get(&device).is_some_and(|waiting| waiting.wanted.state == state) {
            self.waiting.remove(&device);
        }
        Some((device, state))
    }

    /// Takes out those that waited for too long, with who asked for them.
    pub(super) fn take_late(&mut self, now: Instant) -> Vec<(DeviceId, Actor)> {
        let is_late = |_: &DeviceId, waiting: &mut Waiting| waiting.wanted.until <= now;
        let late: Vec<_> = self.waiting.extract_if(.., is_late).collect();
        late.into_iter().map(|(device, waiting)| (device, waiting.wanted.actor)).collect()
    }

    /// Takes out one that may go now. Those that are too late have to be taken before.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(DeviceId, Wanted)> {
        let is_due = |(device, waiting): &(&DeviceId, &Waiting)| {
            !self.under_way.contains_key(*device) && self.due(&waiting.wanted.actor, **device, now) <= now
        };
        let device = self.waiting.iter().filter(is_due).min_by_key(|(_, waiting)| waiting.since).map(|(device, _)| *device)?;
        Some((device, self.waiting.remove(&device)?.wanted))
    }

    /// When [`Operations::take_due`] has something to do.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = |(device, Waiting { wanted, .. }): (&DeviceId, &Waiting)| match self.under_way.contains_key(device) {
            true => wanted.until,
            false => self.due(&wanted.actor, *device, Instant::ZERO).min(wanted.until),
        };
        self.waiting.iter().map(at).min().map(|at| Deadline { at, why: "a bolt is to be moved" })
    }

    /// The earliest moment at which this actor may move this bolt.
    fn due(&self, actor: &Actor, device: DeviceId, now: Instant) -> Instant {
        let lock = self.per_lock.get(&(actor.clone(), device)).map_or(now, |meter| meter.due(&PER_LOCK));
        let all = self.per_actor.get(actor).map_or(now, |meter| meter.due(&PER_ACTOR));
        lock.max(all).max(now)
    }

    /// Drops what waits for a lock, and returns since when something does.
    fn replace(&mut self, device: DeviceId, now: Instant) -> Instant {
        let Some(Waiting { wanted, since }) = self.waiting.remove(&device) else { return now };
        tracing::debug!(%device, actor = %wanted.actor, "a lock or unlock command was replaced by a later one");
        since
    }

    fn tidy(&mut self, now: Instant) {
        if self.per_lock.len() >= METERS {
            self.per_lock.retain(|_, meter| meter.full_at > now);
        }
        if self.per_actor.len() >= METERS {
            self.per_actor.retain(|_, meter| meter.full_at > now);
        }
    }
}

/// So many at once, and one more each so often.
struct Rate {
    burst: u32,
    every: Duration,
}

/// How much of a rate was used.
#[derive(Clone, Copy, Default, Debug)]
struct Meter {
    /// Nothing is used any more from then on.
    full_at: Instant,
}

impl Meter {
    fn due(&self, rate: &Rate) -> Instant {
        let spare = rate.every * rate.burst.saturating_sub(1);
        Instant::ZERO + self.full_at.since(Instant::ZERO).saturating_sub(spare)
    }

    fn take(&mut self, rate: &Rate, now: Instant) {
        self.full_at = self.full_at.max(now) + rate.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn wanted(actor: &Actor, state: LockState, now: Instant) -> Wanted {
        Wanted { state, actor: actor.clone(), until: now + PATIENCE }
    }

    /// Locks, and a network that carries out each operation in so many milliseconds.
    struct Floor {
        operations: Operations,
        takes: u64,
        devices: Vec<DeviceId>,
        out: Vec<(Instant, JobId)>,
        jobs: u64,
        went: Vec<(Instant, DeviceId, LockState)>,
        refused: usize,
    }

    impl Floor {
        fn new(locks: usize, takes: u64) -> Self {
            let mut entropy = Entropy::from_number(1);
            let devices = (0..locks).map(|_| DeviceId::new(&mut entropy)).collect();
            Self { operations: Operations::default(), takes, devices, out: vec![], jobs: 0, went: vec![], refused: 0 }
        }

        fn begin(&mut self, device: DeviceId, wanted: &Wanted, now: Instant) {
            self.jobs += 1;
            self.operations.began(device, wanted, JobId(self.jobs), now);
            self.out.push((now + Duration::from_millis(self.takes), JobId(self.jobs)));
            self.went.push((now, device, wanted.state));
        }

        fn ask(&mut self, lock: usize, actor: &Actor, state: LockState, now: Instant) -> Answer {
            self.pass(now);
            let (device, wanted) = (self.devices[lock], wanted(actor, state, now));
            let answer = self.operations.ask(device, wanted.clone(), now);
            match answer {
                Answer::Go => self.begin(device, &wanted, now),
                // It is on the air already.
                Answer::Instead(_) => self.operations.wait(device, wanted, now),
                Answer::Waits => {}
                Answer::TooMany => self.refused += 1,
            }
            answer
        }

        fn pass(&mut self, now: Instant) {
            let (done, out) = std::mem::take(&mut self.out).into_iter().partition(|(at, _)| *at <= now);
            self.out = out;
            let done: Vec<(Instant, JobId)> = done;
            for (_, job) in done {
                self.operations.ended(job, true);
            }
            self.operations.take_late(now);
            while let Some((device, wanted)) = self.operations.take_due(now) {
                self.begin(device, &wanted, now);
            }
        }
    }

    #[test]
    fn a_single_operation_is_never_delayed() {
        let mut floor = Floor::new(60, 1_300);
        for lock in 0..60 {
            assert_eq!(
                floor.ask(lock, &Actor::Mqtt, LockState::Locked, at(lock as u64)),
                Answer::Go,
                "all at once in the evening"
            );
        }
        for n in 0..50 {
            assert_eq!(floor.ask(3, &Actor::Uid(7), LockState::Unlocked, at(300_000 + n * 15_000)), Answer::Go);
        }
    }

    #[test]
    fn a_flood_for_one_lock_is_one_operation_each_ten_seconds() {
        let mut floor = Floor::new(1, 1_300);
        for millis in (0..600_000).step_by(50) {
            floor.ask(0, &Actor::Mqtt, LockState::Locked, at(millis));
            assert!(floor.operations.waiting.len() <= 1 && floor.operations.under_way.len() <= 1);
        }
        assert!((60..=67).contains(&floor.went.len()), "{}", floor.went.len());
        assert_eq!(floor.refused, 0, "they are all the same wish");
    }

    #[test]
    fn the_latest_wins() {
        let mut floor = Floor::new(1, 1_300);
        for n in 0..20_u64 {
            let state = if n % 2 == 0 { LockState::Unlocked } else { LockState::Locked };
            floor.ask(0, &Actor::Mqtt, state, at(n * 50));
        }
        for millis in (1_000..60_000).step_by(50) {
            floor.pass(at(millis));
        }
        assert_eq!(floor.went.last().map(|(_, _, state)| *state), Some(LockState::Locked));
        assert!(floor.went.len() <= 3, "{:?}", floor.went);
    }

    #[test]
    fn a_flood_of_the_broker_does_not_push_out_somebody_at_the_door() {
        let mut floor = Floor::new(1, 1_300);
        for millis in (0..120_000).step_by(50) {
            floor.ask(0, &Actor::Mqtt, LockState::Locked, at(millis));
            if millis == 60_000 {
                assert_ne!(floor.ask(0, &Actor::Uid(7), LockState::Unlocked, at(millis)), Answer::TooMany);
            }
        }
        let unlocked = floor.went.iter().find(|(_, _, state)| *state == LockState::Unlocked);
        assert!(unlocked.is_some_and(|(went, _, _)| went.since(at(60_000)) < Duration::from_secs(2)), "{unlocked:?}");
    }

    #[test]
    fn a_flood_for_forty_locks_leaves_air_for_others() {
        let mut floor = Floor::new(40, 1_300);
        for millis in (0..600_000).step_by(50) {
            let lock = (millis / 50 % 40) as usize;
            floor.ask(lock, &Actor::Mqtt, LockState::Locked, at(millis));
        }
        assert!(floor.went.len() <= 64 + 76, "{}", floor.went.len());
        let least = floor.devices.iter().map(|id| floor.went.iter().filter(|(_, device, _)| device == id).count()).min();
        assert!(least.is_some_and(|least| least >= 2), "{least:?}");
    }

    #[test]
    fn what_came_too_late_is_dropped_and_many_actors_fill_no_memory() {
        let mut floor = Floor::new(1, 1_300);
        floor.ask(0, &Actor::Mqtt, LockState::Locked, at(0));
        floor.out.clear();
        floor.ask(0, &Actor::Mqtt, LockState::Unlocked, at(100));
        assert_eq!(floor.operations.deadline().map(|it| it.at), Some(at(30_100)));
        floor.pass(at(30_100));
        assert!(floor.operations.waiting.is_empty());
        let mut floor = Floor::new(1, 0);
        for n in 0..5_000 {
            floor.ask(0, &Actor::Uid(u32::try_from(n).unwrap()), LockState::Locked, at(n * 20_000));
        }
        assert!(floor.operations.per_lock.len() <= METERS && floor.operations.per_actor.len() <= METERS);
    }
}
