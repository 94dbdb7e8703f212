//! Times.

use serde::{Deserialize, Serialize};

/// A moment as it is shown: RFC 3339 with the offset of the home, `2026-11-23T18:04:05.123+01:00`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub String);

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
