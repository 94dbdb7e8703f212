//! Brings each lock to what is wanted: plan, one step, its outcome, plan again.
//!
//! What must survive a power cut is in the slot's row (`Sending` is written before the frame leaves). What is kept
//! here is only patience: who is tried again when, and which job belongs to which slot.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::dialect;
use super::state::State;
use crate::command::Command;
use crate::domain::device::{Device, Inventory};
use crate::domain::entropy::Entropy;
use crate::domain::grant::{Grant, Reason, Status};
use crate::domain::ids::{DeviceId, NodeId, PersonId};
use crate::domain::node::{InterviewStage, Node};
use crate::domain::pin::Pin;
use crate::domain::slot::{ConfirmedBy, Content, Doing, Progress, Slot, SlotKey};
use crate::domain::time::{Deadline, Instant, Now, Timestamp};
use crate::network::{ControllerStatus, Expect, Job, JobId, Network, Outcome, Priority};
use crate::reconcile::assess::{Case, Hindrance, Standing, assess};
use crate::reconcile::observe::{self, Sent, Sighting, Verdict};
use crate::reconcile::plan::{Desired, LockView, Step, plan};
use crate::reconcile::retry;

/// After a write that was only acknowledged, the lock's own "code added" event usually follows: it saves the read.
const EVENT_GRACE: Duration = Duration::from_millis(1500);

/// A "code added" event this soon after our own change of that slot speaks of our change.
const OWN_CHANGE: Duration = Duration::from_secs(10);

/// Something a lock revealed that people want to hear of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// A code of ours is gone, or another is in its place.
    ChangedAtLock(SlotKey),
    /// A code that is not ours appeared.
    Foreign(SlotKey),
}

/// Patience with every lock.
pub struct Sync {
    locks: BTreeMap<DeviceId, Patience>,
    jobs: BTreeMap<JobId, (DeviceId, Task)>,
    entropy: Entropy,
    pace: Pace,
}

/// Patience with one lock.
#[derive(Default)]
struct Patience {
    /// One step at a time.
    busy: Option<JobId>,
    /// Jobs in a row that the lock did not acknowledge.
    failures: u32,
    parked: Option<Retry>,
    slots: BTreeMap<u16, SlotPatience>,
    no_slot: BTreeSet<crate::domain::ids::GrantId>,
    /// When we last changed a slot ourselves.
    own: BTreeMap<u16, Instant>,
    /// Slots the lock says were changed at its keypad: one look each tells whether they were.
    recheck: BTreeSet<u16>,
    /// Its inventory waits for airtime.
    pacing: bool,
}

#[derive(Default)]
struct SlotPatience {
    failures: u32,
    retry: Option<Retry>,
    /// The lock refused the last write, and for this reason if it said so.
    refused: Option<Reason>,
}

#[derive(Clone, Copy)]
struct Retry {
    at: Instant,
    wall: Timestamp,
}

impl Retry {
    fn after(delay: Duration, now: Now) -> Self {
        Self { at: now.mono + delay, wall: now.wall + delay }
    }
}

enum Task {
    Change { slot: u16, pin: Option<Pin> },
    Look { slot: u16, inventory: bool, airtime_before: u64 },
    Checksum { airtime_before: u64 },
}

/// Airtime for work nobody waits for: half of what a duty cycle of 1 % leaves in an hour (timing sheet §4).
struct Pace {
    /// Milliseconds that may still be spent.
    left: u64,
    refilled: Instant,
    next: Instant,
}

impl Pace {
    const HOURLY: u64 = 18_000;
    const GAP: Duration = Duration::from_millis(100);

    fn refill(&mut self, now: Instant) {
        let earned = u64::try_from(now.since(self.refilled).as_millis()).unwrap_or_default() * Self::HOURLY / 3_600_000;
        if earned > 0 {
            self.left = (self.left + earned).min(Self::HOURLY);
            self.refilled = now;
        }
    }

    fn spend(&mut self, airtime: u64, now: Instant) {
        self.refill(now);
        let debt = airtime.saturating_sub(self.left);
        self.left = self.left.saturating_sub(airtime);
        self.next = now + Self::GAP.max(Duration::from_millis(debt * (3_600_000 / Self::HOURLY)));
    }
}

