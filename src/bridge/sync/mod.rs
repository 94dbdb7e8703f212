//! Brings each lock to what is wanted: plan, one step, its outcome, plan again.
//!
//! What must survive a power cut is in the slot's row (`Sending` is written before the frame leaves). What is kept
//! here is only patience: who is tried again when, and which job belongs to which slot.

mod check;
mod checks;
mod doubted;
mod inventory;
mod ledger;
mod lock;
mod locks;
mod outcome;
mod pace;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use self::checks::CheckSettings;
use self::checks::Checks;
pub(super) use self::ledger::forget_if_done;
use self::ledger::{is_code_lost, is_wanted, release, slot_of, tidy};
use self::lock::{View, hindrance};
use self::locks::{Change, Task};
pub use self::locks::{Finding, Sync};
use self::pace::Pace;
use super::dialect;
use super::state::State;
use crate::command::Command;
use crate::domain::entropy::Entropy;
use crate::domain::grant::{Grant, Reason, Status};
use crate::domain::ids::{DeviceId, GrantId};
use crate::domain::pin::Pin;
use crate::domain::slot::{Content, Doing, Progress, Slot, SlotKey};
use crate::domain::time::{Deadline, Instant, Now};
use crate::network::{Completion, ControllerStatus, Job, Network, Priority};
use crate::reconcile::assess::{Case, Standing, assess};
use crate::reconcile::evidence::LATE_ECHO;
use crate::reconcile::observe;
use crate::reconcile::plan::{Plan, Step, plan};
use crate::reconcile::retry;

/// Codes wait for a removal that is tried again within this.
const REMOVAL_IS_NEAR: Duration = Duration::from_secs(10);

