//! What became of a job: the word for the slots it was about, and for the patience with the lock.

use std::time::Duration;

use super::check::sum_changed;
use super::ledger::{hold, is_vacated, is_wanted, slot_of};
use super::locks::{Change, Finding, Retry, Sync, Task};
use super::told::{echoes, holds_ours, learn};
use crate::bridge::dialect;
use crate::bridge::state::State;
use crate::domain::grant::{HoldKind, Reason};
use crate::domain::ids::DeviceId;
use crate::domain::pin::{CodeText, Pin};
use crate::domain::slot::{ConfirmedBy, Content, Doing, Progress, Slot, SlotKey};
use crate::domain::time::{Now, Timestamp};
use crate::network::{JobId, Network, Outcome};
use crate::reconcile::observe::{self, Sent, Sighting, Verdict};
use crate::reconcile::retry;

/// After a write that was only acknowledged, the "code added" report of a lock that sends one follows: it saves the read.
const EVENT_GRACE: Duration = Duration::from_millis(1500);
/// After a lock reported that all codes were erased, each loss that a look shows is part of that.
const ERASURE: Duration = Duration::from_secs(600);
/// So often in a row a lock may answer that a slot is not available before the code there counts as gone.
const WITHHELD: u32 = 3;

impl Sync {
    /// Takes in how a job ended. `None`: the job was not ours.
    pub fn done(
        &mut self,
        job: JobId,
        outcome: &Outcome,
        state: &mut State,
        network: &Network,
        now: Now,
    ) -> Option<(DeviceId, Vec<Finding>)> {
        let (device, task) = self.jobs.remove(&job)?;
        self.weigh(device, outcome, matches!(task, Task::Change(_)), now);
        self.note_given_up(device, &task, outcome, now);
        let findings = match task {
            Task::Change(changes) => {
                self.changes_done(device, changes, outcome, state, network, now);
                Vec::new()
            }
            Task::Look { slot } => self.looked(device, slot, outcome, state, now),
            Task::Survey { slot, began, airtime_before } => {
                self.spend_airtime(device, airtime_before, state, network, now);
                if is_inventory(device, began, state) {
                    self.surveyed(device, slot, outcome, state, network, now)
                } else {
                    self.looked(device, slot, outcome, state, now)
                }
            }
            Task::CheckLook { slot, airtime_before } => {
                let findings = self.looked(device, slot, outcome, state, now);
                self.check_read(device, slot, airtime_before, outcome, state, network, now);
                findings
            }
            Task::CheckSum { airtime_before } => {
                self.check_sum(device, airtime_before, outcome, state, network, now);
                Vec::new()
            }
            Task::Checksum { began, airtime_before } => {
                self.spend_airtime(device, airtime_before, state, network, now);
                if is_inventory(device, began, state) {
                    self.checksum_told(device, outcome, state, network, now)
                } else {
                    Vec::new()
                }
            }
        };
        Some((device, findings))
    }

    fn note_given_up(&mut self, device: DeviceId, task: &Task, outcome: &Outcome, now: Now) {
        let (Task::Look { slot } | Task::Survey { slot, .. } | Task::CheckLook { slot, .. }) = task else { return };
        if matches!(outcome, Outcome::NoReport | Outcome::NoAck | Outcome::NoNonce) {
            self.locks.entry(device).or_default().given_up = Some((*slot, now.mono));
        }
    }

    /// What the outcome means for the patience with the lock.
    fn weigh(&mut self, device: DeviceId, outcome: &Outcome, is_change: bool, now: Now) {
        let patience = self.locks.entry(device).or_default();
        patience.busy = None;
        match outcome {
            // A slot the lock won't speak of is no reason to leave its other slots alone.
            Outcome::NoReport if !is_change => {}
            Outcome::NoAck | Outcome::NoNonce | Outcome::NoReport => {
                patience.failures += 1;
                // One lost answer is no reason to leave a lock alone; silence to the radio is.
                if *outcome != Outcome::NoReport || patience.failures > 1 {
                    let delay = retry::unreachable(patience.failures, &mut self.entropy);
                    patience.parked = Some(Retry::after(delay, now));
                    patience.unreachable = patience.parked;
                }
            }
            Outcome::ControllerBusy => patience.parked = Some(Retry::after(Duration::from_secs(1), now)),
            Outcome::Reply(_) | Outcome::Accepted | Outcome::Refused | Outcome::Delivered | Outcome::Unsupported => {
                patience.failures = 0;
                (patience.parked, patience.unreachable) = (None, None);
            }
            Outcome::ControllerGone | Outcome::Expired | Outcome::Cancelled => {}
        }
    }

