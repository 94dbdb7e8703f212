//! Association (0x85) v1–3: which nodes get which reports (docs/protocol/command-classes.md Associations).

use nom::Parser;
use nom::combinator::rest;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::codec::{Parsed, as_hex};
use super::spec::{Kind, command_class};

command_class! {
    Association {
        /// Adds nodes to a group.
        Set(Members) = 0x01, v 1, Kind::Set;
        Get(Get) = 0x02, v 1, Kind::Get { reply: 0x03 };
        Report(Report) = 0x03, v 1, Kind::Report;
        /// Takes nodes out of a group: none named means all of it; group 0 means everywhere (v2).
        Remove(Members) = 0x04, v 1, Kind::Set;
        SupportedGroupingsGet = 0x05, v 1, Kind::Get { reply: 0x06 };
        SupportedGroupingsReport(SupportedGroupingsReport) = 0x06, v 1, Kind::Report;
        SpecificGroupGet = 0x0B, v 2, Kind::Get { reply: 0x0C };
        SpecificGroupReport(SpecificGroupReport) = 0x0C, v 2, Kind::Report;
    }
}

/// Nodes to add to a group, or to take out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Members {
    /// The group, from 1.
    pub group: u8,
    /// Node ids from 1 to 232.
    #[serde(rename = "members_hex", serialize_with = "as_hex")]
    pub nodes: Vec<u8>,
}

impl Members {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (group, nodes)) = pair(be_u8, rest).parse(input)?;
        Ok((input, Self { group, nodes: nodes.to_vec() }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.group);
        out.extend(&self.nodes);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Get {
    /// The group, from 1.
    pub group: u8,
}

impl Get {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, group) = be_u8(input)?;
        Ok((input, Self { group }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.group);
    }
}

/// The members of a group; a long list takes several reports.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    pub group: u8,
    /// How many nodes it can hold.
    pub max_nodes: u8,
    /// How many reports follow this one.
    pub reports_to_follow: u8,
    #[serde(rename = "members_hex", serialize_with = "as_hex")]
    pub nodes: Vec<u8>,
}

impl Report {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (group, max_nodes)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (reports_to_follow, nodes)) = pair(be_u8, rest).parse(input)?;
        Ok((input, Self { group, max_nodes, reports_to_follow, nodes: nodes.to_vec() }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.group, self.max_nodes, self.reports_to_follow]);
        out.extend(&self.nodes);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SupportedGroupingsReport {
    /// Groups 1 to this.
    pub groups: u8,
}

impl SupportedGroupingsReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, groups) = be_u8(input)?;
        Ok((input, Self { groups }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.groups);
    }
}

/// The group of the button pressed last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SpecificGroupReport {
    /// The group; 0 where the node has no such notion.
    pub group: u8,
}

impl SpecificGroupReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, group) = be_u8(input)?;
        Ok((input, Self { group }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.group);
    }
}
