use super::*;
use crate::command::codec::hex;
use crate::command::{Command, Kind, commands_of};

fn user(number: u16) -> UserId {
    UserId::new(number).unwrap()
}

fn wire(command: UserCode) -> String {
    hex(&Command::UserCode(command).write())
}

fn report(payload: &[u8]) -> Report {
    let Ok(Command::UserCode(UserCode::Report(report))) = Command::parse(payload) else { panic!("not a User Code Report") };
    report
}

#[test]
fn clearing_a_slot_sends_zero_bytes_and_never_the_digits_0000() {
    assert_eq!(wire(UserCode::clear_code(user(7), 1).unwrap()), "6301070000000000");
    assert_eq!(wire(UserCode::clear_code(user(7), 2).unwrap()), "630b0100070000");
    assert_eq!(wire(UserCode::clear_code(user(300), 2).unwrap()), "630b01012c0000");
}

#[test]
fn a_computed_user_id_cannot_erase_all_codes() {
    assert_eq!(UserId::new(0), None);
    assert_eq!(wire(UserCode::Set(Set::erase_all())), "6301000000000000");
    assert_eq!(wire(UserCode::ExtendedUserCodeSet(ExtendedSet::erase_all())), "630b0100000000");
    let Ok(Command::UserCode(UserCode::Set(set))) = Command::parse(&[0x63, 0x01, 0x00, 0x00, 0, 0, 0, 0]) else {
        panic!("not a User Code Set")
    };
    assert_eq!(set.user(), None);
}

#[test]
fn a_code_uses_the_commands_of_the_locks_version() {
    let code = CodeText::new("4711");
    let write = |number, version| UserCode::write_code(user(number), UserIdStatus::ENABLED, code.clone(), version).map(wire);
    assert_eq!(write(3, 1).unwrap(), "6301030134373131");
    assert_eq!(write(3, 2).unwrap(), "630b010003010434373131");
    assert_eq!(write(300, 1), None);
    assert_eq!(UserCode::clear_code(user(256), 1), None);
    assert_eq!(wire(UserCode::read_code(user(255))), "6302ff");
    assert_eq!(wire(UserCode::read_code(user(256))), "630c010000");
}

#[test]
fn masked_codes_are_kept_as_received() {
    // Schlage BE469: stars. Kwikset: CR LF, and ASCII zeros for an empty slot. A refused or unknown slot: 0xFE, no code.
    let cases: [(&[u8], UserIdStatus, &[u8]); 5] = [
        (b"\x63\x03\x01\x01**********", UserIdStatus::ENABLED, b"**********"),
        (b"\x63\x03\x02\x00*********", UserIdStatus::AVAILABLE, b"*********"),
        (b"\x63\x03\x02\x011234\x0a\x0d", UserIdStatus::ENABLED, b"1234\x0a\x0d"),
        (b"\x63\x03\x03\x000000\x0a\x0d", UserIdStatus::AVAILABLE, b"0000\x0a\x0d"),
        (b"\x63\x03\x01\xfe", UserIdStatus::STATUS_NOT_AVAILABLE, b""),
    ];
    for (payload, status, code) in cases {
        let report = report(payload);
        assert_eq!((report.status, report.code.reveal()), (status, code));
    }
    assert_eq!(report(&[0x63, 0x03, 0x00, 0x00]).user(), None, "Schlage tells that all codes were deleted");
    assert_eq!(report(b"\x63\x03\x8c\x014711").user(), Some(user(140)));
}

#[test]
fn a_padded_code_of_eight_digits_is_not_cut() {
    let payload = b"\x63\x01\x0a\x0112345678\x00\x00";
    let Ok(Command::UserCode(UserCode::Set(set))) = Command::parse(payload) else { panic!("not a User Code Set") };
    assert_eq!(set.code().reveal(), b"12345678\0\0");
    assert_eq!((set.user(), set.status()), (Some(user(10)), UserIdStatus::ENABLED));
}

#[test]
fn an_extended_report_that_promises_more_codes_than_it_has_is_refused() {
    assert!(Command::parse(&[0x63, 0x0D, 0x02, 0x00, 0x01, 0x01, 0x00, 0x00]).is_err());
    let Ok(Command::UserCode(UserCode::ExtendedUserCodeReport(report))) =
        Command::parse(b"\x63\x0d\x01\x00\x0a\x01\x06456789\x00\x0c")
    else {
        panic!("not an Extended User Code Report")
    };
    assert_eq!(report.next_user_id, 12);
    assert_eq!(report.codes[0].code().reveal(), b"456789");
}

#[test]
fn every_command_of_the_class_has_a_row() {
    let table = commands_of(crate::command::ClassId::USER_CODE);
    assert!(table.iter().map(|row| row.number).eq(0x01..=0x12));
    let sets: Vec<_> = table.iter().filter(|row| row.kind == Kind::Set).map(|row| row.name).collect();
    assert_eq!(sets, ["Set", "KeypadModeSet", "ExtendedUserCodeSet", "AdminCodeSet"]);
}
