//! Powerlevel (0x73) v1: the transmission power of a node, and whether another hears it then
//! (docs/protocol/command-classes.md 0x73).

use nom::Parser;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::codec::Parsed;
use super::spec::{Kind, command_class};

command_class! {
    Powerlevel {
        Set(Level) = 0x01, v 1, Kind::Set;
        Get = 0x02, v 1, Kind::Get { reply: 0x03 };
        Report(Level) = 0x03, v 1, Kind::Report;
        TestNodeSet(TestNodeSet) = 0x04, v 1, Kind::Set;
        TestNodeGet = 0x05, v 1, Kind::Get { reply: 0x06 };
        /// Tells it; also unsolicited, when a test ends.
        TestNodeReport(TestNodeReport) = 0x06, v 1, Kind::Report;
    }
}

/// How much less than normal, in dB: 0 normal to 9.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct PowerLevel(pub u8);

impl PowerLevel {
    /// As loud as it can.
    pub const NORMAL: Self = Self(0);
    /// The last one that has a meaning.
    pub const LOWEST: Self = Self(9);
}

/// A power, and how long it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Level {
    pub power_level: PowerLevel,
    /// Seconds until it is normal again; without meaning where it is.
    pub timeout: u8,
}

impl Level {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (level, timeout)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { power_level: PowerLevel(level), timeout }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend([self.power_level.0, self.timeout]);
    }
}

/// Test frames to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TestNodeSet {
    pub test_node_id: u8,
    pub power_level: PowerLevel,
    pub test_frame_count: u16,
}

impl TestNodeSet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (node, level)) = pair(be_u8, be_u8).parse(input)?;
        let (input, frames) = be_u16(input)?;
        Ok((input, Self { test_node_id: node, power_level: PowerLevel(level), test_frame_count: frames }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend([self.test_node_id, self.power_level.0]);
        out.extend(self.test_frame_count.to_be_bytes());
    }
}

/// How a test stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct TestStatus(pub u8);

impl TestStatus {
    /// No frame was acknowledged.
    pub const FAILED: Self = Self(0);
    /// At least one was.
    pub const SUCCESS: Self = Self(1);
    pub const IN_PROGRESS: Self = Self(2);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TestNodeReport {
    /// The other node; 0 if there was no test.
    pub test_node_id: u8,
    pub status: TestStatus,
    /// Frames that were acknowledged.
    pub acknowledged_frames: u16,
}

impl TestNodeReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (node, status)) = pair(be_u8, be_u8).parse(input)?;
        let (input, acknowledged_frames) = be_u16(input)?;
        Ok((input, Self { test_node_id: node, status: TestStatus(status), acknowledged_frames }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend([self.test_node_id, self.status.0]);
        out.extend(self.acknowledged_frames.to_be_bytes());
    }
}
