use super::*;

#[test]
fn a_version_2_lock_reports_its_capabilities() {
    let mut lock = lock(Model::version_2());
    // Admin code, which can be switched off; statuses 0–4; checksum, many in one frame; modes 0–3; keys 0–9.
    let expected = [0x63, 0x07, 0xC1, 0x1F, 0xE1, 0x0F, 0x08, 0, 0, 0, 0, 0, 0, 0xFF, 0x03];
    assert_eq!(tell(&mut lock, &[0x63, 0x06]), [expected]);
    assert_eq!(tell(&mut lock, &[0x63, 0x04]), [[0x63, 0x05, 30, 0, 30]]);
}

#[test]
fn a_keypad_on_vacation_takes_the_admin_code_only() {
    let mut lock = lock(Model::version_2());
    lock.program(1, Some(b"4711"), NOW);
    tell(&mut lock, b"\x63\x0e\x06987654");
    assert_eq!(tell(&mut lock, &[0x63, 0x0F]), [b"\x63\x10\x06987654"]);
    tell(&mut lock, &[0x63, 0x08, 0x01]);
    assert_eq!(tell(&mut lock, &[0x63, 0x09]), [[0x63, 0x0A, 0x01]]);
    lock.power_cut();
    assert_eq!(lock.type_code(b"4711", NOW), Typed::KeypadDead);
    assert_eq!(lock.type_code(b"987654", NOW), Typed::Admin);
    assert_eq!(lock.type_code(b"4711", NOW), Typed::Opened(1));
    tell(&mut lock, &[0x63, 0x08, 0x02]);
    assert_eq!(lock.type_code(b"987654", NOW), Typed::KeypadDead, "privacy: not even that");
    assert_eq!(tell(&mut lock, &[0x6C, 0x01, 0x06, 0x03, 0x63, 0x08, 0x04]), [[0x6C, 0x02, 0x06, 0x02, 0x00]]);
}

#[test]
fn a_locked_out_keypad_reports_it_and_the_host_can_end_it() {
    let mut lock = lock(Model::version_2());
    lock.program(1, Some(b"4711"), NOW);
    for _ in 0..WRONG_CODES {
        lock.type_code(b"0000", NOW);
    }
    own_words(&mut lock);
    assert_eq!(tell(&mut lock, &[0x63, 0x09]), [[0x63, 0x0A, 0x03]]);
    assert_eq!(lock.type_code(b"4711", NOW), Typed::KeypadDead);
    tell(&mut lock, &[0x63, 0x08, 0x00]);
    assert_eq!(lock.type_code(b"4711", NOW), Typed::Opened(1));
}

#[test]
fn an_admin_code_cannot_be_a_user_code() {
    let mut lock = lock(Model::version_2());
    lock.program(1, Some(b"4711"), NOW);
    own_words(&mut lock);
    // Someone's, too short, one of its own, and a user who wants it.
    assert_eq!(tell(&mut lock, b"\x6c\x01\x01\x07\x63\x0e\x044711"), [[0x6C, 0x02, 0x01, 0x02, 0x00]]);
    assert_eq!(tell(&mut lock, b"\x6c\x01\x02\x06\x63\x0e\x03123"), [[0x6C, 0x02, 0x02, 0x02, 0x00]]);
    assert_eq!(tell(&mut lock, b"\x6c\x01\x03\x07\x63\x0e\x041234"), [[0x6C, 0x02, 0x03, 0xFF, 0x00]]);
    assert!(tell(&mut lock, b"\x6c\x01\x04\x0b\x63\x0b\x01\x00\x02\x01\x041234").contains(&vec![0x6C, 0x02, 0x04, 0x02, 0x00]));
    assert_eq!(lock.memory.codes.get(2), None);
    // Switched off; then changed at the lock, which tells it.
    assert_eq!(tell(&mut lock, &[0x6C, 0x01, 0x05, 0x03, 0x63, 0x0E, 0x00]), [[0x6C, 0x02, 0x05, 0xFF, 0x00]]);
    assert_eq!(tell(&mut lock, &[0x63, 0x0F]), [[0x63, 0x10, 0x00]]);
    assert!(lock.program_admin(Some(b"2468"), NOW) && !lock.program_admin(Some(b"4711"), NOW));
    assert_eq!(own_words(&mut lock), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x12, 0x00]]);
}