    fn changes_done(
        &mut self,
        device: DeviceId,
        changes: Vec<Change>,
        outcome: &Outcome,
        state: &mut State,
        network: &Network,
        now: Now,
    ) {
        sum_changed(device, state);
        let patience = self.locks.entry(device).or_default();
        let remembers = std::mem::take(&mut patience.remembers_sessions);
        patience.mute_supervision &= *outcome != Outcome::Accepted;
        let is_mute = patience.mute_supervision;
        let refused_together = changes.len() > 1 && *outcome == Outcome::Refused;
        for change in changes {
            let key = change.before.key;
            let tries = self.tries(key);
            let sent = match sent(outcome) {
                // A lock refuses all for one (docs/protocol/gateway.md §5.2): each goes alone, and only one will be
                // refused.
                Sent::Refused if refused_together => {
                    tries.alone = true;
                    Sent::Repeat
                }
                // Said again, under another id.
                Sent::Confirmed if remembers => Sent::Repeat,
                // A lock that acknowledges and never answers is not asked again and again.
                Sent::Unanswered if std::mem::replace(&mut tries.unanswered, true) || is_mute => {
                    self.locks.entry(device).or_default().mute_supervision = true;
                    Sent::Acked
                }
                sent => sent,
            };
            if sent == Sent::NotSent {
                self.unsent(change.before, *outcome == Outcome::Cancelled, state, network, now);
            } else {
                self.changed(key, change.pin.as_ref(), sent, state, now);
            }
        }
    }

    fn changed(&mut self, key: SlotKey, pin: Option<&Pin>, sent: Sent, state: &mut State, now: Now) {
        let mut slot = slot_of(key, state);
        let fingerprints = state.key.clone();
        let tries = self.tries(key);
        let (told, reported, interrupted) = (tries.told, tries.told || tries.reported, tries.interrupted);
        let settled = tries.settling && pin.is_some();
        // Where nothing was acknowledged, the report is not of this frame: at a lock without keys it may be forged.
        let confirms = told && matches!(sent, Sent::Acked | Sent::Unanswered | Sent::Unknown);
        if let (true, Progress::Sending { doing }) = (confirms, slot.progress) {
            observe::confirm(&mut slot, doing, pin, ConfirmedBy::Event, &fingerprints, now.wall);
        }
        let verdict = observe::settle(&mut slot, sent, pin, &fingerprints, now.wall);
        self.judge(&slot, verdict, state, now);
        self.mark_own(key, pin.is_some(), reported, settled, now.mono);
        // A lock that never reported a write of ours is asked at once.
        if echoes(key.device, state) && matches!(sent, Sent::Acked | Sent::Unanswered) && verdict == Verdict::LookAgain {
            self.tries(key).retry = Some(Retry::after(EVENT_GRACE, now));
        }
        if !interrupted {
            return state.put_slot(slot, now.wall);
        }
        // What the lock reported meanwhile may be later than our change.
        if let Progress::Verifying { acked, .. } = &mut slot.progress {
            *acked = false;
        }
        state.put_slot(slot.clone(), now.wall);
        match slot.progress {
            Progress::Idle if holds_ours(&slot) => self.doubt_slot(slot, true, true, state, now),
            Progress::Idle => self.recheck(key),
            Progress::Sending { .. } | Progress::Verifying { .. } | Progress::Doubted { .. } | Progress::RowDoubted => {}
        }
    }

    /// The frame never left: the slot is what it was, unless the lock reported something of it meanwhile.
    fn unsent(&mut self, before: Slot, cancelled: bool, state: &mut State, network: &Network, now: Now) {
        let key = before.key;
        if !matches!(slot_of(key, state).progress, Progress::Sending { .. }) {
            return;
        }
        state.put_slot(before, now.wall);
        if let Some(report) = self.tries(key).overtaken.take() {
            self.reported(key, report, state, network, now);
        }
        if !cancelled {
            self.tries(key).retry = Some(Retry::after(Duration::from_secs(1), now));
        }
    }

