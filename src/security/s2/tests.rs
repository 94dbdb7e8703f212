use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::domain::entropy::Entropy;
use crate::security::crypto::Key;

const HOME: HomeId = HomeId(0xE1C2_A3B4);
const ACCESS: FrameKey = FrameKey::Class(SecurityClass::S2AccessControl);

fn keys() -> NetworkKeys {
    NetworkKeys::from_fn(|id| Key::from_bytes([id as u8; 16]))
}

/// One node: its session with the other, its entropy and its clock.
struct Side {
    own: NodeId,
    session: Session,
    keys: NetworkKeys,
    entropy: Entropy,
    now: Instant,
}

impl Side {
    fn new(own: u16, peer: u16, granted: KeyMask, seed: u64) -> Self {
        let mut entropy = Entropy::from_number(seed);
        let session = Session::new(NodeId(peer), granted, &mut entropy);
        Self { own: NodeId(own), session, keys: keys(), entropy, now: Instant::ZERO }
    }

    fn pair() -> [Self; 2] {
        [Self::new(1, 7, KeyMask::KNOWN, 1), Self::new(7, 1, KeyMask::KNOWN, 2)]
    }

    fn seal_with(&mut self, protection: FrameKey, command: &[u8]) -> Sealing {
        let context = S2Context { home: HOME, own: self.own, keys: &self.keys };
        self.session.seal(&context, protection, command, self.now, &mut self.entropy)
    }

    fn seal(&mut self, command: &[u8]) -> Vec<u8> {
        match self.seal_with(ACCESS, command) {
            Sealing::Frame(frame) => frame.0,
            other => panic!("{other:?}"),
        }
    }

    fn hear_as(&mut self, frame: &[u8], to: Addressing) -> Received {
        let context = S2Context { home: HOME, own: self.own, keys: &self.keys };
        match Command::parse(frame) {
            Ok(Command::Security2(frame)) => self.session.receive(&context, frame, to, self.now, &mut self.entropy),
            _ => Received::Ignored(Ignored::Malformed),
        }
    }

    fn hear(&mut self, frame: &[u8]) -> Received {
        self.hear_as(frame, Addressing::Single)
    }

    fn opened(&mut self, frame: &[u8]) -> Vec<u8> {
        match self.hear(frame) {
            Received::Command(opened) => opened.command.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn answered(&mut self, frame: &[u8]) -> Vec<u8> {
        match self.hear(frame) {
            Received::Answer { frame, .. } => frame.0,
            other => panic!("{other:?}"),
        }
    }
}

/// `from` and `to` share nonces, and a first command went over.
fn introduce(from: &mut Side, to: &mut Side, protection: FrameKey) {
    let Sealing::NonceGet(ask) = from.seal_with(protection, &[0x20, 0x02]) else { panic!("had a nonce") };
    let report = to.answered(&ask.0);
    assert!(matches!(from.hear(&report), Received::Nonce));
    let Sealing::Frame(frame) = from.seal_with(protection, &[0x20, 0x02]) else { panic!("still no nonce") };
    assert_eq!(to.opened(&frame.0), [0x20, 0x02]);
}

#[test]
fn one_nonce_serves_both_directions() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    for n in 0..40 {
        let (from, to) = if n % 3 == 0 { (&mut ours, &mut lock) } else { (&mut lock, &mut ours) };
        let frame = from.seal(&[0x62, 0x03, n]);
        assert_eq!(to.opened(&frame), [0x62, 0x03, n]);
    }
}

#[test]
fn the_class_of_an_unknown_node_is_found_out_from_its_first_frame() {
    for class in [SecurityClass::S2Unauthenticated, SecurityClass::S2Authenticated, SecurityClass::S2AccessControl] {
        let [mut ours, mut lock] = Side::pair();
        let protection = FrameKey::Class(class);
        let Sealing::NonceGet(ask) = lock.seal_with(protection, &[0x80, 0x02]) else { panic!("had a nonce") };
        let report = ours.answered(&ask.0);
        lock.hear(&report);
        let Sealing::Frame(frame) = lock.seal_with(protection, &[0x80, 0x02]) else { panic!("no nonce") };
        let Received::Command(opened) = ours.hear(&frame.0) else { panic!("not opened") };
        assert_eq!(opened.protection, protection);
        assert_eq!(ours.session.protection(), Some(protection));
    }
}

#[test]
fn a_class_the_node_was_not_granted_opens_nothing() {
    let (mut ours, mut lock) = (Side::new(1, 7, KeyMask(0x84), 1), Side::new(7, 1, KeyMask::KNOWN, 2));
    for class in [SecurityClass::S2Unauthenticated, SecurityClass::S0] {
        let protection = FrameKey::Class(class);
        let Sealing::NonceGet(ask) = lock.seal_with(protection, &[0x62, 0x03]) else { panic!("had a nonce") };
        let report = ours.answered(&ask.0);
        lock.hear(&report);
        let Sealing::Frame(frame) = lock.seal_with(protection, &[0x62, 0x03]) else { panic!("no nonce") };
        assert!(matches!(ours.hear(&frame.0), Received::Answer { why: Gave::WrongKey, .. }));
    }
}

#[test]
fn another_class_costs_a_new_nonce_and_never_uses_the_old_one() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    introduce(&mut ours, &mut lock, FrameKey::Class(SecurityClass::S2Authenticated));
    assert!(matches!(ours.seal_with(ACCESS, &[0]), Sealing::NonceGet(_)));
    let clear = ours.seal_with(FrameKey::Class(SecurityClass::None), &[0]);
    assert_eq!(clear, Sealing::Impossible(Unsealable::NoKey));
    assert_eq!(ours.seal_with(FrameKey::Temporary, &[0]), Sealing::Impossible(Unsealable::NoKey));
}

