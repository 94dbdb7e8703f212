//! The QR code on a device: SmartStart and S2 (docs/protocol/security.md B11). Digits only: "90", a version, a
//! checksum, the keys the device asks for, its device-specific key, then what else there is as type, length and value.
//!
//! Types are sent as twice their number and one more if critical, in two digits, so that a code has types 0–49 and never
//! those above, which controllers keep beside a code.

use std::time::Duration;

use sha1::{Digest, Sha1};

use super::dsk::{Dsk, group_number};

/// What every code begins with.
const LEAD_IN: &str = "90";
/// Where the part begins that the checksum covers.
const COVERED: usize = 9;
/// Where types, lengths and values begin.
const FIELDS: usize = 52;

/// What a device's code says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QrCode {
    /// What the code is for.
    pub version: QrVersion,
    /// The keys that the device asks for.
    pub requested: RequestedKeys,
    /// Its device-specific key.
    pub dsk: Dsk,
    /// What it is.
    pub product_type: ProductType,
    /// Which product it is.
    pub product_id: ProductId,
    /// It asks to be included at least this often, where it says so.
    pub max_inclusion_request_interval: Option<Duration>,
    /// Its serial number or the like.
    pub uuid: Option<Uuid16>,
    /// The networks it can join, where it says so.
    pub protocols: Option<Protocols>,
    /// Types that are not known here and may be left alone.
    pub ignored: Vec<u8>,
}

/// What a code is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QrVersion {
    /// The PIN of an inclusion that somebody starts at the device.
    S2,
    /// SmartStart: the device is included when it is switched on, once its code is known here.
    SmartStart,
}

/// The keys a device asks for, as bits (docs/protocol/security.md B1). On Long Range bits 1 and 2 are the keys of that
/// network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestedKeys(pub u8);

impl RequestedKeys {
    /// Bits that mean a key.
    const KNOWN: u8 = 0x87;
}

/// What a device is: Z-Wave's device classes and the icon for installers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProductType {
    /// Generic device class: 0x40 is Entry Control, which locks are.
    pub generic: u8,
    /// Specific device class.
    pub specific: u8,
    /// Installer icon (Z-Wave Plus Info).
    pub installer_icon: u16,
}

/// Which product a device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProductId {
    /// Manufacturer.
    pub manufacturer: u16,
    /// Product type.
    pub product_type: u16,
    /// Product.
    pub product: u16,
    /// Version of the application, `major.minor`.
    pub application: (u8, u8),
}

/// A name of one device: 16 bytes and how to write them down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uuid16 {
    /// How they are written: 0, 2 and 4 hexadecimal, 1, 3 and 5 text, 6 a UUID.
    pub format: u8,
    /// The bytes.
    pub bytes: [u8; 16],
}

/// The networks a device can join.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocols {
    /// The mesh.
    pub classic: bool,
    /// Long Range.
    pub long_range: bool,
}

/// Why a text is no code of a device that can be used. Never contains the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidQr {
    /// Another kind of code.
    #[error("this is not the QR code of a Z-Wave device, which begins with 90; scan the one with the Z-Wave or SmartStart mark")]
    NotZWave,
    /// It ends too early.
    #[error("the QR code has {0} digits and needs at least 52; scan it again, or type all of it")]
    TooShort(usize),
    /// Something other than a digit.
    #[error("character {0} of the QR code is not a digit; scan it again, or type digits only")]
    NotDigits(usize),
    /// A format of later years.
    #[error("the QR code has version {0:02}, which is not known here; include the device with its PIN instead")]
    UnknownVersion(u8),
    /// A digit is wrong.
    #[error("the checksum of the QR code is wrong, so a digit was misread; scan it again")]
    Checksum,
    /// A number that can't be, although the checksum is right.
    #[error("the maker's QR code has an impossible {0}; include the device with its PIN instead")]
    Number(Field),
    /// A field has another length than it should.
    #[error("the maker's QR code has a {0} of the wrong length; include the device with its PIN instead")]
    Length(Field),
    /// It ends in the middle of a field.
    #[error("the QR code ends in the middle of a field; scan all of it, or include the device with its PIN instead")]
    CutField,
    /// A field there is once is there twice.
    #[error("the maker's QR code has two of {0}; include the device with its PIN instead")]
    Twice(Field),
    /// A field every code has.
    #[error("the maker's QR code has no {0}; include the device with its PIN instead")]
    Missing(Field),
    /// The device says that who doesn't know this field must not include it.
    #[error(
        "the QR code has a field ({0}) that must be understood and is not known here; include the device with its PIN instead"
    )]
    UnknownCritical(u8),
    /// The device wants none of the keys there are.
    #[error("the device asks for no security key; it can't be included securely")]
    NoKeys,
}

/// A part of a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// Requested keys.
    RequestedKeys,
    /// Device-specific key.
    Dsk,
    /// Device classes and icon.
    ProductType,
    /// Manufacturer, product and version.
    ProductId,
    /// How often it asks to be included.
    Interval,
    /// Serial number.
    Uuid,
    /// Networks.
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
    /// Reads the text of a code. White space around it, and what some scanners or makers put behind it, is dropped.
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
        // A digit that was misread may have made a letter of a digit: then that is what to say.
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

/// Types, lengths and values, as they come.
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
                // Makers write one byte in two or three digits, and one of the tools a number in five.
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

/// The longest part of `digits` that the checksum in it is right for: all of it, or up to the end of a field where other
/// digits follow the code.
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
