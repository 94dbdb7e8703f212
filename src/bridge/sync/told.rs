//! What a lock reports unasked about its codes, weighed by [`evidence`], and what follows for the slot.

use std::collections::BTreeSet;
use std::time::Duration;

use super::ledger::{hold, slot_of};
use super::locks::{OwnChange, Retry, Sync};
use crate::bridge::dialect;
use crate::bridge::state::State;
use crate::domain::device::Device;
use crate::domain::grant::{Grant, HoldKind, Reason};
use crate::domain::ids::DeviceId;
use crate::domain::slot::{ConfirmedBy, Content, Doing, Progress, Slot, SlotKey};
use crate::domain::time::{Instant, Now};
use crate::network::{JobId, Network};
use crate::reconcile::evidence::{self, Circumstances, ECHO, LATE_ECHO, Proof, SlotReport};
use crate::reconcile::observe::{self, Sighting};
use crate::reconcile::retry;

/// So many of our writes in a row, each with a report right after it, show that a lock which masks its codes reports our own
/// changes. One may be a person at the keypad.
const ECHOES_TO_LEARN: u8 = 2;
/// So many of our writes in a row without one show that it does not. One report may be lost.
const SILENCES_TO_UNLEARN: u8 = 2;
/// For so long after our own write a report about the slot, which is still read, is no reason to omit the person.
const NAMED: Duration = Duration::from_secs(5);
/// An answer may come so long after its question was given up: the lock says it again under S0, or the air was busy.
const LATE_ANSWER: Duration = Duration::from_secs(10);
/// So many looks at a slot within [`LOOKS_COUNT`] are made at once when a report asks for them.
const LOOKS_AT_ONCE: u32 = 4;
const LOOKS_COUNT: Duration = Duration::from_secs(600);
/// Writes that settle a doubt are counted over this time: longer than the longest pause between two.
const SETTLES_COUNT: Duration = Duration::from_secs(2 * 3600);

impl Sync {
    /// Takes in an unasked report about one slot. `Some`: a job that must not leave any more.
    pub fn reported(
        &mut self,
        key: SlotKey,
        report: SlotReport,
        state: &mut State,
        network: &Network,
        now: Now,
    ) -> Option<JobId> {
        if !self.exists(key) {
            return None;
        }
        let slot = slot_of(key, state);
        let at = self.circumstances(&slot, state, network, now);
        self.learn_from_report(&slot, at.is_first(), report, state);
        let at = Circumstances { echoes: at.echoes || self.is_echo_expected(&slot, state), ..at };
        let proof = evidence::unasked(report, &at);
        self.note_report(&slot, report, now.mono);
        if matches!(proof, Proof::Interrupted | Proof::Doubt { .. } | Proof::Unknown)
            && self.reading(key.device) == Some(key.index)
        {
            self.locks.entry(key.device).or_default().reported_in_read = true;
        }
        match proof {
            Proof::Nothing => {}
            Proof::OwnEcho => self.confirmed_by_report(slot, state, now),
            Proof::Overtaken => {
                self.tries(key).overtaken = Some(report);
                return self.locks.get(&key.device).and_then(|patience| patience.busy);
            }
            Proof::Interrupted => self.interrupted(slot, report, state, now),
            Proof::Doubt { own_echo, deleted } => self.doubt_slot(slot, own_echo, deleted, state, now),
            Proof::Unknown => self.slot_is_unknown(slot, state, now),
        }
        None
    }

    /// Whether a report is the answer to our last read once more: the air doubles frames where there are no keys, and a question
    /// that was repeated because its acknowledgement was lost is answered twice.
    pub fn is_answer_again(&self, key: SlotKey, sighting: &Sighting, state: &State, now: Instant) -> bool {
        let answered = self.locks.get(&key.device).and_then(|patience| patience.answered.as_ref());
        answered
            .is_some_and(|(shown, at)| now.since(*at) < ECHO && shown.contains(&(key.index, sighting.fingerprint(&state.key))))
    }

    /// The slot of a read that was given up just before, if the report shows it: it is the answer, which came late.
    pub fn late_answer(&mut self, device: DeviceId, report: &dialect::Report, now: Instant) -> Option<u16> {
        let patience = self.locks.get_mut(&device)?;
        let shows = |slot: u16| report.sightings.iter().any(|(shown, _)| *shown == slot);
        let late = patience.given_up.take_if(|(slot, at)| shows(*slot) && now.since(*at) < LATE_ANSWER);
        late.map(|(slot, _)| slot)
    }

