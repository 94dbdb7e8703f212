//! Notification (0x71) v2–8, and Alarm, its version 1 (docs/protocol/command-classes.md 0x71): what happened at the
//! door.

pub mod access_control;
mod event;
mod params;

use std::collections::BTreeSet;

use nom::Parser;
use nom::combinator::opt;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::codec::{Parsed, bits_of, count, mask_of, optional_u8, up_to};
use super::spec::{Kind, command_class};

pub use event::Event;
pub use params::Params;

command_class! {
    Notification {
        EventSupportedGet(EventSupportedGet) = 0x01, v 3, Kind::Get { reply: 0x02 };
        EventSupportedReport(EventSupportedReport) = 0x02, v 3, Kind::Report;
        Get(Get) = 0x04, v 1, Kind::Get { reply: 0x05 };
        /// Something happened, or: how it stands.
        Report(Report) = 0x05, v 1, Kind::Report;
        /// Switches a type on or off.
        Set(Set) = 0x06, v 2, Kind::Set;
        SupportedGet = 0x07, v 2, Kind::Get { reply: 0x08 };
        SupportedReport(SupportedReport) = 0x08, v 2, Kind::Report;
    }
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct NotificationType(pub u8);

impl NotificationType {
    /// Locks and doors; its events are in [`access_control`].
    pub const ACCESS_CONTROL: Self = Self(6);
    pub const HOME_SECURITY: Self = Self(7);
    pub const POWER_MANAGEMENT: Self = Self(8);
    /// Failures of the node itself.
    pub const SYSTEM: Self = Self(9);
    /// Calls for police, fire brigade, doctor.
    pub const EMERGENCY: Self = Self(10);
    /// Every type, in a Get.
    pub const ANY: Self = Self(0xFF);

    pub fn name(self) -> Option<&'static str> {
        let index = usize::from(self.0).checked_sub(1)?;
        TYPE_NAMES.get(index).copied()
    }
}

/// Types 1 to 22, in order.
const TYPE_NAMES: [&str; 22] = [
    "Smoke Alarm",
    "CO Alarm",
    "CO2 Alarm",
    "Heat Alarm",
    "Water Alarm",
    "Access Control",
    "Home Security",
    "Power Management",
    "System",
    "Emergency Alarm",
    "Clock",
    "Appliance",
    "Home Health",
    "Siren",
    "Water Valve",
    "Weather Alarm",
    "Irrigation",
    "Gas Alarm",
    "Pest Control",
    "Light Sensor",
    "Water Quality Monitoring",
    "Home Monitoring",
];

/// Whether the node tells events of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Status(pub u8);

impl Status {
    /// The type is switched off.
    pub const OFF: Self = Self(0x00);
    /// A polled node has no further notification.
    pub const NONE_PENDING: Self = Self(0xFE);
    /// The type is switched on.
    pub const ON: Self = Self(0xFF);
}

/// Asks for a state, in the words of version 1 (only a number of the maker) or of versions 2 and 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Get {
    /// The manufacturer's number; 0 if `type` is used.
    pub v1_type: u8,
    /// `None` in version 1.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<NotificationType>,
    /// Which event (v3); 0: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}

impl Get {
    /// Asks for one event of a type.
    pub fn event(kind: NotificationType, event: Event) -> Self {
        Self { v1_type: 0, kind: Some(kind), event: Some(event) }
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, v1_type) = be_u8(input)?;
        let (input, (kind, event)) = pair(optional_u8, optional_u8).parse(input)?;
        Ok((input, Self { v1_type, kind: kind.map(NotificationType), event: event.map(Event) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.v1_type);
        if let Some(kind) = self.kind {
            out.push(kind.0);
            out.extend(self.event.map(|event| event.0));
        }
    }
}

/// An event or a state. Locks of version 1 fill in the first two fields only, with numbers of the manufacturer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// The manufacturer's number of the event; 0 if `notification` is used.
    pub v1_type: u8,
    /// A parameter of that event, usually the slot.
    pub v1_level: u8,
    /// The standard form, since version 2.
    #[serde(flatten)]
    pub notification: Option<Notified>,
}

