//! Time Parameters (0x8B) v1: sets the clock of a node, in UTC (docs/protocol/command-classes.md 0x8B). Locks need it
//! for their schedules and logs.

use nom::Parser;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::codec::Parsed;
use super::spec::{Kind, command_class};
use crate::domain::time::Timestamp;

command_class! {
    TimeParameters {
        Set(DateAndTime) = 0x01, v 1, Kind::Set;
        Get = 0x02, v 1, Kind::Get { reply: 0x03 };
        Report(DateAndTime) = 0x03, v 1, Kind::Report;
    }
}

/// Date and time in UTC, as received: clocks without battery report month 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DateAndTime {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl DateAndTime {
    /// The second that `at` is in; `None` before the year 0.
    pub fn of(at: Timestamp) -> Option<Self> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        let small = |number: i8| u8::try_from(number).ok();
        Some(Self {
            year: u16::try_from(at.year()).ok()?,
            month: small(at.month())?,
            day: small(at.day())?,
            hour: small(at.hour())?,
            minute: small(at.minute())?,
            second: small(at.second())?,
        })
    }

    /// The moment it means; `None` where there is no such day or time.
    pub fn timestamp(&self) -> Option<Timestamp> {
        let civil = civil(self.year, [self.month, self.day], [self.hour, self.minute, self.second])?;
        let at = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        Some(Timestamp::from_millis(at.as_millisecond()))
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, year) = be_u16(input)?;
        let (input, (month, day)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (hour, minute)) = pair(be_u8, be_u8).parse(input)?;
        let (input, second) = be_u8(input)?;
        Ok((input, Self { year, month, day, hour, minute, second }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.year.to_be_bytes());
        out.extend([self.month, self.day, self.hour, self.minute, self.second]);
    }
}

/// The date and time of these numbers, where there is one.
pub(super) fn civil(year: u16, date: [u8; 2], time: [u8; 3]) -> Option<jiff::civil::DateTime> {
    let small = |number: u8| i8::try_from(number).ok();
    let ([month, day], [hour, minute, second]) = (date, time);
    let year = i16::try_from(year).ok()?;
    jiff::civil::DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
}

/// The numbers as received, and beside them the moment, where they name one.
impl Serialize for DateAndTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("year", &self.year)?;
        map.serialize_entry("month", &self.month)?;
        map.serialize_entry("day", &self.day)?;
        map.serialize_entry("hour", &self.hour)?;
        map.serialize_entry("minute", &self.minute)?;
        map.serialize_entry("second", &self.second)?;
        if let Some(civil) = civil(self.year, [self.month, self.day], [self.hour, self.minute, self.second]) {
            map.serialize_entry("date_and_time", &format!("{civil}.000Z"))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_set_to_the_second_it_is_and_not_to_the_zone_of_the_host() {
        // 2026-11-23T13:05:59.999Z.
        let at = Timestamp::from_millis(1_795_439_159_999);
        let set = DateAndTime::of(at).unwrap();
        assert_eq!((set.year, set.month, set.day, set.hour, set.minute, set.second), (2026, 11, 23, 13, 5, 59));
        assert_eq!(set.timestamp(), Some(Timestamp::from_millis(1_795_439_159_000)));
    }

    #[test]
    fn a_clock_without_a_battery_names_no_moment() {
        let unset = DateAndTime { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
        assert_eq!(unset.timestamp(), None);
        assert_eq!(DateAndTime { month: 2, day: 30, ..unset }.timestamp(), None);
        assert!(!serde_json::to_string(&unset).unwrap().contains("date_and_time"));
    }
}
