//! User Code version 1 and 2: how the lock processes reads and writes (docs/protocol/command-classes.md 0x63).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::user_code::{
    AdminCode, CapabilitiesReport, Checksum, ExtendedCode, ExtendedGet, ExtendedReport, KeypadMode, Report, UserCode, UserId,
    UserIdStatus, UsersNumberReport,
};
use crate::command::{ClassId, Command};
use crate::domain::pin::CodeText;
use crate::domain::time::{Deadline, Instant};

use super::code_table::{is_code, same};
use super::{Answer, CodeTable, Entry, Happening, Node};

/// Maximum number of code bytes in an Extended Report, so that it fits into a classic frame.
const REPORT_ROOM: usize = 34;

/// Time to store a code. The answer to the write is sent before the code is reported.
const STORING: Duration = Duration::from_millis(150);

/// A write to one slot; `None`: to all.
type Write<'a> = (Option<UserId>, UserIdStatus, &'a CodeText);

pub(super) fn user_code(node: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::UserCode(command) = command else { return None };
    let reply = match command {
        UserCode::Set(set) => return Some(node.write_codes(&[(set.user(), set.status(), set.code())], now)),
        UserCode::Get(get) => {
            let (status, code) = node.shown(get.user_id.into());
            // Most locks of version 1 report an empty slot as four zero bytes.
            let empty = status == UserIdStatus::AVAILABLE && node.model.quirks.empty_zeros.is_none();
            let code = if empty { CodeText::new([0; 4]) } else { code };
            UserCode::Report(Report { user_id: get.user_id, status, code })
        }
        UserCode::UsersNumberGet => UserCode::UsersNumberReport(UsersNumberReport::new(node.model.slots, node.model.user_code)),
        _ if node.model.user_code < 2 => return None,
        UserCode::CapabilitiesGet => UserCode::CapabilitiesReport(node.code_capabilities()),
        UserCode::KeypadModeGet => UserCode::KeypadModeReport(node.keypad_mode(now)),
        UserCode::KeypadModeSet(mode) => return Some(node.set_keypad_mode(*mode)),
        UserCode::ExtendedUserCodeSet(set) => {
            let codes: Vec<_> = set.codes().iter().map(|code| (code.user(), code.status(), code.code())).collect();
            return Some(node.write_codes(&codes, now));
        }
        UserCode::ExtendedUserCodeGet(ExtendedGet { user_id: 0, .. }) => {
            // Our own struct cannot express this report: one code, user 0, status 0xFE, no digits, no next user.
            let report = [0x0D, 1, 0, 0, UserIdStatus::STATUS_NOT_AVAILABLE.0, 0, 0, 0];
            return Some(Answer::Reply(Command::opaque(ClassId::USER_CODE, &report)));
        }
        UserCode::ExtendedUserCodeGet(get) => UserCode::ExtendedUserCodeReport(node.codes_from(*get)?),
        UserCode::AdminCodeSet(set) => return Some(node.set_admin_code(&set.code)),
        UserCode::AdminCodeGet => UserCode::AdminCodeReport(AdminCode { code: node.read_back(&node.memory.admin_code) }),
        UserCode::UserCodeChecksumGet => UserCode::UserCodeChecksumReport(node.checksum()),
        _ => return None,
    };
    Some(Answer::Reply(Command::UserCode(reply)))
}

impl Node {
    /// Disables or changes the admin code, which must not be the code of a user.
    pub(super) fn set_admin_code(&mut self, code: &CodeText) -> Answer {
        let taken = self.memory.codes.owner_of(code.reveal(), self.model.quirks.five_buttons).is_some();
        if !code.is_empty() && (!is_code(code) || taken) {
            return Answer::Refused;
        }
        self.memory.admin_code = code.clone();
        Answer::Done
    }

    /// The content of a slot as reported.
    pub(super) fn shown(&self, user: u16) -> (UserIdStatus, CodeText) {
        let quirks = self.model.quirks;
        if quirks.master_slot == Some(user) {
            return (UserIdStatus::ENABLED, CodeText::new(*b"****"));
        }
        match self.memory.codes.get(user) {
            Some(entry) => (entry.status, self.read_back(&entry.code)),
            None if self.memory.codes.has_slot(user) => {
                let zeros = vec![0; quirks.empty_zeros.unwrap_or_default().into()];
                (UserIdStatus::AVAILABLE, CodeText::new(zeros))
            }
            None => (UserIdStatus::STATUS_NOT_AVAILABLE, CodeText::default()),
        }
    }

    /// Drops codes that were not really stored.
    pub(super) fn forget_codes(&mut self, now: Instant) {
        for (_, user) in self.forgetting.extract_if(.., |(at, _)| *at <= now) {
            self.memory.codes.remove(user);
        }
    }

