//! Which report answers which Get. The class tables say which command it is; if a Get names something (a slot, a group,
//! a class), the report must be about the same.

use crate::command::association::Association;
use crate::command::association_group_info::AssociationGroupInfo;
use crate::command::configuration::Configuration;
use crate::command::door_lock_logging::DoorLockLogging;
use crate::command::notification::Notification;
use crate::command::user_code::UserCode;
use crate::command::version::Version;
use crate::command::{Command, Kind};

/// Whether `told` answers `asked`.
pub(super) fn answers(asked: &Command, told: &Command) -> bool {
    let reply = match asked.spec().map(|row| row.kind) {
        Some(Kind::Get { reply }) => Some(reply),
        Some(Kind::Set | Kind::Report) => None,
        // A class without a table: nearly all reports have the number after their Get.
        None => asked.number().map(|get| get.wrapping_add(1)),
    };
    reply.is_some() && told.class() == asked.class() && told.number() == reply && is_about(asked, told)
}

fn is_about(asked: &Command, told: &Command) -> bool {
    match (asked, told) {
        (Command::UserCode(asked), Command::UserCode(told)) => match (asked, told) {
            (UserCode::Get(get), UserCode::Report(report)) => report.user_id == get.user_id,
            (UserCode::ExtendedUserCodeGet(get), UserCode::ExtendedUserCodeReport(report)) => {
                report.codes.first().is_some_and(|code| code.user().map_or(0, |user| user.number()) == get.user_id)
            }
            _ => true,
        },
        (Command::Version(Version::CommandClassGet(get)), Command::Version(Version::CommandClassReport(report))) => {
            report.requested_cc == get.requested_cc
        }
        (Command::Association(Association::Get(get)), Command::Association(Association::Report(report))) => {
            report.group == get.group
        }
        (
            Command::AssociationGroupInfo(AssociationGroupInfo::InfoGet(get)),
            Command::AssociationGroupInfo(AssociationGroupInfo::InfoReport(report)),
        ) => get.list || report.groups.iter().any(|info| info.group == get.group),
        (
            Command::Notification(Notification::EventSupportedGet(get)),
            Command::Notification(Notification::EventSupportedReport(report)),
        ) => report.kind == get.kind,
        (Command::Configuration(Configuration::Get(get)), Command::Configuration(Configuration::Report(report))) => {
            report.parameter == get.parameter
        }
        // Record 0 is the latest record, and its report carries its actual number.
        (
            Command::DoorLockLogging(DoorLockLogging::RecordGet(get)),
            Command::DoorLockLogging(DoorLockLogging::RecordReport(report)),
        ) => get.record_number == 0 || report.record_number == get.record_number,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(asked: &[u8], told: &[u8]) -> bool {
        answers(&Command::parse(asked).unwrap(), &Command::parse(told).unwrap())
    }

    #[test]
    fn a_report_about_another_slot_group_or_class_is_not_the_answer() {
        assert!(fits(&[0x63, 0x02, 4], &[0x63, 0x03, 4, 1, 0x31, 0x32, 0x33, 0x34]));
        assert!(!fits(&[0x63, 0x02, 4], &[0x63, 0x03, 5, 1, 0x31, 0x32, 0x33, 0x34]));
        assert!(fits(&[0x86, 0x13, 0x63], &[0x86, 0x14, 0x63, 2]));
        assert!(!fits(&[0x86, 0x13, 0x63], &[0x86, 0x14, 0x62, 4]));
        assert!(!fits(&[0x85, 0x02, 2], &[0x85, 0x03, 1, 5, 0]));
        assert!(fits(&[0x70, 0x05, 16], &[0x70, 0x06, 16, 1, 6]) && !fits(&[0x70, 0x05, 16], &[0x70, 0x06, 1, 1, 6]));
        let record = [0x4C, 0x04, 2, 0x07, 0xEA, 11, 23, 0x2E, 30, 15, 9, 0, 0];
        assert!(fits(&[0x4C, 0x03, 2], &record) && fits(&[0x4C, 0x03, 0], &record) && !fits(&[0x4C, 0x03, 1], &record));
    }

    #[test]
    fn a_slot_the_lock_does_not_have_is_an_answer_too() {
        assert!(fits(&[0x63, 0x02, 200], &[0x63, 0x03, 200, 0xFE]), "as Kwikset locks say it");
        assert!(fits(&[0x63, 0x0C, 1, 0x2C, 0], &[0x63, 0x0D, 1, 1, 0x2C, 0xFE, 0, 0, 0]), "user 300");
    }

    #[test]
    fn a_set_has_no_answer_and_an_unknown_class_has_the_usual_one() {
        assert!(!fits(&[0x63, 0x01, 4, 1, 0x31, 0x32, 0x33, 0x34], &[0x63, 0x03, 4, 1, 0x31, 0x32, 0x33, 0x34]));
        assert!(fits(&[0x79, 0x03, 1], &[0x79, 0x04, 1, 7]));
        assert!(!fits(&[0x79, 0x03, 1], &[0x79, 0x02, 9]));
    }
}
