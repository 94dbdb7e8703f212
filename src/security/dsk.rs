//! The device-specific key (DSK): the first 16 bytes of the public key of a device that joins with S2, printed on it as
//! eight groups of five digits (docs/protocol/security.md B11). The first group is the PIN that users type.
//!
//! It encrypts nothing, but with it another device can impersonate this one during its inclusion. It is only shown on
//! request.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::key_exchange::DskPin;
use crate::domain::ids::HomeId;

/// Groups of five digits, each a 16-bit number.
const GROUPS: usize = 8;
/// Digits of a group.
const DIGITS: usize = 5;
/// The prefix in some QR codes (docs/protocol/security.md B11; seen in Z-Wave JS only).
const PREFIX: &str = "zws2dsk:";

#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Dsk([u8; 16]);

impl Dsk {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The DSK of the device with this public key.
    pub fn of_public_key(public_key: &[u8; 32]) -> Self {
        let [dsk, _] = halves(public_key);
        Self(dsk)
    }

    /// Parses the printed form: eight groups of five digits with dashes or blanks between them, or the 40 digits alone.
    pub fn parse(text: &str) -> Result<Self, InvalidDsk> {
        let text = text.trim();
        let text = text
            .get(..PREFIX.len())
            .filter(|head| head.eq_ignore_ascii_case(PREFIX))
            .map_or(text, |_| text.get(PREFIX.len()..).unwrap_or_default());
        let split: Vec<&str> = text.split(['-', ' ', '–', '\t']).filter(|group| !group.is_empty()).collect();
        let groups: Vec<&str> = match *split {
            [digits] if digits.len() == GROUPS * DIGITS && digits.is_ascii() => {
                (0..GROUPS).filter_map(|n| digits.get(n * DIGITS..(n + 1) * DIGITS)).collect()
            }
            _ => split,
        };
        if groups.len() != GROUPS {
            return Err(InvalidDsk::Groups(groups.len()));
        }
        let mut dsk = Self([0; 16]);
        for (n, (group, bytes)) in groups.iter().zip(dsk.0.chunks_exact_mut(2)).enumerate() {
            let number = group_number(group).map_err(|fault| InvalidDsk::Group { group: n + 1, fault })?;
            bytes.copy_from_slice(&number.to_be_bytes());
        }
        Ok(dsk)
    }

    /// The bytes. For the key exchange, the sealed store and comparisons.
    pub fn reveal(&self) -> &[u8; 16] {
        &self.0
    }

    /// The eight groups, as printed on the device.
    pub fn text(&self) -> String {
        let groups: Vec<_> = self.groups().map(|group| format!("{group:05}")).collect();
        groups.join("-")
    }

    /// The groups after the PIN, which a user compares with the label before typing the PIN.
    pub fn tail(&self) -> String {
        let groups: Vec<_> = self.groups().skip(1).map(|group| format!("{group:05}")).collect();
        groups.join("-")
    }

    /// The first group, which a device that asks for authentication leaves out of the public key that it sends.
    pub fn pin(&self) -> DskPin {
        DskPin::new(self.groups().next().unwrap_or_default())
    }

    /// The home id that a SmartStart device uses to ask for inclusion (network-wide inclusion).
    pub fn nwi_home_id(&self) -> HomeId {
        let [.., a, b, c, d, _, _, _, _] = self.0;
        HomeId(u32::from_be_bytes([a | 0xC0, b, c, d & 0xFE]))
    }

    /// The home id that it is told to join with.
    pub fn auth_home_id(&self) -> HomeId {
        let [.., a, b, c, d] = self.0;
        HomeId(u32::from_be_bytes([a & 0x3F, b, c, d | 0x01]))
    }

    fn groups(&self) -> impl Iterator<Item = u16> {
        self.0.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
    }
}

/// Omits the PIN, which is secret.
impl fmt::Debug for Dsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsk(*****-{})", self.tail())
    }
}

impl DskPin {
    /// Parses what a user typed.
    pub fn parse(text: &str) -> Result<Self, InvalidDskPin> {
        group_number(text.trim()).map(Self::new).map_err(InvalidDskPin)
    }
}

