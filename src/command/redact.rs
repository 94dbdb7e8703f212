//! Masking of secrets in payloads. Everything that prints bytes uses this file.

use super::class::ClassId;
use super::codec::hex;
use super::depth::LEVELS;

/// How many bytes from the front of a payload hold no code, no key, and no command of a class that could.
pub fn public_prefix(payload: &[u8]) -> usize {
    public_within(payload, LEVELS)
}

/// The same, where so many `levels` of commands inside commands may still be looked into.
fn public_within(payload: &[u8], levels: u8) -> usize {
    let header = match *payload {
        // Supervision Get and Multi Channel Command Encapsulation: two bytes, then a command.
        [0x6C, 0x01, ..] | [0x60, 0x0D, ..] => 4,
        // Multi Instance Command Encapsulation: an instance, then a command.
        [0x60, 0x06, ..] => 3,
        // CRC-16 Encapsulation: a command, then a checksum.
        [0x56, 0x01, ..] => 2,
        [0x8F, 0x01, ..] => return public_list(payload, levels),
        _ => return public_bare(payload),
    };
    let Some(inner) = payload.get(header..) else { return payload.len() };
    header + levels.checked_sub(1).map_or(0, |levels| public_within(inner, levels))
}

/// Multi Command: a count, then commands with their lengths. What follows the first secret is secret.
fn public_list(payload: &[u8], levels: u8) -> usize {
    let [_, _, commands, rest @ ..] = payload else { return payload.len() };
    let Some(levels) = levels.checked_sub(1) else { return payload.len() - rest.len() };
    let mut rest = rest;
    for _ in 0..*commands {
        let Some((len, commands)) = rest.split_first() else { break };
        let (inner, after) = commands.split_at_checked(usize::from(*len)).unwrap_or((commands, &[]));
        let public = public_within(inner, levels);
        if public < inner.len() {
            return payload.len() - commands.len() + public;
        }
        rest = after;
    }
    payload.len() - rest.len()
}

/// The same, for a payload without a command inside.
fn public_bare(payload: &[u8]) -> usize {
    match *payload {
        // User Code Set and Report: class, command, user, status; then the code.
        [0x63, 0x01 | 0x03, ..] => 4,
        // Extended: class, command, count, user, status, length; then the first code.
        [0x63, 0x0B | 0x0D, ..] => 7,
        // Admin Code: class, command, length; then the code.
        [0x63, 0x0E | 0x10, ..] => 3,
        // Credential Set: class, command, place, operation, length. Credential Report: one byte more. Admin PIN: class,
        // command, length. Then the data.
        [0x83, 0x0A, ..] => 9,
        [0x83, 0x0C, ..] => 10,
        [0x83, 0x1A | 0x1C, ..] => 3,
        // Entry Control Notification: class, command, sequence number, data type, event, length; then what was typed.
        [0x6F, 0x01, ..] => 6,
        // Notification Report: eight bytes and a length, then parameters.
        [0x71, 0x05, ..] => 9 + payload.get(9..).map_or(0, public_params),
        // Door Lock Logging Record Report: eleven bytes and a length, then the code.
        [0x4C, 0x04, ..] => 13,
        // Configuration: numbers, unless they look like the digits of a code.
        [0x70, 0x04 | 0x06 | 0x07 | 0x09, ref values @ ..] => 2 + before_digits(values),
        // Segments: a header, then a part of some command.
        [0x55, 0xC0..=0xC7, ..] => 4,
        [0x55, 0xE0..=0xE7, ..] => 5,
        // S0: the header of an encapsulation is all that is not random or encrypted; class lists and schemes are in clear.
        [0x98, 0x02..=0x05 | 0x07 | 0x08 | 0x40, ..] => payload.len(),
        // Security 2 Network Key Report: class, command, which key; then the key. Message Encapsulation: sequence number
        // and flags; then what may hold a secret. Public Key Report: a PIN may be its first two bytes.
        [0x9F, 0x0A | 0x08, ..] => 3,
        [0x9F, 0x03, ..] => 4,
        [0x9F, 0x01..=0x0E, ..] => payload.len(),
        // The rest of these classes: Gets, numbers, capabilities.
        [0x63, 0x02..=0x12, ..] | [0x71, 0x01..=0x08, ..] | [0x6C, 0x02, ..] => payload.len(),
        [0x83, 0x01..=0x07 | 0x0B | 0x0F..=0x19 | 0x1B, ..] | [0x6F, 0x02..=0x08, ..] => payload.len(),
        [0x4C, 0x01..=0x03, ..] | [0x55, 0xC8..=0xCF | 0xE8..=0xF7, ..] => payload.len(),
        [0x60, 0x04..=0x0F, ..] | [0x70, 0x01..=0x0F, ..] => payload.len(),
        _ => match ClassId::split(payload) {
            // Class and command.
            Some((class, rest)) if class.carries_secrets() => payload.len() - rest.len() + 1,
            Some(_) | None => payload.len(),
        },
    }
    .min(payload.len())
}

/// How many bytes of an event's parameters hold no code: embedded commands as above, and up to a run of digits.
fn public_params(params: &[u8]) -> usize {
    match *params {
        [0x63, 0x03 | 0x0D, ..] | [0x83, ..] => public_bare(params),
        _ => before_digits(params),
    }
}