impl Sync {
    /// Patience with nobody yet; `entropy` is for jitter.
    pub fn new(entropy: Entropy) -> Self {
        let pace = Pace { left: Pace::HOURLY, refilled: Instant::ZERO, next: Instant::ZERO };
        Self { locks: BTreeMap::new(), jobs: BTreeMap::new(), entropy, pace }
    }

    /// Takes the next step at a lock, if there is one and the lock is ready for it.
    pub fn drive(&mut self, id: DeviceId, state: &mut State, network: &mut Network, now: Now) {
        let view = loop {
            tidy(id, state);
            let Some(view) = View::of(id, state, network) else { return };
            let plan = plan(&view.lock(state.slots(id)));
            if plan.release.is_empty() {
                break (view, plan);
            }
            for slot in plan.release {
                release(slot, state, now.wall);
            }
        };
        let (view, mut plan) = view;
        let patience = self.locks.entry(id).or_default();
        let rechecks = patience.recheck.iter().map(|index| Step::Read(SlotKey::user_code(id, *index)));
        plan.steps.splice(0..0, rechecks);
        patience.no_slot = plan.no_slot.iter().copied().collect();
        patience.pacing = false;
        let ready = matches!(network.controller(), ControllerStatus::Ready(_));
        if !ready || patience.busy.is_some() || patience.parked.is_some_and(|parked| parked.at > now.mono) {
            return;
        }
        let may_go = |step: &&Step| {
            let slot = patience.slots.get(&step.slot().index);
            slot.and_then(|slot| slot.retry).is_none_or(|retry| retry.at <= now.mono)
        };
        match plan.steps.iter().find(may_go) {
            Some(step) => self.take(*step, &view, state, network, now),
            None if plan.steps.is_empty() => self.look_around(&view, state, network, now),
            None => {}
        }
    }

    fn take(&mut self, step: Step, view: &View, state: &mut State, network: &mut Network, now: Now) {
        let index = step.slot().index;
        let slot = slot_of(step.slot(), state);
        let airtime_before = network.radio(view.node).airtime_ms;
        let (command, expect, priority, task) = match step {
            Step::Read(_) => {
                let urgent = matches!(slot.progress, Progress::Verifying { doing: Doing::Clear { .. }, .. });
                let priority = if urgent { Priority::Revoke } else { Priority::Write };
                let task = Task::Look { slot: index, inventory: false, airtime_before };
                (dialect::read(index), Expect::Reply, priority, task)
            }
            Step::Clear { generation, .. } => {
                let Some(owner) = slot.owner else { return };
                let mut slot = slot;
                observe::begin(&mut slot, owner, Doing::Clear { generation });
                state.put_slot(slot, now.wall);
                (
                    dialect::clear(view.version, index),
                    Expect::Supervised,
                    Priority::Revoke,
                    Task::Change { slot: index, pin: None },
                )
            }
            Step::Write { grant, generation, .. } => {
                let Some(pin) = state.grant(grant).and_then(|g| state.credential(g.credential)).map(|c| c.pin.clone()) else {
                    return;
                };
                let mut slot = slot;
                let was_empty = slot.content == Content::Empty;
                observe::begin(&mut slot, grant, Doing::Write { generation, was_empty });
                state.put_slot(slot, now.wall);
                let command = dialect::write(view.version, index, &pin);
                (command, Expect::Supervised, Priority::Write, Task::Change { slot: index, pin: Some(pin) })
            }
        };
        let Some(command) = command else { return };
        self.submit(view, command, expect, priority, task, network, now);
    }

