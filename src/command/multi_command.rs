//! Multi Command (0x8F) v1: several commands in one frame, which saves wake-ups
//! (docs/protocol/command-classes.md 0x8F). Only sent to nodes that support it; answers come one by one.

use nom::bytes::complete::take;
use nom::number::complete::be_u8;
use serde::Serialize;

use super::Command;
use super::codec::{Outcome, count, short};
use super::depth::Depth;
use super::nesting::all_named;
use super::spec::{Kind, command_class};

command_class! {
    MultiCommand {
        CommandEncapsulation(CommandEncapsulation, nesting) = 0x01, v 1, Kind::Report;
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CommandEncapsulation {
    /// The commands. A command that cannot be parsed is [`Command::Other`].
    #[serde(rename = "encapsulated", serialize_with = "all_named")]
    pub commands: Vec<Command>,
}

impl CommandEncapsulation {
    /// A frame that promises more commands than it has is damaged: none of them is trusted.
    fn parse(input: &[u8], depth: Depth) -> Outcome<'_, Self> {
        let (mut rest, promised) = be_u8(input)?;
        let mut commands = Vec::new();
        for _ in 0..promised {
            let (after, len) = be_u8(rest)?;
            let (after, inner) = take(len)(after)?;
            commands.push(depth.command(inner).ok_or_else(|| short(input))?);
            rest = after;
        }
        Ok(Self { commands })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(count(self.commands.len()));
        for command in &self.commands {
            let inner = command.write();
            out.push(count(inner.len()));
            out.extend(inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unreadable_command_does_not_hide_the_others() {
        // Door Lock Operation Report cut short, then Battery Report.
        let Ok(Command::MultiCommand(MultiCommand::CommandEncapsulation(multi))) =
            Command::parse(&[0x8F, 0x01, 0x02, 0x03, 0x62, 0x03, 0xFF, 0x03, 0x80, 0x03, 0x64])
        else {
            panic!("not a Multi Command")
        };
        let names: Vec<_> = multi.commands.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["Door Lock OperationReport", "Battery Report"]);
        assert!(matches!(multi.commands[0], Command::Other { .. }));
    }

    #[test]
    fn a_frame_that_lost_its_end_is_refused_as_a_whole() {
        assert!(Command::parse(&[0x8F, 0x01, 0x02, 0x02, 0x80, 0x02]).is_err());
        assert!(Command::parse(&[0x8F, 0x01, 0x01, 0x03, 0x80, 0x03]).is_err());
        assert!(Command::parse(&[0x8F, 0x01, 0x01, 0x00]).is_err(), "a command has at least a class");
    }
}