#[test]
fn long_range_nodes_use_long_range_keys_and_wide_ids() {
    let (mut ours, mut lock) = (Side::new(1, 256, KeyMask(0x06), 1), Side::new(256, 1, KeyMask(0x06), 2));
    introduce(&mut ours, &mut lock, ACCESS);
    let unauthenticated = FrameKey::Class(SecurityClass::S2Unauthenticated);
    assert_eq!(ours.seal_with(unauthenticated, &[0]), Sealing::Impossible(Unsealable::NoKey));
}

#[test]
fn a_frame_that_arrives_twice_is_obeyed_once_and_not_answered() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    let frames: Vec<_> = (0..3).map(|n| lock.seal(&[0x71, 0x05, n])).collect();
    for frame in &frames {
        assert!(matches!(ours.hear(frame), Received::Command(_)));
    }
    for frame in frames.iter().rev() {
        assert!(matches!(ours.hear(frame), Received::Duplicate));
    }
    let next = lock.seal(&[0x71, 0x05, 3]);
    assert_eq!(ours.opened(&next), [0x71, 0x05, 3], "repeats cost no nonce");
}

#[test]
fn a_nonce_is_asked_for_twice_only_by_who_lost_it() {
    let [mut ours, mut lock] = Side::pair();
    let Sealing::NonceGet(ask) = lock.seal_with(ACCESS, &[0]) else { panic!("had a nonce") };
    let report = ours.answered(&ask.0);
    assert!(matches!(ours.hear(&ask.0), Received::Duplicate), "the radio repeated it");
    let Sealing::NonceGet(again) = lock.seal_with(ACCESS, &[0]) else { panic!("had a nonce") };
    let second = ours.answered(&again.0);
    assert_ne!(report[4..], second[4..], "each nonce is a new one");

    assert!(matches!(lock.hear(&second), Received::Nonce));
    assert!(matches!(lock.hear(&second), Received::Duplicate));
    let frame = lock.seal(&[0x62, 0x02]);
    assert_eq!(ours.opened(&frame), [0x62, 0x02]);
}

#[test]
fn a_nonce_get_that_was_never_answered_does_not_hide_a_later_resync() {
    let [mut ours, mut lock] = Side::pair();
    let Sealing::NonceGet(_lost) = lock.seal_with(ACCESS, &[0]) else { panic!("had a nonce") };
    introduce(&mut ours, &mut lock, ACCESS);
    ours = Side::new(1, 7, KeyMask::KNOWN, 99);
    let event = lock.seal(&[0x71, 0x05]);
    let sos = ours.answered(&event);
    assert!(matches!(lock.hear(&sos), Received::Resync), "the event would be lost");
}

