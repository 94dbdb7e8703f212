//! The one CRC-16 of the command classes: polynomial 0x1021, start 0x1D0F, no final exclusive-or
//! (docs/protocol/command-classes.md 0x55, 0x56 and 0x63). Encapsulations carry it behind what it covers, their own
//! class and command included.

use super::codec::{Outcome, damaged, short};

const START: u16 = 0x1D0F;

/// The checksum of `bytes`.
pub fn crc16(bytes: &[u8]) -> u16 {
    continued(START, bytes)
}

/// The checksum of what `crc` covers and `bytes` behind it.
pub(super) fn continued(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 })
    })
}

/// The parameters without the checksum behind them; an error of its own kind if it is wrong. `head` is what it covers
/// before the parameters: class and command.
pub(super) fn checked(head: [u8; 2], parameters: &[u8]) -> Outcome<'_, &[u8]> {
    let (covered, crc) = parameters.split_last_chunk::<2>().ok_or_else(|| short(parameters))?;
    if continued(crc16(&head), covered) == u16::from_be_bytes(*crc) { Ok(covered) } else { Err(damaged(parameters)) }
}

/// Appends `parameters` and the checksum over them and `head`.
pub(super) fn append(head: [u8; 2], parameters: &[u8], out: &mut Vec<u8>) {
    out.extend(parameters);
    out.extend(continued(crc16(&head), parameters).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_distinguished_from_a_truncated_frame() {
        let mut out = Vec::new();
        append([0x56, 0x01], &[0x20, 0x02], &mut out);
        assert_eq!(out, [0x20, 0x02, 0x4D, 0x26]);
        assert_eq!(checked([0x56, 0x01], &out), Ok(&[0x20, 0x02][..]));
        assert_eq!(checked([0x56, 0x01], &[0x20, 0x03, 0x4D, 0x26]), Err(damaged(&[0x20, 0x03, 0x4D, 0x26])));
        assert_eq!(checked([0x56, 0x01], &[0x4D]), Err(short(&[0x4D])));
    }
}
