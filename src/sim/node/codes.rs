//! User Code version 1 and 2: the table of codes, and what the lock makes of reads and writes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::command::Command;
use crate::command::user_code::{
    CapabilitiesReport, Checksum, ExtendedCode, ExtendedGet, ExtendedReport, KeypadMode, Report, UserCode, UserId, UserIdStatus,
    UsersNumberReport,
};
use crate::domain::pin::CodeText;
use crate::domain::time::Instant;

use super::{Answer, Happening, Node};

/// How many bytes of codes a lock puts into one Extended Report, so that it fits a classic frame.
const REPORT_ROOM: usize = 34;

/// How long the lock stores a code before it tells of it: its answer to the write goes first.
const STORING: Duration = Duration::from_millis(150);

/// One slot that is not empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What the slot is for; never "available".
    pub status: UserIdStatus,
    /// The code.
    pub code: CodeText,
}

impl Entry {
    /// A code that opens.
    pub fn enabled(code: &[u8]) -> Self {
        Self { status: UserIdStatus::ENABLED, code: CodeText::new(code) }
    }
}

/// The codes of a lock, by user id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeTable {
    slots: u16,
    entries: BTreeMap<u16, Entry>,
}

impl CodeTable {
    /// A table with user ids 1 to `slots`, all empty.
    pub fn new(slots: u16) -> Self {
        Self { slots, entries: BTreeMap::new() }
    }

    /// What is in a slot; `None`: nothing.
    pub fn get(&self, user: u16) -> Option<&Entry> {
        self.entries.get(&user)
    }

    /// Every slot that is not empty.
    pub fn entries(&self) -> impl Iterator<Item = (u16, &Entry)> {
        self.entries.iter().map(|(user, entry)| (*user, entry))
    }

    /// The user whose code opens the door.
    pub fn user_of(&self, code: &[u8]) -> Option<u16> {
        let opens = |entry: &Entry| entry.status == UserIdStatus::ENABLED && entry.code.reveal() == code;
        self.entries().find(|(_, entry)| opens(entry)).map(|(user, _)| user)
    }