/// Why a text is no DSK. Does not contain the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidDsk {
    /// Groups are missing, or there are too many.
    #[error("a device key (DSK) has 8 groups of 5 digits and this has {0}; type all of the label, from the PIN on")]
    Groups(usize),
    #[error("group {group} of the device key (DSK) {fault}; look at the label again")]
    Group {
        /// Number of the group, 1 to 8.
        group: usize,
        /// What is wrong with it.
        fault: GroupFault,
    },
}

/// Why a text is no PIN. Does not contain the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the PIN {0}; it is the first, underlined group of 5 digits on the device's label")]
pub struct InvalidDskPin(GroupFault);

/// What is wrong with a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GroupFault {
    /// Too short or too long.
    #[error("must have 5 digits")]
    Length,
    /// Something other than 0–9.
    #[error("must have digits only")]
    NotDigits,
    /// More than a 16-bit number can hold.
    #[error("can't be more than 65535")]
    TooLarge,
}

/// The value of a group of exactly five digits.
pub(super) fn group_number(group: &str) -> Result<u16, GroupFault> {
    if !group.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(GroupFault::NotDigits);
    }
    if group.len() != DIGITS {
        return Err(GroupFault::Length);
    }
    group.parse().map_err(|_| GroupFault::TooLarge)
}

/// Both halves of a public key.
fn halves(key: &[u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    for (half, bytes) in halves.iter_mut().zip(key.as_chunks::<16>().0) {
        *half = *bytes;
    }
    halves
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const LABEL: &str = "13696-29398-13912-32977-44778-12954-57233-08504";

    fn vector() -> Value {
        let file: Value = serde_json::from_str(include_str!("../../tests/data/vectors/security.json")).unwrap();
        file["dsk"].clone()
    }

    fn bytes<const N: usize>(hex: &Value) -> [u8; N] {
        let hex = hex.as_str().unwrap();
        std::array::from_fn(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
    }

    #[test]
    fn the_label_of_a_device_is_the_key_it_sends() {
        let vector = vector();
        let dsk = Dsk::of_public_key(&bytes(&vector["public_key"]));
        assert_eq!(dsk.reveal(), &bytes(&vector["dsk_hex"]));
        assert_eq!(dsk.text(), vector["dsk"]);
        assert_eq!(Dsk::parse(vector["dsk"].as_str().unwrap()), Ok(dsk.clone()));
        assert_eq!(dsk.pin(), DskPin::parse(vector["pin"].as_str().unwrap()).unwrap());
        assert_eq!(dsk.pin(), DskPin::new(0x3580));
        let id = |name: &str| HomeId(u32::from_be_bytes(bytes(&vector[name])));
        assert_eq!(dsk.nwi_home_id(), id("smartstart_nwi_home_id"));
        assert_eq!(dsk.auth_home_id(), id("smartstart_auth_home_id"));
    }

    #[test]
    fn a_label_is_read_however_it_was_typed() {
        let dsk = Dsk::parse(LABEL).unwrap();
        let forms = [LABEL.replace('-', " "), LABEL.replace('-', ""), LABEL.replace('-', " - "), format!("zws2dsk:{LABEL}\n")];
        for typed in forms {
            assert_eq!(Dsk::parse(&typed), Ok(dsk.clone()), "{typed}");
        }
    }

    #[test]
    fn the_group_that_was_mistyped_is_named() {
        let wrong = |group: &str| Dsk::parse(&LABEL.replace("13912", group)).unwrap_err();
        assert_eq!(wrong("1391"), InvalidDsk::Group { group: 3, fault: GroupFault::Length });
        assert_eq!(wrong("13g12"), InvalidDsk::Group { group: 3, fault: GroupFault::NotDigits });
        assert_eq!(wrong("73912"), InvalidDsk::Group { group: 3, fault: GroupFault::TooLarge });
        assert_eq!(wrong(""), InvalidDsk::Groups(7));
        assert_eq!(Dsk::parse(""), Err(InvalidDsk::Groups(0)));
        let told = wrong("73912").to_string();
        assert_eq!(told, "group 3 of the device key (DSK) can't be more than 65535; look at the label again");
        assert!(DskPin::parse("1234").unwrap_err().to_string().contains("5 digits"));
        assert!(DskPin::parse("99999").is_err());
    }

    #[test]
    fn the_pin_shows_in_no_log() {
        let dsk = Dsk::parse(LABEL).unwrap();
        let said = format!("{dsk:?} {:?}", dsk.pin());
        assert!(!said.contains("13696") && said.contains("29398"), "{said}");
    }
}
