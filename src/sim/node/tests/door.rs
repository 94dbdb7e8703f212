use super::*;

/// Supervised, session 5, with status updates: lock.
const LOCK_AND_TELL: &[u8] = &[0x6C, 0x01, 0x85, 0x03, 0x62, 0x01, 0xFF];

#[test]
fn a_moving_bolt_reports_its_target() {
    let mut lock = lock(Model::version_2());
    assert_eq!(tell(&mut lock, LOCK_AND_TELL), [[0x6C, 0x02, 0x85, 0x01, 0x02]], "working, for two seconds");
    assert!(!lock.memory.locked);
    assert_eq!(tell(&mut lock, &[0x62, 0x02]), [[0x62, 0x03, 0x00, 0x00, 0x02, 0xFE, 0xFE, 0xFF, 0x02]]);
    let end = later(&mut lock, secs(5));
    assert_eq!(end[0], [0x6C, 0x02, 0x05, 0xFF, 0x00], "done");
    assert_eq!(end[1], [0x62, 0x03, 0xFF, 0x00, 0x00, 0xFE, 0xFE, 0xFF, 0x00]);
    assert_eq!(end[2], [0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x03, 0x00]);
    assert_eq!((end.len(), lock.memory.locked), (3, true));
    assert_eq!(tell(&mut lock, LOCK_AND_TELL), [[0x6C, 0x02, 0x05, 0xFF, 0x00]], "a repetition is told how it ended");
}

#[test]
fn a_host_without_updates_gets_success_once() {
    let mut lock = lock(Model::version_2());
    assert_eq!(tell(&mut lock, &[0x6C, 0x01, 0x05, 0x03, 0x62, 0x01, 0xFF]), [[0x6C, 0x02, 0x05, 0xFF, 0x00]]);
    assert!(later(&mut lock, secs(5)).iter().all(|said| said[0] != 0x6C));
    assert!(lock.memory.locked);
}

#[test]
fn a_jammed_bolt_is_in_no_mode_and_the_host_hears_of_the_failure() {
    let mut lock = lock(Model::version_2());
    lock.faults.jammed = true;
    tell(&mut lock, LOCK_AND_TELL);
    let end = later(&mut lock, secs(5));
    assert_eq!(end[0], [0x6C, 0x02, 0x05, 0x02, 0x00], "failed");
    assert_eq!(end[1], [0x62, 0x03, 0xFE, 0x00, 0x02, 0xFE, 0xFE, 0xFF, 0x00], "unknown, on its way to locked");
    assert_eq!(end[2], [0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x0B, 0x00]);
    assert!(!lock.memory.locked);
    lock.turn_bolt(true, secs(6));
    assert_eq!(own_words(&mut lock), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x07, 0x00]], "not fully locked by hand");
    lock.faults.jammed = false;
    lock.turn_bolt(true, secs(7));
    let freed = own_words(&mut lock);
    assert_eq!(freed[0], [0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x00, 0x01, 0x0B], "the jam is over");
    assert_eq!(tell(&mut lock, &[0x62, 0x02])[0][2], 0xFF);
}

#[test]
fn a_code_at_a_jammed_door_opens_nothing() {
    let mut lock = lock(Model::version_2());
    lock.program(7, Some(b"4711"), NOW);
    lock.turn_bolt(true, NOW);
    own_words(&mut lock);
    lock.faults.jammed = true;
    assert_eq!(lock.type_code(b"4711", NOW), Typed::Jammed(7));
    assert!(lock.memory.locked);
    assert_eq!(own_words(&mut lock), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x0B, 0x00]]);
}

#[test]
fn a_lock_that_relocks_reports_automatic_locking() {
    let mut lock = lock(Model::version_2());
    lock.program(7, Some(b"4711"), NOW);
    // Constant, no time-outs, locks itself after 30 s.
    tell(&mut lock, &[0x62, 0x04, 0x01, 0x00, 0xFE, 0xFE, 0x00, 0x1E, 0x00, 0x00, 0x00]);
    assert_eq!(tell(&mut lock, &[0x62, 0x05]), [[0x62, 0x06, 0x01, 0x00, 0xFE, 0xFE, 0x00, 0x1E, 0x00, 0x00, 0x00]]);
    lock.power_cut();
    assert_eq!(lock.type_code(b"4711", NOW), Typed::Opened(7));
    own_words(&mut lock);
    assert_eq!(later(&mut lock, secs(31)), Vec::<Vec<u8>>::new());
    assert_eq!(later(&mut lock, secs(33)), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x09, 0x00]]);
    assert!(lock.memory.locked);
}

#[test]
fn a_passage_code_leaves_the_door_open() {
    let mut lock = lock(Model::version_2());
    tell(&mut lock, &[0x62, 0x04, 0x01, 0x00, 0xFE, 0xFE, 0x00, 0x1E, 0x00, 0x00, 0x00]);
    tell(&mut lock, b"\x63\x0b\x01\x00\x02\x04\x044711");
    assert_eq!(lock.type_code(b"4711", NOW), Typed::Opened(2));
    later(&mut lock, secs(600));
    assert!(!lock.memory.locked);
}

