//! Slots whose row is not to be trusted: an older copy of the database was put back, or the row is damaged. Each is looked
//! at once before anything is believed of it or written to it.
//!
//! What an older copy wants may have been taken away since. So a code that the lock does not have is not written again, and
//! a code that is not the one we know of is foreign: both wait for a person. A known code in another slot than the copy says
//! is known again there.

use super::ledger::is_wanted;
use super::locks::{Finding, Sync};
use crate::bridge::state::State;
use crate::domain::grant::{Grant, Hold, HoldKind, Reason};
use crate::domain::ids::DeviceId;
use crate::domain::pin::{CodeText, Fingerprint};
use crate::domain::slot::{Confirmed, ConfirmedBy, Content, Progress, Slot};
use crate::domain::time::Now;
use crate::reconcile::observe::Sighting;

impl Sync {
    /// Nothing that is known of a lock's slots counts any more, nor does what waits for a slot.
    pub fn doubt_all(&mut self, device: DeviceId, state: &mut State, now: Now) {
        for slot in state.slots(device).values().cloned().collect::<Vec<_>>() {
            state.put_slot(Slot { progress: Progress::RowDoubted, seen_at: None, ..slot }, now.wall);
        }
        let homeless = state.grants_on(device).filter(|grant| grant.wanted && state.slot_of(grant).is_none());
        for grant in homeless.cloned().collect::<Vec<_>>() {
            hold_back(grant, HoldKind::MissingFromLock, state, now);
        }
    }

    /// The first look at a doubted slot.
    pub(super) fn see_doubted(&mut self, mut slot: Slot, sighting: &Sighting, state: &mut State, now: Now) -> Option<Finding> {
        let key = slot.key;
        let was_empty = slot.content == Content::Empty;
        let remembered = slot.confirmed.take();
        (slot.progress, slot.seen_at, slot.content) = (Progress::Idle, Some(now.wall), sighting.content());
        self.locks.entry(key.device).or_default().slots.remove(&key.index);

        let grant = slot.owner.and_then(|grant| state.grant(grant)).cloned();
        let Some(grant) = grant else {
            slot.owner = None;
            self.adopt(&mut slot, sighting, true, state, now);
            let appeared = slot.owner.is_none() && was_empty && slot.content.is_occupied();
            state.put_slot(slot, now.wall);
            return appeared.then_some(Finding::Foreign(key));
        };
        let wanted = is_wanted(&grant, state);
        let finding = match sighting {
            Sighting::Known(code) if is_ours(code, &grant, remembered.as_ref(), state) => {
                let generation = remembered.map_or(grant.generation, |confirmed| confirmed.generation);
                let code = Some(Fingerprint::of(code.reveal(), &state.key));
                slot.confirmed = Some(Confirmed { code, generation, by: ConfirmedBy::Read, at: now.wall });
                None
            }
            // Unknown whose it is. What is wanted is written once more, and what is not is taken out.
            Sighting::Masked => None,
            Sighting::Known(_) | Sighting::NotEnabled(_) => {
                if wanted {
                    hold_back(grant.clone(), HoldKind::MissingFromLock, state, now);
                }
                slot.owner = None;
                self.adopt(&mut slot, sighting, true, state, now);
                let is_foreign = slot.owner.is_none();
                state.put_slot(slot, now.wall);
                self.adopt_elsewhere(&grant, state, now);
                return is_foreign.then_some(Finding::Foreign(key));
            }
            Sighting::Empty => {
                if wanted {
                    hold_back(grant.clone(), HoldKind::MissingFromLock, state, now);
                }
                state.put_slot(slot, now.wall);
                let is_elsewhere = self.adopt_elsewhere(&grant, state, now);
                return (wanted && !is_elsewhere).then_some(Finding::ChangedAtLock(key));
            }
            Sighting::Unavailable if wanted => {
                hold_back(grant, HoldKind::ChangedAtLock, state, now);
                Some(Finding::ChangedAtLock(key))
            }
            Sighting::Unavailable => None,
        };
        state.put_slot(slot, now.wall);
        finding
    }

    /// A slot that the older copy knows as free holds the code of a grant that has no slot: it was written after the copy was
    /// made. With an owner it is taken out when it should go, and not written into a second slot. `row_doubted`: the row is as
    /// old as the copy; otherwise the code of a grant that is not wanted may be a person's own doing, and is left alone.
    pub(super) fn adopt(&self, slot: &mut Slot, sighting: &Sighting, row_doubted: bool, state: &mut State, now: Now) {
        let (None, Sighting::Known(code)) = (slot.owner, sighting) else { return };
        let seen = Fingerprint::of(code.reveal(), &state.key);
        let is_it = |grant: &&Grant| {
            let is_gone = state.slot_of(grant).is_none_or(|old| old.progress == Progress::Idle && old.content == Content::Empty);
            let waits =
                grant.hold.is_some_and(|hold| hold.reason == Reason::StoreDoubted) || row_doubted && !is_wanted(grant, state);
            waits && is_gone && state.fingerprint(grant.credential) == Some(seen)
        };
        let Some(grant) = state.grants_on(slot.key.device).find(is_it).cloned() else { return };
        if let Some(old) = state.slot_of(&grant).cloned() {
            state.put_slot(Slot { owner: None, ..old }, now.wall);
        }
        slot.owner = Some(grant.id);
        let generation = grant.generation;
        slot.confirmed = Some(Confirmed { code: Some(seen), generation, by: ConfirmedBy::Read, at: now.wall });
        state.put_grant(Grant { hold: None, ..grant });
    }

    /// The same for a grant whose slot turned out to hold something else: its code may have been seen in another before.
    fn adopt_elsewhere(&mut self, grant: &Grant, state: &mut State, now: Now) -> bool {
        let code = state.fingerprint(grant.credential);
        let is_its = |slot: &&Slot| match &slot.content {
            Content::Known(seen) => Some(Fingerprint::of(seen.reveal(), &state.key)) == code,
            Content::Empty | Content::Unknown | Content::Unreadable => false,
        };
        let unowned = state.slots(grant.device).values().filter(|slot| slot.owner.is_none() && slot.progress == Progress::Idle);
        let Some(mut slot) = unowned.into_iter().find(is_its).cloned() else { return false };
        let Content::Known(seen) = slot.content.clone() else { return false };
        self.adopt(&mut slot, &Sighting::Known(seen), true, state, now);
        let is_adopted = slot.owner.is_some();
        if is_adopted {
            // Whether it is switched on there is not known any more.
            self.recheck(slot.key);
        }
        state.put_slot(slot, now.wall);
        is_adopted
    }
}

/// Whether a code that a lock shows is the grant's own: the one that is wanted, or the one that was confirmed before.
fn is_ours(code: &CodeText, grant: &Grant, remembered: Option<&Confirmed>, state: &State) -> bool {
    let seen = Fingerprint::of(code.reveal(), &state.key);
    state.fingerprint(grant.credential) == Some(seen) || remembered.and_then(|confirmed| confirmed.code) == Some(seen)
}

fn hold_back(grant: Grant, kind: HoldKind, state: &mut State, now: Now) {
    let hold = Hold { kind, reason: Reason::StoreDoubted, since: now.wall };
    state.put_grant(Grant { hold: Some(hold), ..grant });
}
