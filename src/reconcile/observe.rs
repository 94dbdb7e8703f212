//! What a lock says or does, turned into what we believe of one slot.

use zeroize::Zeroizing;

use crate::domain::grant::Reason;
use crate::domain::ids::{Generation, GrantId};
use crate::domain::pin::{CodeText, Fingerprint, FingerprintKey, Pin};
use crate::domain::slot::{Confirmed, ConfirmedBy, Content, Doing, Progress, Slot};
use crate::domain::time::Timestamp;

/// A slot as the lock described it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sighting {
    Empty,
    /// Occupied, with its code.
    Known(CodeText),
    /// Occupied with a code that is switched off or means something else than "opens".
    NotEnabled(CodeText),
    /// Occupied, and the code is masked or left out.
    Masked,
    /// The lock has no such slot, or won't speak of it (status 0xFE).
    Unavailable,
}

impl Sighting {
    /// Reads a User Code Report: status 0 available, 0xFE not available, anything else occupied
    /// (docs/protocol/command-classes.md 0x63).
    pub fn of(status: u8, code: &CodeText) -> Self {
        match status {
            // Some Schlage locks report stars with status 0: whoever set that code, it is not free to take.
            0 if is_masked(code.reveal()) && !code.is_empty() && code.reveal().contains(&b'*') => Self::Masked,
            0 => Self::Empty,
            0xFE => Self::Unavailable,
            status => {
                let text = CodeText::new(trimmed(code.reveal()));
                match status {
                    1 if is_masked(text.reveal()) => Self::Masked,
                    1 => Self::Known(text),
                    _ => Self::NotEnabled(text),
                }
            }
        }
    }

    /// Equal for equal sightings, without the code.
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        let (kind, code): (u8, &[u8]) = match self {
            Self::Empty => (0, &[]),
            Self::Known(code) => (1, code.reveal()),
            Self::NotEnabled(code) => (2, code.reveal()),
            Self::Masked => (3, &[]),
            Self::Unavailable => (4, &[]),
        };
        Fingerprint::of(&Zeroizing::new([&[kind], code].concat()), key)
    }

    /// What it says is in the slot.
    pub fn content(&self) -> Content {
        match self {
            Self::Empty => Content::Empty,
            Self::Known(code) => Content::Known(code.clone()),
            Self::NotEnabled(code) if !is_masked(code.reveal()) => Content::Known(code.clone()),
            Self::NotEnabled(_) | Self::Masked => Content::Unreadable,
            // Neither free nor occupied: some locks answer so after a write that they refused.
            Self::Unavailable => Content::Unknown,
        }
    }
}

/// Kwikset ends its codes in `0a 0d`; others pad with 0x00 or 0xFF.
fn trimmed(code: &[u8]) -> &[u8] {
    let end = code.iter().rposition(|b| b.is_ascii_graphic()).map_or(0, |last| last + 1);
    code.get(..end).unwrap_or_default()
}

fn is_masked(code: &[u8]) -> bool {
    code.iter().all(|b| *b == b'*' || !b.is_ascii_graphic())
}

/// What became of a frame that should change a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// Supervision Report with status SUCCESS.
    Confirmed,
    /// Supervision Report with status FAIL.
    Refused,
    /// The lock does not know the command.
    Unsupported,
    /// Acknowledged, and nothing more was to be said.
    Acked,
    /// Acknowledged, and the Supervision Report that was asked for did not come: a lock that lost the keys of the talk
    /// acknowledges, too, and does nothing.
    Unanswered,
    /// Nothing says that it arrived, or the answer does not count: it is said again.
    Repeat,
    /// The stick went away in between.
    Unknown,
    NotSent,
}

/// What the last frame or look means for the slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// What was wanted is so, or nothing changed.
    Settled,
    /// The truth is unknown: read the slot.
    LookAgain,
    /// The lock said no; one look tells whether it has the code all the same.
    Doubtful,
    /// The lock would not say what is there: read it again, later.
    Withheld,
    /// It shows stars that may be ours: our code is written once more.
    WriteAgain,
    /// It did not arrive: try again, later.
    NotStored,
    /// The lock could not be reached.
    Unreached,
    /// Trying again is of no use.
    Hopeless(Reason),
    /// A confirmed code is gone.
    Missing,
    /// Another code is where a confirmed one was.
    Changed,
}

