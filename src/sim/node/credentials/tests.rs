use super::*;
use crate::security::keys::KeyMask;
use crate::sim::model::Model;
use crate::sim::node::Typed;

// Payloads are written by hand from docs/protocol/command-classes.md and its vectors, not by our own encoders.

const NOW: Instant = Instant::from_millis(1_000);
/// User 3, "Anna", general, active, rule 1.
const ADD_ANNA: &[u8] = b"\x83\x05\x00\x00\x03\x00\x01\x01\x00\x00\x00\x04Anna";
/// Their PIN 1234 in slot 1.
const ADD_PIN: &[u8] = b"\x83\x0a\x00\x03\x01\x00\x01\x00\x041234";

/// A lock in clear, with the controller, node 1, in its lifeline.
fn lock() -> Node {
    let mut lock = Node::new(Model { requests: KeyMask::NONE, ..Model::credential_lock() });
    tell(&mut lock, &[0x85, 0x01, 0x01, 0x01]);
    lock
}

fn said(lock: &mut Node) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| lock.poll_transmit()).map(|spoken| spoken.payload).collect()
}

fn tell(lock: &mut Node, payload: &[u8]) -> Vec<Vec<u8>> {
    lock.receive(payload, NOW);
    said(lock)
}

/// What it says is one report, which begins like this.
#[track_caller]
fn reports(lock: &mut Node, payload: &[u8], begin: &[u8]) {
    let answers = tell(lock, payload);
    let [report] = &answers[..] else { panic!("one report: {answers:02x?}") };
    assert!(report.starts_with(begin), "{report:02x?}");
}

/// The last three bytes of a Credential Report: type and slot of the next.
fn next_after(lock: &mut Node, get: &[u8]) -> Vec<u8> {
    let mut answer = tell(lock, get).remove(0);
    answer.split_off(answer.len() - 3)
}

fn with_anna() -> Node {
    let mut lock = lock();
    reports(&mut lock, ADD_ANNA, &[0x83, 0x07, 0]);
    reports(&mut lock, ADD_PIN, &[0x83, 0x0C, 0]);
    lock
}

#[test]
fn a_user_and_pin_are_stored_and_reported_as_in_the_vectors() {
    let mut lock = lock();
    // User Report: added, nobody next, by node 1, user 3.
    reports(&mut lock, ADD_ANNA, b"\x83\x07\x00\x00\x00\x02\x00\x01\x00\x03\x00\x01\x01\x00\x00\x00\x04Anna");
    reports(&mut lock, ADD_PIN, b"\x83\x0c\x00\x00\x03\x01\x00\x01\x80\x041234\x02\x00\x01\x00\x00\x00");
    reports(&mut lock, &[0x83, 0x06, 0, 0], b"\x83\x07\x04\x00\x00\x02\x00\x01\x00\x03\x00\x01\x01\x00\x00\x00\x04Anna");
    reports(&mut lock, &[0x83, 0x0B, 0, 3, 0, 0, 0], b"\x83\x0c\x04\x00\x03\x01\x00\x01\x80\x041234\x02\x00\x01\x00\x00\x00");
    // The checksums of cc.json's user and type, the latter with a second PIN.
    reports(&mut lock, &[0x83, 0x16, 0, 3], &[0x83, 0x17, 0, 3, 0xEE, 0xED]);
    reports(&mut lock, b"\x83\x0a\x00\x03\x01\x00\x02\x00\x06777777", &[0x83, 0x0C, 0]);
    reports(&mut lock, &[0x83, 0x18, 1], &[0x83, 0x19, 1, 0xF5, 0x77]);
}

