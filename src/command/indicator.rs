//! Indicator (0x87) v1–4: lights and sounds of a node, and "which of you is it?"
//! (docs/protocol/command-classes.md 0x87).

use std::collections::BTreeSet;

use nom::Parser;
use nom::combinator::opt;
use nom::multi::many0;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::codec::{Parsed, as_text, bits_of, count, mask_of, optional_u8, up_to};
use super::spec::{Kind, command_class};

command_class! {
    Indicator {
        Set(Values) = 0x01, v 1, Kind::Set;
        Get(Get) = 0x02, v 1, Kind::Get { reply: 0x03 };
        Report(Values) = 0x03, v 1, Kind::Report;
        /// Asks which properties an indicator has, and which indicator is next.
        SupportedGet(Inquiry) = 0x04, v 2, Kind::Get { reply: 0x05 };
        SupportedReport(SupportedReport) = 0x05, v 2, Kind::Report;
        DescriptionGet(Inquiry) = 0x06, v 4, Kind::Get { reply: 0x07 };
        DescriptionReport(DescriptionReport) = 0x07, v 4, Kind::Report;
    }
}

/// Which light or sound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct IndicatorId(pub u8);

impl IndicatorId {
    /// None; in a question: the first there is.
    pub const NONE: Self = Self(0);
    /// "It is me": shows people which device this node is.
    pub const IDENTIFY: Self = Self(0x50);
}

/// Which property of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Property(pub u8);

impl Property {
    pub const NONE: Self = Self(0);
    /// Length of one on-off period, in 0.1 s.
    pub const PERIOD: Self = Self(3);
    /// How many periods; 0xFF: until told otherwise.
    pub const CYCLES: Self = Self(4);
    /// How much of a period is "on", in 0.1 s; 0: half of it.
    pub const ON_TIME: Self = Self(5);
}

/// One property of one indicator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Object {
    pub indicator_id: IndicatorId,
    pub property_id: Property,
    pub value: u8,
}

impl Object {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (indicator, property)) = pair(be_u8, be_u8).parse(input)?;
        let (input, value) = be_u8(input)?;
        Ok((input, Self { indicator_id: IndicatorId(indicator), property_id: Property(property), value }))
    }
}

/// What is set, or told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Values {
    /// The one indicator of version 1; 0 where there are objects.
    #[serde(rename = "value")]
    pub indicator0: u8,
    /// At most 31 (v2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<Object>>,
}

impl Values {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (indicator0, promised)) = pair(be_u8, opt(be_u8)).parse(input)?;
        let Some(promised) = promised else { return Ok((input, Self { indicator0, objects: None })) };
        // The count may be wrong, so everything up to the end is parsed.
        let (input, mut objects) = many0(Object::parse).parse(input)?;
        objects.truncate((promised & 0x1F).into());
        Ok((input, Self { indicator0, objects: Some(objects) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.indicator0);
        if let Some(objects) = &self.objects {
            out.push(count(objects.len()) & 0x1F);
            out.extend(objects.iter().flat_map(|it| [it.indicator_id.0, it.property_id.0, it.value]));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Get {
    /// Which; version 1 has only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indicator_id: Option<IndicatorId>,
}

impl Get {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, indicator) = optional_u8(input)?;
        Ok((input, Self { indicator_id: indicator.map(IndicatorId) }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.indicator_id.map(|id| id.0));
    }
}

/// Asks about one indicator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Inquiry {
    /// Which; [`IndicatorId::NONE`]: the first. Those of the maker's own are 0x80–0x9F.
    pub indicator_id: IndicatorId,
}

impl Inquiry {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, indicator) = be_u8(input)?;
        Ok((input, Self { indicator_id: IndicatorId(indicator) }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(self.indicator_id.0);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SupportedReport {
    /// Which; [`IndicatorId::NONE`]: no such indicator.
    pub indicator_id: IndicatorId,
    /// The one to ask about next; [`IndicatorId::NONE`]: that was the last.
    pub next_indicator_id: IndicatorId,
    /// Its properties, by number.
    pub supported_properties: BTreeSet<u8>,
}

impl SupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (indicator, next)) = pair(be_u8, be_u8).parse(input)?;
        let (input, len) = be_u8(input)?;
        let (input, mask) = up_to((len & 0x1F).into(), input)?;
        let (indicator_id, next_indicator_id) = (IndicatorId(indicator), IndicatorId(next));
        Ok((input, Self { indicator_id, next_indicator_id, supported_properties: bits_of(mask) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mask = mask_of(&self.supported_properties);
        out.extend([self.indicator_id.0, self.next_indicator_id.0, count(mask.len()) & 0x1F]);
        out.extend(mask);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DescriptionReport {
    pub indicator_id: IndicatorId,
    /// In the node's own words: UTF-8 or another encoding. Empty for those that the standard names.
    #[serde(serialize_with = "as_text")]
    pub description: Vec<u8>,
}

impl DescriptionReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (indicator, len)) = pair(be_u8, be_u8).parse(input)?;
        let (input, description) = up_to(len.into(), input)?;
        Ok((input, Self { indicator_id: IndicatorId(indicator), description: description.to_vec() }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.indicator_id.0, count(self.description.len())]);
        out.extend(&self.description);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    #[test]
    fn a_node_of_version_1_is_not_told_from_one_with_no_objects_by_luck() {
        let values = |payload: &[u8]| match Command::parse(payload) {
            Ok(Command::Indicator(Indicator::Report(values))) => values,
            other => panic!("{other:?}"),
        };
        assert_eq!(values(&[0x87, 0x03, 0xFF]).objects, None);
        assert_eq!(values(&[0x87, 0x03, 0x00, 0x00]).objects, Some(Vec::new()));
        // Three are announced, one and a half follow.
        assert_eq!(values(&[0x87, 0x03, 0x00, 0x03, 0x50, 0x03, 0x0A, 0x50, 0x04]).objects.map(|all| all.len()), Some(1));
    }
}
