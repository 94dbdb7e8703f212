//! What a lock tells by itself about its codes: added, deleted, refused, used.

use std::time::Duration;

use super::ledger::{hold, is_current, slot_of};
use super::{Finding, OwnChange, Sync};
use crate::bridge::state::State;
use crate::domain::grant::{Reason, Status};
use crate::domain::slot::{ConfirmedBy, Content, Doing, Progress, Slot, SlotKey};
use crate::domain::time::{Instant, Now};
use crate::reconcile::observe;

/// A "code added" event this soon after our own change of that slot speaks of our change.
const OWN_CHANGE: Duration = Duration::from_secs(10);
/// On busy air it may come, or be repeated, so late; then one look is better than to believe it.
const LATE_ECHO: Duration = Duration::from_secs(60);
/// Locks that tell everything twice do so within this.
const TWICE: Duration = Duration::from_secs(2);

impl Sync {
    /// The lock's own word that a code was added or changed.
    pub fn added(&mut self, key: SlotKey, state: &mut State, now: Now) -> Option<Finding> {
        if !self.exists(key) {
            return None;
        }
        let mut slot = slot_of(key, state);
        self.note_that_it_tells(&slot, now.mono);
        let Some(owner) = slot.owner else {
            if self.is_own_echo(key, now.mono) {
                // Of the write before the clear; or somebody was quick.
                self.recheck(key, false);
                return None;
            }
            // Something is there now that we did not write: not free, and people want to know.
            let known = slot.content.is_occupied();
            slot.content = Content::Unreadable;
            slot.seen_at = Some(now.wall);
            state.put_slot(slot, now.wall);
            return (!known).then_some(Finding::Foreign(key));
        };
        match slot.progress {
            // An event is believed once the frame was acknowledged: it may be the echo of an older write.
            Progress::Sending { doing: Doing::Write { .. } } => {
                self.believe(key);
                return None;
            }
            Progress::Sending { doing: Doing::Clear { .. } } => {
                self.interrupted(key);
                return None;
            }
            Progress::Verifying { .. } if self.tries(key).echo => {
                self.tries(key).echoed = Some(now.mono);
                return None;
            }
            Progress::Verifying { doing: doing @ Doing::Write { generation, .. }, .. } => {
                let grant = state.grant(owner).filter(|grant| grant.generation == generation);
                // With another intent since then, nobody knows which code the event speaks of: the read tells.
                if let Some(credential) = grant.and_then(|grant| state.credential(grant.credential)) {
                    let pin = credential.pin.clone();
                    observe::confirm(&mut slot, doing, Some(&pin), ConfirmedBy::Event, &state.key.clone(), now.wall);
                    self.settled(key, now.mono);
                    state.put_slot(slot, now.wall);
                }
                return None;
            }
            Progress::Verifying { doing: Doing::Clear { .. }, .. } => return None,
            Progress::Idle => {}
        }
        // The event of a change of ours may come late, when a lock repeats what nobody answered: even after a restart, where
        // only the stamp of the confirmation is left. Otherwise one look tells.
        let just_confirmed = was_just_confirmed(&slot, now);
        let late = self.own_change(key).is_some_and(|own| now.mono.since(own.at) < LATE_ECHO) || self.just_started(now);
        let (own, first) = (self.is_own_echo(key, now.mono), self.is_first_echo(key, now.mono));
        if !first && (own || !just_confirmed) {
            self.recheck(key, !own && !late);
        }
        None
    }