#[test]
fn who_asked_twice_may_use_either_answer_and_the_other_is_worthless_then() {
    for use_first in [true, false] {
        let [mut ours, mut lock] = Side::pair();
        let reports: Vec<_> = (0..2)
            .map(|_| match lock.seal_with(ACCESS, &[0]) {
                Sealing::NonceGet(ask) => ours.answered(&ask.0),
                other => panic!("{other:?}"),
            })
            .collect();
        let mut twin =
            Side { session: lock.session.clone(), entropy: Entropy::from_number(9), ..Side::new(7, 1, KeyMask::KNOWN, 2) };
        let (used, other) = if use_first { (&reports[0], &reports[1]) } else { (&reports[1], &reports[0]) };
        lock.hear(used);
        let frame = lock.seal(&[0x62, 0x02]);
        assert_eq!(ours.opened(&frame), [0x62, 0x02]);
        twin.hear(other);
        let late = twin.seal(&[0x62, 0x01, 0x00]);
        assert!(matches!(ours.hear(&late), Received::Answer { .. }));
    }
}

#[test]
fn up_to_four_lost_frames_in_a_row_need_no_new_nonce_and_five_do() {
    for lost in 0..=5_u8 {
        let [mut ours, mut lock] = Side::pair();
        introduce(&mut ours, &mut lock, ACCESS);
        for _ in 0..lost {
            let _ = ours.seal(&[0x62, 0x01, 0xFF]);
        }
        let frame = ours.seal(&[0x62, 0x02]);
        match lock.hear(&frame) {
            Received::Command(_) => assert!(lost < 5),
            Received::Answer { frame: report, why: Gave::OutOfSync } => {
                assert_eq!(lost, 5);
                assert!(matches!(ours.hear(&report.0), Received::Resync));
                let again = ours.seal(&[0x62, 0x02]);
                assert_eq!(lock.opened(&again), [0x62, 0x02]);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_peer_that_restarted_is_understood_after_one_more_round() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    lock = Side::new(7, 1, KeyMask::KNOWN, 99);
    let frame = ours.seal(&[0x63, 0x02, 5]);
    let sos = lock.answered(&frame);
    assert!(matches!(ours.hear(&sos), Received::Resync));
    let again = ours.seal(&[0x63, 0x02, 5]);
    assert_eq!(lock.opened(&again), [0x63, 0x02, 5]);
    let reply = lock.seal(&[0x63, 0x03, 5]);
    assert_eq!(ours.opened(&reply), [0x63, 0x03, 5]);
}

#[test]
fn frames_that_cross_on_the_air_with_one_nonce_are_both_heard() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    let (there, back) = (ours.seal(&[0x62, 0x02]), lock.seal(&[0x71, 0x05]));
    ours.now = Instant::from_millis(2500);
    assert_eq!((lock.opened(&there), ours.opened(&back)), (vec![0x62, 0x02], vec![0x71, 0x05]));
    let reply = lock.seal(&[0x62, 0x03]);
    assert_eq!(ours.opened(&reply), [0x62, 0x03], "they go on with the same nonces");
}

#[test]
fn what_crossed_too_late_or_out_of_turn_is_a_replay() {
    for (late, skip) in [(true, false), (false, true)] {
        let [mut ours, mut lock] = Side::pair();
        introduce(&mut ours, &mut lock, ACCESS);
        if skip {
            lock.session.sequence = lock.session.sequence.next();
        }
        let (_, back) = (ours.seal(&[0x62, 0x02]), lock.seal(&[0x71, 0x05]));
        ours.now = Instant::from_millis(if late { 2501 } else { 1 });
        assert!(matches!(ours.hear(&back), Received::Answer { why: Gave::OutOfSync, .. }));
    }
}

#[test]
fn two_sides_that_introduce_themselves_at_once_agree_at_once() {
    let [mut ours, mut lock] = Side::pair();
    let (Sealing::NonceGet(a), Sealing::NonceGet(b)) = (ours.seal_with(ACCESS, &[1]), lock.seal_with(ACCESS, &[2])) else {
        panic!("had a nonce")
    };
    let (for_ours, for_lock) = (lock.answered(&a.0), ours.answered(&b.0));
    assert!(matches!(ours.hear(&for_ours), Received::Nonce));
    assert!(matches!(lock.hear(&for_lock), Received::Nonce));
    let (there, back) = (ours.seal(&[1]), lock.seal(&[2]));
    assert_eq!((lock.opened(&there), ours.opened(&back)), (vec![1], vec![2]));
    let (there, back) = (ours.seal(&[3]), Vec::from([4]));
    assert_eq!(lock.opened(&there), [3], "one of the two new generators is the one they share");
    let back = lock.seal(&back);
    assert_eq!(ours.opened(&back), [4]);
}

#[test]
fn a_forged_nonce_get_or_report_costs_frames_but_never_a_nonce_twice() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    let forged = [&[0x9F, 0x02, 0x77, 0x01][..], &[7; 16]].concat();
    assert!(matches!(ours.hear(&forged), Received::Resync));
    let frame = ours.seal(&[0x62, 0x02]);
    let sos = lock.answered(&frame);
    // What the lock had sent before is heard all the same.
    assert!(matches!(ours.hear(&forged), Received::Duplicate));
    assert!(matches!(ours.hear(&[&[0x9F, 0x02, 0x78, 0x01][..], &[7; 16]].concat()), Received::Ignored(Ignored::NoNonce)));
    assert!(matches!(ours.hear(&sos), Received::Resync));
    let again = ours.seal(&[0x62, 0x02]);
    assert_eq!(lock.opened(&again), [0x62, 0x02]);
}

#[test]
fn a_reflected_frame_of_ours_is_not_taken_for_the_peers() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    let frame = ours.seal(&[0x62, 0x01, 0x00]);
    assert!(matches!(ours.hear(&frame), Received::Answer { .. }));
}

