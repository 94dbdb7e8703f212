//! Network keys as text: one JSON object, 32 hexadecimal digits per key, under the names that Z-Wave JS uses:
//!
//! ```json
//! {"S0_Legacy": "0102…0f10", "S2_AccessControl": "…"}
//! ```
//!
//! A file may omit keys; those in the store are used then. Errors never contain a key.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::crypto::{BLOCK, Key};
use super::keys::{KeyId, NetworkKeys};

/// The keys in a file.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct KeyFile(BTreeMap<KeyId, Key>);

impl KeyFile {
    /// Parses the text of a file.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyFile> {
        let entries: Entries = serde_json::from_str(text).map_err(|error| {
            // Not the message of serde, which may quote a key.
            if error.is_data() { InvalidKeyFile::NotAnObject } else { InvalidKeyFile::NotJson { line: error.line() } }
        })?;
        let keys = Self::of(entries)?;
        if keys.is_empty() { Err(InvalidKeyFile::Empty) } else { Ok(keys) }
    }

    fn of(Entries(entries): Entries) -> Result<Self, InvalidKeyFile> {
        let mut keys = Self::default();
        for (name, key) in entries {
            let id = KeyId::ALL
                .into_iter()
                .find(|id| id.name() == name)
                .ok_or_else(|| InvalidKeyFile::UnknownName(name.chars().filter(|c| !c.is_control()).take(40).collect()))?;
            let key = key.map_err(|fault| InvalidKeyFile::Key { name: id.name(), fault })?;
            keys.insert(id, key)?;
        }
        Ok(keys)
    }

    /// Adds a key. The same key under two names would protect neither class from the other.
    pub fn insert(&mut self, id: KeyId, key: Key) -> Result<(), InvalidKeyFile> {
        if self.0.contains_key(&id) {
            return Err(InvalidKeyFile::Twice(id.name()));
        }
        if key == Key::from_bytes([0; BLOCK]) {
            return Err(InvalidKeyFile::Key { name: id.name(), fault: KeyFault::Zero });
        }
        if let Some((other, _)) = self.0.iter().find(|(_, other)| **other == key) {
            return Err(InvalidKeyFile::Same { names: [other.name(), id.name()] });
        }
        self.0.insert(id, key);
        Ok(())
    }

    /// One key, if the file contains it.
    pub fn get(&self, id: KeyId) -> Option<&Key> {
        self.0.get(&id)
    }

    /// The ids of the keys in the file.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.keys().copied()
    }

    /// Whether it contains no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All six keys: those of the file, and `others` for the rest.
    pub fn or(&self, others: &NetworkKeys) -> NetworkKeys {
        NetworkKeys::from_fn(|id| self.get(id).unwrap_or_else(|| others.network_key(id)).clone())
    }

    /// The keys of a network as text. For the encrypted store, and for an export, which is audited.
    pub fn write(keys: &NetworkKeys) -> Zeroizing<String> {
        // Allocated large enough, so that growing leaves no copy in memory.
        let mut text = Zeroizing::new(String::with_capacity(512));
        for (n, id) in KeyId::ALL.into_iter().enumerate() {
            text.push_str(if n == 0 { "{" } else { ",\n " });
            text.push_str(&format!("\"{}\": \"", id.name()));
            text.extend(hex_digits(keys.network_key(id)));
            text.push('"');
        }
        text.push_str("}\n");
        text
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ids().map(KeyId::name)).finish()
    }
}

/// Deserialises a JSON object of keys; it may be empty.
impl<'de> Deserialize<'de> for KeyFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of(Entries::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The 32 hexadecimal digits of a key. For the sealed store, an audited export, and the Unix socket.
pub fn hex_digits(key: &Key) -> impl Iterator<Item = char> {
    let nibbles = key.reveal().iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16))
}

