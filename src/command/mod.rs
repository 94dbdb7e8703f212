//! Command classes: one file each, a table of commands and plain structs with `parse` and `write`. Pure codecs:
//! nothing here decrypts, looks up nodes or logs.
//!
//! A shorter frame is an older version, so what newer versions appended is an `Option`; bytes after the part we know
//! are ignored. Numbers that grow are open newtypes, and unknown ones re-encode as received. Codes are
//! [`CodeText`](crate::domain::pin::CodeText): `Debug` and JSON show stars.

pub mod application_status;
pub mod association;
pub mod association_group_info;
pub mod basic;
pub mod battery;
pub mod body;
pub mod class;
pub mod codec;
pub mod configuration;
pub mod crc16;
pub mod crc16_encapsulation;
mod depth;
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
mod table;
pub mod time;
pub mod time_parameters;
pub mod transport_service;
pub mod user_code;
pub mod user_credential;
pub mod version;
pub mod wake_up;
pub mod zwave_plus_info;

use std::fmt;

use crc16_encapsulation::Crc16Encapsulation;
use depth::Depth;
use multi_channel::MultiChannel;
use multi_command::MultiCommand;
use serde::Serialize;
use supervision::Supervision;
use table::command_classes;

pub use body::Body;
pub use class::ClassId;
pub use spec::{CommandSpec, Kind};

command_classes! {
    BASIC = basic::Basic;
    APPLICATION_STATUS = application_status::ApplicationStatus;
    DOOR_LOCK_LOGGING = door_lock_logging::DoorLockLogging;
    SCHEDULE_ENTRY_LOCK = schedule_entry_lock::ScheduleEntryLock;
    TRANSPORT_SERVICE = transport_service::TransportService;
    CRC16_ENCAPSULATION = crc16_encapsulation::Crc16Encapsulation;
    ASSOCIATION_GROUP_INFORMATION = association_group_info::AssociationGroupInfo;
    DEVICE_RESET_LOCALLY = device_reset_locally::DeviceResetLocally;
    Z_WAVE_PLUS_INFO = zwave_plus_info::ZwavePlusInfo;
    MULTI_CHANNEL = multi_channel::MultiChannel;
    DOOR_LOCK = door_lock::DoorLock;
    USER_CODE = user_code::UserCode;
    SUPERVISION = supervision::Supervision;
    ENTRY_CONTROL = entry_control::EntryControl;
    CONFIGURATION = configuration::Configuration;
    NOTIFICATION = notification::Notification;
    MANUFACTURER_SPECIFIC = manufacturer_specific::ManufacturerSpecific;
    POWERLEVEL = powerlevel::Powerlevel;
    BATTERY = battery::Battery;
    USER_CREDENTIAL = user_credential::UserCredential;
    WAKE_UP = wake_up::WakeUp;
    ASSOCIATION = association::Association;
    VERSION = version::Version;
    INDICATOR = indicator::Indicator;
    TIME = time::Time;
    TIME_PARAMETERS = time_parameters::TimeParameters;
    MULTI_CHANNEL_ASSOCIATION = multi_channel_association::MultiChannelAssociation;
    MULTI_COMMAND = multi_command::MultiCommand;
    SECURITY = security::Security;
    SECURITY_2 = security_2::Security2;
}

/// Why bytes are not a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    #[error("the payload is empty")]
    Empty,
    /// The parameters end before those that even version 1 has.
    #[error("the parameters of {class} command 0x{command:02x} are cut short")]
    Truncated { class: ClassId, command: u8 },
    /// The checksum is wrong: these are not the bytes that were sent.
    #[error("the checksum of {class} command 0x{command:02x} is wrong")]
    Damaged { class: ClassId, command: u8 },
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
        match Self::parse_as(class, command, parameters, depth) {
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
        self.write_parameters(&mut out);
        out
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

    /// The commands this one carries: one in most encapsulations, several in Multi Command, else none. What is encrypted,
    /// or in segments, is bytes still and not here.
    pub fn encapsulated(&self) -> &[Self] {
        match self {
            Self::Supervision(Supervision::Get(get)) => std::slice::from_ref(&*get.command),
            Self::Crc16Encapsulation(Crc16Encapsulation::CommandEncapsulation(it)) => std::slice::from_ref(&*it.command),
            Self::MultiChannel(MultiChannel::CommandEncapsulation(it)) => std::slice::from_ref(&*it.command),
            Self::MultiChannel(MultiChannel::V1CommandEncapsulation(it)) => std::slice::from_ref(&*it.command),
            Self::MultiCommand(MultiCommand::CommandEncapsulation(it)) => &it.commands,
            _ => &[],
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

#[cfg(test)]
mod tests;
