//! The codes in a lock, by user id.

use std::collections::BTreeMap;

use crate::command::user_code::UserIdStatus;
use crate::domain::pin::CodeText;

/// A slot that is not empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The status of the slot; never "available".
    pub status: UserIdStatus,
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

    /// The content of a slot; `None`: empty.
    pub fn get(&self, user: u16) -> Option<&Entry> {
        self.entries.get(&user)
    }

    /// Every slot that is not empty.
    pub fn entries(&self) -> impl Iterator<Item = (u16, &Entry)> {
        self.entries.iter().map(|(user, entry)| (*user, entry))
    }

    /// The user whose code opens the door.
    pub fn user_of(&self, code: &[u8]) -> Option<u16> {
        let opens = [UserIdStatus::ENABLED, UserIdStatus::PASSAGE_MODE];
        self.owner_of(code, false).filter(|(_, status)| opens.contains(status)).map(|(user, _)| user)
    }

    /// The user with this code, and its status; an enabled one if several users have the code. `five_buttons`: two
    /// digits share a button.
    pub(super) fn owner_of(&self, code: &[u8], five_buttons: bool) -> Option<(u16, UserIdStatus)> {
        let typed = CodeText::new(code);
        let all = || self.entries().filter(|(_, entry)| same(&entry.code, &typed, five_buttons));
        let owner = all().find(|(_, entry)| entry.status != UserIdStatus::DISABLED).or_else(|| all().next());
        owner.map(|(user, entry)| (user, entry.status))
    }

    /// Stores a code. `false`: no such slot, or not a code of 4 to 10 digits.
    pub fn put(&mut self, user: u16, entry: Entry) -> bool {
        if !is_code(&entry.code) || !self.has_slot(user) {
            return false;
        }
        self.entries.insert(user, entry);
        true
    }

    /// Clears a slot. `false`: no such slot.
    pub fn remove(&mut self, user: u16) -> bool {
        self.entries.remove(&user);
        self.has_slot(user)
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Restores a slot from another table.
    pub(super) fn put_back(&mut self, user: u16, from: &Self) {
        match from.entries.get(&user) {
            Some(entry) => self.entries.insert(user, entry.clone()),
            None => self.entries.remove(&user),
        };
    }

    pub(super) fn has_slot(&self, user: u16) -> bool {
        (1..=self.slots).contains(&user)
    }

    pub(super) fn next_after(&self, user: u16) -> Option<u16> {
        self.entries.range(user.saturating_add(1)..).next().map(|(user, _)| *user)
    }
}

/// Whether it has 4 to 10 digits.
pub(super) fn is_code(code: &CodeText) -> bool {
    let digits = code.reveal();
    (4..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// Whether two codes are the same at the keypad. With five buttons 1 and 2 are the same, 3 and 4, … 9 and 0
/// (docs/protocol/locks.md §2).
pub(super) fn same(a: &CodeText, b: &CodeText, five_buttons: bool) -> bool {
    // Pairs begin with an odd digit; 0 goes with 9.
    let button = |digit: &u8| if *digit == b'0' { b'9' } else { digit.wrapping_sub(1) | 1 };
    if five_buttons { a.reveal().iter().map(button).eq(b.reveal().iter().map(button)) } else { a == b }
}
