//! What of a payload may be read by everybody. Everything that prints bytes asks here first.

use super::codec::hex;
use super::{ClassId, Command};

/// How many bytes from the front of a payload hold no code, no key, and no command of a class that could.
pub fn public_prefix(payload: &[u8]) -> usize {
    // Supervision Get: four bytes, then a command.
    let mut outer = 0;
    while let Some([0x6C, 0x01, ..]) = payload.get(outer..) {
        outer += 4;
    }
    (outer + public_bare(payload.get(outer..).unwrap_or_default())).min(payload.len())
}

/// The same, for a payload without Supervision around it.
fn public_bare(payload: &[u8]) -> usize {
    match *payload {
        // User Code Set and Report: class, command, user, status; then the code.
        [0x63, 0x01 | 0x03, ..] => 4,
        // Extended: class, command, count, user, status, length; then the first code.
        [0x63, 0x0B | 0x0D, ..] => 7,
        // Admin Code: class, command, length; then the code.
        [0x63, 0x0E | 0x10, ..] => 3,
        // Notification Report: eight bytes and a length, then parameters.
        [0x71, 0x05, ..] => 9 + payload.get(9..).map_or(0, public_params),
        // The rest of these three classes: Gets, numbers, capabilities.
        [0x63, 0x02..=0x12, ..] | [0x71, 0x01..=0x08, ..] | [0x6C, 0x02, ..] => payload.len(),
        _ => match ClassId::split(payload) {
            // Class and command.
            Some((class, rest)) if class.carries_secrets() => payload.len() - rest.len() + 1,
            Some(_) | None => payload.len(),
        },
    }
}

/// How many bytes of an event's parameters hold no code: embedded commands as above, and up to a run of digits.
fn public_params(params: &[u8]) -> usize {
    match *params {
        [0x63, 0x03 | 0x0D, ..] | [0x83, ..] => public_bare(params),
        _ => params.windows(4).position(|window| window.iter().all(u8::is_ascii_digit)).unwrap_or(params.len()),
    }
}

/// A payload as hex, from the first secret byte on as stars.
pub fn payload_hex(payload: &[u8]) -> String {
    starred(payload, public_prefix(payload))
}

/// An event's parameters as hex, from the first secret byte on as stars.
pub fn params_hex(params: &[u8]) -> String {
    starred(params, public_params(params))
}

/// Whether the bytes of this command may be shown.
pub fn is_public(command: &Command) -> bool {
    let payload = command.write();
    public_prefix(&payload) == payload.len()
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
        ] {
            assert_eq!(payload_hex(payload), hex(payload));
        }
    }

    #[test]
    fn what_may_be_a_secret_is_cut_off_where_it_begins() {
        assert_eq!(payload_hex(b"\x63\x01\x05\x014711"), "63010501****");
        assert_eq!(payload_hex(b"\x6c\x01\x07\x08\x63\x01\x05\x014711"), "6c01070863010501****");
        assert_eq!(payload_hex(b"\x9f\x0a\x80\x01\x02"), "9f0a****");
        assert_eq!(payload_hex(b"\x63\x7f4711"), "637f****");
        assert_eq!(payload_hex(b"\xf1\x02\x034711"), "f10203****");
    }

    #[test]
    fn nesting_without_end_costs_no_stack() {
        let nested = [0x6C, 0x01, 0x05, 0xFF].repeat(1 << 20);
        assert_eq!(public_prefix(&nested), nested.len());
    }
}
