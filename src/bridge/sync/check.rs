//! The slow check: once in a while each lock is looked at although it reported nothing, since a report may be lost, and a
//! change at the lock may be reported by none.
//!
//! A lock with a User Code Checksum is asked for that; of another, slots are read one after the other while it listens
//! anyway. So a check costs one wake-up, and what does not fit waits for the next. All checks together get a tenth of the
//! airtime that a duty cycle of 1 % leaves.

use std::time::Duration;

use super::checks::{CheckSettings, LATER, Run};
use super::ledger::slot_of;
use super::lock::View;
use super::locks::{Sync, Task};
use crate::bridge::dialect;
use crate::bridge::state::State;
use crate::domain::device::{Device, Inventory, SlowCheck};
use crate::domain::entropy::Entropy;
use crate::domain::ids::DeviceId;
use crate::domain::slot::{ConfirmedBy, SlotKey};
use crate::domain::time::Now;
use crate::network::{Completion, Network, Outcome, Priority};

/// A read that has not left within this would need a wake-up of its own: it waits for the next check.
const LISTENING: Duration = Duration::from_millis(250);

impl Sync {
    /// The next step of a check, if one is due or under way and the lock has nothing else to do.
    pub(super) fn check(&mut self, view: &View, state: &mut State, network: &mut Network, now: Now) {
        let Some(device) = state.device(view.device).filter(|device| device.inventory.done).cloned() else { return };
        if !self.checks.due.contains_key(&device.id) {
            let at = now.mono + first_wait(&device.check, self.check_settings, now, &mut self.entropy);
            self.checks.due.insert(device.id, at);
        }
        let patience = self.locks.entry(device.id).or_default();
        if let Some(run) = patience.checking {
            return self.read_next(run, view, &device, state, network, now);
        }
        if !std::mem::take(&mut patience.check_due) {
            return;
        }
        if self.checks.pace.next > now.mono || self.check_settings.frames == 0 {
            // As long as others wait for airtime, too, they do not all come back at once.
            let jitter = Duration::from_millis(self.entropy.below(60_000));
            self.checks.due.insert(device.id, self.checks.pace.next.max(now.mono + LATER) + jitter);
            return;
        }
        let interval = self.check_settings.interval;
        let next = interval - interval / 20 + jittered(interval / 10, &mut self.entropy);
        self.checks.due.insert(device.id, now.mono + next);
        set(device.id, state, |check| check.at = Some(now.wall));
        self.doubt_unseen(device.id, state, now);
        let airtime_before = network.radio(view.node).airtime_ms;
        if view.checksum {
            let task = Task::CheckSum { airtime_before };
            return self.submit(view, dialect::checksum(), Completion::Reply, Priority::Background, task, network, now);
        }
        let run = Run { frames: network.radio(view.node).frames, first: None };
        self.locks.entry(device.id).or_default().checking = Some(run);
        self.read_next(run, view, &device, state, network, now);
    }

    /// Reads the next slot of a check. All but the first only while the lock listens.
    fn read_next(&mut self, run: Run, view: &View, device: &Device, state: &mut State, network: &mut Network, now: Now) {
        let radio = network.radio(view.node);
        let index = if device.check.next == 0 || device.check.next > view.users { 1 } else { device.check.next };
        let is_over = run.first.is_some_and(|first| first == index || !network.listens(view.node));
        let spent = radio.frames.saturating_sub(run.frames);
        if is_over || spent >= u64::from(self.check_settings.frames) || view.users == 0 {
            self.locks.entry(device.id).or_default().checking = None;
            return;
        }
        let Some(command) = dialect::read(index) else { return };
        let deadline = run.first.map(|_| now.mono + LISTENING);
        self.locks.entry(device.id).or_default().checking = Some(Run { first: run.first.or(Some(index)), ..run });
        set(device.id, state, |check| check.next = index.saturating_add(1));
        let task = Task::CheckLook { slot: index, airtime_before: radio.airtime_ms };
        self.submit_until(deadline, view, command, Completion::Reply, Priority::Background, task, network, now);
    }

