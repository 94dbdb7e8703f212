//! The six keys of a network, and which key protects what (docs/protocol/security.md B1, B12).

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

use serde::{Serialize, Serializer};
use subtle::{Choice, ConstantTimeEq};

use super::Fresh;
use super::crypto::Key;
use super::crypto::derive::ExpandedKey;
use crate::domain::ids::NodeId;
use crate::domain::node::SecurityClass;

/// A set of keys as bits, as nodes request them and are granted them. Unknown bits are kept.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyMask(pub u8);

impl KeyMask {
    pub const NONE: Self = Self(0);
    pub const KNOWN: Self = Self(0x87);
    /// The keys that a Long Range node can be granted (docs/protocol/security.md B12).
    pub const LONG_RANGE: Self = Self(0x06);
    /// Keys that require authentication of the device: by PIN, DSK or client-side authentication.
    pub const AUTHENTICATED: Self = Self(0x06);

    /// The bit of a class; no bit for "none".
    pub const fn of(class: SecurityClass) -> Self {
        Self(match class {
            SecurityClass::None => 0,
            SecurityClass::S2Unauthenticated => 0x01,
            SecurityClass::S2Authenticated => 0x02,
            SecurityClass::S2AccessControl => 0x04,
            SecurityClass::S0 => 0x80,
        })
    }

    /// The class of this bit; `None` for no bit, several bits, or an unknown one.
    pub fn single(self) -> Option<SecurityClass> {
        Self::RANKED.into_iter().find(|class| Self::of(*class) == self)
    }

    /// The classes in this set, highest first.
    pub fn classes(self) -> impl Iterator<Item = SecurityClass> {
        Self::RANKED.into_iter().filter(move |class| self.contains(Self::of(*class)))
    }

    /// Whether it includes every bit of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const RANKED: [SecurityClass; 4] =
        [SecurityClass::S2AccessControl, SecurityClass::S2Authenticated, SecurityClass::S2Unauthenticated, SecurityClass::S0];
}

impl BitAnd for KeyMask {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for KeyMask {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for KeyMask {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl fmt::Debug for KeyMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys 0x{:02x}", self.0)
    }
}

/// The numbers of the bits that are set.
impl Serialize for KeyMask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..8).filter(|bit| self.0 >> bit & 1 == 1))
    }
}

/// One of the six keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeyId {
    S0,
    Unauthenticated,
    Authenticated,
    AccessControl,
    /// S2 Authenticated for Long Range nodes.
    AuthenticatedLongRange,
    /// S2 Access Control for Long Range nodes.
    AccessControlLongRange,
}

impl KeyId {
    pub const ALL: [Self; 6] = [
        Self::S0,
        Self::Unauthenticated,
        Self::Authenticated,
        Self::AccessControl,
        Self::AuthenticatedLongRange,
        Self::AccessControlLongRange,
    ];

    /// The key of `class` for `node`; `None` without security, and for classes that Long Range does not have.
    pub fn of(class: SecurityClass, node: NodeId) -> Option<Self> {
        match (class, node.is_long_range()) {
            (SecurityClass::S0, false) => Some(Self::S0),
            (SecurityClass::S2Unauthenticated, false) => Some(Self::Unauthenticated),
            (SecurityClass::S2Authenticated, false) => Some(Self::Authenticated),
            (SecurityClass::S2AccessControl, false) => Some(Self::AccessControl),
            (SecurityClass::S2Authenticated, true) => Some(Self::AuthenticatedLongRange),
            (SecurityClass::S2AccessControl, true) => Some(Self::AccessControlLongRange),
            (SecurityClass::S0 | SecurityClass::S2Unauthenticated, true) | (SecurityClass::None, _) => None,
        }
    }

    /// The class that it protects.
    pub fn class(self) -> SecurityClass {
        match self {
            Self::S0 => SecurityClass::S0,
            Self::Unauthenticated => SecurityClass::S2Unauthenticated,
            Self::Authenticated | Self::AuthenticatedLongRange => SecurityClass::S2Authenticated,
            Self::AccessControl | Self::AccessControlLongRange => SecurityClass::S2AccessControl,
        }
    }

    /// Its name in key files, which Z-Wave JS uses as well.
    pub fn name(self) -> &'static str {
        match self {
            Self::S0 => "S0_Legacy",
            Self::Unauthenticated => "S2_Unauthenticated",
            Self::Authenticated => "S2_Authenticated",
            Self::AccessControl => "S2_AccessControl",
            Self::AuthenticatedLongRange => "S2_Authenticated_LR",
            Self::AccessControlLongRange => "S2_AccessControl_LR",
        }
    }
}