    /// Reads the next slot of the inventory, if airtime allows. Nobody waits for it.
    fn look_around(&mut self, view: &View, state: &mut State, network: &mut Network, now: Now) {
        let Some(device) = state.device(view.device).filter(|device| !device.inventory.done) else { return };
        if self.pace.next > now.mono {
            self.locks.entry(view.device).or_default().pacing = true;
            return;
        }
        let airtime_before = network.radio(view.node).airtime_ms;
        if device.inventory.next == 0 && view.checksum {
            let task = Task::Checksum { airtime_before };
            self.submit(view, dialect::checksum(), Expect::Reply, Priority::Background, task, network, now);
            return;
        }
        let seen = |index: u16| {
            let slot = state.slots(view.device).get(&index);
            slot.is_some_and(|slot| slot.seen_at.is_some_and(|at| at >= device.inventory.began))
        };
        let Some(index) = (device.inventory.next.max(1)..=view.users).find(|index| !seen(*index)) else {
            set_inventory(view.device, state, |before| Inventory { next: view.users, done: true, ..before });
            return;
        };
        let Some(command) = dialect::walk(view.version, index, view.multi_report) else { return };
        let task = Task::Look { slot: index, inventory: true, airtime_before };
        self.submit(view, command, Expect::Reply, Priority::Background, task, network, now);
    }

    fn submit(
        &mut self,
        view: &View,
        command: Command,
        expect: Expect,
        priority: Priority,
        task: Task,
        network: &mut Network,
        now: Now,
    ) {
        let job = network.submit(Job { node: view.node, priority, command, expect, deadline: None }, now);
        self.jobs.insert(job, (view.device, task));
        self.locks.entry(view.device).or_default().busy = Some(job);
    }

    /// Takes in how a job ended. `None`: the job was not ours.
    pub fn done(
        &mut self,
        job: JobId,
        outcome: &Outcome,
        state: &mut State,
        network: &Network,
        now: Now,
    ) -> Option<(DeviceId, Vec<Finding>)> {
        let (device, task) = self.jobs.remove(&job)?;
        let patience = self.locks.entry(device).or_default();
        patience.busy = None;
        match outcome {
            Outcome::NoAck | Outcome::NoReport => {
                patience.failures += 1;
                // One lost answer is no reason to leave a lock alone; silence to the radio is.
                if *outcome == Outcome::NoAck || patience.failures > 1 {
                    let delay = retry::unreachable(patience.failures, &mut self.entropy);
                    patience.parked = Some(Retry::after(delay, now));
                }
            }
            Outcome::StickBusy => patience.parked = Some(Retry::after(Duration::from_secs(1), now)),
            Outcome::Reply(_) | Outcome::Accepted | Outcome::Refused | Outcome::Delivered | Outcome::Unsupported => {
                patience.failures = 0;
                patience.parked = None;
            }
            Outcome::StickGone | Outcome::Expired | Outcome::Cancelled => {}
        }
        let spent = |before: u64, state: &State| {
            let node = state.device(device).and_then(|device| device.node);
            node.map_or(0, |node| network.radio(node).airtime_ms.saturating_sub(before))
        };
        let findings = match task {
            Task::Change { slot, pin } => {
                self.changed(device, slot, pin.as_ref(), outcome, state, now);
                Vec::new()
            }
            Task::Look { slot, inventory, airtime_before } => {
                if inventory {
                    self.pace.spend(spent(airtime_before, state), now.mono);
                }
                let mut findings = self.looked(device, slot, outcome, state, now);
                if let (true, Outcome::Reply(command)) = (inventory, outcome) {
                    findings.extend(self.advance(device, slot, &dialect::report(command), state, network, now));
                }
                findings
            }
            Task::Checksum { airtime_before } => {
                self.pace.spend(spent(airtime_before, state), now.mono);
                self.checksum_told(device, outcome, state, network, now)
            }
        };
        Some((device, findings))
    }

    fn changed(&mut self, device: DeviceId, index: u16, pin: Option<&Pin>, outcome: &Outcome, state: &mut State, now: Now) {
        let sent = match outcome {
            Outcome::Accepted => Sent::Confirmed,
            Outcome::Refused => Sent::Refused,
            Outcome::Unsupported => Sent::Unsupported,
            Outcome::Delivered | Outcome::NoReport | Outcome::Reply(_) => Sent::Acked,
            Outcome::NoAck => Sent::Lost,
            Outcome::StickGone => Sent::Unknown,
            Outcome::StickBusy | Outcome::Expired | Outcome::Cancelled => Sent::NotSent,
        };
        let Some(mut slot) = state.slots(device).get(&index).cloned() else { return };
        let key = state.key.clone();
        let verdict = observe::settle(&mut slot, sent, pin, &key, now.wall);
        if sent != Sent::NotSent {
            self.judge(&slot, verdict, state, now);
            self.mark_own(slot.key, now.mono);
        }
        let tries = self.locks.entry(device).or_default().slots.entry(index);
        match sent {
            Sent::Acked if verdict == Verdict::LookAgain => tries.or_default().retry = Some(Retry::after(EVENT_GRACE, now)),
            Sent::NotSent => tries.or_default().retry = Some(Retry::after(Duration::from_secs(1), now)),
            Sent::Confirmed | Sent::Refused | Sent::Unsupported | Sent::Acked | Sent::Lost | Sent::Unknown => {}
        }
        state.put_slot(slot, now.wall);
    }

