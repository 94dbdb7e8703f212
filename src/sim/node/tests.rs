mod codes;
mod door;
mod identity;
mod power;
mod quirks;
mod sleep;

use super::*;
use crate::sim::model::Quirks;

// Payloads are written by hand from docs/protocol/command-classes.md and its vectors, not by our own encoders.

const NOW: Instant = Instant::from_millis(1_000);

fn lock(model: Model) -> Node {
    let mut lock = Node::new(model);
    // Association Set: group 1, node 1.
    lock.receive(&[0x85, 0x01, 0x01, 0x01], NOW);
    said(&mut lock);
    lock
}

fn said(lock: &mut Node) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| lock.poll_transmit()).map(|spoken| spoken.payload).collect()
}

/// Says something to the lock and gives what it says then.
fn tell(lock: &mut Node, payload: &[u8]) -> Vec<Vec<u8>> {
    lock.receive(payload, NOW);
    said(lock)
}

/// The same later, and everything that it says until it has nothing more to do before `until`. Reports of its own come
/// without their Supervision, and are answered.
fn later(lock: &mut Node, until: Instant) -> Vec<Vec<u8>> {
    let mut all = own_words(lock);
    while let Some(next) = lock.poll_deadline().filter(|next| next.at <= until) {
        lock.handle_timeout(next.at);
        all.extend(own_words(lock));
    }
    all
}

fn own_words(lock: &mut Node) -> Vec<Vec<u8>> {
    lock.unanswered.clear();
    let bare = |payload: Vec<u8>| if payload.starts_with(&[0x6C, 0x01]) { payload[4..].to_vec() } else { payload };
    said(lock).into_iter().map(bare).collect()
}

const fn secs(seconds: u64) -> Instant {
    Instant::from_millis(1_000 + seconds * 1_000)
}

#[test]
fn a_version_1_lock_stores_shows_and_forgets_a_code() {
    let mut lock = lock(Model::version_1());
    assert_eq!(tell(&mut lock, &[0x63, 0x04]), [[0x63, 0x05, 30]]);
    let events = tell(&mut lock, b"\x63\x01\x01\x011234");
    // Access Control, New user code added, with a User Code Report of 8 bytes.
    assert_eq!(events, [b"\x71\x05\x00\x00\x00\xff\x06\x0e\x08\x63\x03\x01\x011234"]);
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 0x01]), [b"\x63\x03\x01\x011234"]);
    tell(&mut lock, &[0x63, 0x01, 0x01, 0x00, 0, 0, 0, 0]);
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 0x01]), [[0x63, 0x03, 0x01, 0x00, 0, 0, 0, 0]]);
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 31]), [[0x63, 0x03, 31, 0xFE]]);
    // Version 2's commands are nothing to it.
    assert_eq!(tell(&mut lock, &[0x63, 0x11]), Vec::<Vec<u8>>::new());
}

#[test]
fn a_version_2_lock_takes_several_codes_in_one_frame_and_sums_them_up() {
    let mut lock = lock(Model { slots: 300, ..Model::version_2() });
    lock.model.quirks.silent_writes = true;
    assert_eq!(tell(&mut lock, &[0x63, 0x11]), [[0x63, 0x12, 0, 0]]);
    // The codes and the checksum of cc.json's third vector.
    tell(&mut lock, b"\x63\x0b\x03\x00\x01\x01\x041234\x00\x02\x02\x0598765\x01\x2c\x01\x0a0000111122");
    assert_eq!(tell(&mut lock, &[0x63, 0x11]), [[0x63, 0x12, 0xD8, 0x7B]]);
    assert_eq!(
        tell(&mut lock, &[0x63, 0x0C, 0x00, 0x01, 0x01]),
        [b"\x63\x0d\x03\x00\x01\x01\x041234\x00\x02\x02\x0598765\x01\x2c\x01\x0a0000111122\x00\x00"]
    );
    assert_eq!(tell(&mut lock, &[0x63, 0x0C, 0x00, 0x02, 0x00]), [b"\x63\x0d\x01\x00\x02\x02\x0598765\x01\x2c"]);
    tell(&mut lock, &[0x63, 0x0B, 0x01, 0x00, 0x01, 0x00, 0x00]);
    assert_eq!(lock.memory.codes.get(1), None);
}

