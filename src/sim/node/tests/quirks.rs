use super::*;
use crate::sim::model::UserShape;

fn odd(quirks: Quirks) -> Node {
    lock(Model { quirks, ..Model::version_2() })
}

/// Puts 1234 into slot 1, supervised, session 5.
const WRITE: &[u8] = b"\x6c\x01\x05\x0b\x63\x0b\x01\x00\x01\x01\x041234";
const SUCCESS: [u8; 5] = [0x6C, 0x02, 0x05, 0xFF, 0x00];
const FAIL: [u8; 5] = [0x6C, 0x02, 0x05, 0x02, 0x00];

#[test]
fn a_lock_that_loses_codes_reports_success() {
    let mut lock = odd(Quirks { forgets_writes: Some(Duration::ZERO), ..Quirks::default() });
    assert!(tell(&mut lock, WRITE).contains(&SUCCESS.to_vec()));
    lock.unanswered.clear();
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 1]), [[0x63, 0x03, 1, 0x00, 0, 0, 0, 0]]);
    assert_eq!(lock.type_code(b"1234", NOW), Typed::Wrong);
}

#[test]
fn a_lock_that_loses_codes_has_them_for_a_while() {
    let mut lock = odd(Quirks { forgets_writes: Some(Duration::from_secs(60)), ..Quirks::default() });
    assert!(tell(&mut lock, WRITE).contains(&SUCCESS.to_vec()));
    later(&mut lock, secs(59));
    assert_eq!(lock.memory.codes.user_of(b"1234"), Some(1));
    assert_eq!(later(&mut lock, secs(61)), Vec::<Vec<u8>>::new(), "and says nothing when they go");
    assert_eq!(lock.memory.codes.user_of(b"1234"), None);
}

#[test]
fn a_refused_code_leaves_the_slot_and_shows_as_status_fe() {
    let mut lock = odd(Quirks { refuses_by_status: true, refuses_duplicates: true, ..Quirks::default() });
    lock.program(1, Some(b"9999"), NOW);
    lock.program(2, Some(b"1234"), NOW);
    own_words(&mut lock);
    lock.receive(WRITE, NOW);
    let answers = own_words(&mut lock);
    assert_eq!(answers[2], FAIL);
    assert_eq!(answers[1], [0x63, 0x03, 1, 0xFE]);
    assert_eq!(answers[0][..8], [0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x0F], "it names the duplicate, too");
    assert_eq!(lock.memory.codes.user_of(b"9999"), Some(1));
}

#[test]
fn a_duplicate_is_refused_silently() {
    let mut lock = odd(Quirks { refuses_silently: true, refuses_duplicates: true, ..Quirks::default() });
    lock.program(2, Some(b"1234"), NOW);
    own_words(&mut lock);
    assert_eq!(tell(&mut lock, WRITE), [SUCCESS]);
    assert_eq!(lock.memory.codes.get(1), None);
}

#[test]
fn a_lock_of_one_length_refuses_the_others() {
    let mut lock = odd(Quirks { lengths: Some((6, 8)), ..Quirks::default() });
    assert_eq!(tell(&mut lock, WRITE), [FAIL]);
    tell(&mut lock, b"\x63\x0b\x01\x00\x01\x01\x06123456");
    assert_eq!(lock.memory.codes.user_of(b"123456"), Some(1));
}

#[test]
fn five_buttons_make_two_codes_equal() {
    let mut lock = odd(Quirks { five_buttons: true, refuses_duplicates: true, ..Quirks::default() });
    tell(&mut lock, b"\x63\x0b\x01\x00\x01\x01\x0613579\x30");
    assert_eq!(lock.type_code(b"246809", NOW), Typed::Opened(1));
    assert_eq!(lock.type_code(b"246801", NOW), Typed::Wrong);
    own_words(&mut lock);
    let refused = tell(&mut lock, b"\x6c\x01\x05\x0d\x63\x0b\x01\x00\x02\x01\x06246800");
    assert!(refused.contains(&FAIL.to_vec()), "{refused:02x?}");
    lock.model.quirks.five_buttons = false;
    assert_eq!(lock.type_code(b"246809", NOW), Typed::Wrong);
}

#[test]
fn the_master_s_slot_is_taken_and_can_t_be_written() {
    let quirks = Quirks { master_slot: Some(251), ..Quirks::default() };
    let mut lock = lock(Model { slots: 251, quirks, ..Model::version_1() });
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 251]), [b"\x63\x03\xfb\x01****"]);
    tell(&mut lock, b"\x63\x01\xfb\x014711");
    tell(&mut lock, &[0x63, 0x01, 251, 0x00, 0, 0, 0, 0]);
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 251]), [b"\x63\x03\xfb\x01****"]);
}

#[test]
fn reads_show_filler_instead_of_digits() {
    for filler in [0x00, 0xFF] {
        let mut lock = odd(Quirks { filler: Some(filler), ..Quirks::default() });
        lock.program(1, Some(b"1234"), NOW);
        assert!(own_words(&mut lock).iter().all(|said| !said.windows(4).any(|w| w == b"1234")));
        assert_eq!(tell(&mut lock, &[0x63, 0x02, 1]), [[0x63, 0x03, 1, 1, filler, filler, filler, filler]]);
        assert_eq!(lock.type_code(b"1234", NOW), Typed::Opened(1));
    }
}

