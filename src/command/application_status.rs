//! Application Status (0x22) v1: why a node does not answer (docs/protocol/command-classes.md 0x22).

use nom::Parser;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::codec::Parsed;
use super::spec::{Kind, command_class};

command_class! {
    ApplicationStatus {
        Busy(Busy) = 0x01, v 1, Kind::Report;
        RejectedRequest(RejectedRequest) = 0x02, v 1, Kind::Report;
    }
}

/// When to ask again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct BusyStatus(pub u8);

impl BusyStatus {
    pub const TRY_AGAIN_LATER: Self = Self(0);
    /// After the wait time.
    pub const TRY_AGAIN_IN_WAIT_TIME: Self = Self(1);
    /// Not again: the request waits in the node and will be done.
    pub const REQUEST_QUEUED: Self = Self(2);
}

/// The node has no time for the last request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Busy {
    /// When to ask again.
    pub status: BusyStatus,
    /// Seconds to wait, if the status says so.
    pub wait_time: u8,
}

impl Busy {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (status, wait_time)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { status: BusyStatus(status), wait_time }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.status.0, self.wait_time]);
    }
}

/// The node refused the last request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct RejectedRequest {
    /// Always 0 in this version.
    pub status: u8,
}

impl RejectedRequest {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, status) = be_u8(input)?;
        Ok((input, Self { status }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.status);
    }
}