    fn looked(&mut self, device: DeviceId, index: u16, outcome: &Outcome, state: &mut State, now: Now) -> Vec<Finding> {
        let report = match outcome {
            Outcome::Reply(command) => dialect::report(command),
            // A slot the lock won't speak of is not free; skip it.
            Outcome::Unsupported => dialect::Report { sightings: vec![(index, Sighting::Unavailable)], ..Default::default() },
            _ => return Vec::new(),
        };
        if !report.sightings.iter().any(|(slot, _)| *slot == index) {
            // An answer about something else would be asked for again at once, for ever.
            let tries = self.locks.entry(device).or_default().slots.entry(index).or_default();
            tries.failures += 1;
            tries.retry = Some(Retry::after(retry::not_stored(tries.failures + 1, &mut self.entropy), now));
        }
        let mut findings = Vec::new();
        for (slot, sighting) in &report.sightings {
            let key = SlotKey::user_code(device, *slot);
            let told = self.locks.entry(device).or_default().recheck.remove(slot);
            findings.extend(match sighting {
                Sighting::Masked if told => Some(overwritten(key, state, now.wall)),
                _ => self.see(key, sighting, state, now),
            });
        }
        findings
    }

    /// The User Code Checksum was asked before the inventory: 0x0000 means that no slot is taken.
    fn checksum_told(
        &mut self,
        device: DeviceId,
        outcome: &Outcome,
        state: &mut State,
        network: &Network,
        now: Now,
    ) -> Vec<Finding> {
        let sum = match outcome {
            Outcome::Reply(command) => dialect::checksum_of(command),
            Outcome::StickGone | Outcome::StickBusy | Outcome::Cancelled | Outcome::Expired | Outcome::NoAck => {
                return Vec::new();
            }
            _ => None,
        };
        let empty = sum == Some(0);
        set_inventory(device, state, |before| Inventory { next: 1, done: empty, ..before });
        if empty { self.nothing_in(device, 1, u16::MAX, state, network, now) } else { Vec::new() }
    }

    /// One answer of the inventory: where a lock says which taken slot comes next, everything in between is empty.
    fn advance(
        &mut self,
        device: DeviceId,
        asked: u16,
        report: &dialect::Report,
        state: &mut State,
        network: &Network,
        now: Now,
    ) -> Vec<Finding> {
        let last = report.sightings.iter().map(|(slot, _)| *slot).fold(asked, u16::max);
        match report.next {
            Some(0) => {
                set_inventory(device, state, |before| Inventory { done: true, ..before });
                self.nothing_in(device, last.saturating_add(1), u16::MAX, state, network, now)
            }
            Some(next) if next > last => {
                set_inventory(device, state, |before| Inventory { next, ..before });
                self.nothing_in(device, last.saturating_add(1), next - 1, state, network, now)
            }
            // A lock that points backwards is not believed.
            Some(_) | None => {
                set_inventory(device, state, |before| Inventory { next: last.saturating_add(1), ..before });
                Vec::new()
            }
        }
    }

    fn nothing_in(
        &mut self,
        device: DeviceId,
        first: u16,
        last: u16,
        state: &mut State,
        network: &Network,
        now: Now,
    ) -> Vec<Finding> {
        let node = state.device(device).and_then(|device| network.node(device.node?));
        let users = node.and_then(|node| node.user_code.as_ref()).map_or(0, |support| support.users);
        let slots = first..=last.min(users);
        slots.filter_map(|slot| self.see(SlotKey::user_code(device, slot), &Sighting::Empty, state, now)).collect()
    }

