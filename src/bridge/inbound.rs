//! What a lock says, turned into events, states and beliefs about its slots. Who came is asked of the slot's owner at
//! that moment, and never guessed.

use std::time::Duration;

use super::dialect::{self, UserZero};
use super::meaning::{self, CodeChange, Form, Happening, Meaning};
use super::sync::Finding;
use super::turn::Bridge;
use crate::command::Command;
use crate::command::battery::Battery;
use crate::command::door_lock::{DoorLock, Mode};
use crate::command::notification::{self, Notification};
use crate::domain::device::{Device, Inventory, LockState};
use crate::domain::event::{Action, Event, EventReason, EventType, PersonAtEvent};
use crate::domain::grant::Status;
use crate::domain::ids::{DeviceId, EventId, NodeId};
use crate::domain::node::SecurityClass;
use crate::domain::slot::{Content, SlotKey};
use crate::domain::time::Now;
use crate::network::JobId;
use crate::reconcile::evidence::{self, BoltReport, SlotReport};
use crate::reconcile::observe::Sighting;

/// The report of a visit may come so long after the code was taken out: a lock repeats what was not answered for ten seconds.
const LATE_VISIT: Duration = Duration::from_secs(15);

impl Bridge {
    /// Takes in one application command of a node.
    pub(super) fn received(&mut self, node: NodeId, command: &Command, now: Now) {
        let Some(device) = self.state.device_of(node).map(|device| device.id) else { return };
        self.seen(device, now);
        if self.sync.spoke(device) {
            self.touch(device);
        }
        match command {
            Command::Notification(Notification::Report(report)) => self.notified(device, report, now),
            Command::DoorLock(DoorLock::OperationReport(report)) => {
                let supports_door = self.network.node(node).and_then(|node| node.door_lock).is_some_and(|d| d.door);
                // A reserved mode says nothing of the bolt.
                let bolt = match report.mode.is_locked() {
                    Some(true) => Some(BoltReport::Locked),
                    Some(false) => Some(BoltReport::Unlocked),
                    None => (report.mode == Mode::UNKNOWN).then_some(BoltReport::Unknown),
                };
                self.change(device, |device| {
                    device.lock_state = bolt.map_or(device.lock_state, |bolt| evidence::bolt(device.lock_state, bolt));
                    if supports_door {
                        device.door_open = Some(!report.condition.door_closed());
                    }
                });
            }
            Command::Battery(Battery::Report(report)) => {
                let was_low = self.state.device(device).is_some_and(|device| device.battery_low);
                if report.is_low() && !was_low {
                    self.happened(device, plain(EventType::BatteryLow), now);
                }
                // A reserved level measures nothing, and takes no warning back.
                let Some(percent) = report.percent() else { return };
                self.change(device, |device| (device.battery, device.battery_low) = (Some(percent), report.is_low()));
            }
            Command::UserCode(_) => self.slots_reported(device, &dialect::report(command), now),
            _ => {}
        }
    }

    /// Tells of something a look at the lock revealed.
    pub(super) fn found(&mut self, finding: Finding, now: Now) {
        let (kind, key) = match finding {
            Finding::ChangedAtLock(key) => (EventType::CodeChangedAtLock, key),
            Finding::Foreign(key) => (EventType::ForeignCodeAdded, key),
        };
        self.happened(key.device, Happening { slot: Some(key.index), ..plain(kind) }, now);
    }

