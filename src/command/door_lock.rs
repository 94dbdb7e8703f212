//! Door Lock (0x62) v1–4 (docs/protocol/command-classes.md 0x62). A motor needs 2–7 s after a Set.

use std::collections::BTreeSet;

use nom::Parser;
use nom::combinator::opt;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::codec::{Parsed, Transition, bits_of, count, mask_of, optional_u8, up_to};
use super::spec::{Kind, command_class};

command_class! {
    DoorLock {
        OperationSet(OperationSet) = 0x01, v 1, Kind::Set;
        OperationGet = 0x02, v 1, Kind::Get { reply: 0x03 };
        OperationReport(OperationReport) = 0x03, v 1, Kind::Report;
        ConfigurationSet(Configuration) = 0x04, v 1, Kind::Set;
        ConfigurationGet = 0x05, v 1, Kind::Get { reply: 0x06 };
        ConfigurationReport(Configuration) = 0x06, v 1, Kind::Report;
        CapabilitiesGet = 0x07, v 4, Kind::Get { reply: 0x08 };
        CapabilitiesReport(CapabilitiesReport) = 0x08, v 4, Kind::Report;
    }
}

/// Whether the door can be opened, and by which handles.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Mode(pub u8);

impl Mode {
    pub const UNSECURED: Self = Self(0x00);
    /// Open to all, for a while.
    pub const UNSECURED_WITH_TIMEOUT: Self = Self(0x01);
    /// Open by the inside handles.
    pub const INSIDE_UNSECURED: Self = Self(0x10);
    /// Open by the inside handles, for a while.
    pub const INSIDE_UNSECURED_WITH_TIMEOUT: Self = Self(0x11);
    /// Open by the outside handles.
    pub const OUTSIDE_UNSECURED: Self = Self(0x20);
    /// Open by the outside handles, for a while.
    pub const OUTSIDE_UNSECURED_WITH_TIMEOUT: Self = Self(0x21);
    /// The lock does not know (v2). Never sent in a Set.
    pub const UNKNOWN: Self = Self(0xFE);
    pub const SECURED: Self = Self(0xFF);

    /// Whether it is locked; `None` if unknown, or for an unknown mode.
    pub fn is_locked(self) -> Option<bool> {
        match self {
            Self::SECURED => Some(true),
            Self(0x00 | 0x01 | 0x10 | 0x11 | 0x20 | 0x21) => Some(false),
            Self(_) => None,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::UNSECURED => Some("Unsecured"),
            Self::UNSECURED_WITH_TIMEOUT => Some("Unsecured with timeout"),
            Self::INSIDE_UNSECURED => Some("Inside handles unsecured"),
            Self::INSIDE_UNSECURED_WITH_TIMEOUT => Some("Inside handles unsecured with timeout"),
            Self::OUTSIDE_UNSECURED => Some("Outside handles unsecured"),
            Self::OUTSIDE_UNSECURED_WITH_TIMEOUT => Some("Outside handles unsecured with timeout"),
            Self::UNKNOWN => Some("Unknown"),
            Self::SECURED => Some("Secured"),
            Self(_) => None,
        }
    }
}

/// The mode as number and word, in one object with other fields.
fn mode_with_name<S: Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("mode", mode)?;
    if let Some(name) = mode.name() {
        map.serialize_entry("mode_name", name)?;
    }
    map.end()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct OperationSet {
    /// The mode to take.
    #[serde(flatten, serialize_with = "mode_with_name")]
    pub mode: Mode,
}

impl OperationSet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, mode) = be_u8(input)?;
        Ok((input, Self { mode: Mode(mode) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.mode.0);
    }
}

/// States of door, bolt and latch. Since version 4 only the parts in the capabilities are valid. Some locks without
/// door sensor report "door open" whenever they are locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Condition(pub u8);

