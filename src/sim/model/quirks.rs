//! What is odd about real locks, as data (docs/protocol/locks.md §3.2).

use std::time::Duration;

/// Oddities of real locks. All off: a lock by the book.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Quirks {
    /// Reads show stars instead of digits (Schlage).
    pub masks_codes: bool,
    /// Reads show this byte instead of each digit: 0x00 or 0xFF (docs/protocol/command-classes.md 0x63; no make is
    /// named).
    pub filler: Option<u8>,
    /// So many zero bytes stand for the code of an empty slot; `None`: four in the plain report, none in the extended
    /// one. Others have none or ten (docs/protocol/command-classes.md 0x63).
    pub empty_zeros: Option<u8>,
    /// A code another slot has is refused: by Supervision, and by the event "duplicate".
    pub refuses_duplicates: bool,
    /// Where a code is refused the lock says nothing of it, and success where it is asked to answer (locks of version
    /// 1: docs/protocol/command-classes.md 0x63).
    pub refuses_silently: bool,
    /// Where a code is refused the slot keeps what it had, and a report of it tells status 0xFE (Schlage BE469).
    pub refuses_by_status: bool,
    /// Every write is refused (flash worn out, programming disabled).
    pub refuses_writes: bool,
    /// The shortest and the longest code that it takes; others are refused (a Schlage has one length for all its codes).
    pub lengths: Option<(u8, u8)>,
    /// Two digits share each of five buttons, so that 1357 is 2468 (Kwikset, Weiser).
    pub five_buttons: bool,
    /// This slot is the master code: it shows as taken, and cannot be written (Yale: 251).
    pub master_slot: Option<u16>,
    /// A write succeeds, and the code is gone after this time (Yale NF-YRD612); zero: it was never stored.
    pub forgets_writes: Option<Duration>,
    /// A write by radio brings no "code added" event.
    pub silent_writes: bool,
    /// Supervision is neither listed nor understood (most locks before 2016).
    pub no_supervision: bool,
    /// Supervision is listed and carried out, and never answered (Schlage BE469ZP).
    pub drops_supervision: bool,
    /// Supervision is answered with session 0, whatever was asked (Yale's Smart Door Lock module).
    pub answers_session_zero: bool,
    /// Events come as Alarm version 1 only: a type and the user as level (Kwikset, Yale before 2015).
    pub v1_alarms: bool,
    /// Events come in both forms, one after the other (docs/protocol/locks.md §3.3; no make is named).
    pub both_alarms: bool,
    /// How events name the user.
    pub user_shape: UserShape,
    /// Every event comes twice, as two (Kwikset HC620).
    pub tells_twice: bool,
    /// That all codes are gone is told by a report of user 0 (Schlage).
    pub tells_erasure_by_report: bool,
    /// Answers come so much later than they should: beyond what a host waits (Schlage BE469ZP).
    pub answers_late: Option<Duration>,
    /// The answer reaches the host before the controller's callback of the question.
    pub answers_before_callback: bool,
    /// What wakes it is never answered: it falls asleep over the answer, and hears the next question only by a beam of
    /// its own. Asked again within ten seconds it answers (no make is named).
    pub dozes_off: bool,
}

/// How an event of the keypad or of a code names the user.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum UserShape {
    /// A whole User Code Report, as the standard wants it.
    #[default]
    Report,
    /// The same, cut after the status.
    NoCode,
    /// The same, cut after the id.
    NoStatus,
    /// An Extended User Code Report: an id of two bytes, and the code with its length.
    Extended,
    /// The bare id (Kwikset 916).
    Bare,
    /// The bare id, with this added to it (ID Lock 150 before firmware 1.6: 59).
    Offset(u8),
    /// The bare id in decimal digits: 12 is 0x12 (no make is named).
    Decimal,
    /// Not at all (Yale YRD216).
    Nobody,
}