    /// The read of a check ended, however.
    pub(super) fn check_read(
        &mut self,
        device: DeviceId,
        slot: u16,
        before: u64,
        outcome: &Outcome,
        state: &mut State,
        network: &Network,
        now: Now,
    ) {
        self.spend_on_check(device, before, state, network, now);
        if matches!(outcome, Outcome::Reply(_) | Outcome::NoReport) {
            return;
        }
        // It is read first the next time.
        self.locks.entry(device).or_default().checking = None;
        set(device, state, |check| check.next = slot);
    }

    /// The lock sent its checksum, or did not.
    pub(super) fn check_sum(
        &mut self,
        device: DeviceId,
        before: u64,
        outcome: &Outcome,
        state: &mut State,
        network: &Network,
        now: Now,
    ) {
        self.spend_on_check(device, before, state, network, now);
        let Outcome::Reply(command) = outcome else { return };
        let Some(sum) = dialect::checksum_of(command) else { return };
        let known = state.device(device).and_then(|device| device.check.sum);
        if dialect::expected_checksum(state.slots(device).values()) == Some(sum) || known == Some(sum) {
            return set(device, state, |check| check.sum = Some(sum));
        }
        // Something differs, or the sum of codes that the lock does not show changed with a write of ours: every slot is
        // read, and the sum stands for what is found.
        let began = state.look_begins(device, now.wall);
        let Some(row) = state.device(device).cloned() else { return };
        let check = SlowCheck { sum: Some(sum), ..row.check };
        state.put_device(Device { inventory: Inventory { next: 1, done: false, began }, check, ..row });
    }

    /// What an earlier version wrote into a masking lock and could not see is settled now.
    fn doubt_unseen(&mut self, device: DeviceId, state: &mut State, now: Now) {
        let unseen = |by: ConfirmedBy| by == ConfirmedBy::Unseen;
        let slots = state.slots(device).values().filter(|slot| slot.confirmed.as_ref().is_some_and(|it| unseen(it.by)));
        for index in slots.map(|slot| slot.key.index).collect::<Vec<_>>() {
            let slot = slot_of(SlotKey::user_code(device, index), state);
            self.doubt_slot(slot, true, false, state, now);
        }
    }

    fn spend_on_check(&mut self, device: DeviceId, before: u64, state: &State, network: &Network, now: Now) {
        let node = state.device(device).and_then(|device| device.node);
        let spent = node.map_or(0, |node| network.radio(node).airtime_ms.saturating_sub(before));
        self.checks.pace.spend(spent, now.mono);
    }
}

/// A write of ours was stored: the sum of before stands for nothing any more.
pub(super) fn sum_changed(device: DeviceId, state: &mut State) {
    if state.device(device).is_some_and(|device| device.check.sum.is_some()) {
        set(device, state, |check| check.sum = None);
    }
}

fn set(device: DeviceId, state: &mut State, change: impl FnOnce(&mut SlowCheck)) {
    let Some(mut device) = state.device(device).cloned() else { return };
    change(&mut device.check);
    state.put_device(device);
}

/// How long a lock waits for its first check since the start: what is left of the interval, and up to an hour, so that locks
/// that were set up together are not all woken together. A last check in the future is ignored.
fn first_wait(check: &SlowCheck, settings: CheckSettings, now: Now, entropy: &mut Entropy) -> Duration {
    let since = check.at.filter(|at| *at <= now.wall).map_or(Duration::ZERO, |at| now.wall - at);
    let left = settings.interval.saturating_sub(since);
    left.max(Duration::from_secs(60)) + jittered(Duration::from_secs(3600), entropy)
}

fn jittered(up_to: Duration, entropy: &mut Entropy) -> Duration {
    Duration::from_millis(entropy.below(u64::try_from(up_to.as_millis()).unwrap_or(u64::MAX).max(1)))
}