/// How many bytes come before four digits in a row, which may be a code.
fn before_digits(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|window| window.iter().all(u8::is_ascii_digit)).unwrap_or(bytes.len())
}

/// Whether there are four digits in a row, which may be a code.
pub(super) fn holds_digits(bytes: &[u8]) -> bool {
    before_digits(bytes) < bytes.len()
}

/// A payload as hex, from the first secret byte on as stars.
pub fn payload_hex(payload: &[u8]) -> String {
    starred(payload, public_prefix(payload))
}

/// An event's parameters as hex, from the first secret byte on as stars.
pub fn params_hex(params: &[u8]) -> String {
    starred(params, public_params(params))
}

/// Whether all bytes of a payload may be shown.
pub fn is_public(payload: &[u8]) -> bool {
    public_prefix(payload) == payload.len()
}

fn starred(bytes: &[u8], public: usize) -> String {
    match bytes.split_at_checked(public) {
        Some((shown, hidden)) if !hidden.is_empty() => format!("{}****", hex(shown)),
        Some(_) | None => hex(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_secret_stays_readable() {
        for payload in [
            &[0x63, 0x02, 0x05][..],
            &[0x63, 0x05, 30],
            &[0x62, 0x03, 0xFF, 0x10, 0x02, 0x00, 0x00],
            &[0x71, 0x05, 0x19, 0x02, 0x00, 0xFF, 0x06, 0x06, 0x04, 0x63, 0x03, 0x02, 0x01],
            &[0x6C, 0x01, 0x05, 0x03, 0x62, 0x01, 0xFF],
            &[0x6C, 0x02, 0x05, 0xFF, 0x00],
            &[0x60, 0x0D, 0x01, 0x02, 0x26, 0x02],
            &[0x60, 0x06, 0x01, 0x31, 0x05, 0x01, 0x2A],
            &[0x56, 0x01, 0x20, 0x03, 0x00, 0x8C, 0x58],
            &[0x8F, 0x01, 0x02, 0x02, 0x80, 0x02, 0x02, 0x62, 0x02],
            &[0x70, 0x06, 0x03, 0x02, 0x00, 0x0F],
            &[0x55, 0xC8, 0x30, 0x27],
            &[0x98, 0x03, 0x00, 0x62, 0x63, 0xEF],
            &[0x9F, 0x05, 0x00, 0x02, 0x01, 0x87],
            &[0x9F, 0x01, 0xA1],
            &[0x4C, 0x04, 0x02, 0x07, 0xEA, 0x0B, 0x17, 0x2E, 0x1E, 0x0F, 0x09, 0x00, 0x00],
        ] {
            assert_eq!(payload_hex(payload), hex(payload));
        }
    }

    #[test]
    fn what_may_be_a_secret_is_cut_off_where_it_begins() {
        assert_eq!(payload_hex(b"\x63\x01\x05\x014711"), "63010501****");
        assert_eq!(payload_hex(b"\x6c\x01\x07\x08\x63\x01\x05\x014711"), "6c01070863010501****");
        assert_eq!(payload_hex(b"\x98\x06\x01\x02"), "9806****");
        assert_eq!(payload_hex(b"\x98\x80\x01\x02"), "9880****");
        assert_eq!(payload_hex(b"\x98\x81\x01\x02"), "9881****");
        assert_eq!(payload_hex(b"\x9f\x0a\x80\x01\x02"), "9f0a80****");
        assert_eq!(payload_hex(b"\x9f\x03\x21\x00\x01\x02\x03"), "9f032100****");
        assert_eq!(payload_hex(b"\x9f\x08\x01\x8f\x40"), "9f0801****");
        assert_eq!(payload_hex(b"\x9f\x14\x01\x8f"), "9f14****");
        assert_eq!(payload_hex(b"\x63\x7f4711"), "637f****");
        assert_eq!(payload_hex(b"\xf1\x02\x034711"), "f10203****");
        assert_eq!(payload_hex(b"\x60\x0d\x00\x01\x63\x01\x05\x014711"), "600d000163010501****");
        assert_eq!(payload_hex(b"\x56\x01\x63\x01\x05\x014711\xab\xcd"), "560163010501****");
        assert_eq!(payload_hex(b"\x8f\x01\x02\x02\x80\x02\x08\x63\x01\x05\x014711"), "8f01020280020863010501****");
        assert_eq!(payload_hex(b"\x8f\x01\x02\x08\x63\x01\x05\x014711\x02\x80\x02"), "8f01020863010501****");
        assert_eq!(payload_hex(b"\x70\x06\x14\x044711"), "70061404****");
        assert_eq!(payload_hex(b"\x55\xc1\x2c\x90\x63\x01\x05\x014711"), "55c12c90****");
        assert_eq!(payload_hex(b"\x4c\x04\x02\x07\xea\x0b\x17\x2e\x1e\x0f\x02\x03\x044711"), "4c040207ea0b172e1e0f020304****");
    }

    #[test]
    fn nesting_without_end_costs_no_stack() {
        for level in [&[0x6C, 0x01, 0x05, 0xFF][..], &[0x60, 0x0D, 0x00, 0x01], &[0x56, 0x01], &[0x8F, 0x01, 0xFF, 0xFF]] {
            let nested = level.repeat(1 << 20);
            assert!(public_prefix(&nested) < 64, "what nobody looked into is not shown");
        }
    }
}
