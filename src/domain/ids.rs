//! Identities. Each is its own type, so that a slot number can never be passed for a node.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entropy::Entropy;
use super::time::Timestamp;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh random (version 4) id.
            pub fn new(entropy: &mut Entropy) -> Self {
                Self(uuid::Builder::from_random_bytes(entropy.bytes()).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(s: &str) -> Result<Self, uuid::Error> {
                Ok(Self(Uuid::try_parse(s)?))
            }
        }
    )*};
}

uuid_ids! {
    /// Somebody who may open doors.
    PersonId;
    /// What a person presents.
    CredentialId;
    /// Something that accepts credentials. Survives a replaced lock and a renamed slug.
    DeviceId;
    /// One credential on one device.
    GrantId;
    /// A device that is expected (SmartStart).
    ProvisioningId;
    /// This hub, in MQTT client and discovery ids.
    HubId;
    /// Somebody who may log in to the dashboard.
    AccountId;
    /// What a program logs in with.
    TokenId;
}

/// Identity of one event; sorts by time (a ULID).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(ulid::Ulid);

impl EventId {
    /// A fresh id for an event at `at`.
    pub fn new(at: Timestamp, entropy: &mut Entropy) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or_default();
        Self(ulid::Ulid::from_parts(millis, u128::from_be_bytes(entropy.bytes())))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = ulid::DecodeError;

    fn from_str(s: &str) -> Result<Self, ulid::DecodeError> {
        Ok(Self(ulid::Ulid::from_string(s)?))
    }
}

/// A node of the Z-Wave network: 1–232 classic, 256–4000 Long Range (docs/protocol/serial-api.md §3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u16);

impl NodeId {
    /// Whether this is a Long Range node: star topology, no routes.
    pub fn is_long_range(self) -> bool {
        self.0 >= 256
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// The home id of a Z-Wave network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HomeId(pub u32);

impl fmt::Display for HomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}

impl fmt::Debug for HomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of a change of intent. Grows by one with each accepted change and never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The editable name of a device in topics and commands: `[a-z0-9_]`, 1–40 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// Makes a slug out of any name; letters outside `a-z0-9` become `_`. Never empty.
    pub fn from_name(name: &str) -> Self {
        let mut slug = String::new();
        for c in name.chars().flat_map(char::to_lowercase) {
            match c {
                'a'..='z' | '0'..='9' => slug.push(c),
                _ if !slug.is_empty() && !slug.ends_with('_') => slug.push('_'),
                _ => {}
            }
            if slug.len() == 40 {
                break;
            }
        }
        let slug = slug.trim_end_matches('_');
        Self(if slug.is_empty() { "device".into() } else { slug.into() })
    }

    /// The text of the slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a slug.
#[derive(Debug, thiserror::Error)]
#[error("a slug has 1 to 40 characters of a-z, 0-9 and _")]
pub struct InvalidSlug;

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(s: &str) -> Result<Self, InvalidSlug> {
        let fits = (1..=40).contains(&s.len());
        let plain = s.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if fits && plain { Ok(Self(s.into())) } else { Err(InvalidSlug) }
    }
}

impl TryFrom<String> for Slug {
    type Error = InvalidSlug;

    fn try_from(s: String) -> Result<Self, InvalidSlug> {
        s.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_accents_or_nothing_in_it_still_gives_a_topic() {
        assert_eq!(Slug::from_name("Front Door").as_str(), "front_door");
        assert_eq!(Slug::from_name("  Büro / 2 ").as_str(), "b_ro_2");
        assert_eq!(Slug::from_name("鍵").as_str(), "device");
        assert!("Front/Door".parse::<Slug>().is_err());
    }
}
