//! Frames that an attacker without a node's key sends in its name: what they may not do.

use super::secure::{Far, keyed};
use super::*;
use crate::command::security::{Encapsulation, Mac, Nonce, NonceId, Security};
use crate::command::security_2::{MessageEncapsulation, NonceGet, NonceReport, Security2, SequenceNumber};
use crate::command::wake_up::WakeUp;
use crate::command::{Body, security_2};

const ACCESS: SecurityClass = SecurityClass::S2AccessControl;

fn sealed(number: u8) -> Command {
    Command::Security2(Security2::MessageEncapsulation(MessageEncapsulation {
        sequence: SequenceNumber(number),
        reserved: 0,
        extensions: Vec::new(),
        has_encrypted_extension: false,
        sealed: Body(vec![number; 20]),
    }))
}

fn nonce_report(number: u8) -> Command {
    let entropy = Some(security_2_entropy(number));
    let sequence = SequenceNumber(number);
    Command::Security2(Security2::NonceReport(NonceReport { sequence, entropy, multicast_out_of_sync: false }))
}

fn security_2_entropy(number: u8) -> crate::security::crypto::derive::EntropyInput {
    crate::security::crypto::derive::EntropyInput([number; 16])
}

/// All kinds of frames that can be forged without a key.
pub(crate) fn forgery(n: u64) -> Command {
    let number = n.to_le_bytes()[0];
    match n % 6 {
        0 => Command::parse(&[0x20, 0x03, 0xFF]).unwrap(),
        1 => event(),
        2 => Command::WakeUp(WakeUp::Notification),
        3 => Command::Security2(security_2::Security2::NonceGet(NonceGet { sequence: SequenceNumber(number) })),
        4 => sealed(number),
        _ => nonce_report(number),
    }
}

fn node_information(peer: &Peer) -> ApplicationUpdate {
    let info = NodeInformation { basic: 4, generic: 0x40, specific: 3, supported: peer.classes.clone(), controlled: Vec::new() };
    ApplicationUpdate { status: UpdateStatus::NODE_INFO_RECEIVED, node: LOCK, smart_start: None, info: Some(info) }
}

/// A lock with keys whose battery is out, found dead by a removal.
fn dead() -> Far {
    let mut far = Far::granted(ACCESS);
    let job = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    far.run(1_000);
    assert_eq!(far.bench.outcome(job), Some(&Outcome::Accepted));
    far.bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    let job = far.bench.submit(LOCK, Priority::Revoke, write_code(1), Completion::Supervised);
    far.bench.run(10_000);
    assert_eq!(far.bench.outcome(job), Some(&Outcome::NoAck));
    assert_eq!(far.bench.network.reach(LOCK), Reach::Dead);
    far
}

#[test]
fn a_dead_lock_is_not_kept_alive_by_frames_in_its_name() {
    let mut far = dead();
    let peer = keyed(ClassId::SECURITY_2);
    let before = far.bench.sent_to(LOCK).len();
    let told = far.bench.reaches(LOCK).len();
    for n in 0..180 {
        if n % 10 == 0 {
            let frame = Message::ApplicationUpdate(node_information(&peer)).write(far.bench.controller.width);
            far.bench.now(Input::Frame(frame));
        }
        far.bench.hear(LOCK, &forgery(n));
        far.bench.run(500);
        assert_eq!(far.bench.network.reach(LOCK), Reach::Dead, "after {n}");
    }
    assert_eq!(far.bench.reaches(LOCK).len(), told, "nobody was told that it came back");
    let cost = far.bench.sent_to(LOCK).len() - before;
    assert!(cost <= 16, "{cost} frames in 90 s to a lock that is not there");
    assert!(far.bench.network.radio(LOCK).rejected >= 30, "{:?}", far.bench.network.radio(LOCK));
}

#[test]
fn a_lock_with_new_batteries_is_alive_with_its_first_frame() {
    let mut far = dead();
    far.bench.controller.nodes.get_mut(&LOCK).unwrap().listens = true;
    far.say(&event());
    far.run(1_000);
    assert_eq!(far.bench.network.reach(LOCK), Reach::Alive);
}

#[test]
fn a_lock_without_keys_is_alive_with_any_frame() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(20_000);
    assert_eq!(bench.network.reach(LOCK), Reach::Dead);
    bench.hear(LOCK, &event());
    assert_eq!(bench.network.reach(LOCK), Reach::Alive);
}

/// A write that the lock acknowledged and has not answered, while nothing else can be sent.
fn acknowledged() -> (Far, JobId) {
    let mut far = Far::granted(ACCESS);
    let first = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    far.run(1_000);
    assert_eq!(far.bench.outcome(first), Some(&Outcome::Accepted));
    far.replies = |_| Vec::new();
    let job = far.bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    far.run(200);
    far.bench.network.hold_until = far.bench.clock + Duration::from_secs(10);
    (far, job)
}

