//! The QR code on a device: SmartStart and S2 (docs/protocol/security.md B11). Digits only: "90", a version, a
//! checksum, the requested keys, the DSK, then entries of type, length and value.
//!
//! The two digits of a type are twice its number, plus one if critical. So a code has types 0–49; higher types exist
//! only in provisioning lists of controllers.

use std::time::Duration;

use sha1::{Digest, Sha1};

use super::dsk::{Dsk, group_number};

/// The start of every code.
const LEAD_IN: &str = "90";
/// Start of the part that the checksum covers.
const COVERED: usize = 9;
/// Start of the entries.
const FIELDS: usize = 52;

/// The content of a device's QR code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QrCode {
    /// The purpose of the code.
    pub version: QrVersion,
    /// The keys that the device requests.
    pub requested: RequestedKeys,
    pub dsk: Dsk,
    pub product_type: ProductType,
    pub product_id: ProductId,
    /// The maximum interval between its requests for inclusion, if the code has it.
    pub max_inclusion_request_interval: Option<Duration>,
    /// A serial number or similar.
    pub uuid: Option<Uuid16>,
    /// The networks that it can join, if the code has them.
    pub protocols: Option<Protocols>,
    /// Unknown types that may be ignored.
    pub ignored: Vec<u8>,
}

/// The purpose of a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QrVersion {
    /// For the PIN of an inclusion that is started at the device.
    S2,
    /// For SmartStart: the device is included when it is switched on, if its code is in the list.
    SmartStart,
}

/// The requested keys as bits (docs/protocol/security.md B1). On Long Range bits 1 and 2 are the keys of that network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestedKeys(pub u8);

impl RequestedKeys {
    /// Bits of defined keys.
    const KNOWN: u8 = 0x87;
}

/// The type of a device: Z-Wave device classes and installer icon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProductType {
    /// Generic device class: 0x40 is Entry Control, which locks are.
    pub generic: u8,
    pub specific: u8,
    /// Installer icon (Z-Wave Plus Info).
    pub installer_icon: u16,
}

/// The product of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProductId {
    pub manufacturer: u16,
    pub product_type: u16,
    pub product: u16,
    /// Version of the application, as `(major, minor)`.
    pub application: (u8, u8),
}

/// A unique id of one device: 16 bytes and their format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uuid16 {
    /// The format: 0, 2 and 4 hexadecimal, 1, 3 and 5 text, 6 a UUID.
    pub format: u8,
    pub bytes: [u8; 16],
}

/// The networks that a device can join.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocols {
    pub classic: bool,
    pub long_range: bool,
}

/// Why a text is not a usable code. Does not contain the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidQr {
    /// Another kind of code.
    #[error("this is not the QR code of a Z-Wave device, which begins with 90; scan the one with the Z-Wave or SmartStart mark")]
    NotZWave,
    /// It is too short.
    #[error("the QR code has {0} digits and needs at least 52; scan it again, or type all of it")]
    TooShort(usize),
    /// Something other than a digit.
    #[error("character {0} of the QR code is not a digit; scan it again, or type digits only")]
    NotDigits(usize),
    #[error("the QR code has version {0:02}, which is not known here; include the device with its PIN instead")]
    UnknownVersion(u8),
    /// A digit was misread.
    #[error("the checksum of the QR code is wrong, so a digit was misread; scan it again")]
    Checksum,
    /// An impossible number, although the checksum is right.
    #[error("the maker's QR code has an impossible {0}; include the device with its PIN instead")]
    Number(Field),
    /// A field has the wrong length.
    #[error("the maker's QR code has a {0} of the wrong length; include the device with its PIN instead")]
    Length(Field),
    /// It ends in the middle of a field.
    #[error("the QR code ends in the middle of a field; scan all of it, or include the device with its PIN instead")]
    CutField,
    /// A field is there twice.
    #[error("the maker's QR code has two of {0}; include the device with its PIN instead")]
    Twice(Field),
    /// A mandatory field is missing.
    #[error("the maker's QR code has no {0}; include the device with its PIN instead")]
    Missing(Field),
    /// An unknown field that the device marks as critical.
    #[error(
        "the QR code has a field ({0}) that must be understood and is not known here; include the device with its PIN instead"
    )]
    UnknownCritical(u8),
    /// The device requests no defined key.
    #[error("the device asks for no security key; it can't be included securely")]
    NoKeys,
}

