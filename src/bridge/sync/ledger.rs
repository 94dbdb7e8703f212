//! Changes to slots and grants that several ways through [`super::Sync`] share.

use crate::bridge::state::State;
use crate::domain::grant::{Grant, Hold, HoldKind, Reason};
use crate::domain::ids::{DeviceId, PersonId};
use crate::domain::slot::{Content, Progress, Slot, SlotKey};
use crate::domain::time::Timestamp;

/// The grant's code should be in the lock.
pub(super) fn is_wanted(grant: &Grant, state: &State) -> bool {
    grant.wanted && state.person(grant.person).is_some_and(|person| person.enabled && person.removed_at.is_none())
}

/// The grant is wanted, and the code it is for can't be read any more.
pub(super) fn is_code_lost(grant: &Grant, state: &State) -> bool {
    is_wanted(grant, state) && state.credential(grant.credential).is_none()
}

/// What is believed of a slot.
pub(super) fn slot_of(key: SlotKey, state: &State) -> Slot {
    state.slots(key.device).get(&key.index).cloned().unwrap_or_else(|| Slot::unseen(key))
}

/// Grants that were taken away before they got a slot have nothing left to wait for.
pub(super) fn tidy(device: DeviceId, state: &mut State) {
    let gone = state.grants_on(device).filter(|grant| !grant.wanted && state.slot_of(grant).is_none());
    for (grant, person) in gone.map(|grant| (grant.id, grant.person)).collect::<Vec<_>>() {
        state.delete_grant(grant);
        forget_if_done(person, state);
    }
}

/// Gives a slot back whose code is out, confirmed.
pub(super) fn release(key: SlotKey, state: &mut State, at: Timestamp) {
    let mut slot = slot_of(key, state);
    let owner = slot.owner.take();
    slot.content = Content::Empty;
    slot.confirmed = None;
    slot.progress = Progress::Idle;
    state.put_slot(slot, at);
    if let Some(person) = owner.and_then(|grant| state.grant(grant)).map(|grant| grant.person) {
        state.note_taken_out(key, person, at);
    }
    let Some(grant) = owner.and_then(|grant| state.grant(grant)).filter(|grant| !grant.wanted) else { return };
    let (grant, person) = (grant.id, grant.person);
    state.delete_grant(grant);
    forget_if_done(person, state);
}

/// Forgets somebody who was removed, once their last code is out.
pub(in crate::bridge) fn forget_if_done(person: PersonId, state: &mut State) {
    let removed = state.person(person).is_some_and(|person| person.removed_at.is_some());
    if removed && state.grants_of(person).next().is_none() {
        state.delete_person(person);
    }
}

/// Whether our code was erased from a slot at the lock and nothing of ours went there since: what appears in it is a
/// stranger's, and the slot is theirs.
pub(super) fn is_vacated(slot: &Slot, state: &State) -> bool {
    let owner = slot.owner.and_then(|grant| state.grant(grant));
    let hold = owner.and_then(|grant| grant.hold);
    let is_missing = hold.is_some_and(|hold| hold.kind == HoldKind::MissingFromLock);
    is_missing && slot.progress == Progress::Idle && slot.content == Content::Empty
}

/// Stops a grant until somebody changes the intent.
pub(super) fn hold(slot: &Slot, kind: HoldKind, reason: Reason, state: &mut State, at: Timestamp) {
    let Some(grant) = slot.owner.and_then(|grant| state.grant(grant)).filter(|grant| is_wanted(grant, state)) else {
        return;
    };
    state.put_grant(Grant { hold: Some(Hold { kind, reason, since: at }), ..grant.clone() });
}
