//! What a lock says, turned into events, states and beliefs about its slots. Who came is asked of the slot's owner at
//! that moment, and never guessed.

use std::time::Duration;

use super::bolts::Bolts;
use super::context::Context;
use super::dialect::{self, UserZero};
use super::meaning::{self, CodeChange, Form, Happening, Meaning};
use super::sync::Finding;
use super::twins::Twins;
use crate::command::Command;
use crate::command::battery::Battery;
use crate::command::door_lock::{DoorLock, Mode};
use crate::command::notification::{self, Notification};
use crate::domain::device::{Inventory, LockState};
use crate::domain::event::{Action, Event, EventReason, EventType, PersonAtEvent};
use crate::domain::grant::HoldKind;
use crate::domain::ids::{DeviceId, EventId, NodeId};
use crate::domain::node::SecurityClass;
use crate::domain::slot::{Content, SlotKey};
use crate::network::JobId;
use crate::reconcile::evidence::{self, BoltReport, SlotReport};
use crate::reconcile::observe::Sighting;

/// The report of a visit may come so long after the code was taken out: a lock repeats what was not answered for ten seconds.
const LATE_VISIT: Duration = Duration::from_secs(15);

/// Takes in what locks report.
#[derive(Default)]
pub struct Intake {
    twins: Twins,
}

impl Intake {
    /// Takes in one application command of a node.
    pub fn received(&mut self, node: NodeId, command: &Command, bolts: &mut Bolts, cx: &mut Context) {
        let Some(device) = cx.state.device_of(node).map(|device| device.id) else { return };
        cx.seen(device);
        if cx.sync.spoke(device) {
            cx.touch(device);
        }
        match command {
            Command::Notification(Notification::Report(report)) => self.notified(device, report, bolts, cx),
            Command::DoorLock(DoorLock::OperationReport(report)) => {
                let supports_door = cx.network.node(node).and_then(|node| node.door_lock).is_some_and(|d| d.door);
                // A reserved mode says nothing of the bolt.
                let bolt = match report.mode.is_locked() {
                    Some(true) => Some(BoltReport::Locked),
                    Some(false) => Some(BoltReport::Unlocked),
                    None => (report.mode == Mode::UNKNOWN).then_some(BoltReport::Unknown),
                };
                cx.change_device(device, |device| {
                    device.lock_state = bolt.map_or(device.lock_state, |bolt| evidence::bolt(device.lock_state, bolt));
                    if supports_door {
                        device.door_open = Some(!report.condition.door_closed());
                    }
                });
            }
            Command::Battery(Battery::Report(report)) => {
                let was_low = cx.state.device(device).is_some_and(|device| device.battery_low);
                if report.is_low() && !was_low {
                    happened(device, plain(EventType::BatteryLow), cx);
                }
                // A reserved level measures nothing, and takes no warning back.
                let Some(percent) = report.percent() else { return };
                cx.change_device(device, |device| (device.battery, device.battery_low) = (Some(percent), report.is_low()));
            }
            Command::UserCode(_) => slots_reported(device, &dialect::report(command), cx),
            _ => {}
        }
    }

    fn notified(&mut self, device: DeviceId, report: &notification::Report, bolts: &mut Bolts, cx: &mut Context) {
        let (meaning, form) = meaning::report(report);
        match meaning {
            Meaning::Happened(happening) if self.twins.is_twin(device, happening, form == Form::AlarmV1, cx.now.mono) => {}
            Meaning::Happened(happening) => happened(device, happening, cx),
            Meaning::Codes(change) => codes_changed(device, change, cx),
            Meaning::JamEnded => {
                let is_jammed = cx.state.device(device).is_some_and(|device| device.lock_state == LockState::Jammed);
                cx.change_device(device, |device| device.lock_state = evidence::bolt(device.lock_state, BoltReport::JamEnded));
                if is_jammed {
                    bolts.ask_for(device, cx);
                }
            }
            Meaning::Other => {}
        }
    }
}

