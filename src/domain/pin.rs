//! Access codes. Nothing here can be printed, logged or serialised by accident; memory is wiped on drop.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::entropy::{Entropy, keyed_hash};

/// A person's access code: 4–10 ASCII digits (User Code class: docs/protocol/command-classes.md 0x63).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub struct Pin(String);

/// Why a text is not an access code. Never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPin {
    /// Fewer than 4 or more than 10 digits.
    #[error("a code has 4 to 10 digits")]
    Length,
    /// Something other than 0–9.
    #[error("a code has digits only, 0 to 9")]
    NotDigits,
}

impl Pin {
    /// Parses a typed code; surrounding white space is dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidPin> {
        let text = text.trim();
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidPin::NotDigits);
        }
        if !(4..=10).contains(&text.len()) {
            return Err(InvalidPin::Length);
        }
        Ok(Self(text.into()))
    }

    /// A random code of `digits` digits (clamped to 4–10).
    pub fn generate(digits: u8, entropy: &mut Entropy) -> Self {
        let digit = |entropy: &mut Entropy| char::from(b'0' + u8::try_from(entropy.below(10)).unwrap_or_default());
        Self((0..digits.clamp(4, 10)).map(|_| digit(entropy)).collect())
    }

    /// The digits. Only for the wire, the sealed store, and an audited reveal.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn digits(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Whatever text a lock says is in a slot: foreign codes, letters, filler, stars. As secret as a [`Pin`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Zeroize, ZeroizeOnDrop)]
pub struct CodeText(Vec<u8>);

impl CodeText {
    /// Takes the bytes as they came.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes. Only for the wire, the sealed store and comparisons.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// No bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&Pin> for CodeText {
    fn from(pin: &Pin) -> Self {
        Self(pin.0.as_bytes().to_vec())
    }
}

impl fmt::Debug for CodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// The key of code fingerprints. Sealed in the store like the codes themselves.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FingerprintKey(pub [u8; 32]);

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}

/// A keyed hash of a code: tells "the code we wrote" from any other, without keeping the code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The fingerprint of `code` under `key`.
    pub fn of(code: &[u8], key: &FingerprintKey) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&keyed_hash(&key.0, code)[..16]);
        Self(short)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_never_shows_in_debug_output() {
        let pin = Pin::parse("48213").unwrap();
        let text = CodeText::from(&pin);
        assert!(!format!("{pin:?} {text:?} {:?}", Some(&pin)).contains("48213"));
    }

    #[test]
    fn a_bad_code_is_refused_without_repeating_it() {
        assert_eq!(Pin::parse("123"), Err(InvalidPin::Length));
        assert_eq!(Pin::parse("12345678901"), Err(InvalidPin::Length));
        assert_eq!(Pin::parse("12a4"), Err(InvalidPin::NotDigits));
        assert_eq!(Pin::parse(" 1234\n").unwrap().reveal(), "1234");
    }
}
