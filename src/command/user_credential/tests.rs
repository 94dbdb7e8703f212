use super::*;
use crate::command::{ClassId, Command, commands_of};
use crate::domain::pin::CodeText;

fn user(number: u16) -> UserId {
    UserId::new(number).unwrap()
}

fn parse(payload: &[u8]) -> UserCredential {
    let Ok(Command::UserCredential(command)) = Command::parse(payload) else { panic!("not a User Credential command") };
    command
}

#[test]
fn a_deletion_of_one_can_not_become_a_deletion_of_all() {
    let write = |set| Command::UserCredential(UserCredential::CredentialSet(set)).write();
    let one = CredentialSet::delete(user(3), CredentialType::PIN, 1).unwrap();
    assert_eq!(write(one), [0x83, 0x0A, 0, 3, 1, 0, 1, 2]);
    assert_eq!(CredentialSet::delete(user(3), CredentialType::PIN, 0), None);
    assert_eq!(CredentialSet::delete(user(3), CredentialType::NONE, 1), None);
    assert_eq!(write(CredentialSet::delete_of_user(user(3))), [0x83, 0x0A, 0, 3, 0, 0, 0, 2]);
    assert_eq!(write(CredentialSet::delete_all()), [0x83, 0x0A, 0, 0, 0, 0, 0, 2]);
    let UserCredential::UserSet(set) = parse(&[0x83, 0x05, 0x02, 0, 0]) else { panic!("not a User Set") };
    assert_eq!(set, UserSet::delete_all());
    assert_eq!(set.id(), None);
}

#[test]
fn what_follows_a_deletion_is_not_taken_for_a_user() {
    let bare = parse(&[0x83, 0x05, 0x02, 0, 3]);
    assert_eq!(parse(&[0x83, 0x05, 0x02, 0, 3, 0, 1, 1, 0, 0, 0, 0]), bare);
    assert_eq!(parse(b"\x83\x0a\0\x03\x01\0\x01\x02\x041234"), parse(b"\x83\x0a\0\x03\x01\0\x01\x02"));
}

#[test]
fn the_columns_of_the_capabilities_are_not_read_as_rows() {
    // Two types: PIN and finger, the latter learned in three steps of 20 s and shown as a hash.
    let payload = [0x83, 0x04, 0xE0, 2, 1, 9, 0, 0x80, 0, 100, 0, 20, 4, 32, 10, 64, 0, 20, 0, 3, 0, 16];
    let UserCredential::CredentialCapabilitiesReport(report) = parse(&payload) else { panic!("not a report") };
    let [pin, finger] = report.credential_types[..] else { panic!("two types") };
    assert_eq!((pin.credential_type, pin.number_of_credential_slots), (CredentialType::PIN, 100));
    assert_eq!((pin.min_credential_length, pin.max_credential_length), (4, 10));
    assert_eq!((finger.credential_type, finger.number_of_credential_slots), (CredentialType::FINGER, 20));
    assert_eq!((finger.supports_credential_learn, finger.credential_learn_number_of_steps), (true, 3));
    assert_eq!((finger.credential_learn_recommended_timeout, finger.max_credential_hash_length), (20, 16));
    assert_eq!(Command::UserCredential(UserCredential::CredentialCapabilitiesReport(report)).write(), payload);
    for cut in 4..payload.len() {
        assert!(Command::parse(&payload[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_cut_report_is_no_report_of_an_empty_slot() {
    let payload = b"\x83\x0c\x04\0\x03\x01\0\x01\x80\x041234\x02\0\x01\x01\0\x02";
    let UserCredential::CredentialReport(report) = parse(payload) else { panic!("not a report") };
    assert_eq!((report.data.reveal(), report.modifier), (&b"1234"[..], Modifier::node(1)));
    assert_eq!((report.next_credential_type, report.next_credential_slot), (CredentialType::PIN, 2));
    for cut in 2..payload.len() {
        assert!(Command::parse(&payload[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_name_with_a_letter_that_ascii_lacks_is_not_mangled() {
    for name in ["Anna", "", "Jørn", "🦀"] {
        let name_as_sent = UserName::new(name);
        assert_eq!(name_as_sent.text(), name);
    }
    assert_eq!(UserName { encoding: NameEncoding::UTF_16, bytes: vec![0xD8, 0x00, 0x00] }.text(), "\u{FFFD}\0");
    assert_eq!(UserName { encoding: NameEncoding::EXTENDED_ASCII, bytes: b"J\xF8rn".to_vec() }.text(), "Jørn");
}

#[test]
fn no_lock_counts_as_having_no_users_because_its_checksum_is_that_of_a_user_without_credentials() {
    assert_eq!(of_type([]), 0);
    assert_eq!(of_all_users(std::iter::empty::<(UserId, &User, [Held<'_>; 0])>()), 0);
    assert_ne!(of_user(&User::general(""), []), 0);
}

#[test]
fn minutes_until_a_user_expires_do_not_count_in_the_checksum() {
    let expiring = User { user_type: UserType::EXPIRING, expiring_timeout_minutes: 5, ..User::general("Bo") };
    let later = User { expiring_timeout_minutes: 4, ..expiring.clone() };
    assert_eq!(of_user(&expiring, []), of_user(&later, []));
}

#[test]
fn a_recorded_keypad_unlock_names_user_and_slot() {
    let usage = Usage::parse(&[0x00, 0x02, 0x01, 0x01, 0x00, 0x01]).unwrap();
    assert_eq!(usage, Usage { user_id: 2, credentials: vec![(CredentialType::PIN, 1)] });
    assert_eq!(usage.write(), [0x00, 0x02, 0x01, 0x01, 0x00, 0x01]);
    assert_eq!(Usage::parse(&[0x63, 0x03, 0x02, 0x01]), None);
}

#[test]
fn an_admin_pin_and_a_pin_do_not_show() {
    for payload in [
        &b"\x83\x1a\x064711\x31\x31"[..],
        b"\x83\x1c\x464711\x31\x31",
        b"\x83\x0a\0\x03\x01\0\x01\0\x064711\x31\x31",
        b"\x83\x0c\x04\0\x03\x01\0\x01\x80\x064711\x31\x31\x02\0\x01\x01\0\x02",
    ] {
        let command = Command::parse(payload).unwrap();
        let shown = crate::command::redact::payload_hex(payload);
        let said = format!("{command:?} {command:#?} {} {shown}", serde_json::to_string(&command).unwrap());
        assert!(!said.contains("4711") && !said.contains("34373131"), "{said}");
        assert!(shown.ends_with("****") && shown.len() >= 10, "{shown}");
        assert_eq!(command.write(), payload);
    }
}

#[test]
fn every_command_of_version_1_has_a_row() {
    let table = commands_of(ClassId::USER_CREDENTIAL);
    let numbers = [0x01..=0x07, 0x0A..=0x0C, 0x0F..=0x1C];
    assert!(table.iter().map(|row| row.number).eq(numbers.into_iter().flatten()));
    assert_eq!(Command::parse(&[0x83, 0x1F, 1, 0, 1, 0]).unwrap().to_string(), "User Credential KeyLockerEntrySet");
    let set = CredentialSet::add(user(1), CredentialType::PIN, 1, CodeText::new("1234"));
    assert_eq!(UserCredential::CredentialSet(set).number(), 0x0A);
}
