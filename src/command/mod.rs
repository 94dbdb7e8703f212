//! Command classes: one file each, a table of commands and plain structs with `parse` and `write`. Pure codecs:
//! nothing here decrypts, looks up nodes or logs.
//!
//! A shorter frame is an older version, so what newer versions appended is an `Option`; bytes after the part we know
//! are ignored. Numbers that grow are open newtypes, and unknown ones re-encode as they came. Codes are
//! [`CodeText`](crate::domain::pin::CodeText): `Debug` and JSON show stars.

pub mod application_status;
pub mod association;
pub mod association_group_info;
pub mod basic;
pub mod battery;
mod class;
pub mod codec;
pub mod configuration;
pub mod crc16;
pub mod crc16_encapsulation;
pub mod device_reset_locally;
pub mod door_lock;
pub mod door_lock_logging;
pub mod entry_control;
pub mod indicator;
pub mod manufacturer_specific;
pub mod multi_channel;
pub mod multi_channel_association;
pub mod multi_command;
pub mod names;
mod nesting;
pub mod notification;
pub mod powerlevel;
pub mod redact;
pub mod schedule_entry_lock;
pub mod security;
pub mod security_2;
pub mod spec;
pub mod supervision;
pub mod time;
pub mod time_parameters;
pub mod transport_service;
pub mod user_code;
pub mod user_credential;
pub mod version;
pub mod wake_up;
pub mod zwave_plus_info;

use std::fmt;

use nesting::Depth;
use serde::{Serialize, Serializer};

pub use class::ClassId;
pub use spec::{CommandSpec, Kind};

/// One command: what an application payload says, without any encapsulation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Command {
    /// No Operation (0x00): a ping.
    NoOperation,
    /// Basic (0x20).
    Basic(basic::Basic),
    /// Application Status (0x22).
    ApplicationStatus(application_status::ApplicationStatus),
    /// Door Lock Logging (0x4C).
    DoorLockLogging(door_lock_logging::DoorLockLogging),
    /// Schedule Entry Lock (0x4E).
    ScheduleEntryLock(schedule_entry_lock::ScheduleEntryLock),
    /// Transport Service (0x55).
    TransportService(transport_service::TransportService),
    /// CRC-16 Encapsulation (0x56).
    Crc16Encapsulation(crc16_encapsulation::Crc16Encapsulation),
    /// Association Group Information (0x59).
    AssociationGroupInfo(association_group_info::AssociationGroupInfo),
    /// Device Reset Locally (0x5A).
    DeviceResetLocally(device_reset_locally::DeviceResetLocally),
    /// Z-Wave Plus Info (0x5E).
    ZwavePlusInfo(zwave_plus_info::ZwavePlusInfo),
    /// Multi Channel, formerly Multi Instance (0x60).
    MultiChannel(multi_channel::MultiChannel),
    /// Door Lock (0x62).
    DoorLock(door_lock::DoorLock),
    /// User Code (0x63).
    UserCode(user_code::UserCode),
    /// Supervision (0x6C).
    Supervision(supervision::Supervision),
    /// Entry Control (0x6F).
    EntryControl(entry_control::EntryControl),
    /// Configuration (0x70).
    Configuration(configuration::Configuration),
    /// Notification, formerly Alarm (0x71).
    Notification(notification::Notification),
    /// Manufacturer Specific (0x72).
    ManufacturerSpecific(manufacturer_specific::ManufacturerSpecific),
    /// Powerlevel (0x73).
    Powerlevel(powerlevel::Powerlevel),
    /// Battery (0x80).
    Battery(battery::Battery),
    /// User Credential (0x83).
    UserCredential(user_credential::UserCredential),
    /// Wake Up (0x84).
    WakeUp(wake_up::WakeUp),
    /// Association (0x85).
    Association(association::Association),
    /// Version (0x86).
    Version(version::Version),
    /// Indicator (0x87).
    Indicator(indicator::Indicator),
    /// Time (0x8A).
    Time(time::Time),
    /// Time Parameters (0x8B).
    TimeParameters(time_parameters::TimeParameters),
    /// Multi Channel Association (0x8E).
    MultiChannelAssociation(multi_channel_association::MultiChannelAssociation),
    /// Multi Command (0x8F).
    MultiCommand(multi_command::MultiCommand),
    /// Security (0x98).
    Security(security::Security),
    /// Security 2 (0x9F).
    Security2(security_2::Security2),
    /// A class or command this module has no struct for.
    Other {
        /// Its class.
        #[serde(skip)]
        class: ClassId,
        /// Its number, where there is one.
        #[serde(skip)]
        command: Option<u8>,
        /// What follows.
        #[serde(rename = "body_hex")]
        body: Body,
    },
}

