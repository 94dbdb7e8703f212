//! What a lock says, turned into events, states and beliefs about its slots. Who came is asked of the slot's owner at
//! that moment, and never guessed.

use std::time::Duration;

use super::dialect;
use super::meaning::{self, CodeChange, Happening, Meaning};
use super::sync::Finding;
use super::turn::Bridge;
use crate::command::Command;
use crate::command::battery::Battery;
use crate::command::door_lock::DoorLock;
use crate::command::notification::{self, Notification};
use crate::domain::device::{Device, Inventory, LockState};
use crate::domain::event::{Action, Event, EventReason, EventType, PersonAtEvent};
use crate::domain::ids::{DeviceId, EventId, NodeId};
use crate::domain::slot::SlotKey;
use crate::domain::time::{Instant, Now};
use crate::reconcile::observe::Sighting;

/// The same act told twice, once as Alarm v1 and once as a Notification, within this time is one act.
const TWIN: Duration = Duration::from_secs(2);

/// What a device told last, and in which form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Twin {
    happening: Happening,
    v1: bool,
    at: Instant,
}

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
                let state = match report.mode.is_locked() {
                    Some(true) => LockState::Locked,
                    Some(false) => LockState::Unlocked,
                    None => LockState::Unknown,
                };
                self.change(device, |device| {
                    device.lock_state = state;
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
                self.change(device, |device| {
                    (device.battery, device.battery_low) = (Some(report.percent()), report.is_low());
                });
            }
            Command::UserCode(_) => {
                let report = dialect::report(command);
                // A report that answers a read comes as the outcome of that read.
                let asked = self.sync.reading(device);
                if asked.is_some_and(|asked| report.sightings.iter().any(|(slot, _)| *slot == asked)) {
                    return;
                }
                self.touch(device);
                if report.all_erased {
                    self.codes_changed(device, CodeChange::AllDeleted, now);
                }
                for (slot, sighting) in &report.sightings {
                    let key = SlotKey::user_code(device, *slot);
                    if let Some(finding) = self.sync.see(key, sighting, &mut self.state, now) {
                        self.found(finding, now);
                    }
                }
            }
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

    fn notified(&mut self, device: DeviceId, report: &notification::Report, now: Now) {
        let (meaning, v1) = match &report.notification {
            // Status 0: the type was switched off. Event 0: a state ended. Neither is an act.
            Some(notified) if notified.status == notification::Status::ON && notified.event != notification::Event::IDLE => {
                let slot = notified.params.user_id().map(|user| user.number());
                // A keypad event without parameters may name the user in the old level byte.
                let level = (report.v1_level != 0).then_some(u16::from(report.v1_level));
                (meaning::notification(notified.kind, notified.event, slot.or(level)), false)
            }
            Some(_) if report.v1_type == 0 => (Meaning::Other, false),
            Some(_) | None => (meaning::alarm_v1(report.v1_type, report.v1_level), true),
        };
        match meaning {
            Meaning::Happened(happening) if self.is_twin(device, happening, v1, now.mono) => {}
            Meaning::Happened(happening) => self.happened(device, happening, now),
            Meaning::Codes(change) => self.codes_changed(device, change, now),
            Meaning::Other => {}
        }
    }

    fn is_twin(&mut self, device: DeviceId, happening: Happening, v1: bool, at: Instant) -> bool {
        let told = self.twins.get(&device);
        if told.is_some_and(|told| told.happening == happening && told.v1 != v1 && at.since(told.at) < TWIN) {
            return true;
        }
        self.twins.insert(device, Twin { happening, v1, at });
        false
    }

    fn happened(&mut self, device: DeviceId, happening: Happening, now: Now) {
        self.change(device, |device| match (happening.kind, happening.action) {
            (EventType::Jammed, _) => device.lock_state = LockState::Jammed,
            (EventType::DoorOpened, _) => device.door_open = Some(true),
            (EventType::DoorClosed, _) => device.door_open = Some(false),
            (EventType::BatteryLow, _) => (device.battery, device.battery_low) = (Some(0), true),
            (_, Some(Action::Lock)) => device.lock_state = LockState::Locked,
            (_, Some(Action::Unlock)) => device.lock_state = LockState::Unlocked,
            (_, Some(Action::Arm | Action::Disarm) | None) => {}
        });
        let (person, reason) = self.who(device, &happening);
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
        };
        self.record(event, now);
    }

    /// Whose code it was, or why that can't be said.
    fn who(&self, device: DeviceId, happening: &Happening) -> (Option<PersonAtEvent>, Option<EventReason>) {
        let about_a_code = matches!(happening.kind, EventType::CodeUsed | EventType::CodeDenied);
        if !about_a_code {
            return (None, happening.reason);
        }
        let Some(slot) = happening.slot else {
            return (None, happening.reason.or(Some(EventReason::NotReported)));
        };
        let owner = self.state.slots(device).get(&slot).and_then(|slot| slot.owner);
        let person = owner.and_then(|grant| self.state.grant(grant)).and_then(|g| self.state.person(g.person));
        let Some(person) = person else {
            let reserved = self.state.device(device).and_then(|device| self.network.node(device.node?));
            let master = reserved.is_some_and(|node| dialect::reserved(node).contains(&slot));
            let nobody = if master { EventReason::MasterCode } else { EventReason::UnmanagedSlot };
            return (None, happening.reason.or(Some(nobody)));
        };
        (Some(PersonAtEvent { id: person.id, name: person.name() }), happening.reason)
    }

    fn codes_changed(&mut self, device: DeviceId, change: CodeChange, now: Now) {
        self.touch(device);
        let key = |slot| SlotKey::user_code(device, slot);
        let finding = match change {
            CodeChange::Added(Some(slot)) => self.sync.added(key(slot), &mut self.state, now),
            CodeChange::Deleted(Some(slot)) => self.sync.deleted(key(slot), &mut self.state, now),
            CodeChange::Duplicate(Some(slot)) => {
                self.sync.duplicate(key(slot), &mut self.state, now);
                None
            }
            CodeChange::AllDeleted => {
                // One event for all: each loss is in its grant's status.
                for slot in self.state.slots(device).keys().copied().collect::<Vec<_>>() {
                    self.sync.see(key(slot), &Sighting::Empty, &mut self.state, now);
                }
                self.happened(device, plain(EventType::CodesErasedAtLock), now);
                None
            }
            // The lock does not say where: look.
            CodeChange::Added(None) | CodeChange::Deleted(None) => {
                let began = self.state.look_begins(device, now.wall);
                self.change(device, |device| device.inventory = Inventory { next: 0, done: false, began });
                None
            }
            CodeChange::Duplicate(None) => None,
        };
        if let Some(finding) = finding {
            self.found(finding, now);
        }
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
