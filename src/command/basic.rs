//! Basic (0x20) v1–2. Locks map it to their mode; nothing is sent through it where Door Lock exists
//! (docs/protocol/command-classes.md 0x20).

use nom::number::complete::be_u8;
use serde::Serialize;

use super::codec::{Parsed, Transition, optional_u8};
use super::spec::{Kind, command_class};

command_class! {
    Basic {
        Set(Set) = 0x01, v 1, Kind::Set;
        Get = 0x02, v 1, Kind::Get { reply: 0x03 };
        Report(Report) = 0x03, v 1, Kind::Report;
    }
}

/// 0 off, 1–99 level, 0xFF on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Set {
    /// The value to take.
    pub value: u8,
}

impl Set {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, value) = be_u8(input)?;
        Ok((input, Self { value }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.value);
    }
}

/// 0 off, 1–99 level, 0xFE unknown, 0xFF on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    pub value: u8,
    /// Where it is going (v2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<u8>,
    /// How long that takes (v2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Transition>,
}

impl Report {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, value) = be_u8(input)?;
        let (input, target) = optional_u8(input)?;
        let (input, duration) = optional_u8(input)?;
        Ok((input, Self { value, target, duration: duration.map(Transition) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.value);
        if let Some(target) = self.target {
            out.push(target);
            out.extend(self.duration.map(|duration| duration.0));
        }
    }
}