/// A frame sealed by hand with the next nonce of `from`, with these extensions.
fn sealed_with(from: &mut Side, to: u16, clear: Vec<Extension>, plain: &[u8], encrypted: bool) -> Vec<u8> {
    let mut frame = MessageEncapsulation {
        sequence: from.session.next_sequence(),
        reserved: 0,
        extensions: clear,
        has_encrypted_extension: encrypted,
        sealed: Body::default(),
    };
    let key = from.keys.expanded(KeyId::AccessControl).clone();
    let (nonce, _) = from.session.span.seal(ACCESS, &key, from.now, &mut from.entropy).unwrap();
    let aad = authenticated(HOME, from.own, Receiver::Node(NodeId(to)), &frame, plain.len() + TAG);
    frame.sealed = Body(ccm::seal(&key.ccm, &nonce.0, &aad, plain).unwrap());
    super::frame(Security2::MessageEncapsulation(frame)).0
}

#[test]
fn an_unknown_critical_extension_stops_the_command_and_not_the_conversation() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    let unknown = |critical| Extension { kind: crate::command::security_2::ExtensionType(9), critical, data: Body(vec![1]) };
    let frame = sealed_with(&mut lock, 1, vec![unknown(true)], &[0x62, 0x01, 0x00], false);
    assert!(matches!(ours.hear(&frame), Received::Ignored(Ignored::CriticalExtension)));
    let frame = sealed_with(&mut lock, 1, vec![unknown(false)], &[0x62, 0x03], false);
    assert_eq!(ours.opened(&frame), [0x62, 0x03]);
    // Sealed extensions: none, one that runs over the end, one that is critical.
    let frame = sealed_with(&mut lock, 1, vec![], &[0x12, 0x41], true);
    assert!(matches!(ours.hear(&frame), Received::Ignored(Ignored::Malformed)));
    let frame = sealed_with(&mut lock, 1, vec![], &[0x03, 0x49, 0x01, 0x62, 0x03], true);
    assert!(matches!(ours.hear(&frame), Received::Ignored(Ignored::CriticalExtension)));
    // A multicast state in the wrong place is passed over.
    let frame = sealed_with(&mut lock, 1, vec![Extension::mpan(3, 5)], &[0x62, 0x03], false);
    assert_eq!(ours.opened(&frame), [0x62, 0x03]);
    assert!(ours.session.groups.is_empty());
}

#[test]
fn a_follow_up_to_an_unreadable_multicast_requests_its_state() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    let frame = sealed_with(&mut lock, 1, vec![Extension::group(3)], &[0x20, 0x01, 0xFF], false);
    let Received::Command(opened) = ours.hear(&frame) else { panic!("not opened") };
    let lost = opened.multicast_lost.unwrap();
    assert_eq!((lost.0.len(), lost.0[3]), (4, 0x02));
    // Told of it, the lock would send the state; nobody here has a group that the report could be about.
    assert!(matches!(lock.hear(&lost.0), Received::Ignored(Ignored::NoNonce)));
    assert!(matches!(ours.hear_as(&frame, Addressing::Multicast), Received::Ignored(Ignored::Multicast)));
}