/// Why bytes are not a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// No class.
    #[error("the payload is empty")]
    Empty,
    /// The parameters end before those that even version 1 has.
    #[error("the parameters of {class} command 0x{command:02x} are cut short")]
    Truncated {
        /// The class.
        class: ClassId,
        /// The command.
        command: u8,
    },
    /// The checksum is wrong: these are not the bytes that were sent.
    #[error("the checksum of {class} command 0x{command:02x} is wrong")]
    Damaged {
        /// The class.
        class: ClassId,
        /// The command.
        command: u8,
    },
}

impl Command {
    /// Reads a payload that begins with the class byte.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        Self::parse_within(payload, Depth::OUTERMOST)
    }

    fn parse_within(payload: &[u8], depth: Depth) -> Result<Self, ParseError> {
        let (class, rest) = ClassId::split(payload).ok_or(ParseError::Empty)?;
        if class == ClassId::NO_OPERATION {
            return Ok(Self::NoOperation);
        }
        let Some((&command, parameters)) = rest.split_first() else {
            return Ok(Self::opaque(class, rest));
        };
        let parsed = match class {
            ClassId::BASIC => basic::Basic::parse(command, parameters, depth).map(|it| it.map(Self::Basic)),
            ClassId::APPLICATION_STATUS => {
                application_status::ApplicationStatus::parse(command, parameters, depth).map(|it| it.map(Self::ApplicationStatus))
            }
            ClassId::SCHEDULE_ENTRY_LOCK => schedule_entry_lock::ScheduleEntryLock::parse(command, parameters, depth)
                .map(|it| it.map(Self::ScheduleEntryLock)),
            ClassId::DOOR_LOCK_LOGGING => {
                door_lock_logging::DoorLockLogging::parse(command, parameters, depth).map(|it| it.map(Self::DoorLockLogging))
            }
            ClassId::TRANSPORT_SERVICE => {
                transport_service::TransportService::parse(command, parameters, depth).map(|it| it.map(Self::TransportService))
            }
            ClassId::CRC16_ENCAPSULATION => crc16_encapsulation::Crc16Encapsulation::parse(command, parameters, depth)
                .map(|it| it.map(Self::Crc16Encapsulation)),
            ClassId::ASSOCIATION_GROUP_INFORMATION => {
                association_group_info::AssociationGroupInfo::parse(command, parameters, depth)
                    .map(|it| it.map(Self::AssociationGroupInfo))
            }
            ClassId::DEVICE_RESET_LOCALLY => device_reset_locally::DeviceResetLocally::parse(command, parameters, depth)
                .map(|it| it.map(Self::DeviceResetLocally)),
            ClassId::Z_WAVE_PLUS_INFO => {
                zwave_plus_info::ZwavePlusInfo::parse(command, parameters, depth).map(|it| it.map(Self::ZwavePlusInfo))
            }
            ClassId::MULTI_CHANNEL => {
                multi_channel::MultiChannel::parse(command, parameters, depth).map(|it| it.map(Self::MultiChannel))
            }
            ClassId::DOOR_LOCK => door_lock::DoorLock::parse(command, parameters, depth).map(|it| it.map(Self::DoorLock)),
            ClassId::USER_CODE => user_code::UserCode::parse(command, parameters, depth).map(|it| it.map(Self::UserCode)),
            ClassId::ENTRY_CONTROL => {
                entry_control::EntryControl::parse(command, parameters, depth).map(|it| it.map(Self::EntryControl))
            }
            ClassId::SUPERVISION => {
                supervision::Supervision::parse(command, parameters, depth).map(|it| it.map(Self::Supervision))
            }
            ClassId::CONFIGURATION => {
                configuration::Configuration::parse(command, parameters, depth).map(|it| it.map(Self::Configuration))
            }
            ClassId::NOTIFICATION => {
                notification::Notification::parse(command, parameters, depth).map(|it| it.map(Self::Notification))
            }
            ClassId::MANUFACTURER_SPECIFIC => manufacturer_specific::ManufacturerSpecific::parse(command, parameters, depth)
                .map(|it| it.map(Self::ManufacturerSpecific)),
            ClassId::POWERLEVEL => powerlevel::Powerlevel::parse(command, parameters, depth).map(|it| it.map(Self::Powerlevel)),
            ClassId::USER_CREDENTIAL => {
                user_credential::UserCredential::parse(command, parameters, depth).map(|it| it.map(Self::UserCredential))
            }
            ClassId::BATTERY => battery::Battery::parse(command, parameters, depth).map(|it| it.map(Self::Battery)),
            ClassId::WAKE_UP => wake_up::WakeUp::parse(command, parameters, depth).map(|it| it.map(Self::WakeUp)),
            ClassId::ASSOCIATION => {
                association::Association::parse(command, parameters, depth).map(|it| it.map(Self::Association))
            }
            ClassId::VERSION => version::Version::parse(command, parameters, depth).map(|it| it.map(Self::Version)),
            ClassId::INDICATOR => indicator::Indicator::parse(command, parameters, depth).map(|it| it.map(Self::Indicator)),
            ClassId::TIME => time::Time::parse(command, parameters, depth).map(|it| it.map(Self::Time)),
            ClassId::TIME_PARAMETERS => {
                time_parameters::TimeParameters::parse(command, parameters, depth).map(|it| it.map(Self::TimeParameters))
            }
            ClassId::MULTI_CHANNEL_ASSOCIATION => {
                multi_channel_association::MultiChannelAssociation::parse(command, parameters, depth)
                    .map(|it| it.map(Self::MultiChannelAssociation))
            }
            ClassId::MULTI_COMMAND => {
                multi_command::MultiCommand::parse(command, parameters, depth).map(|it| it.map(Self::MultiCommand))
            }
            ClassId::SECURITY => security::Security::parse(command, parameters, depth).map(|it| it.map(Self::Security)),
            ClassId::SECURITY_2 => security_2::Security2::parse(command, parameters, depth).map(|it| it.map(Self::Security2)),
            _ => None,
        };
        match parsed {
            Some(Ok(parsed)) => Ok(parsed),
            Some(Err(nom::Err::Failure(_))) => Err(ParseError::Damaged { class, command }),
            Some(Err(_)) => Err(ParseError::Truncated { class, command }),
            None => Ok(Self::opaque(class, rest)),
        }
    }

    /// The payload, class byte first.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.class().write(&mut out);
        out.extend(self.number());
        match self {
            Self::NoOperation => {}
            Self::Basic(it) => it.write(&mut out),
            Self::ApplicationStatus(it) => it.write(&mut out),
            Self::DoorLockLogging(it) => it.write(&mut out),
            Self::ScheduleEntryLock(it) => it.write(&mut out),
            Self::TransportService(it) => it.write(&mut out),
            Self::Crc16Encapsulation(it) => it.write(&mut out),
            Self::AssociationGroupInfo(it) => it.write(&mut out),
            Self::DeviceResetLocally(it) => it.write(&mut out),
            Self::ZwavePlusInfo(it) => it.write(&mut out),
            Self::MultiChannel(it) => it.write(&mut out),
            Self::DoorLock(it) => it.write(&mut out),
            Self::UserCode(it) => it.write(&mut out),
            Self::Supervision(it) => it.write(&mut out),
            Self::EntryControl(it) => it.write(&mut out),
            Self::Configuration(it) => it.write(&mut out),
            Self::Notification(it) => it.write(&mut out),
            Self::ManufacturerSpecific(it) => it.write(&mut out),
            Self::Powerlevel(it) => it.write(&mut out),
            Self::Battery(it) => it.write(&mut out),
            Self::UserCredential(it) => it.write(&mut out),
            Self::WakeUp(it) => it.write(&mut out),
            Self::Association(it) => it.write(&mut out),
            Self::Version(it) => it.write(&mut out),
            Self::Indicator(it) => it.write(&mut out),
            Self::Time(it) => it.write(&mut out),
            Self::TimeParameters(it) => it.write(&mut out),
            Self::MultiChannelAssociation(it) => it.write(&mut out),
            Self::MultiCommand(it) => it.write(&mut out),
            Self::Security(it) => it.write(&mut out),
            Self::Security2(it) => it.write(&mut out),
            Self::Other { body, .. } => out.extend(&body.0),
        }
        out
    }

    /// The class.
    pub fn class(&self) -> ClassId {
        match self {
            Self::NoOperation => ClassId::NO_OPERATION,
            Self::Basic(_) => ClassId::BASIC,
            Self::ApplicationStatus(_) => ClassId::APPLICATION_STATUS,
            Self::DoorLockLogging(_) => ClassId::DOOR_LOCK_LOGGING,
            Self::ScheduleEntryLock(_) => ClassId::SCHEDULE_ENTRY_LOCK,
            Self::TransportService(_) => ClassId::TRANSPORT_SERVICE,
            Self::Crc16Encapsulation(_) => ClassId::CRC16_ENCAPSULATION,
            Self::AssociationGroupInfo(_) => ClassId::ASSOCIATION_GROUP_INFORMATION,
            Self::DeviceResetLocally(_) => ClassId::DEVICE_RESET_LOCALLY,
            Self::ZwavePlusInfo(_) => ClassId::Z_WAVE_PLUS_INFO,
            Self::MultiChannel(_) => ClassId::MULTI_CHANNEL,
            Self::DoorLock(_) => ClassId::DOOR_LOCK,
            Self::UserCode(_) => ClassId::USER_CODE,
            Self::Supervision(_) => ClassId::SUPERVISION,
            Self::EntryControl(_) => ClassId::ENTRY_CONTROL,
            Self::Configuration(_) => ClassId::CONFIGURATION,
            Self::Notification(_) => ClassId::NOTIFICATION,
            Self::ManufacturerSpecific(_) => ClassId::MANUFACTURER_SPECIFIC,
            Self::Powerlevel(_) => ClassId::POWERLEVEL,
            Self::Battery(_) => ClassId::BATTERY,
            Self::UserCredential(_) => ClassId::USER_CREDENTIAL,
            Self::WakeUp(_) => ClassId::WAKE_UP,
            Self::Association(_) => ClassId::ASSOCIATION,
            Self::Version(_) => ClassId::VERSION,
            Self::Indicator(_) => ClassId::INDICATOR,
            Self::Time(_) => ClassId::TIME,
            Self::TimeParameters(_) => ClassId::TIME_PARAMETERS,
            Self::MultiChannelAssociation(_) => ClassId::MULTI_CHANNEL_ASSOCIATION,
            Self::MultiCommand(_) => ClassId::MULTI_COMMAND,
            Self::Security(_) => ClassId::SECURITY,
            Self::Security2(_) => ClassId::SECURITY_2,
            Self::Other { class, .. } => *class,
        }
    }

    /// The number of the command within its class; No Operation has none.
    pub fn number(&self) -> Option<u8> {
        match self {
            Self::NoOperation => None,
            Self::Basic(it) => Some(it.number()),
            Self::ApplicationStatus(it) => Some(it.number()),
            Self::DoorLockLogging(it) => Some(it.number()),
            Self::ScheduleEntryLock(it) => Some(it.number()),
            Self::TransportService(it) => Some(it.number()),
            Self::Crc16Encapsulation(it) => Some(it.number()),
            Self::AssociationGroupInfo(it) => Some(it.number()),
            Self::DeviceResetLocally(it) => Some(it.number()),
            Self::ZwavePlusInfo(it) => Some(it.number()),
            Self::MultiChannel(it) => Some(it.number()),
            Self::DoorLock(it) => Some(it.number()),
            Self::UserCode(it) => Some(it.number()),
            Self::Supervision(it) => Some(it.number()),
            Self::EntryControl(it) => Some(it.number()),
            Self::Configuration(it) => Some(it.number()),
            Self::Notification(it) => Some(it.number()),
            Self::ManufacturerSpecific(it) => Some(it.number()),
            Self::Powerlevel(it) => Some(it.number()),
            Self::Battery(it) => Some(it.number()),
            Self::UserCredential(it) => Some(it.number()),
            Self::WakeUp(it) => Some(it.number()),
            Self::Association(it) => Some(it.number()),
            Self::Version(it) => Some(it.number()),
            Self::Indicator(it) => Some(it.number()),
            Self::Time(it) => Some(it.number()),
            Self::TimeParameters(it) => Some(it.number()),
            Self::MultiChannelAssociation(it) => Some(it.number()),
            Self::MultiCommand(it) => Some(it.number()),
            Self::Security(it) => Some(it.number()),
            Self::Security2(it) => Some(it.number()),
            Self::Other { command, .. } => *command,
        }
    }

    /// The row of this command in its class's table; `None` for [`Command::Other`] and No Operation.
    pub fn spec(&self) -> Option<&'static CommandSpec> {
        let number = match self.class() {
            ClassId::TRANSPORT_SERVICE => transport_service::row_of(self.number()?),
            _ => self.number()?,
        };
        commands_of(self.class()).iter().find(|row| row.number == number)
    }

    /// The command's name within its class: `UsersNumberGet`.
    pub fn name(&self) -> Option<&'static str> {
        match self.spec() {
            Some(row) => Some(row.name),
            None => names::command_name(self.class(), self.number()?),
        }
    }

    /// A payload whose parameters are kept as they came; `rest` is what follows the class.
    pub fn opaque(class: ClassId, rest: &[u8]) -> Self {
        match rest.split_first() {
            Some((&command, body)) => Self::Other { class, command: Some(command), body: Body(body.to_vec()) },
            None => Self::Other { class, command: None, body: Body(Vec::new()) },
        }
    }
}