    /// A report is most likely an answer once more, or a late one: no alarm. But stars may also be the report of a change at the
    /// lock: ours is written once more. After a `late` answer the slot is read again.
    pub fn answered_again(&mut self, key: SlotKey, sighting: &Sighting, late: bool, state: &mut State, now: Now) {
        let slot = slot_of(key, state);
        // A row of an older copy is read before anything is written, and what is under way has an end of its own.
        let at_rest = matches!(slot.progress, Progress::Idle | Progress::Doubted { .. });
        if *sighting == Sighting::Masked && at_rest && slot.owner.is_some() && holds_ours(&slot) {
            self.doubt_slot(slot, true, false, state, now);
        } else if late {
            self.recheck(key);
        }
    }

    /// The lock reports that a code was added and not where. It is the report of our own write if one ended just now;
    /// otherwise every code of ours may have been written over. The caller looks at all slots.
    pub fn added_somewhere(&mut self, device: DeviceId, state: &mut State, network: &Network, now: Now) -> Option<JobId> {
        let own = self.locks.get(&device).into_iter().flat_map(|patience| &patience.own);
        let latest = own.filter(|(_, own)| own.wrote && !own.reported && now.mono.since(own.at) < ECHO);
        let sending = |slot: &&Slot| matches!(slot.progress, Progress::Sending { doing: Doing::Write { .. } });
        let index = state.slots(device).values().find(sending).map(|slot| slot.key.index);
        if let Some(index) = index.or_else(|| latest.max_by_key(|(_, own)| own.at).map(|(index, _)| *index)) {
            return self.reported(SlotKey::user_code(device, index), SlotReport::Occupied, state, network, now);
        }
        if state.device(device).is_some_and(|device| device.habits.masks) {
            for slot in state.slots(device).values().filter(|slot| slot.progress == Progress::Idle).cloned().collect::<Vec<_>>() {
                if slot.owner.is_some() && holds_ours(&slot) {
                    self.doubt_slot(slot, true, false, state, now);
                }
            }
        }
        None
    }

    /// The lock reports that every code was erased. That is no proof of any slot: all are looked at before anything is
    /// written.
    pub fn all_erased(&mut self, device: DeviceId, state: &mut State, network: &Network, now: Now) -> Option<JobId> {
        let slots: BTreeSet<u16> = state.slots(device).keys().copied().collect();
        self.locks.entry(device).or_default().erased = Some((now.mono, slots.clone()));
        let reported = slots
            .into_iter()
            .map(|index| self.reported(SlotKey::user_code(device, index), SlotReport::Empty, state, network, now));
        reported.fold(None, Option::or)
    }

    /// A code was used in this slot: something is there.
    pub fn used(&mut self, key: SlotKey, state: &mut State, now: Now) {
        let slot = slot_of(key, state);
        let is_known = slot.progress != Progress::Idle || slot.content.is_occupied() || holds_ours(&slot);
        if self.exists(key) && !is_known {
            self.slot_is_unknown(slot, state, now);
        }
    }

    /// Whether the code in a slot may not be its owner's, so that its use names no person. Not while all that is in doubt
    /// is a report that came right after our own write, or one that the code was deleted: a code that is used was not.
    pub fn may_be_of_another(&self, slot: &Slot, now: Now) -> bool {
        let Progress::Doubted { own_echo, deleted } = slot.progress else { return false };
        let was_just_written = self.own_change(slot.key).is_some_and(|own| own.wrote && now.mono.since(own.at) < NAMED);
        !own_echo || !deleted && !was_just_written
    }

    /// The lock says that another slot has the code it was just given: why a write of ours was refused, and nothing else.
    pub fn duplicate(&mut self, key: SlotKey, state: &mut State, now: Now) {
        let slot = slot_of(key, state);
        if slot.owner.is_none() {
            return;
        }
        let rejected = slot.owner.and_then(|grant| state.grant(grant)).is_some_and(is_rejected);
        if rejected {
            hold(&slot, HoldKind::Rejected, Reason::Duplicate, state, now.wall);
        } else if matches!(slot.progress, Progress::Sending { .. } | Progress::Verifying { .. }) {
            self.tries(key).refused = Some(Reason::Duplicate);
        }
    }

    /// A slot holds a code that a report put in doubt.
    pub(super) fn doubt_slot(&mut self, mut slot: Slot, own_echo: bool, deleted: bool, state: &mut State, now: Now) {
        let key = slot.key;
        let (own_echo, deleted) = match slot.progress {
            Progress::Doubted { own_echo: before, deleted: also } => (own_echo && before, deleted || also),
            Progress::Idle | Progress::Sending { .. } | Progress::Verifying { .. } | Progress::RowDoubted => (own_echo, deleted),
        };
        slot.progress = Progress::Doubted { own_echo, deleted };
        state.put_slot(slot, now.wall);
        self.pace_looks(key, now);
        // A lock that reports our write late, each time, must not be written for each report.
        let own = self.locks.get_mut(&key.device).and_then(|patience| patience.own.get_mut(&key.index));
        let Some(own) = own.filter(|own| own.settled && now.mono.since(own.at) < LATE_ECHO) else { return };
        (own.settled, own.settles) = (false, own.settles + 1);
        let delay = retry::not_stored(own.settles, &mut self.entropy);
        self.tries(key).retry = Some(Retry::after(delay, now));
    }

