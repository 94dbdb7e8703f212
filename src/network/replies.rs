//! Which report answers which Get. The class tables say which command it is; where a Get names something (a slot, a
//! group, a class), the report must be about the same.

use crate::command::association::Association;
use crate::command::association_group_info::AssociationGroupInfo;
use crate::command::notification::Notification;
use crate::command::user_code::UserCode;
use crate::command::version::Version;
use crate::command::{Command, Kind};

/// Whether `told` answers `asked`.
pub(super) fn answers(asked: &Command, told: &Command) -> bool {
    let Some(Kind::Get { reply }) = asked.spec().map(|row| row.kind) else { return false };
    told.class() == asked.class() && told.number() == Some(reply) && is_about(asked, told)
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
        _ => true,
    }
}
