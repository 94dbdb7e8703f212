//! Supervision (0x6C) v1–2: reports the result of a Set (docs/protocol/command-classes.md 0x6C).

use nom::Parser;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::Command;
use super::codec::{Outcome, Parsed, Transition, count, optional_u8, short, up_to};
use super::depth::Depth;
use super::nesting::named;
use super::spec::{Kind, command_class};

command_class! {
    Supervision {
        Get(Get, nesting) = 0x01, v 1, Kind::Get { reply: 0x02 };
        Report(Report) = 0x02, v 1, Kind::Report;
    }
}

/// Tells commands to one node apart: 0–63, then from the start. A retransmission keeps its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct SessionId(u8);

impl SessionId {
    /// The id with the low six bits of `number`.
    pub const fn new(number: u8) -> Self {
        Self(number & 0x3F)
    }

    /// The id after this one.
    pub const fn next(self) -> Self {
        Self::new(self.0 + 1)
    }

    /// The session number, 0 to 63.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// The result of a supervised command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Status(pub u8);

impl Status {
    /// The node does not know the command inside; send it bare.
    pub const NO_SUPPORT: Self = Self(0x00);
    /// Begun; another report follows.
    pub const WORKING: Self = Self(0x01);
    pub const FAIL: Self = Self(0x02);
    /// Busy. Defined in the command class XML only.
    pub const BUSY: Self = Self(0x03);
    pub const SUCCESS: Self = Self(0xFF);
}

/// A command whose sender requests the result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Get {
    /// Later updates are requested, not only the first report.
    pub status_updates: bool,
    /// Which command this is.
    pub session: SessionId,
    /// The command. A command that cannot be parsed is [`Command::Other`]: it still gets its answer.
    #[serde(rename = "encapsulated", serialize_with = "named")]
    pub command: Box<Command>,
}

impl Get {
    fn parse(input: &[u8], depth: Depth) -> Outcome<'_, Self> {
        let (input, (properties, len)) = pair(be_u8, be_u8).parse(input)?;
        let (_, inner) = up_to(len.into(), input)?;
        let command = depth.command(inner).ok_or_else(|| short(input))?;
        let session = SessionId::new(properties);
        Ok(Self { status_updates: properties & 0x80 != 0, session, command: Box::new(command) })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let inner = self.command.write();
        out.extend([u8::from(self.status_updates) << 7 | self.session.0, count(inner.len())]);
        out.extend(inner);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    pub more_updates: bool,
    /// Asks the sender to stay awake (since version 2).
    pub wake_up_request: bool,
    /// Which command this is about.
    pub session: SessionId,
    pub status: Status,
    /// How long it still takes.
    pub duration: Transition,
}

impl Report {
    /// The final report of `session`.
    pub fn final_of(session: SessionId, status: Status) -> Self {
        Self { more_updates: false, wake_up_request: false, session, status, duration: Transition::NONE }
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (properties, status)) = pair(be_u8, be_u8).parse(input)?;
        let (input, duration) = optional_u8(input)?;
        let report = Self {
            more_updates: properties & 0x80 != 0,
            wake_up_request: properties & 0x40 != 0,
            session: SessionId::new(properties),
            status: Status(status),
            duration: Transition(duration.unwrap_or_default()),
        };
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.more_updates) << 7 | u8::from(self.wake_up_request) << 6;
        out.extend([flags | self.session.0, self.status.0, self.duration.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::ClassId;

    #[test]
    fn session_ids_wrap_before_they_reach_the_flag_bits() {
        assert_eq!(SessionId::new(63).next(), SessionId::new(0));
        assert_eq!(SessionId::new(0xFF).number(), 63);
    }

    #[test]
    fn a_supervised_command_we_cannot_read_still_has_a_session_to_answer() {
        // Notification Report without any parameter.
        let Ok(Command::Supervision(Supervision::Get(get))) = Command::parse(&[0x6C, 0x01, 0x85, 0x02, 0x71, 0x05]) else {
            panic!("not a Supervision Get")
        };
        assert_eq!(get.session, SessionId::new(5));
        assert_eq!(get.command.class(), ClassId::NOTIFICATION);
        assert!(matches!(*get.command, Command::Other { command: Some(0x05), .. }));
    }
}