    /// Has that slot read once.
    pub(super) fn recheck(&mut self, key: SlotKey) {
        self.locks.entry(key.device).or_default().recheck.insert(key.index);
    }

    /// A change of ours ended; `settled`: it was made because of a doubt.
    pub(super) fn mark_own(&mut self, key: SlotKey, wrote: bool, reported: bool, settled: bool, at: Instant) {
        let own = &mut self.locks.entry(key.device).or_default().own;
        let before = own.get(&key.index).filter(|before| at.since(before.at) < SETTLES_COUNT);
        let settles = before.filter(|_| settled).map_or(0, |before| before.settles);
        let older = before.filter(|before| before.wrote != wrote && !before.reported).map(|before| before.at);
        own.insert(key.index, OwnChange { at, wrote, reported, older, settled, settles });
    }

    /// A look shows our code right after the lock reported our write of it: it reports our own changes.
    pub(super) fn learn_echo(&self, key: SlotKey, state: &mut State) {
        if self.own_change(key).is_some_and(|own| own.wrote && own.reported) {
            learn(key.device, state, |device| device.habits.echoes = true);
        }
    }

    /// Our write has to be read, although the lock was taken for one that reports our writes. Doubled or forged reports may have
    /// taught that: a write over a masked code would then never be confirmed, and would be made again each hour.
    pub(super) fn unlearn_echo(&mut self, key: SlotKey, state: &mut State, now: Now) {
        let stayed_silent = |own: OwnChange| own.wrote && !own.reported && now.mono.since(own.at) >= ECHO;
        if !echoes(key.device, state) || !self.own_change(key).is_some_and(stayed_silent) {
            return;
        }
        let patience = self.locks.entry(key.device).or_default();
        patience.unreported = patience.unreported.saturating_add(1);
        if patience.unreported >= SILENCES_TO_UNLEARN {
            (patience.echoes, patience.unreported) = (0, 0);
            learn(key.device, state, |device| device.habits.echoes = false);
        }
    }

    fn circumstances(&self, slot: &Slot, state: &State, network: &Network, now: Now) -> Circumstances {
        let patience = self.locks.get(&slot.key.device);
        let ended = |wrote, at, reported| evidence::OwnChange { wrote, ago: now.mono.since(at), reported };
        let last = self.own_change(slot.key);
        let own = last.map(|own| ended(own.wrote, own.at, own.reported));
        let before_last = last.and_then(|own| Some(ended(!own.wrote, own.older?, false)));
        let older = if matches!(slot.progress, Progress::Sending { .. }) { own } else { before_last };
        Circumstances {
            progress: slot.progress,
            has_left: patience.and_then(|patience| patience.busy).is_some_and(|job| network.has_left(job)),
            is_confirmed: slot.owner.is_some() && holds_ours(slot),
            is_empty: slot.content == Content::Empty,
            own,
            older,
            just_started: self.just_started(now),
            echoes: self.is_echo_expected(slot, state),
        }
    }

    /// Whether a report of our own change of a slot is to be expected. While a change is under way a report may be of an older
    /// one, or the one of this change came already.
    fn is_echo_expected(&self, slot: &Slot, state: &State) -> bool {
        let tries = self.locks.get(&slot.key.device).and_then(|patience| patience.slots.get(&slot.key.index));
        let is_under_way = matches!(slot.progress, Progress::Sending { .. } | Progress::Verifying { .. });
        echoes(slot.key.device, state) && tries.filter(|_| is_under_way).is_none_or(|tries| !tries.echo && !tries.told)
    }

    /// Counts the reports that follow our own writes at once.
    fn learn_from_report(&mut self, slot: &Slot, is_first: bool, report: SlotReport, state: &mut State) {
        let own = self.own_change(slot.key);
        let is_own_write = match slot.progress {
            Progress::Sending { doing } | Progress::Verifying { doing, .. } => matches!(doing, Doing::Write { .. }),
            Progress::Idle | Progress::Doubted { .. } | Progress::RowDoubted => own.is_some_and(|own| own.wrote),
        };
        if is_first && is_own_write && report == SlotReport::Occupied {
            let patience = self.locks.entry(slot.key.device).or_default();
            patience.echoes = patience.echoes.saturating_add(1);
            patience.unreported = 0;
            if patience.echoes >= ECHOES_TO_LEARN {
                learn(slot.key.device, state, |device| device.habits.echoes = true);
            }
        }
    }