/// An event in the standard form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notified {
    /// v2: the node of a Zensor net; 0 since.
    pub zensor_source: u8,
    /// Whether the type is switched on.
    pub status: Status,
    pub kind: NotificationType,
    pub event: Event,
    /// Parameters of the event, such as a user.
    pub params: Params,
    /// Distinguishes two equal events (v3).
    pub sequence: Option<u8>,
}

impl Report {
    /// The report of a node of version 2 or later.
    pub fn of(kind: NotificationType, event: Event, params: Params) -> Self {
        let notified = Notified { zensor_source: 0, status: Status::ON, kind, event, params, sequence: None };
        Self { v1_type: 0, v1_level: 0, notification: Some(notified) }
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (v1_type, v1_level)) = pair(be_u8, be_u8).parse(input)?;
        let (input, notification) = opt(Notified::parse).parse(input)?;
        Ok((input, Self { v1_type, v1_level, notification }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.v1_type, self.v1_level]);
        if let Some(notification) = &self.notification {
            notification.write(out);
        }
    }
}

impl Notified {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (zensor_source, status)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (kind, event)) = pair(be_u8, be_u8).parse(input)?;
        let (input, layout) = optional_u8(input)?;
        let layout = layout.unwrap_or_default();
        let (input, params) = up_to((layout & 0x1F).into(), input)?;
        let (input, sequence) = optional_u8(input)?;
        let notified = Self {
            zensor_source,
            status: Status(status),
            kind: NotificationType(kind),
            event: Event(event),
            params: Params::new(params),
            // Without the flag the byte is filler that many nodes append.
            sequence: sequence.filter(|_| layout & 0x80 != 0),
        };
        Ok((input, notified))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.zensor_source, self.status.0, self.kind.0, self.event.0]);
        let params = self.params.reveal();
        out.push(u8::from(self.sequence.is_some()) << 7 | count(params.len()) & 0x1F);
        out.extend(params);
        out.extend(self.sequence);
    }
}

impl Serialize for Notified {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("zensor_source", &self.zensor_source)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("type_name", &self.kind.name())?;
        map.serialize_entry("event", &self.event)?;
        if self.kind == NotificationType::ACCESS_CONTROL {
            map.serialize_entry("event_name", &access_control::name(self.event))?;
        }
        map.serialize_entry("has_sequence", &self.sequence.is_some())?;
        map.serialize_entry("sequence", &self.sequence)?;
        map.serialize_entry("params_len", &self.params.reveal().len())?;
        map.serialize_entry("params_hex", &self.params)?;
        map.end()
    }
}

/// Switches a type on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Set {
    #[serde(rename = "type")]
    pub kind: NotificationType,
    pub status: Status,
}

impl Set {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (kind, status)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { kind: NotificationType(kind), status: Status(status) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.kind.0, self.status.0]);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EventSupportedGet {
    #[serde(rename = "type")]
    pub kind: NotificationType,
}

impl EventSupportedGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, kind) = be_u8(input)?;
        Ok((input, Self { kind: NotificationType(kind) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind.0);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EventSupportedReport {
    #[serde(rename = "type")]
    pub kind: NotificationType,
    pub events: BTreeSet<u8>,
}

impl EventSupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (kind, len)) = pair(be_u8, be_u8).parse(input)?;
        let (input, events) = up_to((len & 0x1F).into(), input)?;
        Ok((input, Self { kind: NotificationType(kind), events: bits_of(events) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let events = mask_of(&self.events);
        out.extend([self.kind.0, count(events.len()) & 0x1F]);
        out.extend(events);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SupportedReport {
    /// It also reports manufacturer events in `v1_type` and `v1_level`.
    pub v1_alarm: bool,
    pub types: BTreeSet<u8>,
}

impl SupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, layout) = be_u8(input)?;
        let (input, types) = up_to((layout & 0x1F).into(), input)?;
        Ok((input, Self { v1_alarm: layout & 0x80 != 0, types: bits_of(types) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let types = mask_of(&self.types);
        out.push(u8::from(self.v1_alarm) << 7 | count(types.len()) & 0x1F);
        out.extend(types);
    }
}
