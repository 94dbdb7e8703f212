//! The look at every slot of a lock: once when it is new, and when somebody asks. In the background, paced within
//! airtime, resumable, and ended early where the checksum or the next-used id allows. It never changes anything.

use super::lock::View;
use super::locks::{Finding, Sync, Task};
use super::told::holds_ours;
use crate::bridge::dialect;
use crate::bridge::state::State;
use crate::domain::device::{Device, Inventory};
use crate::domain::ids::DeviceId;
use crate::domain::slot::SlotKey;
use crate::domain::time::Now;
use crate::network::{Completion, Network, Outcome, Priority};
use crate::reconcile::observe::Sighting;

impl Sync {
    /// Reads the next slot of the inventory, if airtime allows. Nobody waits for it.
    pub(super) fn look_around(&mut self, view: &View, state: &mut State, network: &mut Network, now: Now) {
        let Some(device) = state.device(view.device).filter(|device| !device.inventory.done) else { return };
        if self.pace.next > now.mono {
            self.locks.entry(view.device).or_default().pacing = true;
            return;
        }
        let airtime_before = network.radio(view.node).airtime_ms;
        if device.inventory.next == 0 && view.checksum {
            let task = Task::Checksum { began: device.inventory.began, airtime_before };
            self.submit(view, dialect::checksum(), Completion::Reply, Priority::Background, task, network, now);
            return;
        }
        let began = device.inventory.began;
        let seen = |index: u16| {
            let slot = state.slots(view.device).get(&index);
            slot.is_some_and(|slot| slot.seen_at.is_some_and(|at| at >= device.inventory.began))
        };
        let Some(index) = (device.inventory.next.max(1)..=view.users).find(|index| !seen(*index)) else {
            set_inventory(view.device, state, |before| Inventory { next: view.users, done: true, ..before });
            return;
        };
        let walks = !self.locks.entry(view.device).or_default().cannot_walk;
        let command = if walks { dialect::walk(view.version, index, view.multi_report) } else { dialect::read(index) };
        let Some(command) = command else { return };
        let task = Task::Survey { slot: index, began, airtime_before };
        self.submit(view, command, Completion::Reply, Priority::Background, task, network, now);
    }

    /// The User Code Checksum was asked before the inventory: 0x0000 means that no slot is taken. Codes may come to that
    /// sum by chance, too (one set in 65,536): where some are known to be, the slots have to say themselves that they went.
    pub(super) fn checksum_told(
        &mut self,
        device: DeviceId,
        outcome: &Outcome,
        state: &mut State,
        network: &Network,
        now: Now,
    ) -> Vec<Finding> {
        let sum = match outcome {
            Outcome::Reply(command) => dialect::checksum_of(command),
            Outcome::ControllerGone
            | Outcome::ControllerBusy
            | Outcome::Cancelled
            | Outcome::Expired
            | Outcome::NoAck
            | Outcome::NoNonce => {
                return Vec::new();
            }
            _ => None,
        };
        let has_codes = state.slots(device).values().any(|slot| slot.content.is_occupied() || holds_ours(slot));
        let empty = sum == Some(0) && !has_codes;
        set_inventory(device, state, |before| Inventory { next: 1, done: empty, ..before });
        if empty { self.nothing_in(device, 1, u16::MAX, state, network, now) } else { Vec::new() }
    }

    /// What became of one question of the inventory.
    pub(super) fn surveyed(
        &mut self,
        device: DeviceId,
        asked: u16,
        outcome: &Outcome,
        state: &mut State,
        network: &Network,
        now: Now,
    ) -> Vec<Finding> {
        let mut findings = self.looked(device, asked, outcome, state, now);
        match outcome {
            Outcome::Reply(command) => {
                findings.extend(self.advance(device, asked, &dialect::report(command), state, network, now));
            }
            Outcome::NoReport | Outcome::Refused | Outcome::Accepted | Outcome::Delivered => {
                let patience = self.locks.entry(device).or_default();
                // First asked more simply; a slot that stays silent even then stays unknown, which is never "free".
                if std::mem::replace(&mut patience.cannot_walk, true) {
                    set_inventory(device, state, |before| Inventory { next: asked.saturating_add(1), ..before });
                }
            }
            Outcome::Unsupported => {
                set_inventory(device, state, |before| Inventory { next: asked.saturating_add(1), ..before });
            }
            Outcome::NoNonce
            | Outcome::NoAck
            | Outcome::ControllerGone
            | Outcome::ControllerBusy
            | Outcome::Expired
            | Outcome::Cancelled => {}
        }
        findings
    }

    pub(super) fn spend_airtime(&mut self, device: DeviceId, before: u64, state: &State, network: &Network, now: Now) {
        let node = state.device(device).and_then(|device| device.node);
        let spent = node.map_or(0, |node| network.radio(node).airtime_ms.saturating_sub(before));
        self.pace.spend(spent, now.mono);
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
        let (next, done, last_empty) = match report.next {
            Some(0) => (None, true, u16::MAX),
            Some(next) if next > last => (Some(next), false, next - 1),
            // A lock that points backwards is not believed.
            Some(_) | None => {
                set_inventory(device, state, |before| Inventory { next: last.saturating_add(1), ..before });
                return Vec::new();
            }
        };
        set_inventory(device, state, |before| Inventory { next: next.unwrap_or(before.next), done, ..before });
        // It skips what is empty between the slots that it shows, and after them.
        let mut shown: Vec<u16> = report.sightings.iter().map(|(slot, _)| *slot).filter(|slot| *slot >= asked).collect();
        shown.sort_unstable();
        let between = shown.windows(2).filter_map(|pair| Some((pair.first()?.saturating_add(1), pair.last()?.checked_sub(1)?)));
        let gaps: Vec<(u16, u16)> = between.chain([(last.saturating_add(1), last_empty)]).collect();
        gaps.into_iter().flat_map(|(first, last)| self.nothing_in(device, first, last, state, network, now)).collect()
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
}

fn set_inventory(device: DeviceId, state: &mut State, change: impl FnOnce(Inventory) -> Inventory) {
    let Some(before) = state.device(device).cloned() else { return };
    state.put_device(Device { inventory: change(before.inventory), ..before });
}