    pub(super) fn looked(
        &mut self,
        device: DeviceId,
        index: u16,
        outcome: &Outcome,
        state: &mut State,
        now: Now,
    ) -> Vec<Finding> {
        let patience = self.locks.entry(device).or_default();
        // An answer that came before the callback of its question is held until then, so the report may be the later of the
        // two. The slot is read again, once: reports without end must not keep every answer from counting.
        patience.read_again = std::mem::take(&mut patience.reported_in_read) && !patience.read_again;
        if patience.read_again && matches!(outcome, Outcome::Reply(_)) {
            return Vec::new();
        }
        let report = match outcome {
            Outcome::Reply(command) => dialect::report(command),
            // A slot the lock won't speak of is not free; skip it.
            Outcome::Unsupported => dialect::Report { sightings: vec![(index, Sighting::Unavailable)], ..Default::default() },
            Outcome::NoReport => {
                self.stayed_silent(SlotKey::user_code(device, index), state, now);
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        if !report.sightings.iter().any(|(slot, _)| *slot == index) {
            // An answer about something else would be asked for again at once, for ever.
            let delay = retry::not_stored(2, &mut self.entropy);
            self.tries(SlotKey::user_code(device, index)).retry = Some(Retry::after(delay, now));
        }
        let mut findings = Vec::new();
        let shown = report.sightings.iter().map(|(slot, sighting)| (*slot, sighting.fingerprint(&state.key)));
        self.locks.entry(device).or_default().answered = Some((shown.collect(), now.mono));
        for (slot, sighting) in &report.sightings {
            findings.extend(self.see(SlotKey::user_code(device, *slot), sighting, state, now));
        }
        findings
    }

    /// A look at a slot that was acknowledged and left unanswered.
    fn stayed_silent(&mut self, key: SlotKey, state: &mut State, now: Now) {
        let mut slot = slot_of(key, state);
        let tries = self.tries(key);
        match &mut slot.progress {
            // It may be busy storing the code.
            Progress::Verifying { acked: true, .. } if !std::mem::replace(&mut tries.too_early, true) => {}
            progress => {
                tries.silences += 1;
                // So it may have acknowledged the write without understanding it.
                if let Progress::Verifying { acked: acked @ true, .. } = progress {
                    *acked = false;
                    state.put_slot(slot, now.wall);
                }
            }
        }
        let silences = self.tries(key).silences;
        let delay = retry::unanswered(silences, &mut self.entropy);
        self.tries(key).retry = Some(Retry::after(delay, now));
    }

    /// Takes in what a lock shows of one slot when it is asked.
    pub fn see(&mut self, key: SlotKey, sighting: &Sighting, state: &mut State, now: Now) -> Option<Finding> {
        if !self.exists(key) {
            return None;
        }
        let rechecked = self.locks.entry(key.device).or_default().recheck.remove(&key.index);
        let mut slot = slot_of(key, state);
        if slot.progress == Progress::RowDoubted {
            return self.see_doubted(slot, sighting, state, now);
        }
        // What the lock said no to must not pass for taken because it masks its codes.
        let refused = self.tries(key).refused.is_some();
        if let (true, Progress::Verifying { acked, .. }) = (refused, &mut slot.progress) {
            *acked = false;
        }
        let wanted = slot.owner.and_then(|grant| state.grant(grant)).filter(|grant| is_wanted(grant, state));
        let pin = wanted.and_then(|grant| Some((state.credential(grant.credential)?.pin.clone(), grant.generation)));
        let wanted = pin.as_ref().map(|(pin, generation)| (pin, *generation));
        let before = slot.content.clone();
        let storing = matches!(slot.progress, Progress::Verifying { acked: true, .. }) && !refused;
        let vacated = is_vacated(&slot, state);
        if *sighting == Sighting::Masked && matches!(slot.progress, Progress::Verifying { doing: Doing::Write { .. }, .. }) {
            self.unlearn_echo(key, state, now);
        }
        let verdict = observe::look(&mut slot, sighting, wanted, &state.key.clone(), now.wall);
        // A lock that confirms nothing may show the slot before it stored the code: it is looked at again before it is
        // written again.
        if storing && verdict == Verdict::NotStored && !std::mem::replace(&mut self.tries(key).too_early, true) {
            self.tries(key).retry = Some(Retry::after(retry::not_stored(1, &mut self.entropy), now));
            return None;
        }
        let verdict = match verdict {
            Verdict::Withheld if holds_ours(&slot) && self.tries(key).failures + 1 >= WITHHELD => {
                (slot.progress, slot.confirmed, slot.content) = (Progress::Idle, None, Content::Unknown);
                Verdict::Missing
            }
            verdict => verdict,
        };
        self.judge(&slot, verdict, state, now);
        match sighting {
            Sighting::Known(_) => learn(key.device, state, |device| device.habits.masks = false),
            Sighting::Masked => learn(key.device, state, |device| device.habits.masks = true),
            Sighting::Empty | Sighting::NotEnabled(_) | Sighting::Unavailable => {}
        }
        let restored = pin.as_ref().is_some_and(|(pin, _)| *sighting == Sighting::Known(CodeText::from(pin)));
        if restored {
            self.learn_echo(key, state);
        }
        if vacated && slot.content.is_occupied() && !restored {
            slot.owner = None;
        }
        self.adopt(&mut slot, sighting, false, state, now);
        let is_new = before == Content::Empty || rechecked && !before.is_occupied();
        let appeared = slot.owner.is_none() && is_new && slot.content.is_occupied();
        state.put_slot(slot, now.wall);
        let erased = self.locks.get_mut(&key.device).and_then(|patience| patience.erased.as_mut());
        let is_reported = erased.is_some_and(|(at, unread)| unread.remove(&key.index) && now.mono.since(*at) < ERASURE);
        match verdict {
            // The event about all codes covers it.
            Verdict::Missing if is_reported => None,
            Verdict::Missing | Verdict::Changed => Some(Finding::ChangedAtLock(key)),
            _ => appeared.then_some(Finding::Foreign(key)),
        }
    }

    /// What a verdict means for the next try, and for the grant.
    fn judge(&mut self, slot: &Slot, verdict: Verdict, state: &mut State, now: Now) {
        let patience = self.locks.entry(slot.key.device).or_default();
        let entry = patience.slots.entry(slot.key.index).or_default();
        match verdict {
            Verdict::Settled => {
                patience.slots.remove(&slot.key.index);
            }
            Verdict::LookAgain | Verdict::Unreached => {}
            Verdict::WriteAgain => entry.settling = true,
            Verdict::Withheld => {
                entry.failures += 1;
                entry.retry = Some(Retry::after(retry::not_stored(entry.failures, &mut self.entropy), now));
            }
            Verdict::Doubtful => entry.refused = entry.refused.or(Some(Reason::RefusedByLock)),
            Verdict::NotStored => {
                if let Some(reason) = entry.refused.take() {
                    hold(slot, HoldKind::Rejected, reason, state, now.wall);
                }
                entry.failures += 1;
                entry.too_early = false;
                entry.retry = Some(Retry::after(retry::not_stored(entry.failures, &mut self.entropy), now));
            }
            Verdict::Hopeless(reason) => {
                hold(slot, HoldKind::Rejected, reason, state, now.wall);
                // A removal is never given up, and never tried in a tight circle.
                entry.failures += 1;
                entry.retry = Some(Retry::after(retry::not_stored(entry.failures, &mut self.entropy), now));
            }
            Verdict::Missing => hold(slot, HoldKind::MissingFromLock, Reason::ErasedAtLock, state, now.wall),
            Verdict::Changed => hold(slot, HoldKind::ChangedAtLock, Reason::OverwrittenAtLock, state, now.wall),
        }
    }
}

/// Whether the inventory that a question belongs to is still the one under way.
fn is_inventory(device: DeviceId, began: Timestamp, state: &State) -> bool {
    state.device(device).is_some_and(|device| device.inventory.began == began && !device.inventory.done)
}

fn sent(outcome: &Outcome) -> Sent {
    match outcome {
        Outcome::Accepted => Sent::Confirmed,
        Outcome::Refused => Sent::Refused,
        Outcome::Unsupported => Sent::Unsupported,
        Outcome::Delivered | Outcome::Reply(_) => Sent::Acked,
        Outcome::NoReport => Sent::Unanswered,
        Outcome::NoAck => Sent::Repeat,
        Outcome::ControllerGone => Sent::Unknown,
        Outcome::NoNonce | Outcome::ControllerBusy | Outcome::Expired | Outcome::Cancelled => Sent::NotSent,
    }
}
