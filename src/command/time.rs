//! Time (0x8A) v1–2: civil time, and how the zone goes (docs/protocol/command-classes.md 0x8A). Nodes ask, the
//! controller answers in the local time of the home.

use nom::Parser;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::codec::Parsed;
use super::spec::{Kind, command_class};

command_class! {
    Time {
        TimeGet = 0x01, v 1, Kind::Get { reply: 0x02 };
        TimeReport(TimeReport) = 0x02, v 1, Kind::Report;
        DateGet = 0x03, v 1, Kind::Get { reply: 0x04 };
        DateReport(DateReport) = 0x04, v 1, Kind::Report;
        TimeOffsetSet(TimeOffset) = 0x05, v 2, Kind::Set;
        TimeOffsetGet = 0x06, v 2, Kind::Get { reply: 0x07 };
        TimeOffsetReport(TimeOffset) = 0x07, v 2, Kind::Report;
    }
}

/// The time of day, local.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TimeReport {
    /// The sender's clock stopped: don't trust it.
    pub rtc_failure: bool,
    /// 0–23; the field has five bits.
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl TimeReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (hour, minute)) = pair(be_u8, be_u8).parse(input)?;
        let (input, second) = be_u8(input)?;
        Ok((input, Self { rtc_failure: hour & 0x80 != 0, hour: hour & 0x1F, minute, second }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.rtc_failure) << 7 | self.hour & 0x1F, self.minute, self.second]);
    }
}

/// A date in local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct DateReport {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

impl DateReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, year) = be_u16(input)?;
        let (input, (month, day)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { year, month, day }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.year.to_be_bytes());
        out.extend([self.month, self.day]);
    }
}

/// When daylight saving begins or ends, this year.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Changeover {
    pub month: u8,
    pub day: u8,
    pub hour: u8,
}

impl Changeover {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (month, day)) = pair(be_u8, be_u8).parse(input)?;
        let (input, hour) = be_u8(input)?;
        Ok((input, Self { month, day, hour }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.month, self.day, self.hour]);
    }
}

/// The zone. The fields are kept as received, since minus zero and 60 minutes are different bytes of equal meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeOffset {
    /// Bit 7: west of Greenwich; bits 6–0: whole hours.
    pub sign_and_hours: u8,
    /// The minutes beside the hours, with the same sign.
    pub minutes: u8,
    /// Bit 7: clocks go back in summer; bits 6–0: by how many minutes.
    pub dst_sign_and_minutes: u8,
    /// When daylight saving begins.
    pub dst_start: Changeover,
    pub dst_end: Changeover,
}

impl TimeOffset {
    /// The zone that is `standard` minutes ahead of UTC in winter, and `saving` minutes more in summer. `None`: the
    /// command cannot say that (more than 127 hours, or more than 127 minutes of daylight saving).
    pub fn new(standard: i16, saving: i16, dst_start: Changeover, dst_end: Changeover) -> Option<Self> {
        let sign = |minutes: i16| u8::from(minutes < 0) << 7;
        let hours = u8::try_from(standard.unsigned_abs() / 60).ok().filter(|hours| *hours < 0x80)?;
        let saved = u8::try_from(saving.unsigned_abs()).ok().filter(|minutes| *minutes < 0x80)?;
        Some(Self {
            sign_and_hours: sign(standard) | hours,
            minutes: u8::try_from(standard.unsigned_abs() % 60).ok()?,
            dst_sign_and_minutes: sign(saving) | saved,
            dst_start,
            dst_end,
        })
    }

    /// Minutes ahead of UTC in winter.
    pub fn standard_minutes(&self) -> i16 {
        let minutes = i16::from(self.sign_and_hours & 0x7F) * 60 + i16::from(self.minutes);
        if self.sign_and_hours & 0x80 == 0 { minutes } else { -minutes }
    }

    /// Minutes ahead of UTC in summer. The wire has the difference to winter; so reads one implementation, and other
    /// sources say nothing.
    pub fn dst_minutes(&self) -> i16 {
        let saving = i16::from(self.dst_sign_and_minutes & 0x7F);
        self.standard_minutes() + if self.dst_sign_and_minutes & 0x80 == 0 { saving } else { -saving }
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (sign_and_hours, minutes)) = pair(be_u8, be_u8).parse(input)?;
        let (input, dst_sign_and_minutes) = be_u8(input)?;
        let (input, (dst_start, dst_end)) = pair(Changeover::parse, Changeover::parse).parse(input)?;
        Ok((input, Self { sign_and_hours, minutes, dst_sign_and_minutes, dst_start, dst_end }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.sign_and_hours, self.minutes, self.dst_sign_and_minutes]);
        self.dst_start.write(out);
        self.dst_end.write(out);
    }
}

impl Serialize for TimeOffset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("standard_offset", &self.standard_minutes())?;
        map.serialize_entry("dst_offset", &self.dst_minutes())?;
        map.serialize_entry("dst_start", &self.dst_start)?;
        map.serialize_entry("dst_end", &self.dst_end)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_west_of_greenwich_with_half_an_hour_is_not_an_hour_off() {
        // Newfoundland: −3:30, −2:30 in summer.
        let none = Changeover::default();
        let zone = TimeOffset::new(-210, 60, none, none).unwrap();
        assert_eq!((zone.sign_and_hours, zone.minutes, zone.dst_sign_and_minutes), (0x83, 30, 60));
        assert_eq!((zone.standard_minutes(), zone.dst_minutes()), (-210, -150));
        // Ireland's law: standard time is summer time, and winter is an hour less.
        let zone = TimeOffset::new(60, -60, none, none).unwrap();
        assert_eq!((zone.standard_minutes(), zone.dst_minutes()), (60, 0));
        assert_eq!(TimeOffset::new(0, 128, none, none), None);
    }
}