    /// Takes in what a lock shows of one slot, asked or unasked.
    pub fn see(&mut self, key: SlotKey, sighting: &Sighting, state: &mut State, now: Now) -> Option<Finding> {
        let mut slot = slot_of(key, state);
        let wanted = slot.owner.and_then(|grant| state.grant(grant)).filter(|grant| is_wanted(grant, state));
        let pin = wanted.and_then(|grant| Some((state.credential(grant.credential)?.pin.clone(), grant.generation)));
        let wanted = pin.as_ref().map(|(pin, generation)| (pin, *generation));
        let was_empty = slot.content == Content::Empty;
        let was_doubtful = slot.progress != Progress::Idle;
        let verdict = observe::look(&mut slot, sighting, wanted, &state.key.clone(), now.wall);
        self.judge(&slot, verdict, state, now);
        if was_doubtful {
            self.mark_own(key, now.mono);
        }
        let appeared = slot.owner.is_none() && was_empty && slot.content.is_occupied();
        state.put_slot(slot, now.wall);
        match verdict {
            Verdict::Missing | Verdict::Changed => Some(Finding::ChangedAtLock(key)),
            _ => appeared.then_some(Finding::Foreign(key)),
        }
    }

    /// What a verdict means for the next try, and for the grant.
    fn judge(&mut self, slot: &Slot, verdict: Verdict, state: &mut State, now: Now) {
        let patience = self.locks.entry(slot.key.device).or_default();
        let entry = patience.slots.entry(slot.key.index).or_default();
        match verdict {
            Verdict::Settled => {
                patience.slots.remove(&slot.key.index);
            }
            Verdict::LookAgain | Verdict::Unreached => {}
            Verdict::Doubtful => entry.refused = entry.refused.or(Some(Reason::RefusedByLock)),
            Verdict::NotStored => {
                if let Some(reason) = entry.refused.take() {
                    hold(slot, Status::Rejected, reason, state, now.wall);
                }
                entry.failures += 1;
                entry.retry = Some(Retry::after(retry::not_stored(entry.failures, &mut self.entropy), now));
                if entry.failures >= retry::WRITES_BEFORE_ASKING {
                    hold(slot, Status::Rejected, Reason::RefusedByLock, state, now.wall);
                }
            }
            Verdict::Hopeless(reason) => hold(slot, Status::Rejected, reason, state, now.wall),
            Verdict::Missing => hold(slot, Status::MissingFromLock, Reason::ErasedAtLock, state, now.wall),
            Verdict::Changed => hold(slot, Status::ChangedAtLock, Reason::OverwrittenAtLock, state, now.wall),
        }
    }

    /// The lock's own word that a code was added or changed.
    pub fn added(&mut self, key: SlotKey, state: &mut State, now: Now) -> Option<Finding> {
        let mut slot = slot_of(key, state);
        let Some(owner) = slot.owner else {
            // Something is there now that we did not write: not free, and people want to know.
            let known = slot.content.is_occupied();
            slot.content = Content::Unreadable;
            slot.seen_at = Some(now.wall);
            state.put_slot(slot, now.wall);
            return (!known).then_some(Finding::Foreign(key));
        };
        if let Progress::Sending { doing } | Progress::Verifying { doing, .. } = slot.progress {
            if let Doing::Write { generation, .. } = doing {
                let pin = self.pin_under_way(key).or_else(|| {
                    let grant = state.grant(owner).filter(|grant| grant.generation == generation)?;
                    Some(state.credential(grant.credential)?.pin.clone())
                });
                if let Some(pin) = pin {
                    observe::confirm(&mut slot, doing, Some(&pin), ConfirmedBy::Event, &state.key.clone(), now.wall);
                    self.locks.entry(key.device).or_default().slots.remove(&key.index);
                    self.mark_own(key, now.mono);
                }
            }
            state.put_slot(slot, now.wall);
            return None;
        }
        // The event of a change of ours may come late, when a lock repeats what nobody answered. One look tells.
        if !self.is_own_echo(key, now.mono) {
            self.locks.entry(key.device).or_default().recheck.insert(key.index);
        }
        None
    }

