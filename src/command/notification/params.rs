//! Event parameters. They identify the user in one of several forms, and may contain the code.

use std::fmt;

use serde::{Serialize, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::command::redact;
use crate::command::user_code::UserId;

/// The parameters of an event. Some locks put the code into them, so it is masked in `Debug` and JSON.
#[derive(Clone, PartialEq, Eq, Default, Zeroize, ZeroizeOnDrop)]
pub struct Params(Vec<u8>);

impl Params {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes. They may hold a code: for the wire only.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// The user of an Access Control event. Three forms are known: an id, a User Code Report (complete, or truncated
    /// after the id), and an Extended User Code Report. `None` for id 0 and everything else, because a wrong name is
    /// worse than none.
    pub fn user_id(&self) -> Option<UserId> {
        match *self.0.as_slice() {
            [id] => UserId::new(id.into()),
            [0x63, 0x03, id, ..] => UserId::new(id.into()),
            [0x63, 0x0D, _count, high, low, ..] => UserId::new(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact::params_hex(&self.0))
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&redact::params_hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_of(bytes: &[u8]) -> Option<u16> {
        Params::new(bytes).user_id().map(UserId::number)
    }

    #[test]
    fn every_shape_a_lock_uses_names_the_user() {
        assert_eq!(user_of(&[5]), Some(5));
        assert_eq!(user_of(&[0x63, 0x03, 2]), Some(2));
        assert_eq!(user_of(&[0x63, 0x03, 2, 1]), Some(2));
        assert_eq!(user_of(&[0x63, 0x03, 2, 1, 0x31, 0x32, 0x33, 0x34]), Some(2));
        assert_eq!(user_of(&[0x63, 0x0D, 1, 0x01, 0x2C, 1, 4, 0x31, 0x32, 0x33, 0x34, 0, 0]), Some(300));
    }

    #[test]
    fn an_event_without_user_names_no_user() {
        for bytes in [&[][..], &[0], &[0x63, 0x03], &[0x63, 0x03, 0], &[0x83, 0x07, 4], &[1, 2], &[0x63, 0x0D, 1, 0, 0]] {
            assert_eq!(user_of(bytes), None, "{bytes:02x?}");
        }
    }

    #[test]
    fn the_code_a_lock_put_into_an_event_does_not_reach_the_log() {
        for bytes in [
            &b"\x63\x03\x02\x014711"[..],
            b"\x63\x0d\x01\x00\x02\x01\x044711\x00\x00",
            b"\x83\x0c\x04\x00\x03\x01\x00\x01\x80\x044711",
            b"4711",
            b"\x024711",
        ] {
            let debug = format!("{:?}", Params::new(bytes));
            assert!(!debug.contains("34373131"), "{debug}");
            assert!(debug.ends_with("****"), "{debug}");
        }
        assert_eq!(format!("{:?}", Params::new([0x63, 0x03, 0x02, 0x01])), "63030201");
        assert_eq!(format!("{:?}", Params::new([5])), "05");
    }
}
