use proptest::prelude::*;

use super::supervision::{SessionId, Supervision};
use super::user_code::{ExtendedCode, ExtendedSet, UserCode, UserId, UserIdStatus};
use super::*;
use crate::domain::pin::CodeText;

mod credentials;
mod values;

/// A payload of any row of any table, with any parameters.
fn any_row() -> impl Strategy<Value = Vec<u8>> {
    let rows_of = |&class: &ClassId| commands_of(class).iter().map(move |row| [u8::try_from(class.0).unwrap(), row.number]);
    let rows: Vec<[u8; 2]> = Command::CLASSES.iter().flat_map(rows_of).collect();
    assert!(rows.len() > 130);
    (prop::sample::select(rows), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(row, parameters)| {
        let mut payload = row.to_vec();
        match row {
            // Random bytes have no right checksum.
            [0x56, _] | [0x55, 0xC0 | 0xE0] => crc16::append(row, &parameters, &mut payload),
            _ => payload.extend(parameters),
        }
        payload
    })
}

proptest! {
    #[test]
    fn what_was_understood_is_understood_again_after_writing(payload in any_row()) {
        if let Ok(command) = Command::parse(&payload) {
            let written = command.write();
            prop_assert_eq!(Command::parse(&written), Ok(command.clone()));
            prop_assert_eq!(Command::parse(&written).unwrap().write(), written);
            prop_assert!(command.spec().is_some());
        }
    }

    #[test]
    fn no_bytes_from_the_air_can_panic(payload in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = redact::payload_hex(&payload);
        match Command::parse(&payload) {
            Ok(command) => {
                let _ = (format!("{command:?} {command}"), serde_json::to_string(&command));
                // No Operation ignores what follows it.
                if matches!(command, Command::Other { .. }) {
                    prop_assert_eq!(command.write(), payload);
                }
            }
            Err(ParseError::Empty) => prop_assert!(payload.len() < 2),
            Err(ParseError::Truncated { .. } | ParseError::Damaged { .. }) => prop_assert!(payload.len() >= 2),
        }
    }

    #[test]
    fn a_frame_cut_anywhere_is_an_older_version_or_an_error_but_never_a_panic(payload in any_row(), cut in 0..62usize) {
        let _ = Command::parse(payload.get(..cut).unwrap_or(&payload));
    }

    #[test]
    fn what_newer_versions_append_changes_nothing(level in any::<u8>(), tail in prop::collection::vec(any::<u8>(), 0..9)) {
        let long = [&[0x62, 0x03, level, 0x10, 0x02, 0x00, 0x00, 0xFF, 0x05][..], &tail].concat();
        prop_assert_eq!(Command::parse(&long), Command::parse(&long[..9]));
    }

    #[test]
    fn a_code_shows_neither_in_debug_nor_in_json_nor_in_hex(digits in "[1-9]{6,10}", user in 1..=250u16, shape in 0..14usize) {
        let code = CodeText::new(digits.as_bytes());
        let digits = digits.as_bytes();
        let short = u8::try_from(user).unwrap();
        let len = u8::try_from(digits.len()).unwrap();
        let user_id = UserId::new(user).unwrap();
        let set = UserCode::write_code(user_id, UserIdStatus::ENABLED, code.clone(), 1).unwrap();
        let extended = ExtendedSet::of(ExtendedCode::new(user_id, UserIdStatus::ENABLED, code));
        let payload = match shape {
            0 => Command::UserCode(set).write(),
            1 => Command::UserCode(UserCode::ExtendedUserCodeSet(extended)).write(),
            2 => [&[0x63, 0x03, short, 1][..], digits].concat(),
            3 => [&[0x63, 0x0E, len][..], digits].concat(),
            4 => [&[0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, len + 4, 0x63, 0x03, short, 1][..], digits].concat(),
            5 => [&[0x71, 0x05, 0x13, short, 0, 0xFF, 6, 6, len][..], digits].concat(),
            6 => [&[0x6F, 0x01, 1, 2, 2, len][..], digits].concat(),
            7 => [&[0x60, 0x0D, 0, 1, 0x63, 0x01, short, 1][..], digits].concat(),
            8 => [&[0x4C, 0x04, 1, 0x07, 0xEA, 11, 23, 0x2E, 30, 15, 2, short, len][..], digits].concat(),
            9 => [&[0x8F, 0x01, 2, 2, 0x80, 0x02, len + 4, 0x63, 0x01, short, 1][..], digits].concat(),
            10 => [&[0x83, 0x0A, 0, short, 1, 0, 1, 0, len][..], digits].concat(),
            11 => [&[0x83, 0x0C, 4, 0, short, 1, 0, 1, 0x80, len][..], digits, &[2, 0, 1, 0, 0, 0]].concat(),
            12 => [&[0x83, 0x1C, 0x40 | len][..], digits].concat(),
            _ => {
                let mut encapsulated = vec![0x56, 0x01];
                crc16::append([0x56, 0x01], &[&[0x63, 0x01, short, 1][..], digits].concat(), &mut encapsulated);
                encapsulated
            }
        };
        let mut segment = vec![0x55, 0xC0];
        crc16::append([0x55, 0xC0], &[&[u8::try_from(payload.len()).unwrap(), 0x30][..], &payload].concat(), &mut segment);
        let supervised = [&[0x6C, 0x01, 0x05, u8::try_from(payload.len()).unwrap()][..], &payload].concat();
        let planted = codec::hex(digits);
        for payload in [payload, supervised, segment] {
            let command = Command::parse(&payload).unwrap();
            prop_assert!(codec::hex(&command.write()).contains(&planted));
            let said = format!("{command:?} {command:#?} {} {}", serde_json::to_string(&command).unwrap(), redact::payload_hex(&payload));
            prop_assert!(!said.contains(&planted), "{}", said);
            prop_assert!(!said.contains(std::str::from_utf8(digits).unwrap()), "{}", said);
        }
    }
}

