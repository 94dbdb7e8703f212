//! What the classes share on the wire: optional tails, bit masks, and durations.

use std::collections::BTreeSet;
use std::time::Duration;

use nom::bytes::complete::take;
use nom::combinator::opt;
use nom::error::{Error, ErrorKind, make_error};
use nom::number::complete::{be_u8, be_u16};
use nom::{IResult, Parser};
use serde::{Serialize, Serializer};

/// A parsed payload and what follows it.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T>;

/// A parsed payload; what follows it belongs to newer versions and was dropped.
pub(super) type Outcome<'a, T> = Result<T, nom::Err<Error<&'a [u8]>>>;

/// Parameters that end before those that even version 1 has.
pub(super) fn short(input: &[u8]) -> nom::Err<Error<&[u8]>> {
    nom::Err::Error(make_error(input, ErrorKind::Eof))
}

/// Parameters that are whole, but not what was sent: their checksum is wrong.
pub(super) fn damaged(input: &[u8]) -> nom::Err<Error<&[u8]>> {
    nom::Err::Failure(make_error(input, ErrorKind::Verify))
}

/// A byte that newer versions appended.
pub(super) fn optional_u8(input: &[u8]) -> Parsed<'_, Option<u8>> {
    opt(be_u8).parse(input)
}

/// Two bytes that newer versions appended.
pub(super) fn optional_u16(input: &[u8]) -> Parsed<'_, Option<u16>> {
    opt(be_u16).parse(input)
}

/// `count` bytes, or as many as there are: nodes cut long tails short.
pub(super) fn up_to(count: usize, input: &[u8]) -> Parsed<'_, &[u8]> {
    take(count.min(input.len()))(input)
}

/// The numbers of the bits that are set; bit 0 of the first byte is 0.
pub(super) fn bits_of(mask: &[u8]) -> BTreeSet<u8> {
    (0..=u8::MAX).filter(|bit| mask.get(usize::from(bit / 8)).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)).collect()
}

/// The shortest mask with exactly these bits set.
pub(super) fn mask_of(bits: &BTreeSet<u8>) -> Vec<u8> {
    let mut mask = vec![0; bits.last().map_or(0, |last| usize::from(last / 8) + 1)];
    for bit in bits {
        if let Some(byte) = mask.get_mut(usize::from(bit / 8)) {
            *byte |= 1 << (bit % 8);
        }
    }
    mask
}

/// A count that goes into a byte. No payload holds more, since a frame is shorter; a longer one would be cut.
pub(super) fn count(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}

/// Lower-case hex without blanks.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes as a hex string in JSON.
pub(super) fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

/// Text of a node, in JSON: UTF-8 or another encoding.
pub(super) fn as_text<S: Serializer>(text: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(text))
}

/// Anything secret, as stars in JSON.
pub(super) fn masked<S: Serializer, T>(_: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("****")
}

/// How long a change still takes (docs/protocol/command-classes.md General rules).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Transition(pub u8);

impl Transition {
    /// It is done already.
    pub const NONE: Self = Self(0);

    /// The time it takes; `None` where the node cannot say (254).
    pub fn time(self) -> Option<Duration> {
        match self.0 {
            seconds @ 0..=127 => Some(Duration::from_secs(seconds.into())),
            minutes @ 128..=253 => Some(Duration::from_secs(60 * (u64::from(minutes) - 127))),
            254.. => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_duration_is_minutes_and_not_seconds() {
        assert_eq!(Transition(127).time(), Some(Duration::from_secs(127)));
        assert_eq!(Transition(128).time(), Some(Duration::from_secs(60)));
        assert_eq!(Transition(253).time(), Some(Duration::from_secs(126 * 60)));
        assert_eq!(Transition(254).time(), None);
    }

    #[test]
    fn the_last_bit_of_a_mask_is_not_lost() {
        let bits = BTreeSet::from([0, 7, 8, 255]);
        assert_eq!(mask_of(&bits).len(), 32);
        assert_eq!(bits_of(&mask_of(&bits)), bits);
        assert!(mask_of(&BTreeSet::new()).is_empty());
    }
}