/// A part of a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    RequestedKeys,
    Dsk,
    /// Device classes and icon.
    ProductType,
    /// Manufacturer, product and version.
    ProductId,
    /// The maximum interval between requests for inclusion.
    Interval,
    Uuid,
    Protocols,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RequestedKeys => "list of keys",
            Self::Dsk => "device key (DSK)",
            Self::ProductType => "product type",
            Self::ProductId => "product id",
            Self::Interval => "inclusion request interval",
            Self::Uuid => "serial number",
            Self::Protocols => "list of networks",
        })
    }
}

impl QrCode {
    /// Parses the text of a code. White space around it, and text that some scanners or makers add behind it, is
    /// dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidQr> {
        let text = text.trim();
        if !text.starts_with(LEAD_IN) {
            return Err(InvalidQr::NotZWave);
        }
        let len = text.bytes().take_while(u8::is_ascii_digit).count();
        let digits = text.get(..len).unwrap_or_default();
        let not_a_digit = (len < text.len()).then_some(InvalidQr::NotDigits(len + 1));
        if len < FIELDS {
            return Err(not_a_digit.unwrap_or(InvalidQr::TooShort(len)));
        }
        let version = match number(digits, 2, 2) {
            Some(0) => QrVersion::S2,
            Some(1) => QrVersion::SmartStart,
            other => return Err(InvalidQr::UnknownVersion(other.and_then(|it| it.try_into().ok()).unwrap_or(u8::MAX))),
        };
        // A misread digit may have become a letter: then that is the error to report.
        let code = checked(digits).ok_or_else(|| not_a_digit.unwrap_or(InvalidQr::Checksum))?;

        let requested = number(code, COVERED, 3).and_then(|keys| u8::try_from(keys).ok());
        let requested = RequestedKeys(requested.ok_or(InvalidQr::Number(Field::RequestedKeys))?);
        if requested.0 & RequestedKeys::KNOWN == 0 {
            return Err(InvalidQr::NoKeys);
        }
        let dsk = code.get(COVERED + 3..FIELDS).and_then(bytes_of).ok_or(InvalidQr::Number(Field::Dsk))?;
        Fields::parse(code.get(FIELDS..).unwrap_or_default())?.with(version, requested, Dsk::new(dsk))
    }
}

/// The entries, in order of the text.
#[derive(Default)]
struct Fields {
    product_type: Option<ProductType>,
    product_id: Option<ProductId>,
    interval: Option<Duration>,
    uuid: Option<Uuid16>,
    protocols: Option<Protocols>,
    ignored: Vec<u8>,
}

impl Fields {
    fn parse(mut rest: &str) -> Result<Self, InvalidQr> {
        let mut fields = Self::default();
        while !rest.is_empty() {
            let (kind, value, after) = next_field(rest).ok_or(InvalidQr::CutField)?;
            fields.take(kind >> 1, kind & 1 == 1, value)?;
            rest = after;
        }
        Ok(fields)
    }

    fn take(&mut self, kind: u8, critical: bool, value: &str) -> Result<(), InvalidQr> {
        match kind {
            0 => once(&mut self.product_type, Field::ProductType, product_type(value)?),
            1 => once(&mut self.product_id, Field::ProductId, product_id(value)?),
            2 => {
                let units = small(value, Field::Interval, &[2])?;
                once(&mut self.interval, Field::Interval, Duration::from_secs(128 * u64::from(units)))
            }
            3 => once(&mut self.uuid, Field::Uuid, uuid(value)?),
            4 => {
                // Makers write this byte in two or three digits, and one tool in five.
                let bits = small(value, Field::Protocols, &[2, 3, 5])?;
                let protocols = Protocols { classic: bits & 1 != 0, long_range: bits & 2 != 0 };
                once(&mut self.protocols, Field::Protocols, protocols)
            }
            unknown if critical => Err(InvalidQr::UnknownCritical(unknown)),
            unknown => {
                self.ignored.push(unknown);
                Ok(())
            }
        }
    }

