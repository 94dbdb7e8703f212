//! Words of a set that grows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A word of the set `T`, or one that only a later version knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Open<T> {
    Known(T),
    /// Anything else, as it came.
    Unknown(String),
}

impl<T: Copy> Open<T> {
    /// The word, if this version knows it.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Unknown(_) => None,
        }
    }
}

impl<T: PartialEq> PartialEq<T> for Open<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(word) if word == other)
    }
}

impl<T> From<T> for Open<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

/// The word as JSON has it. `T` has to be an enum without data.
impl<T: Serialize> fmt::Display for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(word) => word.serialize(f),
            Self::Unknown(text) => text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::grant::Status;

    #[test]
    fn a_word_of_a_later_version_is_kept_and_not_taken_for_one_of_ours() {
        let word: Open<Status> = serde_json::from_str("\"enchanted\"").unwrap();
        assert_eq!((word.known(), word.to_string()), (None, "enchanted".to_owned()));
        assert_eq!(serde_json::to_string(&word).unwrap(), "\"enchanted\"");
        let word: Open<Status> = serde_json::from_str("\"missing_from_lock\"").unwrap();
        assert_eq!((word.known(), word.to_string()), (Some(Status::MissingFromLock), "missing_from_lock".to_owned()));
    }
}