#[test]
fn the_checksum_over_everything_is_that_of_the_vector() {
    let mut lock = with_anna();
    reports(&mut lock, b"\x83\x05\x00\x00\x09\x05\x01\x01\x00\x00\x00\x02Bo", &[0x83, 0x07, 0]);
    reports(&mut lock, b"\x83\x0a\x00\x09\x01\x00\x02\x00\x06777777", &[0x83, 0x0C, 0]);
    reports(&mut lock, b"\x83\x0a\x00\x09\x02\x00\x01\x00\x08\0p\0a\0s\0s", &[0x83, 0x0C, 0]);
    reports(&mut lock, &[0x83, 0x14], &[0x83, 0x15, 0xFC, 0xD2]);
    reports(&mut lock, &[0x83, 0x05, 2, 0, 0], &[0x83, 0x07, 2, 0, 0, 2, 0, 1, 0, 0]);
    reports(&mut lock, &[0x83, 0x14], &[0x83, 0x15, 0, 0]);
    reports(&mut lock, &[0x83, 0x18, 1], &[0x83, 0x19, 1, 0, 0]);
}

#[test]
fn a_walk_by_next_meets_every_user_and_credential_once_and_ends() {
    let mut lock = with_anna();
    reports(&mut lock, b"\x83\x05\x00\x00\x09\x05\x01\x01\x00\x00\x00\x02Bo", &[0x83, 0x07, 0]);
    reports(&mut lock, b"\x83\x0a\x00\x09\x01\x00\x02\x00\x06777777", &[0x83, 0x0C, 0]);
    reports(&mut lock, b"\x83\x0a\x00\x09\x02\x00\x01\x00\x08\0p\0a\0s\0s", &[0x83, 0x0C, 0]);
    reports(&mut lock, &[0x83, 0x06, 0, 0], &[0x83, 0x07, 4, 0, 9]);
    reports(&mut lock, &[0x83, 0x06, 0, 9], &[0x83, 0x07, 4, 0, 0]);
    // Anna's credentials, and no one else's.
    assert_eq!(next_after(&mut lock, &[0x83, 0x0B, 0, 3, 0, 0, 0]), [0, 0, 0]);
    // Bo's: the PIN, then the password.
    assert_eq!(next_after(&mut lock, &[0x83, 0x0B, 0, 9, 0, 0, 0]), [2, 0, 1]);
    assert_eq!(next_after(&mut lock, &[0x83, 0x0B, 0, 9, 2, 0, 1]), [0, 0, 0]);
    // Everybody's: after Anna's comes Bo's.
    assert_eq!(next_after(&mut lock, &[0x83, 0x0B, 0, 0, 0, 0, 0]), [1, 0, 2]);
    // A user nobody has, and a slot with nothing in it: modifier "does not exist".
    reports(&mut lock, &[0x83, 0x06, 0, 4], &[0x83, 0x07, 4, 0, 9, 0, 0, 0, 0, 4]);
    reports(&mut lock, &[0x83, 0x0B, 0, 3, 1, 0, 5], &[0x83, 0x0C, 4, 0, 3, 1, 0, 5, 0x80, 0, 0]);
}