/// Parses 32 hexadecimal digits; case, blanks, commas, colons and `0x` are ignored.
pub fn key_from_hex(text: &str) -> Result<Key, KeyFault> {
    let mut key = Zeroizing::new([0; BLOCK]);
    let mut digits = 0;
    for group in text.split([' ', ',', ':', '-']) {
        let group = group.strip_prefix("0x").or_else(|| group.strip_prefix("0X")).unwrap_or(group);
        for c in group.chars() {
            let nibble = c.to_digit(16).and_then(|nibble| u8::try_from(nibble).ok()).ok_or(KeyFault::NotHex)?;
            if let Some(byte) = key.get_mut(digits / 2) {
                *byte = *byte << 4 | nibble;
            }
            digits += 1;
        }
    }
    if digits == 2 * BLOCK { Ok(Key::from_bytes(*key)) } else { Err(KeyFault::Length(digits)) }
}

/// Why a text contains no network keys. Contains nothing of the text but names.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidKeyFile {
    /// Not JSON at all.
    #[error("it is not JSON (line {line}); write {{\"S0_Legacy\": \"32 hexadecimal digits\", …}}")]
    NotJson {
        /// The line of the syntax error.
        line: usize,
    },
    /// JSON, but no object.
    #[error("it is not a JSON object of keys; write {{\"S0_Legacy\": \"32 hexadecimal digits\", …}}")]
    NotAnObject,
    /// No key in it.
    #[error("it names no key; write at least one of {}", NAMES.join(", "))]
    Empty,
    #[error("{0:?} is not the name of a network key; the names are {names}", names = NAMES.join(", "))]
    UnknownName(String),
    /// A key that cannot be one.
    #[error("{name} {fault}; write its 32 hexadecimal digits as the other software shows them")]
    Key {
        name: &'static str,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// The same name twice.
    #[error("{0} is there twice; keep the right one")]
    Twice(&'static str),
    /// The same key under two names.
    #[error("{} and {} are the same key; give each its own", names[0], names[1])]
    Same { names: [&'static str; 2] },
}

const NAMES: [&str; 6] =
    ["S0_Legacy", "S2_Unauthenticated", "S2_Authenticated", "S2_AccessControl", "S2_Authenticated_LR", "S2_AccessControl_LR"];

/// What is wrong with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyFault {
    /// Too short or too long.
    #[error("has {0} digits")]
    Length(usize),
    /// Something other than hexadecimal digits.
    #[error("has something else than hexadecimal digits in it")]
    NotHex,
    #[error("is not a text in quotes")]
    NotText,
    /// Sixteen zero bytes, a key that is public.
    #[error("is all zeros")]
    Zero,
}

/// Names and keys, in the order of the text. Keys are parsed without copying their digits.
struct Entries(Vec<(String, Result<Key, KeyFault>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key()? {
            let HexKey(key) = map.next_value()?;
            entries.push((name, key));
        }
        Ok(Entries(entries))
    }
}

/// A key in a JSON text, parsed without copying it.
pub(crate) struct HexKey(pub(crate) Result<Key, KeyFault>);

impl<'de> Deserialize<'de> for HexKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HexVisitor)
    }
}

struct HexVisitor;

