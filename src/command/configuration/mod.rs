//! Configuration (0x70) v1–4: a node's own settings, by number (docs/protocol/command-classes.md 0x70).

mod properties;
mod value;

use nom::Parser;
use nom::combinator::rest;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::codec::{Parsed, as_text, up_to};
use super::spec::{Kind, command_class};
use value::numbers;

pub use properties::{Format, PropertiesReport};
pub use value::{Value, Values};

command_class! {
    Configuration {
        DefaultReset = 0x01, v 4, Kind::Set;
        Set(Set) = 0x04, v 1, Kind::Set;
        Get(Get) = 0x05, v 1, Kind::Get { reply: 0x06 };
        Report(Report) = 0x06, v 1, Kind::Report;
        BulkSet(BulkSet) = 0x07, v 2, Kind::Set;
        BulkGet(BulkGet) = 0x08, v 2, Kind::Get { reply: 0x09 };
        BulkReport(BulkReport) = 0x09, v 2, Kind::Report;
        NameGet(ParameterId) = 0x0A, v 3, Kind::Get { reply: 0x0B };
        NameReport(NameReport) = 0x0B, v 3, Kind::Report;
        InfoGet(ParameterId) = 0x0C, v 3, Kind::Get { reply: 0x0D };
        InfoReport(InfoReport) = 0x0D, v 3, Kind::Report;
        PropertiesGet(ParameterId) = 0x0E, v 3, Kind::Get { reply: 0x0F };
        PropertiesReport(PropertiesReport) = 0x0F, v 3, Kind::Report;
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Set {
    /// Which; only Bulk Set reaches those above 255.
    pub parameter: u8,
    /// Resets to the factory default; the value is ignored.
    pub reset_to_default: bool,
    #[serde(flatten)]
    pub value: Value,
}

impl Set {
    /// Sets `parameter` to its factory default.
    pub fn reset(parameter: u8) -> Self {
        Self { parameter, reset_to_default: true, value: Value::new([0]) }
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (parameter, flags)) = pair(be_u8, be_u8).parse(input)?;
        let (input, value) = up_to((flags & 0x07).into(), input)?;
        Ok((input, Self { parameter, reset_to_default: flags & 0x80 != 0, value: Value::new(value) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.parameter, u8::from(self.reset_to_default) << 7 | self.value.size()]);
        out.extend(self.value.bytes());
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Get {
    pub parameter: u8,
}

impl Get {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, parameter) = be_u8(input)?;
        Ok((input, Self { parameter }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.parameter);
    }
}

/// The value of a parameter. A node that is asked for one it has not answers with its first one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    pub parameter: u8,
    /// The value; no bytes: there is no such parameter.
    #[serde(flatten)]
    pub value: Value,
}

impl Report {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (parameter, size)) = pair(be_u8, be_u8).parse(input)?;
        let (input, value) = up_to((size & 0x07).into(), input)?;
        Ok((input, Self { parameter, value: Value::new(value) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.parameter, self.value.size()]);
        out.extend(self.value.bytes());
    }
}

/// Sets parameters that follow each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BulkSet {
    /// Resets to the factory default; the values are ignored.
    pub reset_to_default: bool,
    /// Whether the node reports when it is done.
    pub handshake: bool,
    /// The parameters and their values.
    #[serde(flatten)]
    pub values: Values,
}

impl BulkSet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (first, number)) = pair(be_u16, be_u8).parse(input)?;
        let (input, flags) = be_u8(input)?;
        let (input, values) = Values::parse(first, number, flags, input)?;
        Ok((input, Self { reset_to_default: flags & 0x80 != 0, handshake: flags & 0x40 != 0, values }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.values.first().to_be_bytes());
        out.extend([self.values.number(), flags(self.reset_to_default, self.handshake) | self.values.size()]);
        out.extend(self.values.bytes());
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulkGet {
    pub first_parameter: u16,
    pub number_of_parameters: u8,
}

impl BulkGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (first_parameter, number_of_parameters)) = pair(be_u16, be_u8).parse(input)?;
        Ok((input, Self { first_parameter, number_of_parameters }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.first_parameter.to_be_bytes());
        out.push(self.number_of_parameters);
    }
}