#[test]
fn what_is_not_to_be_is_refused_with_its_reason_and_changes_nothing() {
    let mut lock = with_anna();
    reports(&mut lock, b"\x83\x05\x00\x00\x04\x00\x01\x01\x00\x00\x00\x03Eve", &[0x83, 0x07, 0]);
    let before = lock.memory.credentials.clone();
    // Users: added twice; changed where there is none.
    reports(&mut lock, ADD_ANNA, b"\x83\x07\x05\x00\x00\x02\x00\x01\x00\x03");
    reports(&mut lock, b"\x83\x05\x01\x00\x07\x00\x01\x01\x00\x00\x00\x01X", b"\x83\x07\x06\x00\x00\x00\x00\x00\x00\x07");
    // Credentials: occupied, whichever user asks; empty; a twin, told with its place; no such user; another's slot.
    reports(&mut lock, b"\x83\x0a\x00\x04\x01\x00\x01\x00\x049999", b"\x83\x0c\x05\x00\x03\x01\x00\x01\x80\x041234");
    reports(&mut lock, b"\x83\x0a\x00\x03\x01\x00\x02\x01\x049999", b"\x83\x0c\x06\x00\x03\x01\x00\x02");
    reports(&mut lock, b"\x83\x0a\x00\x04\x01\x00\x02\x00\x041234", b"\x83\x0c\x07\x00\x03\x01\x00\x01");
    reports(&mut lock, b"\x83\x0a\x00\x08\x01\x00\x02\x00\x049999", b"\x83\x0c\x09\x00\x08\x01\x00\x02");
    reports(&mut lock, b"\x83\x0a\x00\x04\x01\x00\x01\x01\x049999", b"\x83\x0c\x09\x00\x03\x01\x00\x01");
    reports(&mut lock, &[0x83, 0x0A, 0, 4, 1, 0, 1, 2], b"\x83\x0c\x09\x00\x03\x01\x00\x01");
    reports(&mut lock, b"\x83\x0a\x00\x04\x01\x00\x02\x00\x0412a4", b"\x83\x0c\x08");
    // Nonsense is ignored: a user, a slot, a type, a length that the lock has not; zeros that mean nothing.
    for nonsense in [
        &b"\x83\x05\x00\x00\x15\x00\x01\x01\x00\x00\x00\x00"[..],
        b"\x83\x05\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00",
        b"\x83\x05\x00\x00\x05\x09\x01\x01\x00\x00\x00\x00",
        b"\x83\x0a\x00\x03\x01\x00\x15\x00\x049999",
        b"\x83\x0a\x00\x03\x01\x00\x00\x00\x049999",
        b"\x83\x0a\x00\x03\x03\x00\x01\x00\x049999",
        b"\x83\x0a\x00\x03\x01\x00\x02\x00\x03999",
        b"\x83\x0a\x00\x00\x01\x00\x01\x02",
        b"\x83\x0a\x00\x03\x00\x00\x01\x02",
        b"\x83\x0b\x00\x03\x00\x00\x01",
    ] {
        assert_eq!(tell(&mut lock, nonsense), Vec::<Vec<u8>>::new(), "{nonsense:02x?}");
    }
    assert_eq!(lock.memory.credentials, before);
}

#[test]
fn a_refused_supervised_set_fails_and_reports_the_reason() {
    let mut lock = with_anna();
    let refused = tell(&mut lock, &[&[0x6C, 0x01, 0x05, 0x10][..], ADD_ANNA].concat());
    assert!(refused.contains(&vec![0x6C, 0x02, 0x05, 0x02, 0x00]), "{refused:02x?}");
    assert!(refused.iter().any(|it| it.starts_with(&[0x83, 0x07, 5])), "{refused:02x?}");
    let done = tell(&mut lock, b"\x6c\x01\x06\x0d\x83\x0a\x00\x03\x01\x00\x01\x01\x045678");
    assert!(done.contains(&vec![0x6C, 0x02, 0x06, 0xFF, 0x00]), "{done:02x?}");
    // The same again says that nothing changed.
    reports(&mut lock, b"\x83\x0a\x00\x03\x01\x00\x01\x01\x045678", b"\x83\x0c\x03");
}

#[test]
fn zeros_in_a_deletion_mean_all_of_them_and_no_more() {
    let mut full = with_anna();
    for more in [
        &b"\x83\x05\x00\x00\x04\x00\x01\x01\x00\x00\x00\x03Eve"[..],
        b"\x83\x0a\x00\x04\x01\x00\x02\x00\x045555",
        b"\x83\x0a\x00\x03\x02\x00\x01\x00\x04\0p\0a",
    ] {
        assert_eq!(tell(&mut full, more).len(), 1);
    }
    // Type, slot and user of what is left.
    let left_after = |delete: [u8; 8]| {
        let mut lock = lock();
        lock.memory = full.memory.clone();
        reports(&mut lock, &delete, &[0x83, 0x0C, 2]);
        lock.memory.credentials.credentials().map(|(kind, slot, held)| (kind.0, slot, held.user_id)).collect::<Vec<_>>()
    };
    assert_eq!(left_after([0x83, 0x0A, 0, 3, 1, 0, 1, 2]), [(1, 2, 4), (2, 1, 3)]);
    assert_eq!(left_after([0x83, 0x0A, 0, 3, 1, 0, 0, 2]), [(1, 2, 4), (2, 1, 3)]);
    assert_eq!(left_after([0x83, 0x0A, 0, 3, 0, 0, 0, 2]), [(1, 2, 4)]);
    assert_eq!(left_after([0x83, 0x0A, 0, 0, 1, 0, 0, 2]), [(2, 1, 3)]);
    assert_eq!(left_after([0x83, 0x0A, 0, 0, 0, 0, 0, 2]), []);
    // Deleting a user takes the credentials along.
    reports(&mut full, &[0x83, 0x05, 2, 0, 3], &[0x83, 0x07, 2, 0, 0, 2, 0, 1, 0, 3]);
    assert_eq!(full.memory.credentials.credentials().count(), 1);
    assert_eq!(full.type_code(b"1234", NOW), Typed::Wrong);
}