#[test]
fn a_timed_lock_counts_down() {
    let mut lock = lock(Model::version_2());
    // Timed, one minute and ten seconds.
    tell(&mut lock, &[0x62, 0x04, 0x02, 0x00, 0x01, 0x0A]);
    tell(&mut lock, &[0x62, 0x01, 0x01]);
    later(&mut lock, secs(2));
    lock.receive(&[0x62, 0x02], secs(12));
    assert_eq!(said(&mut lock), [[0x62, 0x03, 0x01, 0x00, 0x02, 0x01, 0x00, 0x01, 0x00]], "a minute is left");
    later(&mut lock, secs(80));
    assert!(lock.memory.locked);
    assert_eq!(tell(&mut lock, &[0x6C, 0x01, 0x06, 0x06, 0x62, 0x04, 0x02, 0x00, 0xFE, 0x3C]), [[0x6C, 0x02, 0x06, 0x02, 0x00]]);
}

#[test]
fn locking_at_the_keypad_names_the_user_if_known() {
    let mut lock = lock(Model::version_2());
    lock.program(7, Some(b"4711"), NOW);
    own_words(&mut lock);
    lock.keypad_lock(Some(7), NOW);
    assert_eq!(own_words(&mut lock), [b"\x71\x05\x00\x00\x00\xff\x06\x05\x08\x63\x03\x07\x014711"]);
    lock.keypad_lock(None, NOW);
    assert_eq!(own_words(&mut lock), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x05, 0x00]]);
    assert_eq!(lock.keypad_unlock(8, NOW), Typed::Opened(8));
    assert_eq!(own_words(&mut lock), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x06, 0x04, 0x63, 0x03, 0x08, 0x00]]);
    let mut old = super::lock(Model::version_1());
    old.model.quirks.v1_alarms = true;
    old.keypad_lock(None, NOW);
    assert_eq!(said(&mut old), [[0x71, 0x05, 0x12, 0x00]], "level 0 is the button");
}

#[test]
fn basic_moves_the_bolt() {
    let mut lock = lock(Model::version_2());
    tell(&mut lock, &[0x20, 0x01, 0xFF]);
    assert_eq!(tell(&mut lock, &[0x20, 0x02]), [[0x20, 0x03, 0x00, 0xFF, 0x02]]);
    later(&mut lock, secs(3));
    assert_eq!(tell(&mut lock, &[0x20, 0x02]), [[0x20, 0x03, 0xFF, 0xFF, 0x00]]);
    assert_eq!(tell(&mut lock, &[0x6C, 0x01, 0x07, 0x03, 0x20, 0x01, 0x63]), [[0x6C, 0x02, 0x07, 0x02, 0x00]]);
}

#[test]
fn the_log_has_what_happened_at_the_time_of_its_clock_and_forgets_the_oldest() {
    let mut lock = lock(Model::version_2());
    assert_eq!(tell(&mut lock, &[0x4C, 0x01]), [[0x4C, 0x02, 32]]);
    assert_eq!(tell(&mut lock, &[0x4C, 0x03, 0x00])[0][..8], [0x4C, 0x04, 0x00, 0, 0, 0, 0, 0], "nothing yet");
    // 2026-11-23 14:30:15.
    tell(&mut lock, &[0x8B, 0x01, 0x07, 0xEA, 11, 23, 14, 30, 15]);
    lock.program(3, Some(b"4711"), NOW);
    lock.type_code(b"4711", secs(5));
    own_words(&mut lock);
    let newest = [0x4C, 0x04, 0x02, 0x07, 0xEA, 11, 23, 0x20 | 14, 30, 20, 2, 3, 0];
    assert_eq!(tell(&mut lock, &[0x4C, 0x03, 0x00]), [newest], "unlocked with the code of user 3");
    let first = [0x4C, 0x04, 0x01, 0x07, 0xEA, 11, 23, 0x20 | 14, 30, 15, 23, 3, 0];
    assert_eq!(tell(&mut lock, &[0x4C, 0x03, 0x01]), [first], "the code was added");
    lock.power_cut();
    assert_eq!(tell(&mut lock, &[0x4C, 0x03, 0x00]), [newest], "a power cut forgets nothing");
    for _ in 0..31 {
        lock.turn_bolt(true, NOW);
    }
    let [oldest, place_1] = [0x02, 0x01].map(|number| tell(&mut lock, &[0x4C, 0x03, number]).pop().unwrap());
    assert_eq!((oldest[10], place_1[10]), (2, 8), "the first record's place is taken");
    assert_eq!(place_1[3..5], [0x07, 0xD0], "without power the clock began again in 2000");
}
