//! Values of parameters. Few bytes each, but some locks keep codes in parameters: what looks like the digits of one is
//! shown as stars.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::command::codec::{Parsed, count, hex, up_to};
use crate::command::redact::holds_digits;

/// The value of a parameter: big-endian, of 1, 2 or 4 bytes (docs/protocol/command-classes.md 0x70). Empty where there
/// is no such parameter.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Value(Vec<u8>);

impl Value {
    /// Takes the bytes as transmitted; a size has three bits, so those after the seventh are dropped.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let mut bytes = bytes.into();
        bytes.truncate(7);
        Self(bytes)
    }

    /// The bytes. They may hold a code: for the wire only.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many there are.
    pub fn size(&self) -> u8 {
        count(self.0.len())
    }

    /// The value as versions 1 and 2 mean it. `None` for other sizes than 1, 2 and 4.
    pub fn signed(&self) -> Option<i32> {
        match *self.0.as_slice() {
            [a] => Some(i8::from_be_bytes([a]).into()),
            [a, b] => Some(i16::from_be_bytes([a, b]).into()),
            [a, b, c, d] => Some(i32::from_be_bytes([a, b, c, d])),
            _ => None,
        }
    }

    /// The value where the properties of the parameter say that it has no sign.
    pub fn unsigned(&self) -> Option<u32> {
        match *self.0.as_slice() {
            [a] => Some(a.into()),
            [a, b] => Some(u16::from_be_bytes([a, b]).into()),
            [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

/// Size, number, and the bytes; a number only where there is one.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value_size", &self.size())?;
        if let Some(number) = self.signed().filter(|_| !holds_digits(&self.0)) {
            map.serialize_entry("value", &number)?;
        }
        map.serialize_entry("value_hex", &shown(&self.0))?;
        map.end()
    }
}

/// The values of parameters that follow each other, all of one size.
#[derive(Clone, PartialEq, Eq)]
pub struct Values {
    first: u16,
    number: u8,
    size: u8,
    bytes: Vec<u8>,
}

impl Values {
    /// The values of `first` and those after it. `None`: more than 255, of different sizes, or longer than 7 bytes.
    pub fn new(first: u16, values: &[Value]) -> Option<Self> {
        let size = values.first().map_or(0, Value::size);
        let same = values.iter().all(|value| value.size() == size);
        let bytes = values.iter().flat_map(|value| value.0.iter().copied()).collect();
        Some(Self { first, number: u8::try_from(values.len()).ok()?, size, bytes }).filter(|_| same)
    }

    pub fn first(&self) -> u16 {
        self.first
    }

    pub fn number(&self) -> u8 {
        self.number
    }

    /// Size of each value in bytes.
    pub fn size(&self) -> u8 {
        self.size
    }

    /// The bytes of all values. They may hold a code: for the wire only.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Parameters and values. Shorter than [`Values::number`] where the node cut its report short.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Value)> {
        let values = self.bytes.chunks_exact(usize::from(self.size).max(1)).map(Value::new);
        numbers(self.first, self.number).into_iter().zip(values)
    }

    /// `flags` has the size in its low bits.
    pub(super) fn parse(first: u16, number: u8, flags: u8, input: &[u8]) -> Parsed<'_, Self> {
        let size = flags & 0x07;
        let (input, bytes) = up_to(usize::from(number) * usize::from(size), input)?;
        Ok((input, Self { first, number, size, bytes: bytes.to_vec() }))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values of {} bytes from {}: {}", self.number, self.size, self.first, shown(&self.bytes))
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("parameters", &numbers(self.first, self.number))?;
        map.serialize_entry("value_size", &self.size)?;
        if !holds_digits(&self.bytes) {
            map.serialize_entry("values", &self.iter().map(|(_, value)| value.signed()).collect::<Vec<_>>())?;
        }
        map.serialize_entry("values_hex", &shown(&self.bytes))?;
        map.end()
    }
}

fn shown(bytes: &[u8]) -> String {
    if holds_digits(bytes) { "****".into() } else { hex(bytes) }
}

/// The `number` parameters from `first` on; there is none above 65535.
pub(super) fn numbers(first: u16, number: u8) -> Vec<u16> {
    (first..=u16::MAX).take(number.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_is_not_255() {
        assert_eq!(Value::new([0xFF]).signed(), Some(-1));
        assert_eq!(Value::new([0xFF]).unsigned(), Some(255));
        assert_eq!(Value::new([0xFF, 0xFE]).signed(), Some(-2));
        assert_eq!((Value::new([1, 2, 3]).signed(), Value::default().signed()), (None, None));
    }

    #[test]
    fn values_of_different_sizes_do_not_share_a_frame() {
        assert_eq!(Values::new(5, &[Value::new([1]), Value::new([1, 2])]), None);
        let values = Values::new(u16::MAX, &[Value::new([1]), Value::new([2])]).unwrap();
        assert_eq!(values.iter().count(), 1, "there is no parameter 65536");
    }
}