    /// The lock's own word that a code was deleted.
    pub fn deleted(&mut self, key: SlotKey, state: &mut State, now: Now) -> Option<Finding> {
        let mut slot = slot_of(key, state);
        match slot.progress {
            Progress::Sending { doing } | Progress::Verifying { doing, .. } => {
                if let Doing::Clear { .. } = doing {
                    observe::confirm(&mut slot, doing, None, ConfirmedBy::Event, &state.key.clone(), now.wall);
                    self.locks.entry(key.device).or_default().slots.remove(&key.index);
                    self.mark_own(key, now.mono);
                    state.put_slot(slot, now.wall);
                }
                None
            }
            Progress::Idle if self.is_own_echo(key, now.mono) => None,
            Progress::Idle => {
                let ours = slot.owner.is_some() && slot.content != Content::Empty;
                slot.content = Content::Empty;
                slot.confirmed = None;
                slot.seen_at = Some(now.wall);
                if ours {
                    hold(&slot, Status::MissingFromLock, Reason::ErasedAtLock, state, now.wall);
                }
                state.put_slot(slot, now.wall);
                ours.then_some(Finding::ChangedAtLock(key))
            }
        }
    }

    /// The lock says that another slot has the code it was just given.
    pub fn duplicate(&mut self, key: SlotKey, state: &mut State, now: Now) {
        let slot = slot_of(key, state);
        if slot.owner.is_none() {
            return;
        }
        let rejected = slot.owner.and_then(|grant| state.grant(grant)).is_some_and(|g| g.status == Status::Rejected);
        if rejected {
            hold(&slot, Status::Rejected, Reason::Duplicate, state, now.wall);
        } else if slot.progress != Progress::Idle {
            let patience = self.locks.entry(key.device).or_default();
            patience.slots.entry(key.index).or_default().refused = Some(Reason::Duplicate);
        }
    }

    /// The code in this slot opened the door: whatever was in doubt about a first write is not any more.
    pub fn used(&mut self, key: SlotKey, state: &mut State, now: Now) {
        let mut slot = slot_of(key, state);
        if let Some(confirmed) = slot.confirmed.as_mut().filter(|confirmed| confirmed.by == ConfirmedBy::Unseen) {
            confirmed.by = ConfirmedBy::Use;
            confirmed.at = now.wall;
            state.put_slot(slot, now.wall);
        }
    }

    /// The lock was heard: it is awake and near, so it is tried at once. Tells whether it was waited for.
    pub fn heard(&mut self, device: DeviceId) -> bool {
        let Some(patience) = self.locks.get_mut(&device).filter(|patience| patience.parked.is_some()) else { return false };
        patience.parked = None;
        patience.failures = 0;
        true
    }

    /// The stick is back: nobody stays parked because of it.
    pub fn stick_back(&mut self) {
        for patience in self.locks.values_mut() {
            patience.parked = None;
            patience.failures = 0;
        }
    }

    /// Somebody changed what is wanted of this slot's grant: past refusals don't count any more.
    pub fn forget_failures(&mut self, device: DeviceId, slot: u16) {
        if let Some(patience) = self.locks.get_mut(&device) {
            patience.slots.remove(&slot);
        }
    }

    /// Whether a read of this lock is under way, whose report will come as its outcome.
    pub fn is_reading(&self, device: DeviceId) -> bool {
        let job = self.locks.get(&device).and_then(|patience| patience.busy);
        job.and_then(|job| self.jobs.get(&job)).is_some_and(|(_, task)| matches!(task, Task::Look { .. }))
    }

