//! Commands inside commands: how they are read, and how they are shown.

use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::Command;
use super::class::ClassId;
use super::depth::Depth;

impl Depth {
    /// The command inside an encapsulation at this depth. What can't be parsed, or is too deep, is [`Command::Other`]:
    /// it still has a class, and gets its answer. `None`: there is not even a class.
    pub(super) fn command(self, inner: &[u8]) -> Option<Command> {
        let (class, rest) = ClassId::split(inner)?;
        let parsed = self.deeper().and_then(|depth| Command::parse_within(inner, depth).ok());
        Some(parsed.unwrap_or_else(|| Command::opaque(class, rest)))
    }
}

/// Class, command and fields of a command inside another.
struct Named<'a>(&'a Command);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Command", 3)?;
        out.serialize_field("class", &self.0.class().to_string())?;
        out.serialize_field("command", &self.0.name())?;
        out.serialize_field("fields", self.0)?;
        out.end()
    }
}

/// A command inside another, in JSON.
pub(super) fn named<S: Serializer>(command: &Command, serializer: S) -> Result<S::Ok, S::Error> {
    Named(command).serialize(serializer)
}

/// Commands inside another, in JSON.
pub(super) fn all_named<S: Serializer>(commands: &[Command], serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_seq(Some(commands.len()))?;
    for command in commands {
        out.serialize_element(&Named(command))?;
    }
    out.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::depth::LEVELS;

    /// Those that are opened, one that is read but not opened, and its bytes.
    const DEEPEST: usize = LEVELS as usize + 2;

    fn levels_of(command: &Command) -> usize {
        1 + command.encapsulated().iter().map(levels_of).max().unwrap_or_default()
    }

    /// The longest frames there are, the longest datagram, and far more, of one encapsulation around the next.
    fn nested(level: &[u8], len: usize) -> Vec<u8> {
        level.iter().copied().cycle().take(len - len % level.len()).collect()
    }

    #[test]
    fn a_hostile_frame_of_nothing_but_encapsulations_costs_neither_stack_nor_time() {
        for level in [&[0x6C, 0x01, 0x05, 0xFF][..], &[0x60, 0x0D, 0x00, 0x01], &[0x60, 0x06, 0x01], &[0x8F, 0x01, 0x01, 0xFF]] {
            for len in [48, 255, 2047, 1 << 20] {
                let payload = nested(level, len);
                // Cut short at the far end, which some classes refuse.
                let Ok(command) = Command::parse(&payload) else { continue };
                assert!(levels_of(&command) <= DEEPEST, "{level:02x?}");
                let _ = (format!("{command:?}"), serde_json::to_string(&command), command.write());
            }
        }
    }

    #[test]
    fn a_checksum_around_a_checksum_without_end_is_not_counted_again_at_every_level() {
        let mut payload = vec![0x20, 0x02];
        for _ in 0..500 {
            let mut outer = vec![0x56, 0x01];
            super::super::crc16::append([0x56, 0x01], &payload, &mut outer);
            payload = outer;
        }
        let command = Command::parse(&payload).unwrap();
        assert_eq!(levels_of(&command), DEEPEST);
        assert_eq!(command.write(), payload, "what stayed bytes is written as it came");
    }

    #[test]
    fn the_deepest_lawful_frame_is_opened_to_its_last_command() {
        // CRC-16, Multi Channel, Supervision, Multi Command, Door Lock Operation Set.
        let inner = [0x60, 0x0D, 0x00, 0x01, 0x6C, 0x01, 0x05, 0x07, 0x8F, 0x01, 0x01, 0x03, 0x62, 0x01, 0xFF];
        let mut payload = vec![0x56, 0x01];
        super::super::crc16::append([0x56, 0x01], &inner, &mut payload);
        let mut command = &Command::parse(&payload).unwrap();
        while let [inner] = command.encapsulated() {
            command = inner;
        }
        assert_eq!(command.to_string(), "Door Lock OperationSet");
    }

    #[test]
    fn many_short_commands_in_many_levels_are_read_once_a_level() {
        // Each Multi Command holds one as long as it can be, so a frame of 255 bytes has some sixty of them.
        let mut payload = vec![0x20, 0x02];
        while payload.len() < 250 {
            payload = [&[0x8F, 0x01, 0x01, u8::try_from(payload.len()).unwrap()][..], &payload].concat();
        }
        let command = Command::parse(&payload).unwrap();
        assert_eq!(levels_of(&command), DEEPEST);
        assert_eq!(command.write(), payload);
    }
}