#[test]
fn a_code_behaves_as_its_status() {
    let mut lock = lock(Model::version_2());
    tell(&mut lock, b"\x63\x0b\x02\x00\x01\x02\x041111\x00\x02\x03\x042222");
    own_words(&mut lock);
    assert_eq!(lock.type_code(b"1111", NOW), Typed::Wrong, "disabled");
    own_words(&mut lock);
    assert_eq!(lock.type_code(b"2222", NOW), Typed::Message(2));
    assert_eq!(own_words(&mut lock)[0][..9], [0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x20, 0x08]);
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 0x02]), [b"\x63\x03\x02\x032222"]);
    // Status 5 is none, and version 1 does not know messages.
    assert_eq!(tell(&mut lock, b"\x6c\x01\x06\x08\x63\x01\x03\x053333"), [[0x6C, 0x02, 0x06, 0x02, 0x00]]);
    let mut old = super::lock(Model::version_1());
    tell(&mut old, b"\x63\x01\x01\x032222");
    assert_eq!(old.memory.codes.get(1), None);
}

#[test]
fn an_unsupported_id_is_distinguished_from_an_empty_one() {
    let mut lock = lock(Model::version_2());
    assert_eq!(tell(&mut lock, &[0x63, 0x0C, 0x00, 0x1E, 0x00]), [[0x63, 0x0D, 0x01, 0x00, 0x1E, 0x00, 0x00, 0x00, 0x00]]);
    assert_eq!(tell(&mut lock, &[0x63, 0x0C, 0x00, 0x1F, 0x00]), [[0x63, 0x0D, 0x01, 0x00, 0x1F, 0xFE, 0x00, 0x00, 0x00]]);
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 0x00]), [[0x63, 0x03, 0x00, 0xFE]]);
    assert_eq!(tell(&mut lock, &[0x63, 0x0C, 0x00, 0x00, 0x01]), [[0x63, 0x0D, 0x01, 0x00, 0x00, 0xFE, 0x00, 0x00, 0x00]]);
}

#[test]
fn a_walk_from_slot_to_slot_finds_every_code_once() {
    let mut lock = lock(Model { slots: 300, ..Model::version_2() });
    let users = [1, 2, 3, 4, 5, 17, 200, 300];
    for user in users {
        lock.program(user, Some(format!("{}", 1000 + user).as_bytes()), NOW);
    }
    own_words(&mut lock);
    let (mut found, mut from) = (Vec::new(), 1_u16);
    while from != 0 {
        let [high, low] = from.to_be_bytes();
        let report = tell(&mut lock, &[0x63, 0x0C, high, low, 0x01]).pop().unwrap();
        assert!(report.len() <= 46, "it fits a frame");
        let [codes @ .., next_high, next_low] = &report[3..] else { panic!("no report") };
        found.extend(codes.chunks(8).map(|code| u16::from_be_bytes([code[0], code[1]])));
        from = u16::from_be_bytes([*next_high, *next_low]);
    }
    assert_eq!(found, users);
}

#[test]
fn deleting_all_codes_at_the_lock_is_reported_once() {
    let mut lock = lock(Model::version_2());
    lock.program(1, Some(b"4711"), NOW);
    lock.program(2, Some(b"4712"), NOW);
    own_words(&mut lock);
    lock.erase_codes(NOW);
    assert_eq!(own_words(&mut lock), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x0C, 0x00]]);
    assert_eq!(lock.memory.codes.entries().count(), 0);
}