/// The keys of one network, and the keys that S2 expands from them.
#[derive(Clone)]
pub struct NetworkKeys {
    keys: [(Key, ExpandedKey); KeyId::ALL.len()],
}

impl NetworkKeys {
    /// The keys returned by `key`.
    pub fn from_fn(mut key: impl FnMut(KeyId) -> Key) -> Self {
        Self {
            keys: KeyId::ALL.map(|id| {
                let key = key(id);
                let expanded = ExpandedKey::of_network_key(&key);
                (key, expanded)
            }),
        }
    }

    /// Keys for a new network.
    pub fn generate(entropy: &mut impl Fresh) -> Self {
        Self::from_fn(|_| Key::from_bytes(entropy.fresh()))
    }

    /// A network key, as it is transferred and stored.
    pub fn network_key(&self, id: KeyId) -> &Key {
        &self.entry(id).0
    }

    /// The expanded key, which S2 encrypts with. For S0 it only verifies the transfer.
    pub fn expanded(&self, id: KeyId) -> &ExpandedKey {
        &self.entry(id).1
    }

    fn entry(&self, id: KeyId) -> &(Key, ExpandedKey) {
        let [s0, unauthenticated, authenticated, access_control, authenticated_lr, access_control_lr] = &self.keys;
        match id {
            KeyId::S0 => s0,
            KeyId::Unauthenticated => unauthenticated,
            KeyId::Authenticated => authenticated,
            KeyId::AccessControl => access_control,
            KeyId::AuthenticatedLongRange => authenticated_lr,
            KeyId::AccessControlLongRange => access_control_lr,
        }
    }
}

/// Compares all keys in constant time.
impl PartialEq for NetworkKeys {
    fn eq(&self, other: &Self) -> bool {
        let same = |id| self.network_key(id).ct_eq(other.network_key(id));
        KeyId::ALL.into_iter().map(same).fold(Choice::from(1), |all, one| all & one).into()
    }
}

impl Eq for NetworkKeys {}

impl fmt::Debug for NetworkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;

    #[test]
    fn a_long_range_lock_is_never_given_a_key_of_the_classic_network() {
        let (classic, long_range) = (NodeId(232), NodeId(256));
        for class in KeyMask::KNOWN.classes() {
            let [near, far] = [classic, long_range].map(|node| KeyId::of(class, node));
            assert!(near.is_some() && near != far, "{class:?}");
            assert_eq!(far.is_some(), KeyMask::LONG_RANGE.contains(KeyMask::of(class)), "{class:?}");
            assert!([near, far].into_iter().flatten().all(|id| id.class() == class));
        }
    }

    #[test]
    fn each_key_is_kept_under_its_own_name() {
        let keys = NetworkKeys::from_fn(|id| Key::from_bytes([id as u8; 16]));
        for id in KeyId::ALL {
            assert_eq!(keys.network_key(id).reveal(), &[id as u8; 16], "{id:?}");
        }
        let [a, b] = [1, 2].map(|seed| NetworkKeys::generate(&mut Entropy::from_number(seed)));
        assert!(KeyId::ALL.into_iter().all(|id| a.network_key(id) != b.network_key(id)));
        assert_ne!(a.network_key(KeyId::S0), a.network_key(KeyId::AccessControl));
    }

    #[test]
    fn the_highest_class_of_a_mask_comes_first_and_s0_last() {
        let classes: Vec<_> = KeyMask(0xFF).classes().collect();
        assert_eq!(classes.first(), Some(&SecurityClass::S2AccessControl));
        assert_eq!(classes.last(), Some(&SecurityClass::S0));
        assert_eq!(KeyMask(0x04).single(), Some(SecurityClass::S2AccessControl));
        assert_eq!([KeyMask(0), KeyMask(0x06), KeyMask(0x08)].map(KeyMask::single), [None; 3]);
    }

    #[test]
    fn keys_never_show_in_debug_output() {
        let keys = NetworkKeys::from_fn(|_| Key::from_bytes([0x33; 16]));
        assert_eq!(format!("{keys:?}"), "NetworkKeys(..)");
        assert!(!format!("{:?}", keys.expanded(KeyId::S0)).contains("51"));
    }
}
