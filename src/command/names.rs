//! Names of the commands this module has no struct for, for people who read logs.

use super::ClassId;

/// The name of `command` in `class`; `None` where the sheet gives none.
pub fn command_name(class: ClassId, command: u8) -> Option<&'static str> {
    let (_, commands) = NAMES.iter().find(|(known, _)| *known == class)?;
    commands.iter().find(|(number, _)| *number == command).map(|(_, name)| *name)
}

type Names = &'static [(u8, &'static str)];

/// Most sensors and actuators have these and no more.
const SET_GET_REPORT: Names = &[(0x01, "Set"), (0x02, "Get"), (0x03, "Report")];

const NAMES: &[(ClassId, Names)] = &[(ClassId::BINARY_SWITCH, SET_GET_REPORT)];
