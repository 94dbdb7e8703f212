//! Names of commands without a struct, for logs.

use super::class::ClassId;

/// The name of `command` in `class`; `None` where docs/protocol/command-classes.md gives none.
pub fn command_name(class: ClassId, command: u8) -> Option<&'static str> {
    let (_, commands) = NAMES.iter().find(|(known, _)| *known == class)?;
    commands.iter().find(|(known, _)| *known == command).map(|(_, name)| *name)
}

type Names = &'static [(u8, &'static str)];

/// Most sensors and actuators have these and no more.
const SET_GET_REPORT: Names = &[(0x01, "Set"), (0x02, "Get"), (0x03, "Report")];

const NAMES: &[(ClassId, Names)] = &[
    (ClassId::BINARY_SWITCH, SET_GET_REPORT),
    (
        ClassId::MULTILEVEL_SWITCH,
        &[
            (0x01, "Set"),
            (0x02, "Get"),
            (0x03, "Report"),
            (0x04, "StartLevelChange"),
            (0x05, "StopLevelChange"),
            (0x06, "SupportedGet"),
            (0x07, "SupportedReport"),
        ],
    ),
    (ClassId::ALL_SWITCH, &[(0x01, "Set"), (0x02, "Get"), (0x03, "Report"), (0x04, "On"), (0x05, "Off")]),
    (ClassId::BINARY_SENSOR, &[(0x01, "SupportedGet"), (0x02, "Get"), (0x03, "Report"), (0x04, "SupportedReport")]),
    (
        ClassId::MULTILEVEL_SENSOR,
        &[
            (0x01, "SupportedSensorGet"),
            (0x02, "SupportedSensorReport"),
            (0x03, "SupportedScaleGet"),
            (0x04, "Get"),
            (0x05, "Report"),
            (0x06, "SupportedScaleReport"),
        ],
    ),
    (ClassId::METER, &[(0x01, "Get"), (0x02, "Report"), (0x03, "SupportedGet"), (0x04, "SupportedReport"), (0x05, "Reset")]),
    (
        ClassId::COLOR_SWITCH,
        &[
            (0x01, "SupportedGet"),
            (0x02, "SupportedReport"),
            (0x03, "Get"),
            (0x04, "Report"),
            (0x05, "Set"),
            (0x06, "StartLevelChange"),
            (0x07, "StopLevelChange"),
        ],
    ),
    (
        ClassId::THERMOSTAT_MODE,
        &[(0x01, "Set"), (0x02, "Get"), (0x03, "Report"), (0x04, "SupportedGet"), (0x05, "SupportedReport")],
    ),
    (ClassId::THERMOSTAT_OPERATING_STATE, &[(0x02, "Get"), (0x03, "Report")]),
    (
        ClassId::THERMOSTAT_SETPOINT,
        &[(0x01, "Set"), (0x02, "Get"), (0x03, "Report"), (0x04, "SupportedGet"), (0x05, "SupportedReport")],
    ),
    (
        ClassId::THERMOSTAT_FAN_MODE,
        &[(0x01, "Set"), (0x02, "Get"), (0x03, "Report"), (0x04, "SupportedGet"), (0x05, "SupportedReport")],
    ),
    (ClassId::THERMOSTAT_FAN_STATE, &[(0x02, "Get"), (0x03, "Report")]),
    (
        ClassId::CENTRAL_SCENE,
        &[
            (0x01, "SupportedGet"),
            (0x02, "SupportedReport"),
            (0x03, "Notification"),
            (0x04, "ConfigurationSet"),
            (0x05, "ConfigurationGet"),
            (0x06, "ConfigurationReport"),
        ],
    ),
    (
        ClassId::BARRIER_OPERATOR,
        &[
            (0x01, "Set"),
            (0x02, "Get"),
            (0x03, "Report"),
            (0x04, "SignalingCapabilitiesGet"),
            (0x05, "SignalingCapabilitiesReport"),
            (0x06, "EventSignalingSet"),
            (0x07, "EventSignalingGet"),
            (0x08, "EventSignalingReport"),
        ],
    ),
    (
        ClassId::PROTECTION,
        &[
            (0x01, "Set"),
            (0x02, "Get"),
            (0x03, "Report"),
            (0x04, "SupportedGet"),
            (0x05, "SupportedReport"),
            (0x06, "ExclusiveControlSet"),
            (0x07, "ExclusiveControlGet"),
            (0x08, "ExclusiveControlReport"),
            (0x09, "TimeoutSet"),
            (0x0A, "TimeoutGet"),
            (0x0B, "TimeoutReport"),
        ],
    ),
    (ClassId::LOCK, SET_GET_REPORT),
    (
        ClassId::NODE_NAMING,
        &[
            (0x01, "NameSet"),
            (0x02, "NameGet"),
            (0x03, "NameReport"),
            (0x04, "LocationSet"),
            (0x05, "LocationGet"),
            (0x06, "LocationReport"),
        ],
    ),
    (
        ClassId::SOUND_SWITCH,
        &[
            (0x01, "TonesNumberGet"),
            (0x02, "TonesNumberReport"),
            (0x03, "ToneInfoGet"),
            (0x04, "ToneInfoReport"),
            (0x05, "ConfigurationSet"),
            (0x06, "ConfigurationGet"),
            (0x07, "ConfigurationReport"),
            (0x08, "TonePlaySet"),
            (0x09, "TonePlayGet"),
            (0x0A, "TonePlayReport"),
        ],
    ),
    (ClassId::CLOCK, &[(0x04, "Set"), (0x05, "Get"), (0x06, "Report")]),
    (ClassId::HAIL, &[(0x01, "Hail")]),
    // The others have structs; these are version 2, for keys that the lock presents itself.
    (
        ClassId::USER_CREDENTIAL,
        &[
            (0x1D, "KeyLockerCapabilitiesGet"),
            (0x1E, "KeyLockerCapabilitiesReport"),
            (0x1F, "KeyLockerEntrySet"),
            (0x20, "KeyLockerEntryGet"),
            (0x21, "KeyLockerEntryReport"),
        ],
    ),
    (ClassId::ALARM_SENSOR, &[(0x01, "Get"), (0x02, "Report"), (0x03, "SupportedGet"), (0x04, "SupportedReport")]),
    // The others have structs; these manage security of the network layer (v2), which a controller does without.
    (
        ClassId::SECURITY_2,
        &[
            (0x0F, "NLSNodeListGet"),
            (0x10, "NLSNodeListReport"),
            (0x11, "NLSStateGet"),
            (0x12, "NLSStateReport"),
            (0x13, "NLSStateSet"),
        ],
    ),
    (
        ClassId::AUTHENTICATION,
        &[
            (0x01, "CapabilityGet"),
            (0x02, "CapabilityReport"),
            (0x03, "DataSet"),
            (0x04, "DataGet"),
            (0x05, "DataReport"),
            (0x06, "CombinationSet"),
            (0x07, "CombinationGet"),
            (0x08, "CombinationReport"),
            (0x09, "ChecksumGet"),
            (0x0A, "ChecksumReport"),
        ],
    ),
    (
        ClassId::AUTHENTICATION_MEDIA_WRITE,
        &[(0x01, "CapabilityGet"), (0x02, "CapabilityReport"), (0x03, "Start"), (0x04, "Stop"), (0x05, "Status")],
    ),
    (
        ClassId::ACTIVE_SCHEDULE,
        &[
            (0x01, "CapabilitiesGet"),
            (0x02, "CapabilitiesReport"),
            (0x03, "EnableSet"),
            (0x04, "EnableGet"),
            (0x05, "EnableReport"),
            (0x06, "YearDayScheduleSet"),
            (0x07, "YearDayScheduleGet"),
            (0x08, "YearDayScheduleReport"),
            (0x09, "DailyRepeatingScheduleSet"),
            (0x0A, "DailyRepeatingScheduleGet"),
            (0x0B, "DailyRepeatingScheduleReport"),
        ],
    ),
];