#[test]
fn a_write_that_a_forged_nonce_puts_back_is_not_taken_back_as_unsent() {
    let (mut far, job) = acknowledged();
    far.bench.hear(LOCK, &nonce_report(7));
    assert_eq!(far.bench.network.queued(LOCK), 1, "it waits to be sealed again");
    assert!(far.bench.network.cancel(job));
    far.bench.drain();
    assert_eq!(far.bench.outcome(job), Some(&Outcome::NoReport));
}

#[test]
fn a_question_that_is_put_back_may_be_taken_back() {
    let (mut far, _) = acknowledged();
    far.bench.network.hold_until = Instant::ZERO;
    far.bench.run(10_000);
    let job = far.bench.submit(LOCK, Priority::Write, read_code(2), Completion::Reply);
    far.run(200);
    far.bench.network.hold_until = far.bench.clock + Duration::from_secs(10);
    far.bench.hear(LOCK, &nonce_report(9));
    if far.bench.network.cancel(job) {
        far.bench.drain();
        assert_eq!(far.bench.outcome(job), Some(&Outcome::Cancelled), "it changed nothing");
    }
}

#[test]
fn the_answer_to_a_write_that_a_forged_nonce_put_back_still_counts() {
    let (mut far, job) = acknowledged();
    let set = far.opened.last().map(|(_, command)| command.clone());
    let Some(Command::Supervision(Supervision::Get(get))) = set else { panic!("{set:?}") };
    far.bench.hear(LOCK, &nonce_report(7));
    assert_eq!(far.bench.network.queued(LOCK), 1);
    far.say(&supervised(get.session, Status::SUCCESS));
    assert_eq!(far.bench.outcome(job), Some(&Outcome::Accepted));
}

#[test]
fn an_s0_report_is_not_lost_behind_garbage_under_its_nonce() {
    let mut far = Far::granted(SecurityClass::S0);
    far.say(&event());
    far.bench.run(50);
    let sent = far.bench.sent_to(LOCK);
    let Some((_, Command::Security(Security::NonceReport(report)))) = sent.last() else { panic!("{sent:?}") };
    let named: NonceId = report.nonce.id();
    for n in 0..100 {
        let rubbish = Encapsulation {
            sender_nonce: Nonce([n; 8]),
            ciphertext: Body(vec![n; 12]),
            receiver_nonce_id: named,
            mac: Mac([n; 8]),
        };
        far.bench.hear(LOCK, &Command::Security(Security::CommandEncapsulation(rubbish)));
    }
    assert!(far.bench.received().is_empty());
    far.run(200);
    assert_eq!(far.bench.received(), [(LOCK, event())]);
    assert_eq!(far.bench.network.radio(LOCK).rejected, 100);
    let now = far.bench.clock;
    assert_eq!(far.bench.network.rejected_lately(LOCK, now), 100);
    assert_eq!(far.bench.network.rejected_lately(LOCK, now + Duration::from_secs(2 * 3600)), 0, "that was long ago");
}

#[test]
fn nonces_asked_for_in_an_s0_lock_s_name_do_not_push_out_its_own() {
    let mut far = Far::granted(SecurityClass::S0);
    for _ in 0..12 {
        far.bench.hear(LOCK, &Command::Security(Security::NonceGet));
        far.bench.run(20);
    }
    far.bench.run(1_500);
    far.take_in_nothing();
    far.say(&event());
    for _ in 0..100 {
        far.bench.run(10);
        far.bench.hear(LOCK, &Command::Security(Security::NonceGet));
    }
    far.run(200);
    assert_eq!(far.bench.received(), [(LOCK, event())]);
}

#[test]
fn a_report_repeated_because_of_a_forged_frame_is_delivered_once() {
    let by_alarm = Command::parse(&[0x71, 0x05, 0x13, 1]).unwrap();
    let by_notification = Command::parse(&[0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, 1]).unwrap();
    let mut far = Far::granted(ACCESS);
    far.reseals = true;
    far.say(&by_alarm);
    far.run(200);
    far.say(&by_alarm);
    far.bench.hear(LOCK, &sealed(1));
    far.bench.run(20);
    far.bench.hear(LOCK, &sealed(2));
    // The nonce for the first forgery is here, that for the second is not: the lock seals its report again.
    far.run(5);
    far.say(&by_notification);
    // Now that for the second is, and the lock has its last report to seal again.
    far.run(200);
    let told: Vec<Command> = far.bench.received().into_iter().map(|(_, command)| command).collect();
    assert_eq!(told, [by_alarm.clone(), by_alarm, by_notification]);
}
