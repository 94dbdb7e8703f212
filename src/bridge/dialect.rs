//! How a lock's slots are addressed: the User Code class (0x63), in the words of the lock's version.

use std::collections::BTreeSet;

use crate::command::user_code::{ExtendedCode, ExtendedGet, ExtendedSet, UserCode, UserId, UserIdStatus};
use crate::command::{ClassId, Command};
use crate::domain::node::Node;
use crate::domain::pin::{CodeText, Pin};
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

/// Empties a slot.
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

/// What a lock told about its slots.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Slots, with what is in them.
    pub sightings: Vec<(u16, Sighting)>,
    /// The next taken slot after these: 0 none, `None` the lock does not say.
    pub next: Option<u16>,
    /// The lock says that every code is gone: user 0 is available.
    pub all_erased: bool,
}

/// Reads a report about slots.
pub fn report(command: &Command) -> Report {
    match command {
        Command::UserCode(UserCode::Report(report)) => match report.user() {
            Some(user) => {
                let sighting = Sighting::of(report.status.0, &report.code);
                Report { sightings: vec![(user.number(), sighting)], ..Report::default() }
            }
            None => Report { all_erased: report.status == UserIdStatus::AVAILABLE, ..Report::default() },
        },
        Command::UserCode(UserCode::ExtendedUserCodeReport(report)) => {
            let sighted =
                report.codes.iter().filter_map(|code| Some((code.user()?.number(), Sighting::of(code.status().0, code.code()))));
            Report { sightings: sighted.collect(), next: Some(report.next_user_id), all_erased: false }
        }
        _ => Report::default(),
    }
}