impl Condition {
    /// Bit 0: the door is closed.
    pub fn door_closed(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Bit 1 clear: the bolt is extended.
    pub fn bolt_locked(self) -> bool {
        self.0 & 0x02 == 0
    }

    /// Bit 2: the latch is closed.
    pub fn latch_closed(self) -> bool {
        self.0 & 0x04 != 0
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let word = |closed: bool| if closed { "closed" } else { "open" };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("door_condition", &self.0)?;
        map.serialize_entry("door", word(self.door_closed()))?;
        map.serialize_entry("bolt", if self.bolt_locked() { "locked" } else { "unlocked" })?;
        map.serialize_entry("latch", word(self.latch_closed()))?;
        map.end()
    }
}

/// The target of a movement (since version 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Target {
    /// The mode it will have.
    pub target_mode: Mode,
    /// How long that takes.
    pub duration: Transition,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct OperationReport {
    #[serde(flatten, serialize_with = "mode_with_name")]
    pub mode: Mode,
    /// Outside handles 1–4 that open the door, as bits 0–3.
    pub outside_handles: u8,
    /// Inside handles 1–4 that open the door, as bits 0–3.
    pub inside_handles: u8,
    #[serde(flatten)]
    pub condition: Condition,
    /// Minutes until it locks; 0xFE none.
    pub timeout_minutes: u8,
    /// Seconds until it locks; 0xFE none.
    pub timeout_seconds: u8,
    #[serde(flatten)]
    pub target: Option<Target>,
}

impl OperationReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (mode, handles)) = pair(be_u8, be_u8).parse(input)?;
        let (input, condition) = be_u8(input)?;
        let (input, (timeout_minutes, timeout_seconds)) = pair(be_u8, be_u8).parse(input)?;
        let (input, target) = opt(pair(be_u8, be_u8)).parse(input)?;
        let report = Self {
            mode: Mode(mode),
            outside_handles: handles >> 4,
            inside_handles: handles & 0x0F,
            condition: Condition(condition),
            timeout_minutes,
            timeout_seconds,
            target: target.map(|(mode, duration)| Target { target_mode: Mode(mode), duration: Transition(duration) }),
        };
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let handles = self.outside_handles << 4 | self.inside_handles & 0x0F;
        out.extend([self.mode.0, handles, self.condition.0, self.timeout_minutes, self.timeout_seconds]);
        if let Some(target) = self.target {
            out.extend([target.target_mode.0, target.duration.0]);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Configuration {
    /// 1 constant, 2 timed.
    pub operation_type: u8,
    /// Outside handles that may open, as bits 0–3.
    pub outside_handles: u8,
    /// Inside handles that may open, as bits 0–3.
    pub inside_handles: u8,
    /// Minutes until it locks, 0–253; 0xFE none.
    pub timeout_minutes: u8,
    /// Seconds until it locks, 0–59; 0xFE none.
    pub timeout_seconds: u8,
    /// What version 4 added.
    #[serde(flatten)]
    pub v4: Option<Relock>,
}

/// The tail of a version 4 configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Relock {
    /// Seconds after which it locks by itself.
    pub auto_relock_time: u16,
    /// Seconds it holds the latch.
    pub hold_and_release_time: u16,
    /// Bit 0 twist assist, bit 1 block to block.
    pub flags: u8,
}

impl Configuration {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (operation_type, handles)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (timeout_minutes, timeout_seconds)) = pair(be_u8, be_u8).parse(input)?;
        let (input, v4) = opt((be_u16, be_u16, be_u8)).parse(input)?;
        let configuration = Self {
            operation_type,
            outside_handles: handles >> 4,
            inside_handles: handles & 0x0F,
            timeout_minutes,
            timeout_seconds,
            v4: v4.map(|(auto_relock_time, hold_and_release_time, flags)| Relock {
                auto_relock_time,
                hold_and_release_time,
                flags,
            }),
        };
        Ok((input, configuration))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let handles = self.outside_handles << 4 | self.inside_handles & 0x0F;
        out.extend([self.operation_type, handles, self.timeout_minutes, self.timeout_seconds]);
        if let Some(v4) = self.v4 {
            out.extend(v4.auto_relock_time.to_be_bytes());
            out.extend(v4.hold_and_release_time.to_be_bytes());
            out.push(v4.flags);
        }
    }
}

/// What a lock can do (v4).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CapabilitiesReport {
    /// 1 constant, 2 timed.
    pub operation_types: BTreeSet<u8>,
    /// Modes it can take.
    pub modes: Vec<Mode>,
    /// Outside handles it can switch, as bits 0–3.
    pub outside_handles: u8,
    /// Inside handles it can switch, as bits 0–3.
    pub inside_handles: u8,
    /// The parts that the condition byte covers.
    #[serde(flatten)]
    pub components: Components,
    /// Bit 3 auto-relock, bit 2 hold and release, bit 1 twist assist, bit 0 block to block.
    pub flags: u8,
}

/// Which parts of a door the lock has sensors for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Components {
    pub door_supported: bool,
    pub bolt_supported: bool,
    pub latch_supported: bool,
}

impl CapabilitiesReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, types_len) = be_u8(input)?;
        let (input, types) = up_to((types_len & 0x1F).into(), input)?;
        let (input, modes_len) = be_u8(input)?;
        let (input, modes) = up_to(modes_len.into(), input)?;
        let (input, (handles, components)) = pair(be_u8, be_u8).parse(input)?;
        let (input, flags) = optional_u8(input)?;
        let report = Self {
            operation_types: bits_of(types),
            modes: modes.iter().copied().map(Mode).collect(),
            outside_handles: handles >> 4,
            inside_handles: handles & 0x0F,
            components: Components {
                door_supported: components & 0x01 != 0,
                bolt_supported: components & 0x02 != 0,
                latch_supported: components & 0x04 != 0,
            },
            flags: flags.unwrap_or_default(),
        };
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let types = mask_of(&self.operation_types);
        out.push(count(types.len()) & 0x1F);
        out.extend(types);
        out.push(count(self.modes.len()));
        out.extend(self.modes.iter().map(|mode| mode.0));
        out.push(self.outside_handles << 4 | self.inside_handles & 0x0F);
        let Components { door_supported, bolt_supported, latch_supported } = self.components;
        out.push(u8::from(door_supported) | u8::from(bolt_supported) << 1 | u8::from(latch_supported) << 2);
        out.push(self.flags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_mode_is_neither_locked_nor_unlocked() {
        assert_eq!(Mode::SECURED.is_locked(), Some(true));
        assert_eq!(Mode::UNSECURED_WITH_TIMEOUT.is_locked(), Some(false));
        assert_eq!(Mode::UNKNOWN.is_locked(), None);
        assert_eq!(Mode(0x7F).is_locked(), None);
    }
}
