//! Multi Channel (0x60) v1–4, in version 1 called Multi Instance: several devices in one node
//! (docs/protocol/command-classes.md 0x60). Answers come with source and destination exchanged. The commands of version
//! 1 are named as Z-Wave JS names their classes, which is what the vectors go by.

use std::collections::BTreeSet;

use nom::Parser;
use nom::combinator::rest;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Command;
use super::class::ClassId;
use super::codec::{Outcome, Parsed, bits_of, count, mask_of, optional_u8, short, up_to};
use super::depth::Depth;
use super::nesting::named;
use super::spec::{Kind, command_class};

command_class! {
    MultiChannel {
        /// Multi Instance: asks how many instances of a class the node has.
        V1Get(V1Get) = 0x04, v 1, Kind::Get { reply: 0x05 };
        V1Report(V1Report) = 0x05, v 1, Kind::Report;
        /// Multi Instance: carries a command to or from an instance.
        V1CommandEncapsulation(V1CommandEncapsulation, nesting) = 0x06, v 1, Kind::Report;
        EndPointGet = 0x07, v 2, Kind::Get { reply: 0x08 };
        EndPointReport(EndPointReport) = 0x08, v 2, Kind::Report;
        CapabilityGet(EndPointId) = 0x09, v 2, Kind::Get { reply: 0x0A };
        CapabilityReport(CapabilityReport) = 0x0A, v 2, Kind::Report;
        EndPointFind(EndPointFind) = 0x0B, v 2, Kind::Get { reply: 0x0C };
        EndPointFindReport(EndPointFindReport) = 0x0C, v 2, Kind::Report;
        CommandEncapsulation(CommandEncapsulation, nesting) = 0x0D, v 2, Kind::Report;
        AggregatedMembersGet(EndPointId) = 0x0E, v 4, Kind::Get { reply: 0x0F };
        AggregatedMembersReport(AggregatedMembersReport) = 0x0F, v 4, Kind::Report;
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct V1Get {
    /// The class; the field has one byte for it.
    pub requested_cc: u8,
}

impl V1Get {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, requested_cc) = be_u8(input)?;
        Ok((input, Self { requested_cc }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.requested_cc);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct V1Report {
    pub requested_cc: u8,
    /// Instances 1 to this.
    pub endpoint_count: u8,
}

impl V1Report {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (requested_cc, endpoint_count)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { requested_cc, endpoint_count }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.requested_cc, self.endpoint_count]);
    }
}

/// A command to or from an instance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct V1CommandEncapsulation {
    /// The instance, from 1.
    pub instance: u8,
    /// The command. A command that cannot be parsed is [`Command::Other`].
    #[serde(rename = "encapsulated", serialize_with = "named")]
    pub command: Box<Command>,
}

impl V1CommandEncapsulation {
    fn parse(input: &[u8], depth: Depth) -> Outcome<'_, Self> {
        let (inner, instance) = be_u8(input)?;
        let command = depth.command(inner).ok_or_else(|| short(input))?;
        Ok(Self { instance, command: Box::new(command) })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.instance);
        out.extend(self.command.write());
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EndPointReport {
    /// Their number changes while the node runs.
    pub count_is_dynamic: bool,
    /// All are alike: asking one is enough.
    pub identical_capabilities: bool,
    /// End points 1 to this, 0–127.
    pub individual_count: u8,
    /// End points after those, which stand for several (v4), 0–127.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregated_count: Option<u8>,
}

impl EndPointReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (flags, individual)) = pair(be_u8, be_u8).parse(input)?;
        let (input, aggregated) = optional_u8(input)?;
        let report = Self {
            count_is_dynamic: flags & 0x80 != 0,
            identical_capabilities: flags & 0x40 != 0,
            individual_count: individual & 0x7F,
            aggregated_count: aggregated.map(|count| count & 0x7F),
        };
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.count_is_dynamic) << 7 | u8::from(self.identical_capabilities) << 6;
        out.extend([flags, self.individual_count & 0x7F]);
        out.extend(self.aggregated_count.map(|count| count & 0x7F));
    }
}

/// Which end point is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EndPointId {
    /// End point, from 1 to 127.
    pub requested_endpoint: u8,
}

impl EndPointId {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, endpoint) = be_u8(input)?;
        Ok((input, Self { requested_endpoint: endpoint & 0x7F }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.requested_endpoint & 0x7F);
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CapabilityReport {
    /// End point, from 1 to 127.
    pub endpoint: u8,
    /// It may come and go.
    pub is_dynamic: bool,
    /// Its generic device class.
    pub generic_device_class: u8,
    /// Its specific device class.
    pub specific_device_class: u8,
    /// The classes it supports.
    pub supported_ccs: Vec<ClassId>,
}

impl CapabilityReport {
    /// Whether a dynamic end point was removed: its generic class is 0xFF, "not interoperable".
    pub fn was_removed(&self) -> bool {
        self.generic_device_class == 0xFF
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, endpoint) = be_u8(input)?;
        let (mut input, (generic_device_class, specific_device_class)) = pair(be_u8, be_u8).parse(input)?;
        let mut supported_ccs = Vec::new();
        while let Some((class, rest)) = ClassId::split(input) {
            supported_ccs.push(class);
            input = rest;
        }
        let report = Self {
            endpoint: endpoint & 0x7F,
            is_dynamic: endpoint & 0x80 != 0,
            generic_device_class,
            specific_device_class,
            supported_ccs,
        };
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let endpoint = u8::from(self.is_dynamic) << 7 | self.endpoint & 0x7F;
        out.extend([endpoint, self.generic_device_class, self.specific_device_class]);
        self.supported_ccs.iter().for_each(|class| class.write(out));
    }
}