/// Marks a slot before the frame leaves. Until the lock speaks, nobody knows what is in there.
pub fn begin(slot: &mut Slot, owner: GrantId, doing: Doing) {
    slot.owner = Some(owner);
    slot.progress = Progress::Sending { doing };
    slot.confirmed = None;
    slot.content = Content::Unknown;
}

/// Records what became of the frame. `written` is the code it carried (none for a clear).
pub fn settle(slot: &mut Slot, sent: Sent, written: Option<&Pin>, key: &FingerprintKey, at: Timestamp) -> Verdict {
    let Progress::Sending { doing } = slot.progress else {
        // The lock's own event was faster than its Supervision Report.
        return Verdict::Settled;
    };
    match sent {
        Sent::Confirmed => {
            confirm(slot, doing, written, ConfirmedBy::Supervision, key, at);
            Verdict::Settled
        }
        // A refused frame was not taken: a masked slot must not pass for written.
        Sent::Refused => {
            slot.progress = Progress::Verifying { doing, acked: false };
            Verdict::Doubtful
        }
        Sent::Acked => {
            slot.progress = Progress::Verifying { doing, acked: true };
            Verdict::LookAgain
        }
        Sent::Unanswered | Sent::Unknown => {
            slot.progress = Progress::Verifying { doing, acked: false };
            Verdict::LookAgain
        }
        Sent::Unsupported => {
            slot.progress = Progress::Idle;
            Verdict::Hopeless(Reason::Unsupported)
        }
        Sent::Repeat => {
            slot.progress = Progress::Idle;
            Verdict::Unreached
        }
        Sent::NotSent => {
            slot.progress = Progress::Idle;
            Verdict::NotStored
        }
    }
}

/// The lock itself says that what we were doing is done (its "code added" or "code deleted" event).
pub fn confirm(slot: &mut Slot, doing: Doing, written: Option<&Pin>, by: ConfirmedBy, key: &FingerprintKey, at: Timestamp) {
    let (code, generation) = match doing {
        Doing::Write { generation, .. } => (written, generation),
        Doing::Clear { generation } => (None, generation),
    };
    slot.content = code.map_or(Content::Empty, |pin| Content::Known(CodeText::from(pin)));
    slot.confirmed = Some(Confirmed { code: code.map(|pin| fingerprint(pin, key)), generation, by, at });
    slot.progress = Progress::Idle;
    slot.seen_at = Some(at);
}

/// Records a look at the slot. `wanted` is the code that should be there now, with the intent it belongs to.
pub fn look(
    slot: &mut Slot,
    sighting: &Sighting,
    wanted: Option<(&Pin, Generation)>,
    key: &FingerprintKey,
    at: Timestamp,
) -> Verdict {
    slot.seen_at = Some(at);
    match slot.progress {
        Progress::Verifying { doing: Doing::Write { generation, was_empty }, acked } => {
            slot.progress = Progress::Idle;
            look_after_write(slot, sighting, wanted, WriteInDoubt { generation, was_empty, acked }, key, at)
        }
        Progress::Verifying { doing: Doing::Clear { generation }, .. } => {
            slot.progress = Progress::Idle;
            slot.content = sighting.content();
            let by_read = |code| Some(Confirmed { code, generation, by: ConfirmedBy::Read, at });
            slot.confirmed = match sighting {
                Sighting::Empty => by_read(None),
                // Still there, and we can say which: it opens until the next try succeeds.
                Sighting::Known(code) => by_read(Some(Fingerprint::of(code.reveal(), key))),
                Sighting::NotEnabled(_) | Sighting::Masked | Sighting::Unavailable => None,
            };
            if *sighting == Sighting::Empty { Verdict::Settled } else { Verdict::NotStored }
        }
        // Whether what is in a doubted row is ours is for the caller to say, who knows the owner's code.
        Progress::Idle | Progress::RowDoubted => look_at_rest(slot, sighting, wanted.map(|(pin, _)| pin), key),
        Progress::Doubted { own_echo, .. } => look_in_doubt(slot, own_echo, sighting, wanted.map(|(pin, _)| pin), key),
        // A frame is under way: what was read is older than what will be there.
        Progress::Sending { .. } => Verdict::Settled,
    }
}