impl Sync {
    /// Patience with nobody yet; `entropy` is for jitter. What was under way in these slots when the last daemon ended is
    /// told by a read alone: a lock may still repeat what it said of an older change there, and nobody knows its age.
    ///
    /// The last daemon's Supervision sessions are forgotten. The first one with a lock may by chance have the id of the
    /// last before, and the lock then answers as it did and does nothing (docs/protocol/command-classes.md 0x6C): that
    /// answer does not count.
    pub fn new<'a>(slots: impl IntoIterator<Item = &'a Slot>, check_settings: CheckSettings, entropy: Entropy) -> Self {
        let (pace, checks) = (Pace::full(Pace::INVENTORY), Checks::new());
        let (locks, jobs) = (BTreeMap::new(), BTreeMap::new());
        let mut sync = Self { locks, jobs, entropy, pace, checks, check_settings, began: None };
        for slot in slots {
            sync.locks.entry(slot.key.device).or_default().remembers_sessions = true;
            if matches!(slot.progress, Progress::Sending { .. } | Progress::Verifying { .. }) {
                sync.tries(slot.key).echo = true;
            }
            // A report made it unknown, and the look at it was still to come.
            if slot.owner.is_none() && slot.content == Content::Unknown && slot.seen_at.is_none() {
                sync.recheck(slot.key);
            }
        }
        sync
    }

    /// Checks other from now on; those that are due already keep their time.
    pub fn configure(&mut self, check: CheckSettings) {
        self.check_settings = check;
    }

    /// The first turn is now, unless it was before.
    pub fn begins(&mut self, now: Now) {
        self.began.get_or_insert(now.mono);
    }

    /// Takes the next step at a lock, if there is one and the lock is ready for it.
    pub fn drive(&mut self, id: DeviceId, state: &mut State, network: &mut Network, now: Now) {
        let resting = self.resting(id, state);
        let mute = self.locks.get(&id).is_some_and(|patience| patience.mute_supervision);
        let Some((view, mut plan)) = planned(id, resting, mute, state, network, now) else { return };
        let patience = self.locks.entry(id).or_default();
        patience.users = view.users;
        let rechecks = patience.recheck.iter().map(|index| Step::Read(SlotKey::user_code(id, *index)));
        let removals = plan.steps.iter().take_while(|step| matches!(step, Step::Clear { .. })).count();
        plan.steps.splice(removals..removals, rechecks);
        patience.no_slot = plan.no_slot.iter().copied().collect();
        patience.pacing = false;
        let ready = matches!(network.controller(), ControllerStatus::Ready(_));
        if !ready || patience.busy.is_some() || patience.parked.is_some_and(|parked| parked.at > now.mono) {
            return;
        }
        if plan.steps.is_empty() {
            self.look_around(&view, state, network, now);
            if self.locks.get(&id).is_some_and(|patience| patience.busy.is_none()) {
                self.check(&view, state, network, now);
            }
            return;
        }
        patience.checking = None;
        let waits_until = |step: &Step| {
            let retry = patience.slots.get(&step.slot().index).and_then(|slot| slot.retry);
            retry.map(|retry| retry.at).filter(|at| *at > now.mono)
        };
        // The lock just failed to take a code out and is about to be tried again: no other goes in meanwhile. A removal that
        // fails again and again blocks nothing.
        let removal_is_near = plan.steps.iter().filter(|step| matches!(step, Step::Clear { .. })).filter_map(waits_until);
        let removal_is_near = removal_is_near.min().is_some_and(|at| at.since(now.mono) < REMOVAL_IS_NEAR);
        let is_held_up = |step: &Step| removal_is_near && matches!(step, Step::Write { .. });
        plan.steps.retain(|step| waits_until(step).is_none() && !is_held_up(step));
        match plan.steps.first() {
            Some(Step::Read(slot)) => self.read(*slot, &view, state, network, now),
            Some(Step::Clear { slot, generation }) => {
                let doing = Doing::Clear { generation: *generation };
                let command = dialect::clear(view.version, slot.index);
                let Some((owner, command)) = slot_of(*slot, state).owner.zip(command) else { return };
                let before = self.begin(*slot, owner, doing, state, now);
                let task = Task::Change(vec![Change { before, pin: None }]);
                self.submit(&view, command, Completion::Supervised, Priority::Revoke, task, network, now);
            }
            Some(Step::Write { .. }) => self.write(&plan.steps, &view, state, network, now),
            None => {}
        }
    }

    fn read(&mut self, key: SlotKey, view: &View, state: &State, network: &mut Network, now: Now) {
        let Some(command) = dialect::read(key.index) else { return };
        // Also a look that only comes before the removal: after it the code is taken out.
        let is_unwanted = |grant: GrantId| !state.grant(grant).is_some_and(|grant| is_wanted(grant, state));
        let leaving = state.slots(view.device).values().any(|slot| slot.owner.is_some_and(is_unwanted));
        let priority = if leaving { Priority::Revoke } else { Priority::Write };
        self.submit(view, command, Completion::Reply, priority, Task::Look { slot: key.index }, network, now);
    }

    /// Writes the first code of the plan, and with it as many more as one frame of a lock that takes several can carry.
    fn write(&mut self, steps: &[Step], view: &View, state: &mut State, network: &mut Network, now: Now) {
        let patience = self.locks.entry(view.device).or_default();
        let goes_alone = |index: u16| !view.multi_set || patience.slots.get(&index).is_some_and(|slot| slot.alone);
        let mut codes: Vec<(u16, Pin)> = Vec::new();
        let mut begun = Vec::new();
        for step in steps {
            let Step::Write { slot, grant, generation } = *step else { break };
            let pin = state.grant(grant).and_then(|grant| state.credential(grant.credential)).map(|c| c.pin.clone());
            let Some(pin) = pin else { continue };
            if !codes.is_empty() && (goes_alone(slot.index) || !dialect::fits(&codes, &pin)) {
                break;
            }
            codes.push((slot.index, pin));
            begun.push((slot, grant, generation));
            if goes_alone(slot.index) {
                break;
            }
        }
        let Some(command) = dialect::write(view.version, &codes) else { return };
        let mut changes = Vec::new();
        for ((slot, grant, generation), (_, pin)) in begun.into_iter().zip(codes) {
            let was_empty = slot_of(slot, state).content == Content::Empty;
            let before = self.begin(slot, grant, Doing::Write { generation, was_empty }, state, now);
            changes.push(Change { before, pin: Some(pin) });
        }
        self.submit(view, command, Completion::Supervised, Priority::Write, Task::Change(changes), network, now);
    }

    /// Marks a slot as being changed, and returns it as it was.
    fn begin(&mut self, key: SlotKey, owner: GrantId, doing: Doing, state: &mut State, now: Now) -> Slot {
        let before = slot_of(key, state);
        let mut slot = before.clone();
        observe::begin(&mut slot, owner, doing);
        state.put_slot(slot, now.wall);
        let echo = self.own_change(key).is_some_and(|own| !own.reported && now.mono.since(own.at) < LATE_ECHO);
        let tries = self.tries(key);
        tries.settling |= matches!(before.progress, Progress::Doubted { .. }) && matches!(doing, Doing::Write { .. });
        (tries.told, tries.reported, tries.echo, tries.interrupted, tries.overtaken) = (false, false, echo, false, None);
        before
    }

    /// The intent changed: what has not left yet is planned anew, and a lock that is waited for is tried at once.
    pub fn replan(&mut self, device: DeviceId, network: &mut Network) {
        let Some(patience) = self.locks.get_mut(&device) else { return };
        patience.parked = None;
        for slot in patience.slots.values_mut() {
            (slot.retry, slot.failures) = (None, 0);
        }
        if let Some(job) = patience.busy {
            network.cancel(job);
        }
    }

    fn submit(
        &mut self,
        view: &View,
        command: Command,
        expect: Completion,
        priority: Priority,
        task: Task,
        network: &mut Network,
        now: Now,
    ) {
        self.submit_until(None, view, command, expect, priority, task, network, now);
    }

    #[expect(clippy::too_many_arguments, reason = "a job with its deadline, and where it goes")]
    fn submit_until(
        &mut self,
        deadline: Option<Instant>,
        view: &View,
        command: Command,
        expect: Completion,
        priority: Priority,
        task: Task,
        network: &mut Network,
        now: Now,
    ) {
        if matches!(task, Task::Change(_)) {
            self.pace.give_way(now.mono);
        }
        let job = network.submit(Job { node: view.node, priority, command, expect, deadline }, now);
        self.jobs.insert(job, (view.device, task));
        self.locks.entry(view.device).or_default().busy = Some(job);
    }

    /// The lock was heard: it is awake and near, so it is tried at once. Tells whether it was waited for.
    pub fn heard(&mut self, device: DeviceId) -> bool {
        let Some(patience) = self.locks.get_mut(&device).filter(|patience| patience.parked.is_some()) else { return false };
        (patience.parked, patience.unreachable) = (None, None);
        patience.failures = 0;
        true
    }

    /// The lock acknowledges a ping after it left a whole job unacknowledged: that was the air, and the job is tried again at
    /// once. Not twice in a row: a weak link may carry pings and nothing longer. Tells whether it was waited for.
    pub fn found_alive(&mut self, device: DeviceId) -> bool {
        let patience = self.locks.get_mut(&device).filter(|patience| patience.parked.is_some() && patience.failures == 1);
        patience.map(|patience| (patience.parked, patience.unreachable) = (None, None)).is_some()
    }

    /// The lock said something by itself: what it left unanswered is asked again at once. An acknowledgement is no word.
    /// Tells whether there is anything to ask.
    pub fn spoke(&mut self, device: DeviceId) -> bool {
        let Some(patience) = self.locks.get_mut(&device) else { return false };
        let mut asks = false;
        for tries in patience.slots.values_mut().filter(|tries| tries.silences > 1) {
            (tries.silences, tries.retry, asks) = (1, None, true);
        }
        asks
    }

    /// The stick is back: nobody stays parked because of it.
    pub fn stick_back(&mut self) {
        for patience in self.locks.values_mut() {
            (patience.parked, patience.unreachable) = (None, None);
            patience.failures = 0;
        }
    }

    /// Somebody changed what is wanted of this slot's grant: past refusals don't count any more.
    pub fn forget_failures(&mut self, device: DeviceId, slot: u16) {
        if let Some(patience) = self.locks.get_mut(&device) {
            patience.slots.remove(&slot);
        }
    }

    /// The slot that is being read, whose report will come as the outcome of that read.
    pub fn reading(&self, device: DeviceId) -> Option<u16> {
        let job = self.locks.get(&device).and_then(|patience| patience.busy)?;
        match self.jobs.get(&job)?.1 {
            Task::Look { slot } | Task::Survey { slot, .. } | Task::CheckLook { slot, .. } => Some(slot),
            Task::Change(_) | Task::Checksum { .. } | Task::CheckSum { .. } => None,
        }
    }

    /// The lock may have lost what it knew: every code of ours is to be looked at before it counts again.
    pub fn doubt(&mut self, device: DeviceId, state: &mut State, now: Now) {
        for mut slot in state.slots(device).values().cloned().collect::<Vec<_>>() {
            let written = slot.confirmed.as_ref().filter(|confirmed| confirmed.code.is_some());
            let Some(generation) = written.map(|confirmed| confirmed.generation).filter(|_| slot.progress == Progress::Idle)
            else {
                continue;
            };
            let doing = Doing::Write { generation, was_empty: false };
            slot.progress = Progress::Verifying { doing, acked: true };
            state.put_slot(slot, now.wall);
        }
    }

    /// The lock may not have opened what it acknowledged: what it shows masked need not be what was written last.
    pub fn doubt_writes(&mut self, device: DeviceId, state: &mut State, now: Now) {
        for mut slot in state.slots(device).values().cloned().collect::<Vec<_>>() {
            if let Progress::Verifying { acked: acked @ true, .. } = &mut slot.progress {
                *acked = false;
                state.put_slot(slot, now.wall);
            }
        }
    }

    /// The lock is another from now on: nothing that was asked or tried of the one before counts.
    pub fn forget(&mut self, device: DeviceId, network: &mut Network) {
        self.jobs.retain(|_, (of, _)| *of != device);
        self.checks.forget(device);
        if let Some(busy) = self.locks.remove(&device).and_then(|patience| patience.busy) {
            network.cancel(busy);
        }
    }

    /// Where a grant stands.
    pub fn standing(&self, grant: &Grant, state: &State, network: &Network) -> Standing {
        let patience = self.locks.get(&grant.device);
        let slot = state.slot_of(grant);
        let tries = slot.and_then(|slot| patience?.slots.get(&slot.key.index));
        let is_lost = is_code_lost(grant, state);
        let standing = assess(&Case {
            wanted: grant.wanted,
            enabled: state.person(grant.person).is_some_and(|person| person.enabled),
            code: state.fingerprint(grant.credential),
            slot,
            no_slot: patience.is_some_and(|patience| patience.no_slot.contains(&grant.id)),
            held: grant.hold.map(|hold| (hold.kind.status(), hold.reason)),
            hindrance: hindrance(grant.device, patience, state, network),
            retry: tries.and_then(|tries| tries.retry).map(|retry| retry.wall),
            looked_at: slot.zip(patience).is_some_and(|(slot, patience)| patience.recheck.contains(&slot.key.index)),
            failed_often: tries.is_some_and(|tries| tries.failures >= retry::TRIES_BEFORE_ASKING),
        });
        if is_lost {
            // It may still be in the lock: what opens there is not changed by that.
            return Standing { status: Status::Rejected, reason: Some(Reason::CodeUnreadable), next_try: None, ..standing };
        }
        standing
    }

    /// Tries of a grant's slot that did not arrive, and of its lock that were not answered.
    pub fn failures(&self, grant: &Grant, state: &State) -> u32 {
        let Some(patience) = self.locks.get(&grant.device) else { return 0 };
        let slot = state.slot_of(grant).and_then(|slot| patience.slots.get(&slot.key.index));
        if grant.status.is_settled() { 0 } else { patience.failures + slot.map_or(0, |slot| slot.failures) }
    }

    /// When to look at the locks again.
    pub fn deadline(&self) -> Option<Deadline> {
        let mut next = self.checks.deadline();
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
        let mut due = self.checks.take_due(now);
        for id in &due {
            self.locks.entry(*id).or_default().check_due = true;
        }
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
            // Set again by whoever still waits: a lock that is gone must not keep the loop awake.
            patience.pacing &= !paced;
            if patience.busy.is_none() && (parked_over || slot_due || paced) {
                due.push(*id);
            }
        }
        due
    }

    /// Unowned slots that did not answer lately, or are to be read first: others are tried before them.
    fn resting(&self, device: DeviceId, state: &State) -> BTreeSet<u16> {
        let unowned = |index: &u16| state.slots(device).get(index).is_none_or(|slot| slot.owner.is_none());
        let Some(patience) = self.locks.get(&device) else { return BTreeSet::new() };
        let slots = patience.slots.iter().filter(|(index, slot)| slot.retry.is_some() && unowned(index));
        slots.map(|(index, _)| *index).chain(patience.recheck.iter().copied()).collect()
    }
}

/// Gives back what can be given back, and plans what is left. `None`: the lock can't be worked on.
fn planned(
    id: DeviceId,
    resting: BTreeSet<u16>,
    mute_supervision: bool,
    state: &mut State,
    network: &Network,
    now: Now,
) -> Option<(View, Plan)> {
    loop {
        tidy(id, state);
        let mut view = View::of(id, mute_supervision, state, network)?;
        view.reserved.extend(&resting);
        let plan = plan(&view.lock(state.slots(id)));
        if plan.release.is_empty() {
            return Some((view, plan));
        }
        for slot in plan.release {
            release(slot, state, now.wall);
        }
    }
}