    fn slots_reported(&mut self, device: DeviceId, report: &dialect::Report, now: Now) {
        // A report that answers a read comes as the outcome of that read.
        let asked = self.sync.reading(device);
        if asked.is_some_and(|asked| report.sightings.iter().any(|(slot, _)| *slot == asked)) {
            return;
        }
        match report.user_zero {
            Some(UserZero::AllErased) => self.codes_changed(device, CodeChange::AllDeleted, now),
            Some(UserZero::UnknownCredential) => {
                let denied = Happening { reason: Some(EventReason::WrongCode), ..plain(EventType::CodeDenied) };
                self.happened(device, denied, now);
            }
            None => {}
        }
        let late = self.sync.late_answer(device, report, now.mono);
        let node = self.state.device(device).and_then(|device| self.network.node(device.node?));
        let has_keys = node.is_some_and(|node| node.security > SecurityClass::None);
        for (slot, sighting) in &report.sightings {
            let key = SlotKey::user_code(device, *slot);
            let is_again = self.sync.is_answer_again(key, sighting, &self.state, now.mono);
            // Where there are no keys, the air doubles frames: the same bytes at once are the same frame.
            if is_again && !has_keys {
                continue;
            }
            let is_late = late == Some(*slot);
            if is_again || is_late {
                self.sync.answered_again(key, sighting, is_late, &mut self.state, now);
                self.touch(device);
                continue;
            }
            let what = match sighting {
                Sighting::Empty => SlotReport::Empty,
                Sighting::Known(_) | Sighting::NotEnabled(_) | Sighting::Masked => SlotReport::Occupied,
                Sighting::Unavailable => SlotReport::NotAvailable,
            };
            self.slot_reported(device, *slot, what, now);
        }
    }

    fn slot_reported(&mut self, device: DeviceId, slot: u16, report: SlotReport, now: Now) {
        self.touch(device);
        let key = SlotKey::user_code(device, slot);
        let overtaken = self.sync.reported(key, report, &mut self.state, &self.network, now);
        self.take_back(overtaken);
    }

    /// A frame that the lock's report overtook must not leave any more.
    fn take_back(&mut self, job: Option<JobId>) {
        if let Some(job) = job {
            self.network.cancel(job);
        }
    }

    fn notified(&mut self, device: DeviceId, report: &notification::Report, now: Now) {
        let (meaning, form) = meaning::report(report);
        match meaning {
            Meaning::Happened(happening) if self.twins.is_twin(device, happening, form == Form::AlarmV1, now.mono) => {}
            Meaning::Happened(happening) => self.happened(device, happening, now),
            Meaning::Codes(change) => self.codes_changed(device, change, now),
            Meaning::JamEnded => {
                let is_jammed = self.state.device(device).is_some_and(|device| device.lock_state == LockState::Jammed);
                self.change(device, |device| device.lock_state = evidence::bolt(device.lock_state, BoltReport::JamEnded));
                if is_jammed {
                    self.ask_for_bolt(device, now);
                }
            }
            Meaning::Other => {}
        }
    }

    fn happened(&mut self, device: DeviceId, happening: Happening, now: Now) {
        self.change(device, |device| match (happening.kind, happening.action) {
            (EventType::Jammed, _) => device.lock_state = evidence::bolt(device.lock_state, BoltReport::Jammed),
            (EventType::DoorOpened, _) => device.door_open = Some(true),
            (EventType::DoorClosed, _) => device.door_open = Some(false),
            (EventType::BatteryLow, _) => (device.battery, device.battery_low) = (Some(0), true),
            (_, Some(Action::Lock)) => device.lock_state = evidence::bolt(device.lock_state, BoltReport::Locked),
            (_, Some(Action::Unlock)) => device.lock_state = evidence::bolt(device.lock_state, BoltReport::Unlocked),
            (_, Some(Action::Arm | Action::Disarm) | None) => {}
        });
        let (person, reason) = self.who(device, &happening, now);
        let allowed = match happening.kind {
            EventType::CodeUsed => Some(true),
            EventType::CodeDenied => Some(false),
            _ => None,
        };
        let id = EventId::new(now.wall, &mut self.entropy);
        let event = Event {
            id,
            kind: happening.kind,
            device,
            person,
            action: happening.action,
            method: happening.method,
            slot: happening.slot,
            allowed,
            reason,
            at: now.wall,
            actor: None,
        };
        self.record(event, now);
        if let (EventType::CodeUsed, Some(slot)) = (happening.kind, happening.slot) {
            self.sync.used(SlotKey::user_code(device, slot), &mut self.state, now);
            self.touch(device);
        }
    }

