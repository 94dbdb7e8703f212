//! Properties of a parameter (v3): format, bounds, default, and the next parameter.

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::opt;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::value::Value;
use crate::command::codec::{Parsed, optional_u8};

/// How the bytes of a value are meant: three bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Format(pub u8);

impl Format {
    /// A number with a sign.
    pub const SIGNED: Self = Self(0);
    pub const UNSIGNED: Self = Self(1);
    /// One of several choices, without sign.
    pub const ENUMERATED: Self = Self(2);
    /// Bits, each for itself.
    pub const BIT_FIELD: Self = Self(3);

    /// `value` as this format means it. `None` for sizes other than 1, 2 and 4.
    pub fn read(self, value: &Value) -> Option<i64> {
        if self == Self::SIGNED { value.signed().map(i64::from) } else { value.unsigned().map(i64::from) }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PropertiesReport {
    pub parameter: u16,
    /// v4: changing it changes what the node can do; interview it again.
    pub alters_capabilities: bool,
    /// v4: it cannot be set.
    pub is_readonly: bool,
    /// How its bytes are meant.
    pub format: Format,
    /// The smallest value; without bytes: there is no such parameter.
    pub min: Value,
    pub max: Value,
    pub default: Value,
    /// The parameter after this one; 0: none.
    pub next_parameter: u16,
    /// v4: bit 0 for experts; bit 1 not in Bulk commands.
    pub flags: Option<u8>,
}

impl PropertiesReport {
    /// Advanced parameter, since version 4.
    pub fn is_advanced(&self) -> Option<bool> {
        self.flags.map(|flags| flags & 0x01 != 0)
    }

    /// Not to be asked for or set in Bulk commands (v4).
    pub fn no_bulk_support(&self) -> Option<bool> {
        self.flags.map(|flags| flags & 0x02 != 0)
    }

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (parameter, layout)) = pair(be_u16, be_u8).parse(input)?;
        let size = usize::from(layout & 0x07);
        let (input, min) = take(size)(input)?;
        let (input, max) = take(size)(input)?;
        let (input, default) = take(size)(input)?;
        let (input, next_parameter) = opt(be_u16).parse(input)?;
        let (input, flags) = optional_u8(input)?;
        let report = Self {
            parameter,
            alters_capabilities: layout & 0x80 != 0,
            is_readonly: layout & 0x40 != 0,
            format: Format(layout >> 3 & 0x07),
            min: Value::new(min),
            max: Value::new(max),
            default: Value::new(default),
            next_parameter: next_parameter.unwrap_or_default(),
            flags: flags.filter(|_| next_parameter.is_some()),
        };
        Ok((input, report))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.parameter.to_be_bytes());
        let flags = u8::from(self.alters_capabilities) << 7 | u8::from(self.is_readonly) << 6;
        out.push(flags | (self.format.0 & 0x07) << 3 | self.min.size());
        for value in [&self.min, &self.max, &self.default] {
            out.extend(value.bytes());
        }
        out.extend(self.next_parameter.to_be_bytes());
        out.extend(self.flags);
    }
}

impl Serialize for PropertiesReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("parameter", &self.parameter)?;
        map.serialize_entry("value_size", &self.min.size())?;
        map.serialize_entry("value_format", &self.format)?;
        for (name, value) in [("min_value", &self.min), ("max_value", &self.max), ("default_value", &self.default)] {
            if let Some(number) = self.format.read(value) {
                map.serialize_entry(name, &number)?;
            }
        }
        map.serialize_entry("next_parameter", &self.next_parameter)?;
        map.serialize_entry("alters_capabilities", &self.alters_capabilities)?;
        map.serialize_entry("is_readonly", &self.is_readonly)?;
        if let (Some(advanced), Some(no_bulk)) = (self.is_advanced(), self.no_bulk_support()) {
            map.serialize_entry("is_advanced", &advanced)?;
            map.serialize_entry("no_bulk_support", &no_bulk)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_largest_value_of_255_is_not_minus_one() {
        let (_, report) = PropertiesReport::parse(&[0x00, 0x03, 0x09, 0x00, 0xFF, 0xFF, 0x00, 0x04, 0x03]).unwrap();
        assert_eq!((report.format, report.format.read(&report.max)), (Format::UNSIGNED, Some(255)));
        assert_eq!(Format::SIGNED.read(&report.max), Some(-1));
        assert_eq!((report.is_advanced(), report.no_bulk_support()), (Some(true), Some(true)));
    }

    #[test]
    fn a_parameter_that_does_not_exist_still_names_the_next_one() {
        let (_, report) = PropertiesReport::parse(&[0x00, 0x01, 0x00, 0x00, 0x07]).unwrap();
        assert_eq!((report.min.size(), report.next_parameter, report.flags), (0, 7, None));
    }

    #[test]
    fn a_report_cut_inside_its_values_is_refused() {
        assert!(PropertiesReport::parse(&[0x00, 0x01, 0x02, 0x00, 0x00, 0x00]).is_err());
    }
}