impl Serialize for BulkGet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("BulkGet", 1)?;
        out.serialize_field("parameters", &numbers(self.first_parameter, self.number_of_parameters))?;
        out.end()
    }
}

/// The values of parameters that follow each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BulkReport {
    /// Further reports that follow.
    pub reports_to_follow: u8,
    /// These are factory defaults.
    pub default_values: bool,
    /// This answers a Bulk Set.
    pub is_handshake_response: bool,
    /// The parameters and their values.
    #[serde(flatten)]
    pub values: Values,
}

impl BulkReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (first, number)) = pair(be_u16, be_u8).parse(input)?;
        let (input, (reports_to_follow, flags)) = pair(be_u8, be_u8).parse(input)?;
        let (input, values) = Values::parse(first, number, flags, input)?;
        let report =
            Self { reports_to_follow, default_values: flags & 0x80 != 0, is_handshake_response: flags & 0x40 != 0, values };
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.values.first().to_be_bytes());
        out.extend([self.values.number(), self.reports_to_follow]);
        out.push(flags(self.default_values, self.is_handshake_response) | self.values.size());
        out.extend(self.values.bytes());
    }
}

fn flags(default: bool, handshake: bool) -> u8 {
    u8::from(default) << 7 | u8::from(handshake) << 6
}

/// Which parameter is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ParameterId {
    pub parameter: u16,
}

impl ParameterId {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, parameter) = be_u16(input)?;
        Ok((input, Self { parameter }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.parameter.to_be_bytes());
    }
}

/// A part of a parameter's name. Frames may cut a character in two: put the parts together before reading them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NameReport {
    pub parameter: u16,
    /// Further parts that follow.
    pub reports_to_follow: u8,
    /// A fragment of UTF-8 text.
    #[serde(serialize_with = "as_text")]
    pub name: Vec<u8>,
}

impl NameReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (parameter, reports_to_follow)) = pair(be_u16, be_u8).parse(input)?;
        let (input, name) = rest(input)?;
        Ok((input, Self { parameter, reports_to_follow, name: name.to_vec() }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.parameter.to_be_bytes());
        out.push(self.reports_to_follow);
        out.extend(&self.name);
    }
}

/// A part of what a parameter is for. Cut like a name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct InfoReport {
    pub parameter: u16,
    /// Further parts that follow.
    pub reports_to_follow: u8,
    /// A fragment of UTF-8 text.
    #[serde(serialize_with = "as_text")]
    pub info: Vec<u8>,
}

impl InfoReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (parameter, reports_to_follow)) = pair(be_u16, be_u8).parse(input)?;
        let (input, info) = rest(input)?;
        Ok((input, Self { parameter, reports_to_follow, info: info.to_vec() }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.parameter.to_be_bytes());
        out.push(self.reports_to_follow);
        out.extend(&self.info);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    fn json(payload: &[u8]) -> serde_json::Value {
        serde_json::to_value(Command::parse(payload).unwrap()).unwrap()
    }

    #[test]
    fn a_reset_is_the_frame_that_nodes_understand() {
        let reset = Command::Configuration(Configuration::Set(Set::reset(5)));
        assert_eq!(reset.write(), [0x70, 0x04, 0x05, 0x81, 0x00]);
    }

    #[test]
    fn values_of_many_parameters_are_not_shifted_by_one() {
        let report = json(&[0x70, 0x09, 0x01, 0x00, 0x03, 0x00, 0x42, 0x00, 0x01, 0xFF, 0xFE, 0x7F, 0xFF]);
        assert_eq!(report["parameters"], serde_json::json!([256, 257, 258]));
        assert_eq!(report["values"], serde_json::json!([1, -2, 32767]));
        assert_eq!((&report["is_handshake_response"], &report["default_values"]), (&true.into(), &false.into()));
    }

    #[test]
    fn four_digits_in_a_parameter_may_be_a_code_and_are_stars() {
        let payload = b"\x70\x06\x14\x044711";
        let said = format!("{:?} {}", Command::parse(payload).unwrap(), json(payload));
        assert!(!said.contains("4711") && !said.contains("34373131") && !said.contains("875770161"), "{said}");
        assert_eq!(json(&[0x70, 0x06, 0x14, 0x04, 0x00, 0x01, 0x5F, 0x90])["value"], 90000);
    }
}