impl<'de> Visitor<'de> for HexVisitor {
    type Value = HexKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("32 hexadecimal digits in quotes")
    }

    fn visit_str<E>(self, text: &str) -> Result<HexKey, E> {
        Ok(HexKey(key_from_hex(text)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<HexKey, E> {
        Ok(HexKey(Err(KeyFault::NotText)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<HexKey, E> {
        Ok(HexKey(Err(KeyFault::NotText)))
    }

    fn visit_u64<E>(self, _: u64) -> Result<HexKey, E> {
        Ok(HexKey(Err(KeyFault::NotText)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<HexKey, E> {
        Ok(HexKey(Err(KeyFault::NotText)))
    }

    fn visit_unit<E>(self) -> Result<HexKey, E> {
        Ok(HexKey(Err(KeyFault::NotText)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<HexKey, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(HexKey(Err(KeyFault::NotText)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HexKey, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(HexKey(Err(KeyFault::NotText)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"{"S0_Legacy": "0102030405060708090a0b0c0d0e0f10", "S2_AccessControl": "33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 34"}"#;

    fn keys() -> NetworkKeys {
        NetworkKeys::from_fn(|id| Key::from_bytes([id as u8 + 1; BLOCK]))
    }

    #[test]
    fn a_file_gives_the_keys_it_names_and_the_store_the_others() {
        let file = KeyFile::parse(FILE).unwrap();
        assert_eq!(file.ids().collect::<Vec<_>>(), [KeyId::S0, KeyId::AccessControl]);
        let all = file.or(&keys());
        assert_eq!(all.network_key(KeyId::S0).reveal()[..2], [1, 2]);
        assert_eq!(all.network_key(KeyId::AccessControl).reveal()[15], 0x34);
        assert_eq!(all.network_key(KeyId::Authenticated), keys().network_key(KeyId::Authenticated));
    }

    #[test]
    fn what_is_exported_can_be_read_again() {
        let file = KeyFile::parse(&KeyFile::write(&keys())).unwrap();
        for id in KeyId::ALL {
            assert_eq!(file.get(id), Some(keys().network_key(id)), "{id:?}");
        }
        assert_eq!(KeyId::ALL.map(KeyId::name), NAMES);
    }

    #[test]
    fn each_fault_is_named_without_the_key() {
        let key = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";
        let fault = |text: String| KeyFile::parse(&text).unwrap_err();
        let cases = [
            (fault(format!("{{\"S0_Legacy\": {key}")), "line 1"),
            (fault(format!("[\"{key}\"]")), "not a JSON object"),
            (fault("{}".into()), "names no key"),
            (fault(format!("{{\"S2_Acess\": \"{key}\"}}")), "S2_Acess"),
            (fault(format!("{{\"S0_Legacy\": \"{key}ff\"}}")), "34 digits"),
            (fault(format!("{{\"S0_Legacy\": \"{}\"}}", &key[..31])), "31 digits"),
            (fault(format!("{{\"S0_Legacy\": \"{}g\"}}", &key[..31])), "hexadecimal"),
            (fault("{\"S0_Legacy\": 123}".into()), "in quotes"),
            (fault(format!("{{\"S0_Legacy\": [\"{key}\"]}}")), "in quotes"),
            (fault("{\"S0_Legacy\": null}".into()), "in quotes"),
            (fault(format!("{{\"S0_Legacy\": \"{}\"}}", "0".repeat(32))), "all zeros"),
            (fault(format!("{{\"S0_Legacy\": \"{key}\", \"S0_Legacy\": \"{key}\"}}")), "twice"),
            (fault(format!("{{\"S0_Legacy\": \"{key}\", \"S2_Authenticated\": \"{key}\"}}")), "the same key"),
        ];
        for (fault, part) in cases {
            let told = fault.to_string();
            assert!(told.contains(part) && !told.contains("5ec2e7") && !told.contains('\n'), "{told}");
        }
    }

    #[test]
    fn keys_as_other_software_shows_them_are_read() {
        let key = Key::from_bytes([0xAB; BLOCK]);
        for text in ["AB".repeat(16), "0xab, ".repeat(15) + "0xAB", "ab:".repeat(15) + "ab"] {
            assert_eq!(key_from_hex(&text), Ok(key.clone()), "{text}");
        }
    }

    #[test]
    fn keys_show_in_no_log() {
        let file = KeyFile::parse(FILE).unwrap();
        assert_eq!(format!("{file:?}"), r#"{"S0_Legacy", "S2_AccessControl"}"#);
    }

    proptest! {
        #[test]
        fn no_file_can_panic(text in "\\PC{0,80}") {
            let _ = (KeyFile::parse(&text), key_from_hex(&text));
        }
    }
}