#[test]
fn a_pin_opens_and_the_event_names_user_type_and_slot() {
    let mut lock = with_anna();
    assert_eq!(lock.type_code(b"1234", NOW), Typed::Opened(3));
    let events = said(&mut lock);
    let [event] = &events[..] else { panic!("one event: {events:02x?}") };
    // Supervised; Access Control 0x24 with user 3, one credential, PIN, slot 1.
    assert_eq!(event[4..], [0x71, 0x05, 0, 0, 0, 0xFF, 6, 0x24, 6, 0, 3, 1, 1, 0, 1]);
    assert_eq!(lock.type_code(b"4321", NOW), Typed::Wrong);
    assert_eq!(said(&mut lock)[0][4..], [0x71, 0x05, 0, 0, 0, 0xFF, 6, 0x32, 0]);
}

#[test]
fn a_denied_user_is_distinguished_from_an_unknown_code() {
    let mut lock = with_anna();
    let mut denied = |user_set: &[u8], event: u8| {
        reports(&mut lock, user_set, &[0x83, 0x07, 1]);
        lock.memory.locked = true;
        assert_eq!(lock.type_code(b"1234", NOW), Typed::Denied(3));
        assert!(lock.memory.locked);
        assert_eq!(said(&mut lock)[0][11], event);
    };
    denied(b"\x83\x05\x01\x00\x03\x00\x00\x01\x00\x00\x00\x04Anna", 0x2F);
    denied(b"\x83\x05\x01\x00\x03\x00\x01\x02\x00\x00\x00\x04Anna", 0x31);
    denied(b"\x83\x05\x01\x00\x03\x04\x01\x01\x00\x00\x00\x04Anna", 0x33);
}

#[test]
fn a_disposable_user_opens_once() {
    let mut lock = with_anna();
    reports(&mut lock, b"\x83\x05\x01\x00\x03\x06\x01\x01\x00\x00\x00\x04Anna", &[0x83, 0x07, 1]);
    assert_eq!(lock.type_code(b"1234", NOW), Typed::Opened(3));
    // Modified, locally, and no longer active.
    assert_eq!(said(&mut lock)[1][4..17], [0x83, 0x07, 1, 0, 0, 3, 0, 0, 0, 3, 6, 0, 1]);
    assert_eq!(lock.type_code(b"1234", NOW), Typed::Denied(3));
}

#[test]
fn a_change_at_the_lock_is_reported_and_survives_a_battery_change() {
    let mut lock = lock();
    lock.program(2, Some(b"4711"), NOW);
    let told = said(&mut lock);
    assert_eq!(told.len(), 2, "{told:02x?}");
    assert_eq!(told[0][4..14], [0x83, 0x07, 0, 0, 0, 3, 0, 0, 0, 2]);
    assert_eq!(&told[1][4..], b"\x83\x0c\x00\x00\x02\x01\x00\x01\x80\x044711\x03\x00\x00\x00\x00\x00");
    lock.program(2, Some(b"4712"), NOW);
    assert_eq!(said(&mut lock)[0][4..7], [0x83, 0x0C, 1]);
    lock.power_cut();
    assert_eq!(lock.type_code(b"4712", NOW), Typed::Opened(2));
    said(&mut lock);
    lock.program(2, None, NOW);
    assert_eq!(said(&mut lock)[0][4..12], [0x83, 0x0C, 2, 0, 2, 1, 0, 1]);
    assert_eq!(lock.type_code(b"4712", NOW), Typed::Wrong);
}

