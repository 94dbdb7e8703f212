//! Entry Control (0x6F) v1: keypads that store no codes and send what was typed
//! (docs/protocol/command-classes.md 0x6F).

use std::collections::BTreeSet;

use nom::Parser;
use nom::combinator::rest;
use nom::multi::length_data;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::codec::{Parsed, bits_of, count, mask_of, masked, up_to};
use super::spec::{Kind, command_class};
use crate::domain::pin::CodeText;

command_class! {
    EntryControl {
        Notification(Notification) = 0x01, v 1, Kind::Report;
        KeySupportedGet = 0x02, v 1, Kind::Get { reply: 0x03 };
        KeySupportedReport(KeySupportedReport) = 0x03, v 1, Kind::Report;
        EventSupportedGet = 0x04, v 1, Kind::Get { reply: 0x05 };
        EventSupportedReport(EventSupportedReport) = 0x05, v 1, Kind::Report;
        /// Sets how many keys are kept, and for how long.
        ConfigurationSet(KeyCache) = 0x06, v 1, Kind::Set;
        ConfigurationGet = 0x07, v 1, Kind::Get { reply: 0x08 };
        ConfigurationReport(KeyCache) = 0x08, v 1, Kind::Report;
    }
}

/// What the data of an event is; two bits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct DataType(u8);

impl DataType {
    pub const NONE: Self = Self(0);
    /// Bytes, as of a tag.
    pub const RAW: Self = Self(1);
    /// Keys in ASCII, usually padded with 0xFF.
    pub const ASCII: Self = Self(2);
    pub const MD5: Self = Self(3);

    /// Its number: a bit of [`EventSupportedReport::supported_data_types`].
    pub const fn number(self) -> u8 {
        self.0
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct EventType(pub u8);

impl EventType {
    /// Someone began to type.
    pub const CACHING: Self = Self(0);
    /// Someone typed, and stopped without a button.
    pub const CACHED_KEYS: Self = Self(1);
    pub const ENTER: Self = Self(2);
    pub const DISARM_ALL: Self = Self(3);
    pub const ARM_ALL: Self = Self(4);
    /// "Arm", for when all are out.
    pub const ARM_AWAY: Self = Self(5);
    /// "Arm", for when someone stays.
    pub const ARM_HOME: Self = Self(6);
    /// A tag was held before it.
    pub const RFID: Self = Self(14);
    pub const FIRE: Self = Self(16);
    pub const POLICE: Self = Self(17);
    pub const ALERT_MEDICAL: Self = Self(19);
    pub const CANCEL: Self = Self(25);
}

/// Keys come padded with this to a whole block, so that a listener cannot count the digits.
const PADDING: u8 = 0xFF;
/// How long such a block is.
const BLOCK: usize = 16;

/// What was pressed or typed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Notification {
    /// Counts up; the same number twice is the same event.
    pub sequence_number: u8,
    /// What the data is.
    pub data_type: DataType,
    pub event_type: EventType,
    /// The data as received, with padding.
    #[serde(rename = "event_data_hex", serialize_with = "masked")]
    pub event_data: CodeText,
}

impl Notification {
    /// An event with the keys that were typed before it, padded; none: with no data.
    pub fn keys(sequence_number: u8, event_type: EventType, keys: &[u8]) -> Self {
        let data_type = if keys.is_empty() { DataType::NONE } else { DataType::ASCII };
        let mut data = keys.to_vec();
        data.resize(keys.len().next_multiple_of(BLOCK), PADDING);
        Self { sequence_number, data_type, event_type, event_data: CodeText::new(data) }
    }

