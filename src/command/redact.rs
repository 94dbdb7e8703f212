//! What of a payload may be read by everybody. Everything that prints bytes asks here first.

use super::codec::hex;
use super::{ClassId, Command};

/// How many bytes from the front of a payload hold no code, no key, and no command of a class that could.
pub fn public_prefix(payload: &[u8]) -> usize {
    match *payload {
        // User Code Set and Report: class, command, user, status; then the code.
        [0x63, 0x01 | 0x03, ..] => 4,
        // Extended: class, command, count, user, status, length; then the first code.
        [0x63, 0x0B | 0x0D, ..] => 7,
        // Admin Code: class, command, length; then the code.
        [0x63, 0x0E | 0x10, ..] => 3,
        [0x63, ..] => payload.len(),
        // Notification Report: eight bytes, then parameters.
        [0x71, 0x05, ..] => payload.get(9..).map_or(payload.len(), |params| 9 + public_params(params)),
        [0x71, ..] => payload.len(),
        // Supervision Get: four bytes, then a command.
        [0x6C, 0x01, ..] => payload.get(4..).map_or(payload.len(), |inner| 4 + public_prefix(inner)),
        [0x6C, ..] => payload.len(),
        _ => match ClassId::split(payload) {
            Some((class, rest)) if class.carries_secrets() => (payload.len() - rest.len() + 1).min(payload.len()),
            Some(_) | None => payload.len(),
        },
    }
    .min(payload.len())
}

/// How many bytes of an event's parameters hold no code: embedded commands as above, and up to a run of digits.
fn public_params(params: &[u8]) -> usize {
    match *params {
        [0x63, 0x03 | 0x0D, ..] | [0x83, ..] => public_prefix(params),
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
