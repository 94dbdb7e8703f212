//! Wake Up (0x84) v1–3: nodes that sleep and call in by themselves, not beam-woken locks
//! (docs/protocol/command-classes.md 0x84).

use nom::Parser;
use nom::number::complete::{be_u8, be_u24};
use nom::sequence::pair;
use serde::Serialize;

use super::codec::{Parsed, optional_u8};
use super::spec::{Kind, command_class};

command_class! {
    WakeUp {
        /// Sets how often the node wakes and which node it notifies.
        IntervalSet(Interval) = 0x04, v 1, Kind::Set;
        IntervalGet = 0x05, v 1, Kind::Get { reply: 0x06 };
        IntervalReport(Interval) = 0x06, v 1, Kind::Report;
        /// Awake now, for some ten seconds.
        Notification = 0x07, v 1, Kind::Report;
        /// Nothing more for you: sleep.
        NoMoreInformation = 0x08, v 1, Kind::Set;
        IntervalCapabilitiesGet = 0x09, v 2, Kind::Get { reply: 0x0A };
        IntervalCapabilitiesReport(IntervalCapabilitiesReport) = 0x0A, v 2, Kind::Report;
    }
}

/// How often the node wakes, and which node it notifies then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Interval {
    /// Seconds; 24 bits on the wire, more is sent as the maximum.
    pub interval: u32,
    /// The node it calls; 255 broadcasts.
    pub target_node: u8,
}

impl Interval {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (interval, target_node)) = pair(be_u24, be_u8).parse(input)?;
        Ok((input, Self { interval, target_node }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_u24(self.interval, out);
        out.push(self.target_node);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct IntervalCapabilitiesReport {
    pub min: u32,
    pub max: u32,
    pub default: u32,
    /// Intervals are multiples of this.
    pub step: u32,
    /// v3: bit 0, a command can keep the node awake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u8>,
}

impl IntervalCapabilitiesReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (min, max)) = pair(be_u24, be_u24).parse(input)?;
        let (input, (default, step)) = pair(be_u24, be_u24).parse(input)?;
        let (input, flags) = optional_u8(input)?;
        Ok((input, Self { min, max, default, step, flags }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        for seconds in [self.min, self.max, self.default, self.step] {
            write_u24(seconds, out);
        }
        out.extend(self.flags);
    }
}

fn write_u24(value: u32, out: &mut Vec<u8>) {
    let [_, bytes @ ..] = value.min(0x00FF_FFFF).to_be_bytes();
    out.extend(bytes);
}