/// A write whose outcome nobody told us.
struct WriteInDoubt {
    generation: Generation,
    was_empty: bool,
    acked: bool,
}

fn look_after_write(
    slot: &mut Slot,
    sighting: &Sighting,
    wanted: Option<(&Pin, Generation)>,
    doubt: WriteInDoubt,
    key: &FingerprintKey,
    at: Timestamp,
) -> Verdict {
    slot.content = sighting.content();
    slot.confirmed = None;
    let by_read = |code| Confirmed { code: Some(code), generation: doubt.generation, by: ConfirmedBy::Read, at };
    match sighting {
        Sighting::Known(code) => {
            // Whatever it is, it is in a slot of ours and we know it now; the plan compares it with what is wanted.
            slot.confirmed = Some(by_read(Fingerprint::of(code.reveal(), key)));
            let right = wanted.is_some_and(|(pin, _)| pin.reveal().as_bytes() == code.reveal());
            if right { Verdict::Settled } else { Verdict::NotStored }
        }
        Sighting::Masked => {
            // Stars show that a slot that was empty before our write was written. Where something was there before, or
            // where the intent or the slot changed since, they show nothing: the plan writes again, or clears first.
            let current = wanted.filter(|(_, generation)| *generation == doubt.generation);
            let Some((pin, _)) = current.filter(|_| doubt.acked && doubt.was_empty) else { return Verdict::NotStored };
            slot.confirmed = Some(by_read(fingerprint(pin, key)));
            slot.content = Content::Known(CodeText::from(pin));
            Verdict::Settled
        }
        Sighting::Empty | Sighting::NotEnabled(_) => Verdict::NotStored,
        Sighting::Unavailable => Verdict::Hopeless(Reason::RefusedByLock),
    }
}

/// A look at a slot whose confirmed code a report put in doubt.
fn look_in_doubt(slot: &mut Slot, own_echo: bool, sighting: &Sighting, wanted: Option<&Pin>, key: &FingerprintKey) -> Verdict {
    if *sighting == Sighting::Unavailable {
        return Verdict::Withheld;
    }
    slot.progress = Progress::Idle;
    if *sighting != Sighting::Masked || slot.confirmed.as_ref().is_none_or(|confirmed| confirmed.code.is_none()) {
        return look_at_rest(slot, sighting, wanted, key);
    }
    let expected = slot.confirmed.take().and_then(|confirmed| confirmed.code);
    let is_current = wanted.is_some_and(|pin| Some(fingerprint(pin, key)) == expected);
    slot.content = sighting.content();
    match (is_current, own_echo) {
        (true, true) => Verdict::WriteAgain,
        (true, false) => Verdict::Changed,
        (false, _) => Verdict::Settled,
    }
}

fn look_at_rest(slot: &mut Slot, sighting: &Sighting, wanted: Option<&Pin>, key: &FingerprintKey) -> Verdict {
    let expected = slot.confirmed.as_ref().and_then(|confirmed| confirmed.code);
    let Some(expected) = expected else {
        slot.content = sighting.content();
        return if *sighting == Sighting::Unavailable { Verdict::Withheld } else { Verdict::Settled };
    };
    // News about a code that is to be replaced anyway does not stop its successor.
    let is_current = wanted.is_some_and(|pin| fingerprint(pin, key) == expected);
    let news = |verdict| if is_current { verdict } else { Verdict::Settled };
    match sighting {
        // Occupied as it should be; stars are never compared.
        Sighting::Masked => Verdict::Settled,
        Sighting::Known(code) if Fingerprint::of(code.reveal(), key) == expected => Verdict::Settled,
        // One such answer takes nothing away; it is read again.
        Sighting::Unavailable => {
            slot.progress = Progress::Doubted { own_echo: true, deleted: true };
            Verdict::Withheld
        }
        Sighting::Empty => {
            slot.content = sighting.content();
            slot.confirmed = None;
            news(Verdict::Missing)
        }
        Sighting::Known(_) | Sighting::NotEnabled(_) => {
            slot.content = sighting.content();
            slot.confirmed = None;
            news(Verdict::Changed)
        }
    }
}