    /// Fills a slot. `false`: no such slot, or not a code of 4 to 10 digits.
    pub fn put(&mut self, user: u16, entry: Entry) -> bool {
        let digits = entry.code.reveal();
        let fits = (4..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        if !fits || !self.has_slot(user) {
            return false;
        }
        self.entries.insert(user, entry);
        true
    }

    /// Empties a slot. `false`: no such slot.
    pub fn remove(&mut self, user: u16) -> bool {
        self.entries.remove(&user);
        self.has_slot(user)
    }

    fn has_slot(&self, user: u16) -> bool {
        (1..=self.slots).contains(&user)
    }

    fn next_after(&self, user: u16) -> Option<u16> {
        self.entries.range(user.saturating_add(1)..).next().map(|(user, _)| *user)
    }
}

pub(super) fn user_code(lock: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::UserCode(command) = command else { return None };
    let reply = match command {
        UserCode::Set(set) => {
            return Some(lock.write_codes(&[(set.user(), set.status(), set.code())], now));
        }
        UserCode::Get(get) => {
            let (status, code) = lock.shown(get.user_id.into());
            // An empty slot reads as four zero bytes in most locks of version 1.
            let code = if status == UserIdStatus::AVAILABLE { CodeText::new([0; 4]) } else { code };
            UserCode::Report(Report { user_id: get.user_id, status, code })
        }
        UserCode::UsersNumberGet => UserCode::UsersNumberReport(UsersNumberReport::new(lock.model.slots, lock.model.user_code)),
        _ if lock.model.user_code < 2 => return None,
        UserCode::CapabilitiesGet => UserCode::CapabilitiesReport(CapabilitiesReport {
            checksum: true,
            multi_report: true,
            multi_set: true,
            statuses: BTreeSet::from([0, 1, 2]),
            keypad_modes: BTreeSet::from([0]),
            keys: (b'0'..=b'9').collect(),
            ..CapabilitiesReport::default()
        }),
        UserCode::KeypadModeGet => UserCode::KeypadModeReport(KeypadMode::NORMAL),
        UserCode::KeypadModeSet(mode) => {
            return Some(if *mode == KeypadMode::NORMAL { Answer::Done } else { Answer::Refused });
        }
        UserCode::ExtendedUserCodeSet(set) => {
            let codes: Vec<_> = set.codes().iter().map(|code| (code.user(), code.status(), code.code())).collect();
            return Some(lock.write_codes(&codes, now));
        }
        UserCode::ExtendedUserCodeGet(get) => UserCode::ExtendedUserCodeReport(lock.codes_from(*get)?),
        UserCode::UserCodeChecksumGet => UserCode::UserCodeChecksumReport(lock.checksum()),
        _ => return None,
    };
    Some(Answer::Reply(Command::UserCode(reply)))
}

impl Node {
    /// Writes codes, all or none.
    fn write_codes(&mut self, codes: &[(Option<UserId>, UserIdStatus, &CodeText)], now: Instant) -> Answer {
        if self.model.quirks.refuses_writes {
            return Answer::Refused;
        }
        let mut table = self.memory.codes.clone();
        let mut happenings = Vec::new();
        for (user, status, code) in codes {
            let Some(user) = user.map(UserId::number) else {
                if *status != UserIdStatus::AVAILABLE {
                    return Answer::Refused;
                }
                table.entries.clear();
                happenings.push(Happening::AllCodesDeleted);
                continue;
            };
            if *status == UserIdStatus::AVAILABLE {
                if !table.remove(user) {
                    return Answer::Refused;
                }
                happenings.push(Happening::CodeDeleted(user));
                continue;
            }
            let taken = table.entries().any(|(other, entry)| other != user && entry.code == **code);
            if taken && self.model.quirks.refuses_duplicates {
                self.tell(Happening::DuplicateRefused(user), now + STORING);
                return Answer::Refused;
            }
            if !table.put(user, Entry { status: *status, code: (*code).clone() }) {
                return Answer::Refused;
            }
            happenings.push(Happening::CodeAdded(user));
        }
        self.memory.codes = table;
        if !self.model.quirks.silent_writes {
            for happening in happenings {
                self.tell(happening, now + STORING);
            }
        }
        Answer::Done
    }

    /// What a read of a slot shows.
    pub(super) fn shown(&self, user: u16) -> (UserIdStatus, CodeText) {
        match self.memory.codes.get(user) {
            Some(entry) if self.model.quirks.masks_codes => (entry.status, CodeText::new(vec![b'*'; entry.code.len()])),
            Some(entry) => (entry.status, entry.code.clone()),
            None if self.memory.codes.has_slot(user) => (UserIdStatus::AVAILABLE, CodeText::default()),
            None => (UserIdStatus::STATUS_NOT_AVAILABLE, CodeText::default()),
        }
    }

    /// The asked slot always, then those with a code, as many as fit (command-classes sheet, 0x63).
    fn codes_from(&self, get: ExtendedGet) -> Option<ExtendedReport> {
        let (mut codes, mut room, mut user) = (Vec::new(), REPORT_ROOM, get.user_id);
        let next = loop {
            let (status, code) = self.shown(user);
            let size = 4 + code.len();
            if !codes.is_empty() && (!get.report_more || size > room) {
                break Some(user);
            }
            room = room.saturating_sub(size);
            codes.push(ExtendedCode::new(UserId::new(user)?, status, code));
            match self.memory.codes.next_after(user) {
                Some(next) => user = next,
                None => break None,
            }
        };
        Some(ExtendedReport { codes, next_user_id: next.unwrap_or_default() })
    }

    fn checksum(&self) -> Checksum {
        let codes = self.memory.codes.entries();
        Checksum::of(codes.filter_map(|(user, entry)| Some((UserId::new(user)?, entry.status, &entry.code))))
    }
}