    /// Where a grant stands.
    pub fn standing(&self, grant: &Grant, state: &State, network: &Network) -> Standing {
        let patience = self.locks.get(&grant.device);
        let slot = state.slot_of(grant);
        let tries = slot.and_then(|slot| patience?.slots.get(&slot.key.index));
        let held = match grant.status {
            Status::Rejected | Status::MissingFromLock | Status::ChangedAtLock => {
                Some((grant.status, grant.reason.unwrap_or(Reason::RefusedByLock)))
            }
            _ => None,
        };
        assess(&Case {
            wanted: grant.wanted,
            enabled: state.person(grant.person).is_some_and(|person| person.enabled),
            code: state.fingerprint(grant.credential),
            slot,
            no_slot: patience.is_some_and(|patience| patience.no_slot.contains(&grant.id)),
            held,
            hindrance: hindrance(grant.device, patience, state, network),
            retry: tries.and_then(|tries| tries.retry).map(|retry| retry.wall),
            removal_failed: tries.is_some_and(|tries| tries.failures >= retry::WRITES_BEFORE_ASKING),
        })
    }

    /// Tries of a grant's slot that did not arrive, and of its lock that were not answered.
    pub fn failures(&self, grant: &Grant, state: &State) -> u32 {
        let Some(patience) = self.locks.get(&grant.device) else { return 0 };
        let slot = state.slot_of(grant).and_then(|slot| patience.slots.get(&slot.key.index));
        if grant.status.is_settled() { 0 } else { patience.failures + slot.map_or(0, |slot| slot.failures) }
    }

    /// When to look at the locks again.
    pub fn deadline(&self) -> Option<Deadline> {
        let mut next = None;
        for patience in self.locks.values() {
            if patience.busy.is_some() {
                continue;
            }
            let parked = patience.parked.map(|retry| Deadline { at: retry.at, why: "an unreachable lock is tried again" });
            next = Deadline::earliest(next, parked);
            let slots = patience.slots.values().filter_map(|slot| slot.retry);
            for retry in slots.filter(|_| parked.is_none()) {
                next = Deadline::earliest(next, Some(Deadline { at: retry.at, why: "a slot is tried again" }));
            }
            if parked.is_none() && patience.pacing {
                let inventory = Deadline { at: self.pace.next, why: "the next slot of the inventory" };
                next = Deadline::earliest(next, Some(inventory));
            }
        }
        next
    }

    /// Locks something is due for at `now`.
    pub fn due(&mut self, now: Instant) -> Vec<DeviceId> {
        let mut due = Vec::new();
        for (id, patience) in &mut self.locks {
            let parked_over = patience.parked.is_some_and(|retry| retry.at <= now);
            if parked_over {
                patience.parked = None;
            }
            let slot_due = patience.slots.values().any(|slot| slot.retry.is_some_and(|retry| retry.at <= now));
            for slot in patience.slots.values_mut() {
                slot.retry = slot.retry.filter(|retry| retry.at > now);
            }
            let paced = patience.pacing && self.pace.next <= now;
            if patience.busy.is_none() && (parked_over || slot_due || paced) {
                due.push(*id);
            }
        }
        due
    }

    fn pin_under_way(&self, key: SlotKey) -> Option<Pin> {
        let job = self.locks.get(&key.device)?.busy?;
        match &self.jobs.get(&job)?.1 {
            Task::Change { slot, pin } if *slot == key.index => pin.clone(),
            Task::Change { .. } | Task::Look { .. } | Task::Checksum { .. } => None,
        }
    }

    fn mark_own(&mut self, key: SlotKey, now: Instant) {
        self.locks.entry(key.device).or_default().own.insert(key.index, now);
    }

    fn is_own_echo(&self, key: SlotKey, now: Instant) -> bool {
        let own = self.locks.get(&key.device).and_then(|patience| patience.own.get(&key.index));
        own.is_some_and(|at| now.since(*at) < OWN_CHANGE)
    }
}

/// What planning needs of one lock, taken out of state and network.
struct View {
    device: DeviceId,
    node: NodeId,
    version: u8,
    users: u16,
    checksum: bool,
    multi_report: bool,
    reserved: BTreeSet<u16>,
    desired: Vec<Desired>,
}

impl View {
    fn of(id: DeviceId, state: &State, network: &Network) -> Option<Self> {
        let node = network.node(state.device(id)?.node?)?;
        let support = node.user_code.as_ref().filter(|_| is_interviewed(node))?;
        let desired = state.grants_on(id).map(|grant| Desired {
            grant: grant.id,
            code: state.fingerprint(grant.credential).filter(|_| is_wanted(grant, state)),
            generation: grant.generation,
            held: matches!(grant.status, Status::Rejected | Status::MissingFromLock | Status::ChangedAtLock),
        });
        Some(Self {
            device: id,
            node: node.id,
            version: dialect::version(node),
            users: support.users,
            checksum: support.checksum,
            multi_report: support.multi_report,
            reserved: dialect::reserved(node),
            desired: desired.collect(),
        })
    }