fn fingerprint(pin: &Pin, key: &FingerprintKey) -> Fingerprint {
    Fingerprint::of(pin.reveal().as_bytes(), key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::ids::DeviceId;
    use crate::domain::slot::SlotKey;

    const KEY: FingerprintKey = FingerprintKey([3; 32]);
    const AT: Timestamp = Timestamp::from_millis(1_000);
    const G: Generation = Generation(9);

    fn writing(was_empty: bool) -> Slot {
        let mut entropy = Entropy::from_number(1);
        let mut slot = Slot::unseen(SlotKey::user_code(DeviceId::new(&mut entropy), 1));
        begin(&mut slot, GrantId::new(&mut entropy), Doing::Write { generation: G, was_empty });
        slot
    }

    fn pin() -> Pin {
        Pin::parse("4821").unwrap()
    }

    fn read(slot: &mut Slot, status: u8, code: &[u8]) -> Verdict {
        look(slot, &Sighting::of(status, &CodeText::new(code)), Some((&pin(), G)), &KEY, AT)
    }

    #[test]
    fn silence_after_a_write_is_not_success() {
        let mut slot = writing(true);
        assert_eq!(settle(&mut slot, Sent::Acked, Some(&pin()), &KEY, AT), Verdict::LookAgain);
        assert_eq!(slot.confirmed, None);
    }

    #[test]
    fn stars_where_nothing_was_are_the_code_we_wrote() {
        let mut slot = writing(true);
        settle(&mut slot, Sent::Acked, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 1, b"**********"), Verdict::Settled);
        assert_eq!(slot.confirmed.unwrap().by, ConfirmedBy::Read);
    }

    #[test]
    fn stars_after_a_write_that_was_never_answered_are_not_ours() {
        for was_empty in [true, false] {
            let mut slot = writing(was_empty);
            assert_eq!(settle(&mut slot, Sent::Unanswered, Some(&pin()), &KEY, AT), Verdict::LookAgain);
            assert_eq!(read(&mut slot, 1, b"****"), Verdict::NotStored);
            assert_eq!(slot.confirmed, None);
        }
    }

    #[test]
    fn stars_where_a_code_was_are_no_proof_of_ours() {
        let mut slot = writing(false);
        settle(&mut slot, Sent::Acked, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 1, b"****"), Verdict::NotStored);
        assert_eq!((slot.confirmed, slot.content), (None, Content::Unreadable));
    }

    #[test]
    fn a_code_that_a_report_put_in_doubt_counts_again_only_when_the_lock_shows_it() {
        let doubted = |own_echo| {
            let mut slot = writing(true);
            settle(&mut slot, Sent::Confirmed, Some(&pin()), &KEY, AT);
            slot.progress = Progress::Doubted { own_echo, deleted: false };
            slot
        };
        for own_echo in [true, false] {
            assert_eq!(read(&mut doubted(own_echo), 1, b"4821"), Verdict::Settled);
            assert_eq!(read(&mut doubted(own_echo), 1, b"9999"), Verdict::Changed);
            assert_eq!(read(&mut doubted(own_echo), 0, b""), Verdict::Missing);
        }
        let (mut ours, mut another_s) = (doubted(true), doubted(false));
        assert_eq!(read(&mut ours, 1, b"****"), Verdict::WriteAgain);
        assert_eq!(read(&mut another_s, 1, b"****"), Verdict::Changed);
        assert_eq!((ours.confirmed, another_s.confirmed), (None, None));
    }

    #[test]
    fn a_slot_that_the_lock_will_not_speak_of_is_neither_free_nor_taken() {
        let mut slot = Slot::unseen(SlotKey::user_code(DeviceId::new(&mut Entropy::from_number(1)), 1));
        slot.content = Content::Empty;
        assert_eq!(read(&mut slot, 0xFE, b""), Verdict::Withheld);
        assert_eq!(slot.content, Content::Unknown);
        let mut ours = writing(true);
        settle(&mut ours, Sent::Confirmed, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut ours, 0xFE, b""), Verdict::Withheld);
        assert!(ours.confirmed.is_some() && ours.progress != Progress::Idle, "one such answer takes nothing away");
    }

    #[test]
    fn a_masked_slot_of_ours_is_written_once_more_after_a_power_cut() {
        let mut slot = writing(false);
        settle(&mut slot, Sent::Unknown, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 1, b"****"), Verdict::NotStored);
        assert_eq!(slot.confirmed, None);
    }

    #[test]
    fn a_kwikset_code_is_recognised_without_its_line_end() {
        let mut slot = writing(false);
        settle(&mut slot, Sent::Unknown, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 1, b"4821\x0a\x0d"), Verdict::Settled);
    }

    #[test]
    fn an_empty_kwikset_slot_full_of_zeros_is_empty() {
        assert_eq!(Sighting::of(0, &CodeText::new(*b"0000\x0a\x0d")), Sighting::Empty);
        assert_eq!(Sighting::of(0, &CodeText::new([0; 10])), Sighting::Empty);
    }

    #[test]
    fn a_schlage_that_masks_a_code_under_status_0_does_not_lose_it_to_us() {
        assert_eq!(Sighting::of(0, &CodeText::new(*b"*********")), Sighting::Masked);
    }

    #[test]
    fn a_code_the_lock_switched_off_does_not_count_as_one_that_opens() {
        let mut slot = writing(true);
        settle(&mut slot, Sent::Confirmed, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 2, b"4821"), Verdict::Changed);
        assert!(slot.content.is_occupied());
        let mut slot = writing(true);
        settle(&mut slot, Sent::Acked, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 2, b"4821"), Verdict::NotStored);
    }

    #[test]
    fn a_write_that_the_lock_swallowed_is_noticed() {
        let mut slot = writing(true);
        settle(&mut slot, Sent::Acked, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 0, &[0; 4]), Verdict::NotStored);
        assert_eq!(slot.content, Content::Empty);
    }

    #[test]
    fn a_clear_counts_only_when_the_lock_says_empty() {
        let mut slot = writing(true);
        settle(&mut slot, Sent::Confirmed, Some(&pin()), &KEY, AT);
        let owner = slot.owner.unwrap();
        begin(&mut slot, owner, Doing::Clear { generation: Generation(10) });
        settle(&mut slot, Sent::Acked, None, &KEY, AT);
        assert_eq!(read(&mut slot, 1, b"4821"), Verdict::NotStored);
        begin(&mut slot, owner, Doing::Clear { generation: Generation(10) });
        settle(&mut slot, Sent::Acked, None, &KEY, AT);
        assert_eq!(read(&mut slot, 0, b""), Verdict::Settled);
        assert_eq!(slot.confirmed.unwrap().code, None);
    }

    #[test]
    fn a_late_supervision_report_does_not_undo_what_the_event_confirmed() {
        let mut slot = writing(true);
        confirm(&mut slot, Doing::Write { generation: G, was_empty: true }, Some(&pin()), ConfirmedBy::Event, &KEY, AT);
        assert_eq!(settle(&mut slot, Sent::Repeat, Some(&pin()), &KEY, AT), Verdict::Settled);
        assert!(slot.confirmed.is_some());
    }

    #[test]
    fn a_code_that_vanished_from_a_lock_at_rest_is_missing_not_pending() {
        let mut slot = writing(true);
        settle(&mut slot, Sent::Confirmed, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 0, b""), Verdict::Missing);
        settle(&mut slot, Sent::Confirmed, Some(&pin()), &KEY, AT);
    }

    #[test]
    fn a_code_changed_at_the_keypad_is_told_apart_from_ours() {
        let mut slot = writing(true);
        settle(&mut slot, Sent::Confirmed, Some(&pin()), &KEY, AT);
        assert_eq!(read(&mut slot, 1, b"9999"), Verdict::Changed);
    }
}
