//! CRC-16 Encapsulation (0x56) v1: a command and a checksum, for links of old nodes that have none worth the name
//! (docs/protocol/command-classes.md 0x56). Only between nodes without security; who is asked in it answers in it.
//!
//! A wrong checksum is [`ParseError::Damaged`](super::ParseError::Damaged).

use serde::Serialize;

use super::Command;
use super::codec::{Outcome, short};
use super::crc16;
use super::depth::Depth;
use super::nesting::named;
use super::spec::{Kind, command_class};

command_class! {
    Crc16Encapsulation {
        CommandEncapsulation(CommandEncapsulation, nesting) = 0x01, v 1, Kind::Report;
    }
}

/// What the checksum covers before the command: class and number.
const HEAD: [u8; 2] = [0x56, 0x01];

/// A command that arrived as it was sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CommandEncapsulation {
    /// The command. A command that cannot be parsed is [`Command::Other`].
    #[serde(rename = "encapsulated", serialize_with = "named")]
    pub command: Box<Command>,
}

impl CommandEncapsulation {
    fn parse(input: &[u8], depth: Depth) -> Outcome<'_, Self> {
        let inner = crc16::checked(HEAD, input)?;
        let command = depth.command(inner).ok_or_else(|| short(input))?;
        Ok(Self { command: Box::new(command) })
    }

    fn write(&self, out: &mut Vec<u8>) {
        crc16::append(HEAD, &self.command.write(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{ClassId, ParseError};

    #[test]
    fn a_command_that_changed_on_the_air_is_refused_and_not_obeyed() {
        let encapsulated = [0x56, 0x01, 0x62, 0x01, 0xFF, 0x87, 0x07];
        assert!(Command::parse(&encapsulated).is_ok());
        // The same with "unlock" in it.
        let changed = [0x56, 0x01, 0x62, 0x01, 0x00, 0x87, 0x07];
        let damaged = ParseError::Damaged { class: ClassId::CRC16_ENCAPSULATION, command: 0x01 };
        assert_eq!(Command::parse(&changed), Err(damaged));
        assert_eq!(damaged.to_string(), "the checksum of CRC-16 Encapsulation command 0x01 is wrong");
    }
}
