//! Bytes of a command that nobody took apart.

use std::fmt;

use serde::{Serialize, Serializer};

use super::codec;

/// Parameters nobody took apart. They may hold codes or keys, so neither `Debug` nor JSON shows them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Body(pub Vec<u8>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codec::masked(self, serializer)
    }
}