/// Tells of something a look at the lock revealed.
pub(super) fn found(finding: Finding, cx: &mut Context) {
    let (kind, key) = match finding {
        Finding::ChangedAtLock(key) => (EventType::CodeChangedAtLock, key),
        Finding::Foreign(key) => (EventType::ForeignCodeAdded, key),
    };
    happened(key.device, Happening { slot: Some(key.index), ..plain(kind) }, cx);
}

fn slots_reported(device: DeviceId, report: &dialect::Report, cx: &mut Context) {
    // A report that answers a read comes as the outcome of that read.
    let asked = cx.sync.reading(device);
    if asked.is_some_and(|asked| report.sightings.iter().any(|(slot, _)| *slot == asked)) {
        return;
    }
    match report.user_zero {
        Some(UserZero::AllErased) => codes_changed(device, CodeChange::AllDeleted, cx),
        Some(UserZero::UnknownCredential) => {
            let denied = Happening { reason: Some(EventReason::WrongCode), ..plain(EventType::CodeDenied) };
            happened(device, denied, cx);
        }
        None => {}
    }
    let late = cx.sync.late_answer(device, report, cx.now.mono);
    let node = cx.state.device(device).and_then(|device| cx.network.node(device.node?));
    let has_keys = node.is_some_and(|node| node.security > SecurityClass::None);
    for (slot, sighting) in &report.sightings {
        let key = SlotKey::user_code(device, *slot);
        let is_again = cx.sync.is_answer_again(key, sighting, &cx.state, cx.now.mono);
        // Where there are no keys, the air doubles frames: the same bytes at once are the same frame.
        if is_again && !has_keys {
            continue;
        }
        let is_late = late == Some(*slot);
        if is_again || is_late {
            cx.sync.answered_again(key, sighting, is_late, &mut cx.state, cx.now);
            cx.touch(device);
            continue;
        }
        let what = match sighting {
            Sighting::Empty => SlotReport::Empty,
            Sighting::Known(_) | Sighting::NotEnabled(_) | Sighting::Masked => SlotReport::Occupied,
            Sighting::Unavailable => SlotReport::NotAvailable,
        };
        slot_reported(device, *slot, what, cx);
    }
}

fn slot_reported(device: DeviceId, slot: u16, report: SlotReport, cx: &mut Context) {
    cx.touch(device);
    let key = SlotKey::user_code(device, slot);
    let overtaken = cx.sync.reported(key, report, &mut cx.state, &cx.network, cx.now);
    take_back(overtaken, cx);
}

/// A frame that the lock's report overtook must not leave any more.
fn take_back(job: Option<JobId>, cx: &mut Context) {
    if let Some(job) = job {
        cx.network.cancel(job);
    }
}

fn happened(device: DeviceId, happening: Happening, cx: &mut Context) {
    cx.change_device(device, |device| match (happening.kind, happening.action) {
        (EventType::Jammed, _) => device.lock_state = evidence::bolt(device.lock_state, BoltReport::Jammed),
        (EventType::DoorOpened, _) => device.door_open = Some(true),
        (EventType::DoorClosed, _) => device.door_open = Some(false),
        (EventType::BatteryLow, _) => (device.battery, device.battery_low) = (Some(0), true),
        (_, Some(Action::Lock)) => device.lock_state = evidence::bolt(device.lock_state, BoltReport::Locked),
        (_, Some(Action::Unlock)) => device.lock_state = evidence::bolt(device.lock_state, BoltReport::Unlocked),
        (_, Some(Action::Arm | Action::Disarm) | None) => {}
    });
    let (person, reason) = who(device, &happening, cx);
    let allowed = match happening.kind {
        EventType::CodeUsed => Some(true),
        EventType::CodeDenied => Some(false),
        _ => None,
    };
    let id = EventId::new(cx.now.wall, &mut cx.entropy);
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
        at: cx.now.wall,
        actor: None,
    };
    cx.record(event);
    if let (EventType::CodeUsed, Some(slot)) = (happening.kind, happening.slot) {
        cx.sync.used(SlotKey::user_code(device, slot), &mut cx.state, cx.now);
        cx.touch(device);
    }
}