#[test]
fn a_credential_can_change_hands() {
    let mut lock = with_anna();
    reports(&mut lock, b"\x83\x05\x00\x00\x04\x00\x01\x01\x00\x00\x00\x03Eve", &[0x83, 0x07, 0]);
    for (set, status) in [
        ([0x83, 0x12, 3, 0, 1, 0, 4], 1),
        ([0x83, 0x12, 1, 0, 0, 0, 4], 2),
        ([0x83, 0x12, 1, 0, 2, 0, 4], 3),
        ([0x83, 0x12, 1, 0, 1, 0, 21], 4),
        ([0x83, 0x12, 1, 0, 1, 0, 5], 5),
        ([0x83, 0x12, 1, 0, 1, 0, 4], 0),
    ] {
        reports(&mut lock, &set, &[&[0x83, 0x13][..], &set[2..], &[status]].concat());
    }
    assert_eq!(lock.type_code(b"1234", NOW), Typed::Opened(4));
}

#[test]
fn the_admin_pin_is_nobodys_and_no_ones_pin_is_the_admins() {
    let mut lock = with_anna();
    reports(&mut lock, b"\x83\x1a\x06999999", b"\x83\x1c\x16999999");
    reports(&mut lock, b"\x83\x1a\x06999999", b"\x83\x1c\x36999999");
    reports(&mut lock, b"\x83\x1a\x041234", b"\x83\x1c\x76999999");
    reports(&mut lock, b"\x83\x0a\x00\x03\x01\x00\x02\x00\x06999999", b"\x83\x0c\x0a\x00\x03\x01\x00\x02");
    reports(&mut lock, &[0x83, 0x1B], b"\x83\x1c\x46999999");
    reports(&mut lock, &[0x83, 0x1A, 0], &[0x83, 0x1C, 0x10]);
    reports(&mut lock, &[0x83, 0x1B], &[0x83, 0x1C, 0x40]);
    assert_eq!(lock.type_code(b"999999", NOW), Typed::Wrong);
}

#[test]
fn a_finger_is_learned_and_never_shown() {
    let mut lock = with_anna();
    let start = [0x83, 0x0F, 0, 3, 9, 0, 1, 0, 20];
    reports(&mut lock, &start, &[0x83, 0x11, 0, 0, 3, 9, 0, 1, 1]);
    reports(&mut lock, &start, &[0x83, 0x11, 2]);
    assert!(lock.present(b"a whole finger", NOW));
    let told = said(&mut lock);
    assert_eq!(told[0], [0x83, 0x11, 1, 0, 3, 9, 0, 1, 0]);
    assert_eq!(told[1][4..], [0x83, 0x0C, 0, 0, 3, 9, 0, 1, 0, 0, 3, 0, 0, 0, 0, 0], "no data, not even a hash");
    reports(&mut lock, &start, &[0x83, 0x11, 0xFE]);
    // A PIN cannot be learned; a timeout and a cancellation end what was begun.
    assert_eq!(tell(&mut lock, &[0x83, 0x0F, 0, 3, 1, 0, 2, 0, 20]), Vec::<Vec<u8>>::new());
    reports(&mut lock, &[0x83, 0x0F, 0, 3, 9, 0, 1, 1, 20], &[0x83, 0x11, 0]);
    reports(&mut lock, &[0x83, 0x10], &[0x83, 0x11, 3, 0, 3, 9, 0, 1, 0]);
    reports(&mut lock, &[0x83, 0x0F, 0, 3, 9, 0, 1, 1, 20], &[0x83, 0x11, 0]);
    lock.handle_timeout(NOW + Duration::from_secs(20));
    assert!(said(&mut lock).contains(&vec![0x83, 0x11, 4, 0, 3, 9, 0, 1, 0]));
    assert!(!lock.present(b"too late", NOW));
}

#[test]
fn a_lock_with_credentials_does_not_answer_to_user_codes() {
    let mut lock = lock();
    assert!(!lock.classes().contains_key(&crate::command::ClassId::USER_CODE));
    assert_eq!(tell(&mut lock, &[0x63, 0x04]), Vec::<Vec<u8>>::new());
    assert_eq!(tell(&mut lock, b"\x63\x01\x01\x011234"), Vec::<Vec<u8>>::new());
}
