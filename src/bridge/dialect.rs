//! How a lock's slots are addressed: the User Code class (0x63), in the words of the lock's version.

use std::collections::BTreeSet;

use crate::command::user_code::{Checksum, ExtendedCode, ExtendedGet, ExtendedSet, UserCode, UserId, UserIdStatus};
use crate::command::{ClassId, Command};
use crate::domain::node::Node;
use crate::domain::pin::{CodeText, Pin};
use crate::domain::slot::{Content, Slot};
use crate::reconcile::observe::Sighting;

/// The version of User Code a node speaks.
pub fn version(node: &Node) -> u8 {
    node.version_of(ClassId::USER_CODE).unwrap_or(1)
}

/// Slots that hold master codes: Yale numbers its master code 251 whatever the lock says of its users
/// (gathered from users' threads; a wrong write there locks the owner out).
pub fn reserved(node: &Node) -> BTreeSet<u16> {
    let users = node.user_code.as_ref().map_or(0, |support| support.users);
    if version(node) < 2 && users >= 251 { BTreeSet::from([251]) } else { BTreeSet::new() }
}

/// Asks for one slot.
pub fn read(index: u16) -> Option<Command> {
    UserId::new(index).map(UserCode::read_code).map(Command::UserCode)
}

/// Asks for a slot in the course of an inventory: version 2 also tells which taken slot comes next.
pub fn walk(version: u8, index: u16, multi_report: bool) -> Option<Command> {
    if version < 2 {
        return read(index);
    }
    let get = ExtendedGet { user_id: UserId::new(index)?.number(), report_more: multi_report };
    Some(Command::UserCode(UserCode::ExtendedUserCodeGet(get)))
}

/// Puts codes into slots. Several only for a lock that takes several at once.
pub fn write(version: u8, codes: &[(u16, Pin)]) -> Option<Command> {
    if let [(index, pin)] = codes {
        let code = CodeText::from(pin);
        return UserCode::write_code(UserId::new(*index)?, UserIdStatus::ENABLED, code, version).map(Command::UserCode);
    }
    let extended =
        |(index, pin): &(u16, Pin)| Some(ExtendedCode::new(UserId::new(*index)?, UserIdStatus::ENABLED, CodeText::from(pin)));
    let codes = codes.iter().map(extended).collect::<Option<Vec<_>>>().filter(|codes| !codes.is_empty())?;
    Some(Command::UserCode(UserCode::ExtendedUserCodeSet(ExtendedSet::all_of(codes))))
}

/// Whether one more code fits the frame. 27 bytes of command are what a classic frame carries under S2 with
/// Supervision, 46 bytes in all: three codes of four digits.
pub fn fits(codes: &[(u16, Pin)], one_more: &Pin) -> bool {
    const HEADER: usize = 3;
    let size = |pin: &Pin| 4 + pin.digits();
    HEADER + codes.iter().map(|(_, pin)| size(pin)).sum::<usize>() + size(one_more) <= 27
}

pub fn clear(version: u8, index: u16) -> Option<Command> {
    UserCode::clear_code(UserId::new(index)?, version).map(Command::UserCode)
}

/// Asks for the checksum over all codes.
pub fn checksum() -> Command {
    Command::UserCode(UserCode::UserCodeChecksumGet)
}

/// The checksum, if that is what the lock told.
pub fn checksum_of(command: &Command) -> Option<u16> {
    match command {
        Command::UserCode(UserCode::UserCodeChecksumReport(report)) => Some(report.checksum),
        _ => None,
    }
}

/// The checksum that a lock should have: known only if every code in it is ours.
pub fn expected_checksum<'a>(slots: impl Iterator<Item = &'a Slot>) -> Option<u16> {
    let mut codes = Vec::new();
    for slot in slots {
        match &slot.content {
            Content::Empty => {}
            Content::Known(code) if slot.owner.is_some() => {
                codes.push((UserId::new(slot.key.index)?, UserIdStatus::ENABLED, code));
            }
            Content::Known(_) | Content::Unreadable | Content::Unknown => return None,
        }
    }
    Some(Checksum::of(codes).checksum)
}

/// What a lock told about its slots.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Slots, with what is in them.
    pub sightings: Vec<(u16, Sighting)>,
    /// The next taken slot after these: 0 none, `None` the lock does not say.
    pub next: Option<u16>,
    /// What it says of user 0, which is no slot.
    pub user_zero: Option<UserZero>,
}

/// What a report of user 0 means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserZero {
    /// Every code is gone (Schlage): the status is "available", and no code is beside it.
    AllErased,
    /// A code or tag that the lock does not know was presented: it stands in the report.
    UnknownCredential,
}

impl UserZero {
    fn of(status: UserIdStatus, code: &CodeText) -> Option<Self> {
        let has_code = code.reveal().iter().any(|byte| *byte != 0);
        match (status, has_code) {
            (UserIdStatus::AVAILABLE, false) => Some(Self::AllErased),
            (UserIdStatus::STATUS_NOT_AVAILABLE, _) | (_, false) => None,
            (_, true) => Some(Self::UnknownCredential),
        }
    }
}

/// Reads a report about slots.
pub fn report(command: &Command) -> Report {
    match command {
        Command::UserCode(UserCode::Report(report)) => match report.user() {
            Some(user) => {
                let sighting = Sighting::of(report.status.0, &report.code);
                Report { sightings: vec![(user.number(), sighting)], ..Report::default() }
            }
            None => Report { user_zero: UserZero::of(report.status, &report.code), ..Report::default() },
        },
        Command::UserCode(UserCode::ExtendedUserCodeReport(report)) => {
            let sighted =
                report.codes.iter().filter_map(|code| Some((code.user()?.number(), Sighting::of(code.status().0, code.code()))));
            let zero = report.codes.iter().find(|code| code.user().is_none());
            let user_zero = zero.and_then(|code| UserZero::of(code.status(), code.code()));
            Report { sightings: sighted.collect(), next: Some(report.next_user_id), user_zero }
        }
        _ => Report::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(payload: &[u8]) -> Option<UserZero> {
        report(&Command::parse(payload).unwrap()).user_zero
    }

    #[test]
    fn an_unknown_tag_is_not_taken_for_the_erasure_of_all_codes() {
        for erased in [&[0x63, 0x03, 0, 0][..], &[0x63, 0x03, 0, 0, 0, 0, 0, 0], &[0x63, 0x0D, 1, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(of(erased), Some(UserZero::AllErased), "{erased:02x?}");
        }
        let tags: [&[u8]; 4] = [
            &[0x63, 0x03, 0, 0, 0x8F, 0x21, 0x4A, 0x10, 0x3D, 0x50, 0x01, 0x04, 0, 0],
            &[0x63, 0x03, 0, 0, 0, 0, 0, 1],
            &[0x63, 0x03, 0, 1, 0x31, 0x32, 0x33, 0x34],
            &[0x63, 0x0D, 1, 0, 0, 0, 2, 0x31, 0x32, 0, 0],
        ];
        for tag in tags {
            assert_eq!(of(tag), Some(UserZero::UnknownCredential), "{tag:02x?}");
        }
        for nothing in [&[0x63, 0x03, 0, 0xFE][..], &[0x63, 0x03, 0, 0xFE, 1, 2], &[0x63, 0x03, 0, 1], &[0x63, 0x03, 3, 0]] {
            assert_eq!(of(nothing), None, "{nothing:02x?}");
        }
    }
}
