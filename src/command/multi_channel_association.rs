//! Multi Channel Association (0x8E) v1–5: Association, with end points (docs/protocol/command-classes.md Associations).

use nom::Parser;
use nom::bytes::complete::{tag, take_till};
use nom::combinator::opt;
use nom::multi::many0;
use nom::number::complete::be_u8;
use nom::sequence::{pair, preceded};
use serde::Serialize;

pub use super::association::{Get, SupportedGroupingsReport};
use super::codec::{Parsed, as_hex};
use super::multi_channel::Destination;
use super::spec::{Kind, command_class};

command_class! {
    MultiChannelAssociation {
        /// Adds members to a group.
        Set(Members) = 0x01, v 1, Kind::Set;
        Get(Get) = 0x02, v 1, Kind::Get { reply: 0x03 };
        Report(Report) = 0x03, v 1, Kind::Report;
        /// Takes members out: none named means all of the group; group 0 means everywhere (v2).
        Remove(Members) = 0x04, v 1, Kind::Set;
        SupportedGroupingsGet = 0x05, v 1, Kind::Get { reply: 0x06 };
        SupportedGroupingsReport(SupportedGroupingsReport) = 0x06, v 1, Kind::Report;
    }
}

/// Stands between nodes and end points.
const MARKER: u8 = 0x00;

/// An end point of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EndPoint {
    pub node: u8,
    /// Its end point, or several.
    pub endpoint: Destination,
}

impl EndPoint {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (node, endpoint)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { node, endpoint: Destination(endpoint) }))
    }
}

/// Nodes to the marker, and end points after it.
fn members(input: &[u8]) -> Parsed<'_, (Vec<u8>, Vec<EndPoint>)> {
    let (input, nodes) = take_till(|byte| byte == MARKER)(input)?;
    let (input, endpoints) = opt(preceded(tag(&[MARKER][..]), many0(EndPoint::parse))).parse(input)?;
    Ok((input, (nodes.to_vec(), endpoints.unwrap_or_default())))
}

fn write_members(nodes: &[u8], endpoints: &[EndPoint], out: &mut Vec<u8>) {
    out.extend(nodes);
    if !endpoints.is_empty() {
        out.push(MARKER);
        out.extend(endpoints.iter().flat_map(|it| [it.node, it.endpoint.0]));
    }
}

/// Members to add to a group, or to take out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Members {
    /// The group, from 1.
    pub group: u8,
    /// Node ids, 1–232: whole nodes.
    #[serde(rename = "members_hex", serialize_with = "as_hex")]
    pub nodes: Vec<u8>,
    /// End points of nodes.
    pub endpoints: Vec<EndPoint>,
}

impl Members {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (group, (nodes, endpoints))) = pair(be_u8, members).parse(input)?;
        Ok((input, Self { group, nodes, endpoints }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.group);
        write_members(&self.nodes, &self.endpoints, out);
    }
}

/// The members of a group; a long list takes several reports.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    pub group: u8,
    /// How many members it can hold.
    pub max_nodes: u8,
    /// How many reports follow this one.
    pub reports_to_follow: u8,
    #[serde(rename = "members_hex", serialize_with = "as_hex")]
    pub nodes: Vec<u8>,
    /// End points of nodes.
    pub endpoints: Vec<EndPoint>,
}

impl Report {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (group, max_nodes)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (reports_to_follow, (nodes, endpoints))) = pair(be_u8, members).parse(input)?;
        Ok((input, Self { group, max_nodes, reports_to_follow, nodes, endpoints }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.group, self.max_nodes, self.reports_to_follow]);
        write_members(&self.nodes, &self.endpoints, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    #[test]
    fn an_end_point_that_lost_its_half_is_not_taken_for_a_node() {
        let Ok(Command::MultiChannelAssociation(MultiChannelAssociation::Set(set))) =
            Command::parse(&[0x8E, 0x01, 0x01, 0x02, 0x03, 0x00, 0x04, 0x01, 0x05])
        else {
            panic!("not a Set")
        };
        assert_eq!((set.nodes, set.endpoints), (vec![2, 3], vec![EndPoint { node: 4, endpoint: Destination(1) }]));
    }
}