    /// The keys without padding; `None`: the data is something else. Some keypads send them bare.
    pub fn typed(&self) -> Option<CodeText> {
        let data = self.event_data.reveal();
        let keys = data.iter().rposition(|byte| *byte != PADDING).map_or(0, |last| last + 1);
        (self.data_type == DataType::ASCII).then(|| CodeText::new(data.get(..keys).unwrap_or_default()))
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (sequence_number, data_type)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (event_type, len)) = pair(be_u8, be_u8).parse(input)?;
        let (input, data) = up_to(len.into(), input)?;
        let notification = Self {
            sequence_number,
            data_type: DataType(data_type & 0x03),
            event_type: EventType(event_type),
            event_data: CodeText::new(data),
        };
        Ok((input, notification))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let len = count(self.event_data.len());
        out.extend([self.sequence_number, self.data_type.0, self.event_type.0, len]);
        out.extend(self.event_data.reveal().iter().take(len.into()));
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeySupportedReport {
    /// Keys as ASCII character codes.
    pub supported_keys: BTreeSet<u8>,
}

impl KeySupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, len) = be_u8(input)?;
        let (input, keys) = up_to(len.into(), input)?;
        Ok((input, Self { supported_keys: bits_of(keys) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let keys = mask_of(&self.supported_keys);
        out.push(count(keys.len()));
        out.extend(keys);
    }
}

/// Which events there are, and in which bounds keys are kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EventSupportedReport {
    /// What data can be.
    pub supported_data_types: BTreeSet<u8>,
    /// What can be pressed.
    pub supported_event_types: BTreeSet<u8>,
    /// Fewest keys that are kept.
    pub min_key_cache_size: u8,
    pub max_key_cache_size: u8,
    /// Shortest time they are kept, in seconds.
    pub min_key_cache_timeout: u8,
    pub max_key_cache_timeout: u8,
}

impl EventSupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, data_types) = length_data(be_u8.map(|len| len & 0x03)).parse(input)?;
        let (input, event_types) = length_data(be_u8.map(|len| len & 0x1F)).parse(input)?;
        let (input, (min_size, max_size)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (min_timeout, max_timeout)) = pair(be_u8, be_u8).parse(input)?;
        let report = Self {
            supported_data_types: bits_of(data_types),
            supported_event_types: bits_of(event_types),
            min_key_cache_size: min_size,
            max_key_cache_size: max_size,
            min_key_cache_timeout: min_timeout,
            max_key_cache_timeout: max_timeout,
        };
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        for (numbers, most) in [(&self.supported_data_types, 0x03), (&self.supported_event_types, 0x1F)] {
            let mask = mask_of(numbers);
            let len = count(mask.len()).min(most);
            out.push(len);
            out.extend(mask.iter().take(len.into()));
        }
        out.extend([self.min_key_cache_size, self.max_key_cache_size]);
        out.extend([self.min_key_cache_timeout, self.max_key_cache_timeout]);
    }
}

/// How many keys are kept until they are told, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct KeyCache {
    /// Number of keys, 1 to 32.
    pub key_cache_size: u8,
    /// Seconds after the last of them, 1–10.
    pub key_cache_timeout: u8,
}

impl KeyCache {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (key_cache_size, key_cache_timeout)) = pair(be_u8, be_u8).parse(input)?;
        let (input, _) = rest(input)?;
        Ok((input, Self { key_cache_size, key_cache_timeout }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.key_cache_size, self.key_cache_timeout]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    fn notification(payload: &[u8]) -> Notification {
        let Ok(Command::EntryControl(EntryControl::Notification(it))) = Command::parse(payload) else { panic!("not one") };
        it
    }

    #[test]
    fn padding_is_no_part_of_a_code() {
        let padded = Notification::keys(7, EventType::DISARM_ALL, b"4711");
        assert_eq!(padded.event_data.len(), 16);
        assert_eq!(padded.typed().unwrap().reveal(), b"4711");
        // The recorded keypad sends its keys bare.
        assert_eq!(notification(b"\x6f\x01\x03\x02\x02\x0555555").typed().unwrap().reveal(), b"55555");
        assert_eq!(Notification::keys(8, EventType::FIRE, b""), notification(&[0x6F, 0x01, 8, 0, 16, 0]));
        assert_eq!(notification(&[0x6F, 0x01, 3, 1, 14, 2, 0x04, 0xA1]).typed(), None);
        let only_padding = [&[0x6F, 0x01, 1, 2, 2, 16][..], &[0xFF; 16]].concat();
        assert!(notification(&only_padding).typed().unwrap().is_empty());
    }

    #[test]
    fn what_was_typed_does_not_show() {
        let typed = Notification::keys(7, EventType::ENTER, b"4711");
        let payload = Command::EntryControl(EntryControl::Notification(typed.clone())).write();
        let shown = crate::command::redact::payload_hex(&payload);
        assert_eq!(shown, "6f0107020210****");
        let said = format!("{typed:?} {}", serde_json::to_string(&typed).unwrap());
        assert!(!said.contains("4711") && !said.contains("34373131"), "{said}");
    }
}