#[test]
fn an_empty_slot_reads_as_ten_zeros_or_none() {
    let mut lock = odd(Quirks { empty_zeros: Some(10), ..Quirks::default() });
    let report = tell(&mut lock, &[0x63, 0x02, 1]).pop().unwrap();
    assert_eq!((report.len(), &report[..4]), (14, &[0x63, 0x03, 1, 0][..]));
    assert!(report[4..].iter().all(|byte| *byte == 0));
    lock.model.quirks.empty_zeros = Some(0);
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 1]), [[0x63, 0x03, 1, 0]]);
}

#[test]
fn a_late_answer_comes_after_the_host_gave_up() {
    let mut lock = odd(Quirks { answers_late: Some(Duration::from_secs(8)), ..Quirks::default() });
    lock.receive(&[0x62, 0x02], NOW);
    let answer = lock.poll_transmit().unwrap();
    assert!(answer.at.since(NOW) > Duration::from_secs(8));
}

#[test]
fn supervision_that_is_never_answered_is_carried_out_all_the_same() {
    let mut lock = odd(Quirks { drops_supervision: true, silent_writes: true, ..Quirks::default() });
    assert_eq!(tell(&mut lock, WRITE), Vec::<Vec<u8>>::new());
    assert_eq!(lock.memory.codes.user_of(b"1234"), Some(1));
    tell(&mut lock, &[0x6C, 0x01, 0x86, 0x03, 0x62, 0x01, 0xFF]);
    assert!(later(&mut lock, secs(5)).iter().all(|said| said[0] != 0x6C), "nor is its end told");
}

#[test]
fn supervision_may_be_answered_under_another_number() {
    let mut lock = odd(Quirks { answers_session_zero: true, silent_writes: true, ..Quirks::default() });
    assert_eq!(tell(&mut lock, WRITE), [[0x6C, 0x02, 0x00, 0xFF, 0x00]]);
}

#[test]
fn an_event_names_the_user_in_the_lock_s_own_way() {
    let shapes: [(UserShape, &[u8]); 8] = [
        (UserShape::Report, b"\x63\x03\x0c\x014711"),
        (UserShape::NoCode, &[0x63, 0x03, 12, 1]),
        (UserShape::NoStatus, &[0x63, 0x03, 12]),
        (UserShape::Extended, b"\x63\x0d\x01\x00\x0c\x01\x044711\x00\x00"),
        (UserShape::Bare, &[12]),
        (UserShape::Offset(59), &[71]),
        (UserShape::Decimal, &[0x12]),
        (UserShape::Nobody, &[]),
    ];
    for (user_shape, params) in shapes {
        let mut lock = odd(Quirks { user_shape, ..Quirks::default() });
        lock.program(12, Some(b"4711"), NOW);
        own_words(&mut lock);
        lock.type_code(b"4711", NOW);
        let [event] = &own_words(&mut lock)[..] else { panic!("one event") };
        assert_eq!((usize::from(event[8]), &event[9..]), (params.len(), params), "{user_shape:?}");
    }
}

#[test]
fn one_event_may_be_reported_twice_or_in_both_forms() {
    let mut lock = odd(Quirks { tells_twice: true, ..Quirks::default() });
    lock.turn_bolt(true, NOW);
    let told = said(&mut lock);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0][4..], told[1][4..]);
    assert_ne!(told[0][2], told[1][2], "under two sessions: no repetition");
    let mut lock = odd(Quirks { both_alarms: true, ..Quirks::default() });
    lock.turn_bolt(true, NOW);
    assert_eq!(own_words(&mut lock), [&[0x71, 0x05, 0x15, 0x01][..], &[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x01, 0x00]]);
}

#[test]
fn erased_codes_may_be_reported_as_user_zero() {
    let mut lock = odd(Quirks { tells_erasure_by_report: true, ..Quirks::default() });
    lock.erase_codes(NOW);
    assert_eq!(own_words(&mut lock), [[0x63, 0x03, 0x00, 0x00, 0, 0, 0, 0]]);
}

#[test]
fn a_lock_that_dozes_off_answers_the_second_time() {
    let mut lock = odd(Quirks { dozes_off: true, silent_writes: true, ..Quirks::default() });
    let (first, again) = (secs(10), secs(11));
    lock.receive(WRITE, first);
    assert_eq!(said(&mut lock), Vec::<Vec<u8>>::new());
    assert_eq!(lock.receiver(again).awake_until, first, "the next frame needs a beam of its own");
    lock.receive(WRITE, again);
    assert_eq!(said(&mut lock), [SUCCESS]);
    assert_eq!(lock.memory.codes.user_of(b"1234"), Some(1));
    lock.receive(&[0x62, 0x02], secs(60));
    assert_eq!(said(&mut lock), Vec::<Vec<u8>>::new());
}
