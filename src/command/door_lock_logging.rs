//! Door Lock Logging (0x4C) v1: what a lock wrote down, with codes (docs/protocol/command-classes.md 0x4C). Times are
//! the lock's own, local ones.

use nom::Parser;
use nom::combinator::rest;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::codec::{Parsed, optional_u8};
use super::spec::{Kind, command_class};
use super::time_parameters::civil;
use crate::domain::pin::CodeText;

command_class! {
    DoorLockLogging {
        RecordsSupportedGet = 0x01, v 1, Kind::Get { reply: 0x02 };
        RecordsSupportedReport(RecordsSupportedReport) = 0x02, v 1, Kind::Report;
        RecordGet(RecordGet) = 0x03, v 1, Kind::Get { reply: 0x04 };
        RecordReport(RecordReport) = 0x04, v 1, Kind::Report;
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct RecordsSupportedReport {
    /// Records 1 to this; the oldest is overwritten.
    pub records_count: u8,
}

impl RecordsSupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, records_count) = be_u8(input)?;
        Ok((input, Self { records_count }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.records_count);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct RecordGet {
    /// From 1; 0 is the latest.
    pub record_number: u8,
}

impl RecordGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, record_number) = be_u8(input)?;
        Ok((input, Self { record_number }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.record_number);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct EventType(pub u8);

impl EventType {
    /// Locked with a code.
    pub const LOCK_CODE: Self = Self(1);
    /// Unlocked with a code.
    pub const UNLOCK_CODE: Self = Self(2);

    /// Text of the event.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "Locked with a code",
            2 => "Unlocked with a code",
            3 => "Locked by the button",
            4 => "Unlocked by the button",
            5 => "Lock tried with a code out of its schedule",
            6 => "Unlock tried with a code out of its schedule",
            7 => "Illegal code",
            8 => "Locked by hand",
            9 => "Unlocked by hand",
            10 => "Locked by itself",
            11 => "Unlocked by itself",
            12 => "Locked from afar with a code",
            13 => "Unlocked from afar with a code",
            14 => "Locked from afar",
            15 => "Unlocked from afar",
            16 => "Lock tried from afar with a code out of its schedule",
            17 => "Unlock tried from afar with a code out of its schedule",
            18 => "Illegal code from afar",
            19 => "Locked by hand (2)",
            20 => "Unlocked by hand (2)",
            21 => "Secured",
            22 => "Unsecured",
            23 => "Code added",
            24 => "Code deleted",
            25 => "All codes deleted",
            26 => "Admin code changed",
            27 => "Code changed",
            28 => "Lock reset",
            29 => "Configuration changed",
            30 => "Battery low",
            31 => "Battery new",
            32 => "Unknown",
            _ => return None,
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordReport {
    pub record_number: u8,
    /// Local time: the year.
    pub year: u16,
    pub month: u8,
    pub day: u8,
    /// 0: empty, 1: valid. The field has three bits, and a Yale lock sends 7.
    pub status: u8,
    /// 0–23; the field has five bits.
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub event_type: EventType,
    /// The user id of User Code; 0 if unknown.
    pub user_id: u8,
    /// The length field of the code. Yale locks send 86, followed by one byte.
    pub code_len: Option<u8>,
    /// Everything behind the length, as received.
    pub code: CodeText,
}

impl RecordReport {
    /// Whether the lock has nothing written down there.
    pub fn is_empty(&self) -> bool {
        self.status == 0
    }

    /// The local time of the lock. `None` if the record is empty, or if the fields are no valid time.
    pub fn local_time(&self) -> Option<jiff::civil::DateTime> {
        let time = || civil(self.year, [self.month, self.day], [self.hour, self.minute, self.second]);
        (!self.is_empty()).then(time).flatten()
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (record_number, year)) = pair(be_u8, be_u16).parse(input)?;
        let (input, (month, day)) = pair(be_u8, be_u8).parse(input)?;
        let (input, status_and_hour) = be_u8(input)?;
        let (input, (minute, second)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (event_type, user_id)) = pair(be_u8, be_u8).parse(input)?;
        let (input, code_len) = optional_u8(input)?;
        let (input, code) = rest(input)?;
        let report = Self {
            record_number,
            year,
            month,
            day,
            status: status_and_hour >> 5,
            hour: status_and_hour & 0x1F,
            minute,
            second,
            event_type: EventType(event_type),
            user_id,
            code_len,
            code: CodeText::new(code),
        };
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.record_number);
        out.extend(self.year.to_be_bytes());
        out.extend([self.month, self.day, self.status << 5 | self.hour & 0x1F, self.minute, self.second]);
        out.extend([self.event_type.0, self.user_id]);
        if let Some(len) = self.code_len {
            out.push(len);
            out.extend(self.code.reveal());
        }
    }
}

/// The numbers as received, and beside them what they mean. Never the code.
impl Serialize for RecordReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("record_number", &self.record_number)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("year", &self.year)?;
        map.serialize_entry("month", &self.month)?;
        map.serialize_entry("day", &self.day)?;
        map.serialize_entry("hour", &self.hour)?;
        map.serialize_entry("minute", &self.minute)?;
        map.serialize_entry("second", &self.second)?;
        if let Some(time) = self.local_time() {
            map.serialize_entry("local_time", &time.to_string())?;
        }
        map.serialize_entry("event_type", &self.event_type)?;
        if let Some(name) = self.event_type.name() {
            map.serialize_entry("event_name", name)?;
        }
        map.serialize_entry("user_id", &self.user_id)?;
        if let Some(len) = self.code_len {
            map.serialize_entry("code_len", &len)?;
            map.serialize_entry("code_hex", "****")?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    fn record(payload: &[u8]) -> RecordReport {
        let Ok(Command::DoorLockLogging(DoorLockLogging::RecordReport(record))) = Command::parse(payload) else {
            panic!("not a Record Report")
        };
        record
    }

    #[test]
    fn the_code_in_a_log_does_not_get_into_ours() {
        let record = record(b"\x4c\x04\x01\x07\xea\x0b\x17\x2e\x1e\x0f\x02\x03\x044711");
        assert_eq!((record.event_type, record.user_id, record.code.reveal()), (EventType::UNLOCK_CODE, 3, &b"4711"[..]));
        assert_eq!(record.local_time().unwrap().to_string(), "2026-11-23T14:30:15");
        let said = format!("{record:?} {}", serde_json::to_string(&record).unwrap());
        assert!(!said.contains("4711") && !said.contains("34373131"), "{said}");
    }

    #[test]
    fn a_lock_with_a_wrong_clock_still_reports_events() {
        // Yale Conexis L1: hour 29.
        let record = record(&[0x4C, 0x04, 0x34, 0x07, 0xD0, 0x07, 0x13, 0xFD, 0x17, 0x04, 0x08, 0x01, 0x00, 0x00]);
        assert_eq!((record.status, record.hour, record.local_time()), (7, 29, None));
        assert_eq!((record.event_type.name(), record.is_empty()), (Some("Locked by hand"), false));
    }

    #[test]
    fn an_empty_record_is_nothing_that_happened() {
        let record = record(&[0x4C, 0x04, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(record.is_empty());
        assert_eq!(record.local_time(), None);
    }
}