    pub(super) fn forget_deadline(&self) -> Option<Deadline> {
        let at = self.forgetting.iter().map(|(at, _)| *at).min()?;
        Some(Deadline { at, why: "a lock forgets a code" })
    }

    fn code_capabilities(&self) -> CapabilitiesReport {
        CapabilitiesReport {
            admin_code: true,
            admin_code_deactivation: true,
            checksum: true,
            multi_report: true,
            multi_set: true,
            statuses: self.statuses(),
            keypad_modes: BTreeSet::from([0, 1, 2, 3]),
            keys: (b'0'..=b'9').collect(),
        }
    }

    /// Supported statuses: version 1 has "occupied" and "reserved" only.
    fn statuses(&self) -> BTreeSet<u8> {
        (0..=if self.model.user_code < 2 { 2 } else { 4 }).collect()
    }

    fn set_keypad_mode(&mut self, mode: KeypadMode) -> Answer {
        if mode > KeypadMode::LOCKED_OUT {
            return Answer::Refused;
        }
        self.memory.keypad_mode = mode;
        self.keypad_dead_until = None;
        self.wrong_codes = 0;
        Answer::Done
    }

    /// Writes codes, all or none.
    fn write_codes(&mut self, codes: &[Write<'_>], now: Instant) -> Answer {
        let quirks = self.model.quirks;
        let mut table = self.memory.codes.clone();
        let mut happenings = Vec::new();
        for write in codes {
            match self.write_code(&mut table, *write) {
                Ok(happening) => happenings.push(happening),
                Err(duplicate) => return self.refuse(write.0, duplicate, now),
            }
        }
        let added = happenings.iter().filter(|it| matches!(it, Happening::CodeAdded(_))).filter_map(|it| it.user());
        match quirks.forgets_writes {
            Some(Duration::ZERO) => added.for_each(|user| table.put_back(user, &self.memory.codes)),
            Some(after) => self.forgetting.extend(added.map(|user| (now + after, user))),
            None => {}
        }
        self.memory.codes = table;
        for happening in happenings {
            self.write_down(happening, now);
            if !quirks.silent_writes {
                self.tell(happening, now + STORING);
            }
        }
        Answer::Done
    }

    /// Writes one code into `table`. The error names the slot with the same code, or is `None` for other reasons.
    fn write_code(&self, table: &mut CodeTable, (user, status, code): Write<'_>) -> Result<Happening, Option<Happening>> {
        let quirks = self.model.quirks;
        if quirks.refuses_writes || !self.statuses().contains(&status.0) {
            return Err(None);
        }
        let Some(user) = user.map(UserId::number) else {
            if status != UserIdStatus::AVAILABLE {
                return Err(None);
            }
            table.clear();
            return Ok(Happening::AllCodesDeleted);
        };
        if quirks.master_slot == Some(user) {
            return Err(None);
        }
        if status == UserIdStatus::AVAILABLE {
            return if table.remove(user) { Ok(Happening::CodeDeleted(user)) } else { Err(None) };
        }
        let taken = table.entries().any(|(other, entry)| other != user && same(&entry.code, code, quirks.five_buttons));
        if taken && quirks.refuses_duplicates || !code.is_empty() && *code == self.memory.admin_code {
            return Err(Some(Happening::DuplicateRefused(user)));
        }
        if quirks.lengths.is_some_and(|(shortest, longest)| !(shortest.into()..=longest.into()).contains(&code.len())) {
            return Err(None);
        }
        let stored = table.put(user, Entry { status, code: code.clone() });
        if stored { Ok(Happening::CodeAdded(user)) } else { Err(None) }
    }

    fn refuse(&mut self, user: Option<UserId>, duplicate: Option<Happening>, now: Instant) -> Answer {
        let quirks = self.model.quirks;
        if quirks.refuses_silently {
            return Answer::Done;
        }
        if let Some(duplicate) = duplicate {
            self.tell(duplicate, now + STORING);
        }
        if let Some(user_id) = user.and_then(|user| u8::try_from(user.number()).ok()).filter(|_| quirks.refuses_by_status) {
            let status = UserIdStatus::STATUS_NOT_AVAILABLE;
            let report = Report { user_id, status, code: CodeText::default() };
            self.report(Command::UserCode(UserCode::Report(report)), now + STORING);
        }
        Answer::Refused
    }

    /// A code as reads report it.
    fn read_back(&self, code: &CodeText) -> CodeText {
        match self.model.quirks {
            quirks if quirks.masks_codes => CodeText::new(vec![b'*'; code.len()]),
            quirks => quirks.filler.map_or_else(|| code.clone(), |filler| CodeText::new(vec![filler; code.len()])),
        }
    }

    /// The requested slot, and then as many occupied slots as fit.
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