    fn with(self, version: QrVersion, requested: RequestedKeys, dsk: Dsk) -> Result<QrCode, InvalidQr> {
        Ok(QrCode {
            version,
            requested,
            dsk,
            product_type: self.product_type.ok_or(InvalidQr::Missing(Field::ProductType))?,
            product_id: self.product_id.ok_or(InvalidQr::Missing(Field::ProductId))?,
            max_inclusion_request_interval: self.interval,
            uuid: self.uuid,
            protocols: self.protocols,
            ignored: self.ignored,
        })
    }
}

fn once<T>(place: &mut Option<T>, field: Field, value: T) -> Result<(), InvalidQr> {
    if place.replace(value).is_some() { Err(InvalidQr::Twice(field)) } else { Ok(()) }
}

fn product_type(value: &str) -> Result<ProductType, InvalidQr> {
    let [classes, installer_icon] = words(value, Field::ProductType)?;
    let [generic, specific] = classes.to_be_bytes();
    Ok(ProductType { generic, specific, installer_icon })
}

fn product_id(value: &str) -> Result<ProductId, InvalidQr> {
    let [manufacturer, product_type, product, application] = words(value, Field::ProductId)?;
    let [major, minor] = application.to_be_bytes();
    Ok(ProductId { manufacturer, product_type, product, application: (major, minor) })
}

fn uuid(value: &str) -> Result<Uuid16, InvalidQr> {
    let (format, groups) =
        value.split_at_checked(2).filter(|(_, groups)| groups.len() == 40).ok_or(InvalidQr::Length(Field::Uuid))?;
    let format = format.parse().map_err(|_| InvalidQr::Number(Field::Uuid))?;
    Ok(Uuid16 { format, bytes: bytes_of(groups).ok_or(InvalidQr::Number(Field::Uuid))? })
}

/// `N` groups of five digits.
fn words<const N: usize>(value: &str, field: Field) -> Result<[u16; N], InvalidQr> {
    if value.len() != 5 * N {
        return Err(InvalidQr::Length(field));
    }
    let mut words = [0; N];
    for (n, word) in words.iter_mut().enumerate() {
        *word = value.get(5 * n..5 * n + 5).and_then(|group| group_number(group).ok()).ok_or(InvalidQr::Number(field))?;
    }
    Ok(words)
}

/// A number in as many digits as one of `lengths`.
fn small(value: &str, field: Field, lengths: &[usize]) -> Result<u16, InvalidQr> {
    if !lengths.contains(&value.len()) {
        return Err(InvalidQr::Length(field));
    }
    value.parse().map_err(|_| InvalidQr::Number(field))
}

/// Eight groups of five digits as 16 bytes.
fn bytes_of(groups: &str) -> Option<[u8; 16]> {
    let words = words::<8>(groups, Field::Dsk).ok()?;
    let mut bytes = [0; 16];
    for (pair, word) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(words) {
        *pair = word.to_be_bytes();
    }
    Some(bytes)
}

/// The number in `len` digits from `at` on.
fn number(digits: &str, at: usize, len: usize) -> Option<u32> {
    digits.get(at..at + len)?.parse().ok()
}

/// Type (twice its number, one more if critical), value, and what follows.
fn next_field(rest: &str) -> Option<(u8, &str, &str)> {
    let (head, rest) = rest.split_at_checked(4)?;
    let (kind, len) = head.split_at_checked(2)?;
    let (value, rest) = rest.split_at_checked(len.parse().ok()?)?;
    Some((kind.parse().ok()?, value, rest))
}

/// The longest prefix of `digits` with a right checksum: all of it, or up to the end of an entry if other digits follow
/// the code.
fn checked(digits: &str) -> Option<&str> {
    let checksum = number(digits, 4, 5)?;
    let right = |end: usize| {
        let covered = digits.get(COVERED..end)?;
        let [first, second, ..] = <[u8; 20]>::from(Sha1::digest(covered.as_bytes()));
        (u32::from_be_bytes([0, 0, first, second]) == checksum).then(|| digits.get(..end))?
    };
    let mut ends = vec![FIELDS];
    let mut rest = digits.get(FIELDS..)?;
    while let Some((_, _, after)) = next_field(rest) {
        rest = after;
        ends.push(digits.len() - rest.len());
    }
    right(digits.len()).or_else(|| ends.into_iter().rev().find_map(right))
}

#[cfg(test)]
mod tests;