    /// Remembers that a report of our own change came, or may have come.
    fn note_report(&mut self, slot: &Slot, report: SlotReport, now: Instant) {
        let own = self.locks.entry(slot.key.device).or_default().own.get_mut(&slot.key.index);
        let Some(own) = own.filter(|own| now.since(own.at) < LATE_ECHO) else { return };
        if own.wrote == (report == SlotReport::Occupied) {
            own.reported = true;
        } else {
            own.older = None;
        }
    }

    /// The lock reported our own change.
    fn confirmed_by_report(&mut self, mut slot: Slot, state: &mut State, now: Now) {
        let key = slot.key;
        match slot.progress {
            Progress::Sending { .. } => self.tries(key).told = true,
            Progress::Verifying { doing, .. } => {
                let (owner, generation) = match doing {
                    Doing::Write { generation, .. } => (slot.owner, Some(generation)),
                    Doing::Clear { .. } => (None, None),
                };
                let grant = owner.and_then(|owner| state.grant(owner)).filter(|grant| Some(grant.generation) == generation);
                let pin = grant.and_then(|grant| state.credential(grant.credential)).map(|credential| credential.pin.clone());
                // With another intent since then it is unknown which code the report is about: the read shows it.
                if generation.is_some() && pin.is_none() {
                    return;
                }
                observe::confirm(&mut slot, doing, pin.as_ref(), ConfirmedBy::Event, &state.key.clone(), now.wall);
                self.locks.entry(key.device).or_default().slots.remove(&key.index);
                state.put_slot(slot, now.wall);
            }
            Progress::Idle | Progress::Doubted { .. } | Progress::RowDoubted => {}
        }
    }

    /// The lock reports something of the slot while our change there has no end yet.
    fn interrupted(&mut self, mut slot: Slot, report: SlotReport, state: &mut State, now: Now) {
        let key = slot.key;
        let tries = self.tries(key);
        match &mut slot.progress {
            Progress::Sending { doing } => {
                tries.reported |= matches!(doing, Doing::Write { .. }) == (report == SlotReport::Occupied);
                tries.interrupted = true;
            }
            Progress::Verifying { doing: Doing::Write { .. }, acked } => {
                // What it reports of the write after this may be older than this.
                (*acked, tries.echo) = (false, true);
                state.put_slot(slot, now.wall);
            }
            Progress::Verifying { .. } | Progress::Idle | Progress::Doubted { .. } | Progress::RowDoubted => {}
        }
    }

    /// What is in a slot without a code of ours is unknown: it is read. What was occupied stays occupied meanwhile.
    fn slot_is_unknown(&mut self, mut slot: Slot, state: &mut State, now: Now) {
        let key = slot.key;
        if slot.owner.is_none() && slot.content == Content::Empty {
            (slot.content, slot.seen_at) = (Content::Unknown, None);
            state.put_slot(slot, now.wall);
        }
        self.pace_looks(key, now);
        self.recheck(key);
    }

    /// A look that a report asks for is made at once; one that report after report asks for is made ever more rarely, so that
    /// no flood of reports drains a lock.
    fn pace_looks(&mut self, key: SlotKey, now: Now) {
        let looks = self.locks.entry(key.device).or_default().looks.entry(key.index).or_insert((now.mono, 0));
        looks.1 = if now.mono.since(looks.0) < LOOKS_COUNT { looks.1.saturating_add(1) } else { 1 };
        looks.0 = now.mono;
        let pause = looks.1.saturating_sub(LOOKS_AT_ONCE);
        if pause > 0 && self.tries(key).retry.is_none() {
            let delay = retry::not_stored(pause + 1, &mut self.entropy);
            self.tries(key).retry = Some(Retry::after(delay, now));
        }
    }

    /// Whether reports of what the last daemon did may still come. Wall time can't show it: the clock may have been set.
    fn just_started(&self, now: Now) -> bool {
        self.began.is_none_or(|began| now.mono.since(began) < LATE_ECHO)
    }

    pub(super) fn own_change(&self, key: SlotKey) -> Option<OwnChange> {
        self.locks.get(&key.device)?.own.get(&key.index).copied()
    }
}

/// Whether a lock is known to report our own changes.
pub(super) fn echoes(device: DeviceId, state: &State) -> bool {
    state.device(device).is_some_and(|device| device.habits.echoes)
}

/// Whether a code of ours was confirmed in a slot.
pub(super) fn holds_ours(slot: &Slot) -> bool {
    slot.confirmed.as_ref().is_some_and(|confirmed| confirmed.code.is_some())
}

pub(super) fn learn(device: DeviceId, state: &mut State, what: impl FnOnce(&mut Device)) {
    let Some(mut device) = state.device(device).cloned() else { return };
    what(&mut device);
    state.put_device(device);
}

fn is_rejected(grant: &Grant) -> bool {
    grant.hold.is_some_and(|hold| hold.kind == HoldKind::Rejected)
}
