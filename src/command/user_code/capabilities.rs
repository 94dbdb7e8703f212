//! Version 2: what a lock's codes and keypad can do.

use std::collections::BTreeSet;

use nom::number::complete::be_u8;
use serde::Serialize;

use crate::command::codec::{Parsed, bits_of, count, mask_of, up_to};

/// How the keypad behaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct KeypadMode {
    pub mode: u8,
}

impl KeypadMode {
    pub const NORMAL: Self = Self { mode: 0 };
    /// Only the admin code is taken.
    pub const VACATION: Self = Self { mode: 1 };
    /// No code is taken.
    pub const PRIVACY: Self = Self { mode: 2 };
    /// Too many wrong codes: the lock does this by itself, another mode ends it.
    pub const LOCKED_OUT: Self = Self { mode: 3 };

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, mode) = be_u8(input)?;
        Ok((input, Self { mode }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.mode);
    }
}

#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct CapabilitiesReport {
    /// There is an admin code.
    pub admin_code: bool,
    /// The admin code can be switched off.
    pub admin_code_deactivation: bool,
    /// There is a checksum over all codes.
    pub checksum: bool,
    /// Extended Report may contain several codes.
    pub multi_report: bool,
    /// Extended Set takes several codes.
    pub multi_set: bool,
    /// Statuses a slot can have.
    pub statuses: BTreeSet<u8>,
    pub keypad_modes: BTreeSet<u8>,
    /// Characters a code may have, as ASCII numbers.
    pub keys: BTreeSet<u8>,
}

impl CapabilitiesReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, first) = be_u8(input)?;
        let (input, statuses) = up_to((first & 0x1F).into(), input)?;
        let (input, second) = be_u8(input)?;
        let (input, keypad_modes) = up_to((second & 0x1F).into(), input)?;
        let (input, third) = be_u8(input)?;
        let (input, keys) = up_to((third & 0x1F).into(), input)?;
        let report = Self {
            admin_code: first & 0x80 != 0,
            admin_code_deactivation: first & 0x40 != 0,
            checksum: second & 0x80 != 0,
            multi_report: second & 0x40 != 0,
            multi_set: second & 0x20 != 0,
            statuses: bits_of(statuses),
            keypad_modes: bits_of(keypad_modes),
            keys: bits_of(keys),
        };
        Ok((input, report))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let statuses = mask_of(&self.statuses);
        let admin = u8::from(self.admin_code) << 7 | u8::from(self.admin_code_deactivation) << 6;
        out.push(admin | count(statuses.len()) & 0x1F);
        out.extend(statuses);
        let modes = mask_of(&self.keypad_modes);
        let bulk = u8::from(self.checksum) << 7 | u8::from(self.multi_report) << 6 | u8::from(self.multi_set) << 5;
        out.push(bulk | count(modes.len()) & 0x1F);
        out.extend(modes);
        let keys = mask_of(&self.keys);
        out.push(count(keys.len()) & 0x1F);
        out.extend(keys);
    }
}