    fn lock<'a>(&'a self, slots: &'a BTreeMap<u16, Slot>) -> LockView<'a> {
        LockView { device: self.device, users: self.users, reserved: &self.reserved, slots, desired: &self.desired }
    }
}

fn is_interviewed(node: &Node) -> bool {
    node.stage >= InterviewStage::Capabilities
}

fn is_wanted(grant: &Grant, state: &State) -> bool {
    grant.wanted && state.person(grant.person).is_some_and(|person| person.enabled && person.removed_at.is_none())
}

fn hindrance(device: DeviceId, patience: Option<&Patience>, state: &State, network: &Network) -> Option<Hindrance> {
    let Some(node) = state.device(device).and_then(|device| device.node) else { return Some(Hindrance::DeviceGone) };
    if !matches!(network.controller(), ControllerStatus::Ready(_)) {
        return Some(Hindrance::StickAbsent);
    }
    if let Some(parked) = patience.and_then(|patience| patience.parked) {
        return Some(Hindrance::Unreachable { next_try: parked.wall });
    }
    match network.node(node) {
        Some(node) if is_interviewed(node) => None,
        Some(_) => Some(Hindrance::Interview),
        None => Some(Hindrance::DeviceGone),
    }
}

fn slot_of(key: SlotKey, state: &State) -> Slot {
    state.slots(key.device).get(&key.index).cloned().unwrap_or_else(|| Slot::unseen(key))
}

/// Grants that were taken away before they got a slot have nothing left to wait for.
fn tidy(device: DeviceId, state: &mut State) {
    let gone = state.grants_on(device).filter(|grant| !grant.wanted && state.slot_of(grant).is_none());
    for (grant, person) in gone.map(|grant| (grant.id, grant.person)).collect::<Vec<_>>() {
        state.delete_grant(grant);
        forget_if_done(person, state);
    }
}

/// Gives a slot back whose code is out, confirmed.
fn release(key: SlotKey, state: &mut State, at: Timestamp) {
    let mut slot = slot_of(key, state);
    let owner = slot.owner.take();
    slot.content = Content::Empty;
    slot.confirmed = None;
    slot.progress = Progress::Idle;
    state.put_slot(slot, at);
    let Some(grant) = owner.and_then(|grant| state.grant(grant)).filter(|grant| !grant.wanted) else { return };
    let (grant, person) = (grant.id, grant.person);
    state.delete_grant(grant);
    forget_if_done(person, state);
}

fn forget_if_done(person: PersonId, state: &mut State) {
    let removed = state.person(person).is_some_and(|person| person.removed_at.is_some());
    if removed && state.grants_of(person).next().is_none() {
        state.delete_person(person);
    }
}

/// Somebody wrote over a code of ours at the lock.
fn overwritten(key: SlotKey, state: &mut State, at: Timestamp) -> Finding {
    let mut slot = slot_of(key, state);
    slot.content = Content::Unreadable;
    slot.confirmed = None;
    hold(&slot, Status::ChangedAtLock, Reason::OverwrittenAtLock, state, at);
    state.put_slot(slot, at);
    Finding::ChangedAtLock(key)
}

/// Stops a grant until somebody changes the intent.
fn hold(slot: &Slot, status: Status, reason: Reason, state: &mut State, at: Timestamp) {
    let Some(grant) = slot.owner.and_then(|grant| state.grant(grant)).filter(|grant| is_wanted(grant, state)) else {
        return;
    };
    state.put_grant(Grant { status, reason: Some(reason), since: at, next_try: None, ..grant.clone() });
}

fn set_inventory(device: DeviceId, state: &mut State, change: impl FnOnce(Inventory) -> Inventory) {
    let Some(before) = state.device(device).cloned() else { return };
    state.put_device(Device { inventory: change(before.inventory), ..before });
}