#[test]
fn a_class_without_a_struct_survives_unchanged_and_with_its_name() {
    let payload = [0x79, 0x04, 0x03, 0x01, 0xFF];
    let command = Command::parse(&payload).unwrap();
    assert_eq!(command.to_string(), "Sound Switch ToneInfoReport");
    assert_eq!(command.write(), payload);
    assert_eq!(Command::parse(&[0xF1, 0x00, 0x01]).unwrap().write(), [0xF1, 0x00, 0x01]);
    assert_eq!(Command::parse(&[0x63, 0x7F]).unwrap().to_string(), "User Code 0x7f");
}

#[test]
fn a_ping_is_a_command_and_nothing_is_not() {
    assert_eq!(Command::parse(&[0x00]), Ok(Command::NoOperation));
    assert_eq!(Command::NoOperation.write(), [0x00]);
    assert_eq!(Command::parse(&[]), Err(ParseError::Empty));
}

#[test]
fn a_truncated_report_names_its_command() {
    let error = Command::parse(&[0x62, 0x03, 0xFF]).unwrap_err();
    assert_eq!(error, ParseError::Truncated { class: ClassId::DOOR_LOCK, command: 0x03 });
    assert_eq!(error.to_string(), "the parameters of Door Lock command 0x03 are cut short");
}

#[test]
fn a_keypad_event_of_the_ring_keypad_inside_supervision_is_reachable_and_masked() {
    let Ok(Command::Supervision(Supervision::Get(get))) =
        Command::parse(&[0x6C, 0x01, 0x38, 0x0B, 0x6F, 0x01, 0x03, 0x02, 0x02, 0x05, 0x35, 0x35, 0x35, 0x35, 0x35])
    else {
        panic!("not a Supervision Get")
    };
    assert_eq!(get.session, SessionId::new(56));
    assert_eq!(get.command.to_string(), "Entry Control Notification");
    let json = serde_json::to_value(&get).unwrap();
    assert_eq!(json["encapsulated"]["class"], "Entry Control");
    assert_eq!(json["encapsulated"]["fields"]["event_data_hex"], "****");
}