/// `User Code Report`: class and command, never parameters.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.number()) {
            (Some(name), _) => write!(f, "{} {name}", self.class()),
            (None, Some(number)) => write!(f, "{} 0x{number:02x}", self.class()),
            (None, None) => write!(f, "{}", self.class()),
        }
    }
}

/// The table of a class this module has structs for; empty for the others.
pub fn commands_of(class: ClassId) -> &'static [CommandSpec] {
    match class {
        ClassId::BASIC => basic::COMMANDS,
        ClassId::APPLICATION_STATUS => application_status::COMMANDS,
        ClassId::DOOR_LOCK_LOGGING => door_lock_logging::COMMANDS,
        ClassId::SCHEDULE_ENTRY_LOCK => schedule_entry_lock::COMMANDS,
        ClassId::TRANSPORT_SERVICE => transport_service::COMMANDS,
        ClassId::CRC16_ENCAPSULATION => crc16_encapsulation::COMMANDS,
        ClassId::ASSOCIATION_GROUP_INFORMATION => association_group_info::COMMANDS,
        ClassId::DEVICE_RESET_LOCALLY => device_reset_locally::COMMANDS,
        ClassId::Z_WAVE_PLUS_INFO => zwave_plus_info::COMMANDS,
        ClassId::MULTI_CHANNEL => multi_channel::COMMANDS,
        ClassId::DOOR_LOCK => door_lock::COMMANDS,
        ClassId::USER_CODE => user_code::COMMANDS,
        ClassId::SUPERVISION => supervision::COMMANDS,
        ClassId::ENTRY_CONTROL => entry_control::COMMANDS,
        ClassId::CONFIGURATION => configuration::COMMANDS,
        ClassId::NOTIFICATION => notification::COMMANDS,
        ClassId::MANUFACTURER_SPECIFIC => manufacturer_specific::COMMANDS,
        ClassId::POWERLEVEL => powerlevel::COMMANDS,
        ClassId::BATTERY => battery::COMMANDS,
        ClassId::USER_CREDENTIAL => user_credential::COMMANDS,
        ClassId::WAKE_UP => wake_up::COMMANDS,
        ClassId::ASSOCIATION => association::COMMANDS,
        ClassId::VERSION => version::COMMANDS,
        ClassId::INDICATOR => indicator::COMMANDS,
        ClassId::TIME => time::COMMANDS,
        ClassId::TIME_PARAMETERS => time_parameters::COMMANDS,
        ClassId::MULTI_CHANNEL_ASSOCIATION => multi_channel_association::COMMANDS,
        ClassId::MULTI_COMMAND => multi_command::COMMANDS,
        ClassId::SECURITY => security::COMMANDS,
        ClassId::SECURITY_2 => security_2::COMMANDS,
        _ => &[],
    }
}

/// Parameters nobody took apart. They may hold codes or keys, so neither `Debug` nor JSON shows them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Body(pub Vec<u8>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codec::masked(self, serializer)
    }
}

#[cfg(test)]
mod tests;
