//! Battery (0x80) v1–3 (docs/protocol/command-classes.md 0x80).

use nom::Parser;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::codec::{Parsed, as_hex, count, optional_u8, up_to};
use super::spec::{Kind, command_class};

command_class! {
    Battery {
        Get = 0x02, v 1, Kind::Get { reply: 0x03 };
        Report(Report) = 0x03, v 1, Kind::Report;
        HealthGet = 0x04, v 2, Kind::Get { reply: 0x05 };
        HealthReport(HealthReport) = 0x05, v 2, Kind::Report;
    }
}

/// 0–100 %; 0xFF is the low-battery warning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// The level as received.
    pub level: u8,
    /// v2: bits 7–6 charging status, 5 rechargeable, 4 backup, 3 overheating, 2 low fluid, 1–0 replace or recharge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u8>,
    /// v2: bit 0 disconnected; v3: bit 1 low temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_flags: Option<u8>,
}

impl Report {
    /// The level in percent; the warning counts as 0. `None`: a reserved level, which measures nothing.
    pub fn percent(&self) -> Option<u8> {
        match self.level {
            0xFF => Some(0),
            level => (level <= 100).then_some(level),
        }
    }

    /// Whether the node asks for a new battery. Which of 2 and 3 means "now" differs between sources: both do.
    pub fn is_low(&self) -> bool {
        self.level == 0xFF || self.flags.is_some_and(|flags| flags & 0x02 != 0)
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, level) = be_u8(input)?;
        let (input, flags) = optional_u8(input)?;
        let (input, more_flags) = optional_u8(input)?;
        Ok((input, Self { level, flags, more_flags }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.level);
        out.extend(self.flags);
        out.extend(self.more_flags);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HealthReport {
    /// Percent of the capacity when new; 0xFF unknown.
    pub capacity: u8,
    /// Decimals of the temperature.
    pub precision: u8,
    /// 0 stands for degrees Celsius.
    pub scale: u8,
    /// The temperature, big-endian and signed; empty: unknown.
    #[serde(rename = "temperature_hex", serialize_with = "as_hex")]
    pub temperature: Vec<u8>,
}

impl HealthReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (capacity, layout)) = pair(be_u8, be_u8).parse(input)?;
        let (input, temperature) = up_to((layout & 0x07).into(), input)?;
        Ok((input, Self { capacity, precision: layout >> 5, scale: layout >> 3 & 0x03, temperature: temperature.to_vec() }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.capacity, self.precision << 5 | (self.scale & 0x03) << 3 | count(self.temperature.len()) & 0x07]);
        out.extend(&self.temperature);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_battery_warning_is_not_255_percent() {
        let report = Report { level: 0xFF, flags: None, more_flags: None };
        assert_eq!((report.percent(), report.is_low()), (Some(0), true));
        let full = Report { level: 100, flags: Some(0x01), more_flags: None };
        assert_eq!((full.percent(), full.is_low()), (Some(100), false));
    }

    #[test]
    fn a_reserved_level_is_not_a_full_battery() {
        for level in 101..=0xFE {
            let report = Report { level, flags: None, more_flags: None };
            assert_eq!((report.percent(), report.is_low()), (None, false));
        }
    }
}
