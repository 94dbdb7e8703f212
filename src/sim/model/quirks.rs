//! Quirks of real locks, as data (docs/protocol/locks.md §3.2).

use std::time::Duration;

/// Quirks of real locks. Without any the lock follows the standard.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Quirks {
    /// Reads are masked with asterisks (Schlage).
    pub masks_codes: bool,
    /// Reads show this byte instead of each digit: 0x00 or 0xFF (docs/protocol/command-classes.md 0x63; no make is
    /// named).
    pub filler: Option<u8>,
    /// Number of zero bytes for the code of an empty slot; `None`: four in the plain report, none in the extended one.
    /// Others have none or ten (docs/protocol/command-classes.md 0x63).
    pub empty_zeros: Option<u8>,
    /// A duplicate code is refused, by Supervision and by the event "duplicate".
    pub refuses_duplicates: bool,
    /// A refused code is not reported, and Supervision reports success (locks of version 1:
    /// docs/protocol/command-classes.md 0x63).
    pub refuses_silently: bool,
    /// After a refused code the slot is unchanged, and is reported with status 0xFE (Schlage BE469).
    pub refuses_by_status: bool,
    /// Every write is refused (flash worn out, programming disabled).
    pub refuses_writes: bool,
    /// Minimum and maximum code length; other codes are refused (Schlage has one length for all codes).
    pub lengths: Option<(u8, u8)>,
    /// Each of five buttons stands for two digits, so 1357 equals 2468 (Kwikset, Weiser).
    pub five_buttons: bool,
    /// This slot is the master code: it is reported as occupied, and cannot be written (Yale: 251).
    pub master_slot: Option<u16>,
    /// A write succeeds, and the code is lost after this time (Yale NF-YRD612); zero: it is never stored.
    pub forgets_writes: Option<Duration>,
    /// A write by radio causes no "code added" event.
    pub silent_writes: bool,
    /// Supervision is neither listed nor understood (most locks before 2016).
    pub no_supervision: bool,
    /// Supervision is listed and processed, but never answered (Schlage BE469ZP).
    pub drops_supervision: bool,
    /// Supervision is always answered with session 0 (Yale Smart Door Lock module).
    pub answers_session_zero: bool,
    /// Events are sent as Alarm version 1 only: a type, and the user as level (Kwikset, Yale before 2015).
    pub v1_alarms: bool,
    /// Events are sent in both forms (docs/protocol/locks.md §3.3; no make is named).
    pub both_alarms: bool,
    /// How events name the user.
    pub user_shape: UserShape,
    /// Every event is sent twice, as two events (Kwikset HC620).
    pub tells_twice: bool,
    /// The deletion of all codes is reported by a User Code Report of user 0 (Schlage).
    pub tells_erasure_by_report: bool,
    /// Additional delay of answers, longer than a host waits (Schlage BE469ZP).
    pub answers_late: Option<Duration>,
    /// The answer reaches the host before the controller's callback.
    pub answers_before_callback: bool,
    /// The command that wakes it is never answered: it falls asleep, and needs another beam. It answers if the command
    /// is repeated within ten seconds (no make is named).
    pub dozes_off: bool,
}

/// How an event of the keypad or of a code identifies the user.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum UserShape {
    /// A complete User Code Report, as in the standard.
    #[default]
    Report,
    /// The same, truncated after the status.
    NoCode,
    /// The same, truncated after the id.
    NoStatus,
    /// An Extended User Code Report: an id of two bytes, and the code with its length.
    Extended,
    /// The id only (Kwikset 916).
    Bare,
    /// The id with this offset (ID Lock 150 before firmware 1.6: 59).
    Offset(u8),
    /// The id in decimal digits: 12 is 0x12 (no make is named).
    Decimal,
    /// No user id (Yale YRD216).
    Nobody,
}