#[test]
fn a_supervised_write_is_answered_and_done_once_however_often_it_comes() {
    let mut lock = lock(Model::version_2());
    let set = b"\x6c\x01\x05\x0b\x63\x0b\x01\x00\x01\x01\x041234";
    let first = tell(&mut lock, set);
    assert!(first.contains(&vec![0x6C, 0x02, 0x05, 0xFF, 0x00]), "{first:02x?}");
    assert_eq!(first.len(), 2, "the report and the event");
    lock.program(1, None, NOW);
    said(&mut lock);
    assert_eq!(tell(&mut lock, set), [[0x6C, 0x02, 0x05, 0xFF, 0x00]]);
    assert_eq!(lock.memory.codes.get(1), None, "a repetition must not write again");
}

#[test]
fn a_duplicate_is_refused_and_reported() {
    let mut lock = lock(Model::version_2());
    lock.model.quirks = Quirks { refuses_duplicates: true, silent_writes: true, ..Quirks::default() };
    tell(&mut lock, b"\x63\x01\x01\x011234");
    let answers = tell(&mut lock, b"\x6c\x01\x06\x08\x63\x01\x02\x011234");
    assert!(answers.contains(&vec![0x6C, 0x02, 0x06, 0x02, 0x00]), "{answers:02x?}");
    assert!(answers.iter().any(|it| it.starts_with(&[0x6C, 0x01]) && it.contains(&0x0F)), "{answers:02x?}");
    assert_eq!(lock.memory.codes.get(2), None);
}

#[test]
fn codes_survive_a_battery_change() {
    let mut lock = lock(Model::version_1());
    tell(&mut lock, b"\x63\x01\x01\x011234");
    lock.power_cut();
    assert_eq!(lock.memory.codes.user_of(b"1234"), Some(1));
    assert_eq!(lock.memory.lifeline, [1]);
}

#[test]
fn a_masking_lock_never_shows_the_digits_and_still_opens() {
    let mut lock = lock(Model::version_1());
    lock.model.quirks.masks_codes = true;
    let events = tell(&mut lock, b"\x63\x01\x01\x011234");
    assert!(events.iter().all(|event| !event.windows(4).any(|w| w == b"1234")));
    assert_eq!(tell(&mut lock, &[0x63, 0x02, 0x01]), [b"\x63\x03\x01\x01****"]);
    assert_eq!(lock.type_code(b"1234", NOW), Typed::Opened(1));
}

#[test]
fn a_keypad_unlock_is_repeated_until_it_is_answered() {
    let mut lock = lock(Model::version_2());
    lock.program(7, Some(b"4711"), NOW);
    said(&mut lock);
    lock.unanswered.clear();
    assert_eq!(lock.type_code(b"4711", NOW), Typed::Opened(7));
    let [event] = &said(&mut lock)[..] else { panic!("one event") };
    assert_eq!(&event[4..], b"\x71\x05\x00\x00\x00\xff\x06\x06\x08\x63\x03\x07\x014711");
    let deadline = lock.poll_deadline().expect("it waits for an answer");
    lock.handle_timeout(deadline.at);
    assert_eq!(said(&mut lock), std::slice::from_ref(event), "the same session, the same bytes");
    lock.receive(&[0x6C, 0x02, event[2] & 0x3F, 0xFF, 0x00], deadline.at);
    assert_eq!(lock.poll_deadline(), None);
}

#[test]
fn guessing_at_the_keypad_ends_in_a_dead_keypad() {
    let mut lock = lock(Model::version_1());
    lock.program(1, Some(b"4711"), NOW);
    for _ in 1..WRONG_CODES {
        assert_eq!(lock.type_code(b"0000", NOW), Typed::Wrong);
    }
    assert_eq!(lock.type_code(b"0000", NOW), Typed::KeypadDead);
    assert_eq!(lock.type_code(b"4711", NOW), Typed::KeypadDead);
    assert_eq!(lock.type_code(b"4711", NOW + KEYPAD_DEAD), Typed::Opened(1));
}

#[test]
fn an_old_lock_uses_the_alarm_numbers_of_its_maker() {
    let mut lock = lock(Model::version_1());
    lock.model.quirks.v1_alarms = true;
    lock.program(3, Some(b"4711"), NOW);
    said(&mut lock);
    lock.type_code(b"4711", NOW);
    assert_eq!(said(&mut lock), [[0x71, 0x05, 0x13, 0x03]]);
}

#[test]
fn a_lock_whose_lifeline_leads_nowhere_keeps_its_events() {
    let mut lock = Node::new(Model::version_2());
    lock.program(3, Some(b"4711"), NOW);
    lock.type_code(b"4711", NOW);
    assert_eq!(said(&mut lock), Vec::<Vec<u8>>::new());
}