#[test]
fn a_peer_with_many_groups_does_not_fill_the_memory() {
    let [mut ours, mut lock] = Side::pair();
    introduce(&mut ours, &mut lock, ACCESS);
    for group in 0..=255 {
        let plain = [&[0x13, 0x42, group][..], &[0; 16], &[0x20, 0x02]].concat();
        let frame = sealed_with(&mut lock, 1, vec![], &plain, true);
        assert_eq!(ours.opened(&frame), [0x20, 0x02]);
    }
    assert_eq!(ours.session.groups.len(), GROUPS);
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let [mut ours, mut lock] = Side::pair();
    ours.keys = NetworkKeys::from_fn(|_| Key::from_bytes([0x33; 16]));
    lock.keys = ours.keys.clone();
    introduce(&mut ours, &mut lock, ACCESS);
    let frame = lock.seal(b"\x63\x03\x05\x014711");
    let received = ours.hear(&frame);
    let said = format!("{:?} {:?}", ours.session, frame.len());
    assert!(!said.contains("51, 51") && !said.contains("52, 55"), "{said}");
    let said = format!("{received:?}");
    assert!(!said.contains("52, 55, 49, 49"), "{said}");
}

/// A channel between two sides that loses, repeats and reorders frames, and the result of each command.
struct Dialogue {
    sides: [Side; 2],
    /// Frames being transmitted: for whom, and the bytes.
    in_transit: VecDeque<(usize, Vec<u8>)>,
    /// The command each side wants to get over: it is sealed again with a mark of its own, at most so often.
    waiting: [Option<Vec<u8>>; 2],
    tries: [u8; 2],
    sealed: u8,
    frames: usize,
    delivered: Vec<(usize, Vec<u8>)>,
    /// By side: frames that both sides send at the same time use the same one.
    nonces: BTreeSet<(usize, Vec<u8>)>,
}

impl Dialogue {
    fn new() -> Self {
        Self {
            sides: Side::pair(),
            in_transit: VecDeque::new(),
            waiting: [None, None],
            tries: [0; 2],
            sealed: 0,
            frames: 0,
            delivered: Vec::new(),
            nonces: BTreeSet::new(),
        }
    }

    fn say(&mut self, from: usize, frame: Vec<u8>) {
        self.frames += 1;
        self.in_transit.push_back((1 - from, frame));
    }

    /// Seals what waits, or asks for the nonce. The plain text differs with each sealing, and begins with 32 zeros, so
    /// that a nonce that is used twice under one key shows: the ciphertext begins alike.
    fn try_to_say(&mut self, from: usize) {
        let Some(command) = self.waiting[from].clone() else { return };
        self.sealed = self.sealed.wrapping_add(1);
        let plain = [&[0; 32][..], &command, &[self.sealed]].concat();
        match self.sides[from].seal_with(ACCESS, &plain) {
            Sealing::Frame(frame) => {
                self.note_nonce(from, &frame.0);
                self.say(from, frame.0);
            }
            Sealing::NonceGet(frame) => self.say(from, frame.0),
            Sealing::Impossible(why) => panic!("{why}"),
        }
    }

    fn note_nonce(&mut self, from: usize, frame: &[u8]) {
        let Ok(Command::Security2(Security2::MessageEncapsulation(frame))) = Command::parse(frame) else { panic!("not sealed") };
        assert!(self.nonces.insert((from, frame.sealed.0[..32].to_vec())), "a nonce was used twice");
    }

    fn send(&mut self, from: usize, command: u8) {
        self.waiting[from] = Some(vec![command]);
        self.tries[from] = 0;
        self.try_to_say(from);
    }