impl Serialize for CapabilityReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("endpoint", &self.endpoint)?;
        map.serialize_entry("is_dynamic", &self.is_dynamic)?;
        map.serialize_entry("was_removed", &self.was_removed())?;
        map.serialize_entry("generic_device_class", &self.generic_device_class)?;
        map.serialize_entry("specific_device_class", &self.specific_device_class)?;
        map.serialize_entry("supported_ccs", &self.supported_ccs)?;
        map.end()
    }
}

/// Which end points are of this device class?
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EndPointFind {
    /// The generic device class; 0xFF: any.
    pub generic_class: u8,
    /// The specific device class; 0xFF: any.
    pub specific_class: u8,
}

impl EndPointFind {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (generic_class, specific_class)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { generic_class, specific_class }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.generic_class, self.specific_class]);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EndPointFindReport {
    /// Further reports that follow.
    pub reports_to_follow: u8,
    /// The generic device class asked about.
    pub generic_class: u8,
    /// The specific device class asked about.
    pub specific_class: u8,
    /// The end points, as received; 0 stands for none.
    #[serde(serialize_with = "endpoints")]
    pub found_endpoints: Vec<u8>,
}

impl EndPointFindReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, reports_to_follow) = be_u8(input)?;
        let (input, (generic_class, specific_class)) = pair(be_u8, be_u8).parse(input)?;
        let (input, found) = rest(input)?;
        let found_endpoints = found.iter().map(|endpoint| endpoint & 0x7F).collect();
        Ok((input, Self { reports_to_follow, generic_class, specific_class, found_endpoints }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.reports_to_follow, self.generic_class, self.specific_class]);
        out.extend(self.found_endpoints.iter().map(|endpoint| endpoint & 0x7F));
    }
}

fn endpoints<S: Serializer>(found: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(found.iter().filter(|endpoint| **endpoint != 0))
}

/// The destination of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Destination(pub u8);

impl Destination {
    pub const ROOT: Self = Self(0);

    /// Whether several end points may be meant: bit 7. Such a command is not answered (docs/protocol/gateway.md §2.2).
    pub fn is_mask(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// The end points: one, or those of bits 0–6, which are 1–7.
    pub fn endpoints(self) -> BTreeSet<u8> {
        if self.is_mask() { bits_of(&[self.0 & 0x7F]).into_iter().map(|bit| bit + 1).collect() } else { BTreeSet::from([self.0]) }
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_mask() { self.endpoints().serialize(serializer) } else { serializer.serialize_u8(self.0) }
    }
}

/// A command to or from end points.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CommandEncapsulation {
    /// The sending end point, 0–127; 0 is the node itself.
    pub source: u8,
    pub destination: Destination,
    /// The command. A command that cannot be parsed is [`Command::Other`].
    #[serde(rename = "encapsulated", serialize_with = "named")]
    pub command: Box<Command>,
}

impl CommandEncapsulation {
    fn parse(input: &[u8], depth: Depth) -> Outcome<'_, Self> {
        let (inner, (source, destination)) = pair(be_u8, be_u8).parse(input)?;
        let command = depth.command(inner).ok_or_else(|| short(input))?;
        Ok(Self { source: source & 0x7F, destination: Destination(destination), command: Box::new(command) })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.source & 0x7F, self.destination.0]);
        out.extend(self.command.write());
    }
}

/// Which end points one stands for: a length, and a mask with bit 0 for end point 1 (as Z-Wave JS reads it; the sheet gives
/// no layout).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AggregatedMembersReport {
    /// End point, from 1 to 127.
    pub aggregated_endpoint_index: u8,
    /// Those it stands for, from 1.
    pub members: BTreeSet<u8>,
}

impl AggregatedMembersReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (endpoint, len)) = pair(be_u8, be_u8).parse(input)?;
        let (input, mask) = up_to(len.into(), input)?;
        let members = bits_of(mask).into_iter().filter_map(|bit| bit.checked_add(1)).collect();
        Ok((input, Self { aggregated_endpoint_index: endpoint & 0x7F, members }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mask = mask_of(&self.members.iter().filter_map(|member| member.checked_sub(1)).collect());
        out.extend([self.aggregated_endpoint_index & 0x7F, count(mask.len())]);
        out.extend(mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_mask_of_end_points_is_not_taken_for_one_end_point() {
        assert_eq!(Destination(0x85).endpoints(), BTreeSet::from([1, 3]));
        assert_eq!(Destination(0x05).endpoints(), BTreeSet::from([5]));
        assert_eq!(Destination(0x80).endpoints(), BTreeSet::new());
        assert_eq!(Destination::ROOT.endpoints(), BTreeSet::from([0]));
    }

    #[test]
    fn no_end_point_found_is_not_the_root() {
        let Ok(command) = Command::parse(&[0x60, 0x0C, 0x00, 0x40, 0x03, 0x00]) else { panic!("not a Find Report") };
        assert_eq!(serde_json::to_value(&command).unwrap()["found_endpoints"], serde_json::json!([]));
        assert_eq!(command.write(), [0x60, 0x0C, 0x00, 0x40, 0x03, 0x00]);
    }

    #[test]
    fn a_capability_with_classes_of_two_bytes_keeps_them_whole() {
        let payload = [0x60, 0x0A, 0x81, 0xFF, 0x00, 0x62, 0xF1, 0x02, 0x63];
        let Ok(Command::MultiChannel(MultiChannel::CapabilityReport(report))) = Command::parse(&payload) else {
            panic!("not a Capability Report")
        };
        assert_eq!((report.endpoint, report.is_dynamic, report.was_removed()), (1, true, true));
        assert_eq!(report.supported_ccs, [ClassId(0x62), ClassId(0xF102), ClassId(0x63)]);
    }
}