    /// Whose code it was, or why that can't be said.
    fn who(&self, device: DeviceId, happening: &Happening, now: Now) -> (Option<PersonAtEvent>, Option<EventReason>) {
        let about_a_code = matches!(happening.kind, EventType::CodeUsed | EventType::CodeDenied);
        if !about_a_code {
            return (None, happening.reason);
        }
        let Some(slot) = happening.slot else {
            return (None, happening.reason.or(Some(EventReason::NotReported)));
        };
        let slot_row = self.state.slots(device).get(&slot);
        let grant = slot_row.and_then(|slot| slot.owner).and_then(|grant| self.state.grant(grant));
        // Where another code may have been written over ours, its user is not taken for ours.
        let is_changed = grant.is_some_and(|grant| matches!(grant.status, Status::ChangedAtLock | Status::MissingFromLock));
        let is_doubted = slot_row.is_some_and(|slot| self.sync.may_be_of_another(slot, now));
        if is_changed || is_doubted {
            return (None, happening.reason.or(Some(EventReason::SlotInDoubt)));
        }
        let Some(person) = grant.and_then(|grant| self.state.person(grant.person)) else {
            if let Some(person) = self.was_of(SlotKey::user_code(device, slot), now) {
                return (Some(person), happening.reason);
            }
            let reserved = self.state.device(device).and_then(|device| self.network.node(device.node?));
            let master = reserved.is_some_and(|node| dialect::reserved(node).contains(&slot));
            let nobody = if master { EventReason::MasterCode } else { EventReason::UnmanagedSlot };
            return (None, happening.reason.or(Some(nobody)));
        };
        (Some(PersonAtEvent { id: person.id, name: person.name() }), happening.reason)
    }

    /// Whose code an empty slot had just before: nothing else can have been used there, so the report is late.
    fn was_of(&self, key: SlotKey, now: Now) -> Option<PersonAtEvent> {
        let slot = self.state.slots(key.device).get(&key.index)?;
        let (person, until) = self.state.taken_out(key)?;
        let is_late = slot.content == Content::Empty && now.wall >= *until && now.wall - *until < LATE_VISIT;
        is_late.then(|| person.clone())
    }

    fn codes_changed(&mut self, device: DeviceId, change: CodeChange, now: Now) {
        self.touch(device);
        match change {
            CodeChange::Added(Some(slot)) => self.slot_reported(device, slot, SlotReport::Occupied, now),
            CodeChange::Deleted(Some(slot)) => self.slot_reported(device, slot, SlotReport::Empty, now),
            CodeChange::Duplicate(Some(slot)) => {
                self.sync.duplicate(SlotKey::user_code(device, slot), &mut self.state, now);
            }
            CodeChange::AllDeleted => {
                let overtaken = self.sync.all_erased(device, &mut self.state, &self.network, now);
                self.take_back(overtaken);
                self.look_at_all(device, now);
                // One event for all: each loss is in its grant's status, once a look shows it.
                self.happened(device, plain(EventType::CodesErasedAtLock), now);
            }
            // The lock does not say where.
            CodeChange::Added(None) => {
                let overtaken = self.sync.added_somewhere(device, &mut self.state, &self.network, now);
                self.take_back(overtaken);
                self.look_at_all(device, now);
            }
            CodeChange::Deleted(None) => self.look_at_all(device, now),
            CodeChange::Duplicate(None) => {}
        }
    }

    /// Every slot is read again, in the background.
    fn look_at_all(&mut self, device: DeviceId, now: Now) {
        let began = self.state.look_begins(device, now.wall);
        self.change(device, |device| device.inventory = Inventory { next: 0, done: false, began });
    }

    fn change(&mut self, id: DeviceId, change: impl FnOnce(&mut Device)) {
        let Some(mut device) = self.state.device(id).cloned() else { return };
        change(&mut device);
        self.state.put_device(device);
    }
}

fn plain(kind: EventType) -> Happening {
    Happening { kind, action: None, method: None, slot: None, reason: None }
}