    /// The next frame arrives, if `arrives`.
    fn step(&mut self) {
        let Some((to, frame)) = self.in_transit.pop_front() else { return };
        let side = &mut self.sides[to];
        side.now = side.now + Duration::from_millis(40);
        match side.hear(&frame) {
            Received::Answer { frame, .. } => self.say(to, frame.0),
            Received::Nonce => self.try_to_say(to),
            Received::Resync if self.tries[to] == 0 => {
                self.tries[to] += 1;
                self.try_to_say(to);
            }
            Received::Command(opened) => {
                self.waiting[to] = None; // The peer speaks: what we said was heard.
                let plain = opened.command.to_vec();
                assert!(plain.starts_with(&[0; 32]));
                assert!(!self.delivered.contains(&(to, plain.clone())), "delivered twice");
                self.delivered.push((to, plain));
            }
            Received::Resync | Received::Duplicate | Received::Ignored(_) => {}
            Received::InClear(_) => panic!("nobody said that"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Say(usize),
    Ask(usize),
    Arrive,
    Lose,
    Repeat,
    Swap,
    Restart(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..2usize).prop_map(Event::Say),
        1 => (0..2usize).prop_map(Event::Ask),
        8 => Just(Event::Arrive),
        3 => Just(Event::Lose),
        2 => Just(Event::Repeat),
        2 => Just(Event::Swap),
        1 => (0..2usize).prop_map(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The sheet's promise (docs/protocol/security.md B9): a frame that cannot be opened, the Nonce Report it gets, and
    /// the frame again. Or: Nonce Get, Nonce Report, frame. Three frames, whatever was lost, repeated, reordered or
    /// restarted before.
    #[test]
    fn whatever_happened_on_the_air_the_next_command_arrives_within_three_frames(
        events in prop::collection::vec(event(), 0..60),
        from in 0..2usize,
    ) {
        let mut dialogue = Dialogue::new();
        for (number, event) in (0..).zip(events) {
            match event {
                Event::Say(from) => dialogue.send(from, number),
                Event::Ask(from) => dialogue.try_to_say(from),
                Event::Arrive => dialogue.step(),
                Event::Lose => drop(dialogue.in_transit.pop_front()),
                Event::Repeat => {
                    if let Some(frame) = dialogue.in_transit.front().cloned() {
                        dialogue.in_transit.push_back(frame);
                    }
                }
                Event::Swap if dialogue.in_transit.len() > 1 => dialogue.in_transit.swap(0, 1),
                Event::Swap => {}
                Event::Restart(which) => {
                    let (own, peer) = if which == 0 { (1, 7) } else { (7, 1) };
                    dialogue.sides[which] = Side::new(own, peer, KeyMask::KNOWN, 1000 + u64::from(number));
                    dialogue.sides[1 - which].now = dialogue.sides[1 - which].now + Duration::from_secs(5);
                }
            }
        }
        // What is still being transmitted is lost, and so long past that no number can be taken for a repeat of the
        // radio.
        dialogue.in_transit.clear();
        for side in &mut dialogue.sides {
            side.now = side.now + Duration::from_secs(5);
        }
        dialogue.waiting = [None, None];
        dialogue.delivered.clear();
        dialogue.frames = 0;

        dialogue.send(from, 200);
        while !dialogue.in_transit.is_empty() {
            dialogue.step();
        }
        let arrived: Vec<_> = dialogue.delivered.iter().map(|(to, plain)| (*to, plain[32])).collect();
        prop_assert_eq!(arrived, vec![(1 - from, 200)]);
        prop_assert!(dialogue.frames <= 3, "{} frames", dialogue.frames);
    }

    #[test]
    fn a_bit_that_changed_anywhere_is_never_obeyed(new in any::<bool>(), bit in any::<prop::sample::Index>()) {
        let [mut ours, mut lock] = Side::pair();
        introduce(&mut ours, &mut lock, ACCESS);
        if new {
            let Sealing::NonceGet(ask) = lock.seal_with(FrameKey::Class(SecurityClass::S2Authenticated), &[0]) else {
                panic!("had a nonce")
            };
            let report = ours.answered(&ask.0);
            lock.hear(&report);
        }
        let mut frame = lock.seal(&[0x62, 0x01, 0x00]);
        let bit = bit.index(8 * frame.len());
        frame[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!matches!(ours.hear(&frame), Received::Command(_)));
    }

    #[test]
    fn no_bytes_from_the_air_can_panic_or_be_obeyed(frames in prop::collection::vec(
        (1..0x14u8, prop::collection::vec(any::<u8>(), 0..60), any::<bool>()), 1..20,
    )) {
        let [mut ours, mut lock] = Side::pair();
        introduce(&mut ours, &mut lock, ACCESS);
        for (command, tail, multicast) in frames {
            let frame = [&[0x9F, command][..], &tail].concat();
            let to = if multicast { Addressing::Multicast } else { Addressing::Single };
            let obeyed = matches!(ours.hear_as(&frame, to), Received::Command(_));
            prop_assert!(!obeyed);
        }
    }
}