/// Whose code it was, or why that can't be said.
fn who(device: DeviceId, happening: &Happening, cx: &Context) -> (Option<PersonAtEvent>, Option<EventReason>) {
    let about_a_code = matches!(happening.kind, EventType::CodeUsed | EventType::CodeDenied);
    if !about_a_code {
        return (None, happening.reason);
    }
    let Some(slot) = happening.slot else {
        return (None, happening.reason.or(Some(EventReason::NotReported)));
    };
    let slot_row = cx.state.slots(device).get(&slot);
    let grant = slot_row.and_then(|slot| slot.owner).and_then(|grant| cx.state.grant(grant));
    // Where another code may have been written over ours, its user is not taken for ours.
    let hold = grant.and_then(|grant| grant.hold);
    let is_changed = hold.is_some_and(|hold| matches!(hold.kind, HoldKind::ChangedAtLock | HoldKind::MissingFromLock));
    let is_doubted = slot_row.is_some_and(|slot| cx.sync.may_be_of_another(slot, cx.now));
    if is_changed || is_doubted {
        return (None, happening.reason.or(Some(EventReason::SlotInDoubt)));
    }
    let Some(person) = grant.and_then(|grant| cx.state.person(grant.person)) else {
        if let Some(person) = was_of(SlotKey::user_code(device, slot), cx) {
            return (Some(person), happening.reason);
        }
        let reserved = cx.state.device(device).and_then(|device| cx.network.node(device.node?));
        let master = reserved.is_some_and(|node| dialect::reserved(node).contains(&slot));
        let nobody = if master { EventReason::MasterCode } else { EventReason::UnmanagedSlot };
        return (None, happening.reason.or(Some(nobody)));
    };
    (Some(PersonAtEvent { id: person.id, name: person.name() }), happening.reason)
}

/// Whose code an empty slot had just before: nothing else can have been used there, so the report is late.
fn was_of(key: SlotKey, cx: &Context) -> Option<PersonAtEvent> {
    let slot = cx.state.slots(key.device).get(&key.index)?;
    let (person, until) = cx.state.taken_out(key)?;
    let is_late = slot.content == Content::Empty && cx.now.wall >= *until && cx.now.wall - *until < LATE_VISIT;
    is_late.then(|| person.clone())
}

fn codes_changed(device: DeviceId, change: CodeChange, cx: &mut Context) {
    cx.touch(device);
    match change {
        CodeChange::Added(Some(slot)) => slot_reported(device, slot, SlotReport::Occupied, cx),
        CodeChange::Deleted(Some(slot)) => slot_reported(device, slot, SlotReport::Empty, cx),
        CodeChange::Duplicate(Some(slot)) => {
            cx.sync.duplicate(SlotKey::user_code(device, slot), &mut cx.state, cx.now);
        }
        CodeChange::AllDeleted => {
            let overtaken = cx.sync.all_erased(device, &mut cx.state, &cx.network, cx.now);
            take_back(overtaken, cx);
            look_at_all(device, cx);
            // One event for all: each loss is in its grant's status, once a look shows it.
            happened(device, plain(EventType::CodesErasedAtLock), cx);
        }
        // The lock does not say where.
        CodeChange::Added(None) => {
            let overtaken = cx.sync.added_somewhere(device, &mut cx.state, &cx.network, cx.now);
            take_back(overtaken, cx);
            look_at_all(device, cx);
        }
        CodeChange::Deleted(None) => look_at_all(device, cx),
        CodeChange::Duplicate(None) => {}
    }
}

/// Every slot is read again, in the background.
fn look_at_all(device: DeviceId, cx: &mut Context) {
    let began = cx.state.look_begins(device, cx.now.wall);
    cx.change_device(device, |device| device.inventory = Inventory { next: 0, done: false, began });
}

fn plain(kind: EventType) -> Happening {
    Happening { kind, action: None, method: None, slot: None, reason: None }
}