    /// The lock's own word that a code was deleted.
    pub fn deleted(&mut self, key: SlotKey, state: &mut State, now: Now) -> Option<Finding> {
        if !self.exists(key) {
            return None;
        }
        let mut slot = slot_of(key, state);
        self.note_that_it_tells(&slot, now.mono);
        match slot.progress {
            Progress::Sending { doing: Doing::Clear { .. } } => {
                self.believe(key);
                None
            }
            Progress::Verifying { .. } if self.tries(key).echo => None,
            Progress::Verifying { doing: doing @ Doing::Clear { .. }, .. } => {
                observe::confirm(&mut slot, doing, None, ConfirmedBy::Event, &state.key.clone(), now.wall);
                self.settled(key, now.mono);
                state.put_slot(slot, now.wall);
                None
            }
            Progress::Sending { .. } | Progress::Verifying { .. } => {
                self.interrupted(key);
                None
            }
            Progress::Idle if self.is_own_echo(key, now.mono) || was_just_confirmed(&slot, now) || self.just_started(now) => {
                // What we did last was to put a code there: this is another's doing, or very late.
                if slot.confirmed.is_some_and(|confirmed| confirmed.code.is_some()) {
                    self.recheck(key, false);
                }
                None
            }
            Progress::Idle => {
                let ours = slot.owner.is_some() && slot.content != Content::Empty;
                let is_current = is_current(&slot, state);
                slot.content = Content::Empty;
                slot.confirmed = None;
                slot.seen_at = Some(now.wall);
                if ours && is_current {
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
            self.tries(key).refused = Some(Reason::Duplicate);
        }
    }

    /// An event about a change of ours: the next one is waited for, instead of asking.
    fn note_that_it_tells(&mut self, slot: &Slot, now: Instant) {
        if slot.progress != Progress::Idle || self.is_own_echo(slot.key, now) {
            self.locks.entry(slot.key.device).or_default().tells = true;
        }
    }

    /// The event may speak of the frame under way, unless an older change of ours can still be echoing.
    fn believe(&mut self, key: SlotKey) {
        let tries = self.tries(key);
        tries.told = !tries.echo;
    }

    fn settled(&mut self, key: SlotKey, now: Instant) {
        self.locks.entry(key.device).or_default().slots.remove(&key.index);
        self.mark_own(key, Some(now), now);
    }

    /// One look tells what is in that slot.
    pub(super) fn recheck(&mut self, key: SlotKey, certain: bool) {
        *self.locks.entry(key.device).or_default().recheck.entry(key.index).or_default() |= certain;
    }

    pub(super) fn mark_own(&mut self, key: SlotKey, told: Option<Instant>, at: Instant) {
        self.locks.entry(key.device).or_default().own.insert(key.index, OwnChange { at, told });
    }

    /// Somebody was there in the middle of our change: what the lock says of the slot from now on may be older.
    fn interrupted(&mut self, key: SlotKey) {
        let tries = self.tries(key);
        (tries.echo, tries.interrupted) = (true, true);
    }

    /// Whether what the last daemon did may still echo. A clock that was set in between does not tell how long ago that was.
    fn just_started(&self, now: Now) -> bool {
        self.began.is_none_or(|began| now.mono.since(began) < LATE_ECHO)
    }

    fn own_change(&self, key: SlotKey) -> Option<OwnChange> {
        self.locks.get(&key.device)?.own.get(&key.index).copied()
    }

    pub(super) fn is_own_echo(&self, key: SlotKey, now: Instant) -> bool {
        self.own_change(key).is_some_and(|own| now.since(own.at) < OWN_CHANGE)
    }

    /// A change of ours is told of once; whatever is told of the same slot later is another's doing.
    fn is_first_echo(&mut self, key: SlotKey, now: Instant) -> bool {
        let own = self.locks.get_mut(&key.device).and_then(|patience| patience.own.get_mut(&key.index));
        let Some(own) = own.filter(|own| now.since(own.at) < OWN_CHANGE) else { return false };
        let told = *own.told.get_or_insert(now);
        now.since(told) < TWICE
    }
}

/// Whether a change of ours was confirmed so recently that the lock may still tell of it. Holds over a restart, and is as
/// good as the wall clock.
pub(super) fn was_just_confirmed(slot: &Slot, now: Now) -> bool {
    let at = slot.confirmed.as_ref().map(|confirmed| confirmed.at).filter(|at| *at <= now.wall);
    at.is_some_and(|at| now.wall - at < OWN_CHANGE)
}
