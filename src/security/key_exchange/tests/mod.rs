use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::command::security_2::{
    CommandsSupportedReport, Curves, KexFlags, KexReport, KexSet, NetworkKeyGet, PublicKeyReport, Schemes, TransferEnd,
};
use crate::domain::entropy::Entropy;
use crate::domain::ids::HomeId;
use crate::security::crypto::Key;
use crate::security::crypto::derive::{ExpandedKey, TempPrk};
use crate::security::crypto::x25519::PublicKey;
use crate::security::keys::{KeyId, NetworkKeys};

pub(crate) mod joiner;

use joiner::Joiner;

const HOME: HomeId = HomeId(0xE1C2_A3B4);
const US: NodeId = NodeId(1);
const ALL: KeyMask = KeyMask(0x87);

fn network_keys() -> NetworkKeys {
    NetworkKeys::from_fn(|id| Key::from_bytes([0x10 + id as u8; 16]))
}

/// Both sides, the channel between them, and the user.
struct World {
    exchange: KeyExchange,
    joiner: Joiner,
    keys: NetworkKeys,
    entropy: Entropy,
    now: Instant,
    grant: Grant,
    pin: DskPin,
    /// Frames for the joiner and for us, in order.
    in_transit: VecDeque<(NodeId, Vec<u8>)>,
    questions: Vec<KeyQuestion>,
    ended: Vec<Result<Granted, Failure>>,
}

impl World {
    fn new(joiner: Joiner, known: Option<Known>) -> Self {
        let mut entropy = Entropy::from_number(1);
        let exchange = KeyExchange::begin(joiner.own, known, Instant::ZERO, &mut entropy);
        Self {
            exchange,
            keys: network_keys(),
            entropy,
            now: Instant::ZERO,
            grant: Grant { keys: joiner.report.requested_keys, client_side_authentication: true },
            pin: joiner.pin(),
            joiner,
            in_transit: VecDeque::new(),
            questions: Vec::new(),
            ended: Vec::new(),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.exchange.poll_output() {
            match output {
                Output::Send(frame) | Output::Answer(frame) => self.in_transit.push_back((self.joiner.own, frame.0)),
                Output::Ask(question) => {
                    let answered = match &question {
                        KeyQuestion::Grant { requested, .. } => {
                            let grant = Grant { keys: self.grant.keys & *requested, ..self.grant };
                            self.exchange.grant(grant, self.now)
                        }
                        KeyQuestion::Pin { .. } => self.exchange.pin(&self.pin, self.now),
                        KeyQuestion::TypeIntoDevice { code } => {
                            let ours = self.exchange.line.private.public();
                            assert_eq!(code.map(u16::to_be_bytes).concat(), ours.0[..4]);
                            Ok(())
                        }
                    };
                    answered.unwrap();
                    self.questions.push(question);
                }
                Output::Ended(how) => self.ended.push(how),
            }
        }
    }

    fn hear(&mut self, frame: &[u8]) {
        if let Ok(Command::Security2(frame)) = Command::parse(frame) {
            let context = S2Context { home: HOME, own: US, keys: &self.keys };
            self.exchange.receive(&context, frame, self.now, &mut self.entropy);
        }
        self.drain();
    }

    fn arrive(&mut self, to: NodeId, mut frame: Vec<u8>) {
        if to == US {
            return self.hear(&frame);
        }
        // With client-side authentication, the person types what the frame does not say.
        if self.joiner.report.flags.client_side_authentication() && frame.starts_with(&[0x9F, 0x08]) {
            assert_eq!(frame[3..7], [0; 4]);
            frame[3..7].copy_from_slice(&self.exchange.line.private.public().0[..4]);
            let Ok(Command::Security2(Security2::PublicKeyReport(report))) = Command::parse(&frame) else { panic!("no key") };
            let said = self.joiner.agree(report.public_key, self.now);
            return self.in_transit.extend(said.into_iter().map(|frame| (US, frame)));
        }
        let said = self.joiner.hear(&frame, self.now);
        self.in_transit.extend(said.into_iter().map(|frame| (US, frame)));
    }

    /// Time passes with nothing being transmitted.
    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        let context = S2Context { home: HOME, own: US, keys: &self.keys };
        self.exchange.handle_timeout(&context, self.now, &mut self.entropy);
        self.drain();
    }

    /// Runs to the end; `on_air` decides what becomes of each frame.
    fn run_with(&mut self, mut on_air: impl FnMut(NodeId, Vec<u8>) -> Vec<Vec<u8>>) -> Result<Granted, Failure> {
        self.drain();
        for _ in 0..400 {
            while let Some((to, frame)) = self.in_transit.pop_front() {
                for frame in on_air(to, frame) {
                    self.arrive(to, frame);
                }
            }
            if !self.ended.is_empty() {
                break;
            }
            self.wait(Duration::from_secs(3));
            // The node repeats what was not answered.
            let again = if self.joiner.failed.is_none() { self.joiner.say_again(self.now) } else { Vec::new() };
            self.in_transit.extend(again.into_iter().map(|frame| (US, frame)));
        }
        assert_eq!(self.ended.len(), 1, "it ends once");
        assert_eq!(self.exchange.poll_deadline(), None, "and waits for nothing after that");
        self.ended[0].clone()
    }

    fn run(&mut self) -> Result<Granted, Failure> {
        self.run_with(|_, frame| vec![frame])
    }

    fn assert_no_keys_without_success(&self) {
        if self.ended.iter().any(Result::is_err) {
            assert!(matches!(self.exchange.state, State::Ended));
            let session = &self.exchange.line.session;
            assert_eq!(session.protection(), None, "the temporary key is gone");
        }
    }
}

fn lock() -> Joiner {
    Joiner::new(NodeId(7), ALL)
}

/// The world of a lock that is asked everything, where `change` replaces frames.
fn changed(joiner: Joiner, mut change: impl FnMut(NodeId, &mut Vec<u8>)) -> (Result<Granted, Failure>, World) {
    let mut world = World::new(joiner, None);
    let how = world.run_with(|to, mut frame| {
        change(to, &mut frame);
        vec![frame]
    });
    world.assert_no_keys_without_success();
    (how, world)
}

#[test]
fn whatever_is_granted_arrives_and_nothing_else() {
    for keys in (1..=0x87).map(KeyMask).filter(|keys| ALL.contains(*keys)) {
        let mut world = World::new(lock(), None);
        world.grant.keys = keys;
        let granted = world.run().unwrap();
        assert_eq!((granted.keys, granted.withheld), (keys, ALL & !keys));
        assert_eq!(granted.dsk, world.joiner.dsk());
        let learnt: Vec<_> = world.joiner.learnt.iter().map(|(id, key)| (*id, key == world.keys.network_key(*id))).collect();
        assert_eq!(learnt.len(), keys.classes().count());
        assert!(learnt.into_iter().all(|(id, right)| right && keys.contains(KeyMask::of(id.class()))));
        let asked_pin = world.questions.iter().any(|question| matches!(question, KeyQuestion::Pin { .. }));
        assert_eq!(asked_pin, !(keys & KeyMask::AUTHENTICATED).is_empty(), "{keys:?}");
    }
}

#[test]
fn a_wrong_pin_grants_no_key_and_is_reported() {
    let mut world = World::new(lock(), None);
    world.pin = DskPin::new(1);
    assert_eq!(world.run(), Err(Failure::WrongPin));
    world.assert_no_keys_without_success();
    assert_eq!(world.joiner.failed, Some(FailType::DECRYPT), "in clear: it could not open anything else");
    assert!(world.joiner.learnt.is_empty());
}

#[test]
fn a_scanned_label_asks_no_user_and_refuses_other_devices() {
    let known = |dsk| Some(Known { dsk });
    let mut world = World::new(lock(), known(lock().dsk()));
    world.grant.keys = KeyMask(0x84);
    assert_eq!(world.run().unwrap().keys, KeyMask(0x84));
    assert!(world.questions.iter().all(|question| matches!(question, KeyQuestion::Grant { .. })), "{:?}", world.questions);

    for byte in 2..DSK {
        let mut dsk = lock().dsk();
        dsk[byte] ^= 1;
        let mut world = World::new(lock(), known(dsk));
        let mut told = false;
        let how = world.run_with(|to, frame| {
            told |= to == NodeId(7) && frame.starts_with(&[0x9F, 0x08]);
            vec![frame]
        });
        assert_eq!(how, Err(Failure::OtherDevice));
        assert!(!told, "our public key is not for it");
    }
    // The PIN itself is not in the frame: the first sealed frame tells.
    let mut dsk = lock().dsk();
    dsk[0] ^= 1;
    assert_eq!(World::new(lock(), known(dsk)).run(), Err(Failure::WrongPin));
}

#[test]
fn an_attacker_cannot_downgrade_the_granted_keys() {
    // The lock's wishes are changed on the way: it hears what we took them for, and stops.
    let (how, world) = changed(lock(), |to, frame| {
        if to == US && frame.starts_with(&[0x9F, 0x05]) {
            frame[5] = 0x81;
        }
    });
    assert_eq!(how, Err(Failure::StoppedByNode(FailType::AUTH)));
    assert!(world.joiner.learnt.is_empty());

    // Our grant is changed on the way: its echo differs.
    for granted in [0x81, 0x01, 0x80, 0x04] {
        let (how, world) = changed(lock(), |to, frame| {
            if to != US && frame.starts_with(&[0x9F, 0x06]) {
                frame[5] = granted;
            }
        });
        assert_eq!(how, Err(Failure::Tampered), "{granted:02x}");
        assert_eq!(world.joiner.failed, Some(FailType::AUTH), "{granted:02x}");
        assert!(world.joiner.learnt.is_empty());
    }
}

#[test]
fn an_echo_with_other_bits_is_refused() {
    for byte in 0..4 {
        for bit in 0..8 {
            let mut joiner = lock();
            let mut echo = [0x01, 0x02, 0x01, 0x87];
            echo[byte] ^= 1 << bit;
            let [flags, scheme, curve, keys] = echo;
            joiner.echo = Some(KexSet {
                flags: KexFlags(flags),
                scheme: Schemes(scheme),
                curve: Curves(curve),
                granted_keys: KeyMask(keys),
            });
            let (how, world) = changed(joiner, |_, _| {});
            assert_eq!((how, world.joiner.failed), (Err(Failure::Tampered), Some(FailType::AUTH)), "{echo:02x?}");
        }
    }
}

#[test]
fn messages_that_must_be_encrypted_are_not_accepted_in_clear() {
    for command in [
        Security2::KEXSet(KexSet {
            flags: KexFlags(0x01),
            scheme: Schemes::SCHEME_1,
            curve: Curves::CURVE25519,
            granted_keys: ALL,
        }),
        Security2::NetworkKeyGet(NetworkKeyGet { requested_key: KeyMask(0x04) }),
        Security2::NetworkKeyVerify,
        Security2::TransferEnd(TransferEnd::COMPLETE),
    ] {
        let command = Command::Security2(command).write();
        let mut sealed = 0;
        let (how, world) = changed(lock(), |to, frame| {
            if to == US && frame.starts_with(&[0x9F, 0x03]) {
                sealed += 1;
                if sealed == 2 {
                    *frame = command.clone();
                }
            }
        });
        assert_eq!(how, Err(Failure::Tampered));
        assert!(world.joiner.learnt.is_empty());
    }
}

#[test]
fn unsupported_requests_are_refused_with_their_reason() {
    let report = |change: fn(&mut KexReport)| {
        let mut joiner = lock();
        change(&mut joiner.report);
        let mut world = World::new(joiner, None);
        let how = world.run().unwrap_err();
        (how, world.joiner.failed)
    };
    assert_eq!(report(|it| it.schemes = Schemes(0x04)), (Failure::NoCommonScheme, Some(FailType::KEX_SCHEME)));
    assert_eq!(report(|it| it.curves = Curves(0x02)), (Failure::NoCommonCurve, Some(FailType::KEX_CURVES)));
    assert_eq!(report(|it| it.requested_keys = KeyMask(0)), (Failure::NoCommonKey, Some(FailType::KEX_KEY)));
    assert_eq!(report(|it| it.requested_keys = KeyMask(0x78)), (Failure::NoCommonKey, Some(FailType::KEX_KEY)));
    assert_eq!(report(|it| it.flags = KexFlags(0x01)), (Failure::Tampered, Some(FailType::AUTH)));
}

#[test]
fn a_key_that_was_not_granted_is_not_given() {
    for wants in [KeyMask(0x02), KeyMask(0x05), KeyMask(0), KeyMask(0x08), KeyMask(0xFF)] {
        let mut world = World::new(lock(), None);
        world.grant.keys = KeyMask(0x85);
        world.joiner.wants = Vec::new();
        world.drain();
        let how = {
            let mut world_wants = Some(wants);
            loop {
                let Some((to, frame)) = world.in_transit.pop_front() else { break world.ended.first().cloned() };
                world.arrive(to, frame);
                if !world.joiner.wants.is_empty()
                    && let Some(wants) = world_wants.take()
                {
                    world.joiner.wants.insert(0, wants);
                }
            }
        };
        assert_eq!(how, Some(Err(Failure::NotGranted)), "{wants:?}");
        assert_eq!(world.joiner.failed, Some(FailType::KEY_GET));
        assert!(world.joiner.learnt.is_empty());
    }
}

#[test]
fn a_node_that_leaves_a_granted_key_out_is_not_done() {
    let mut world = World::new(lock(), None);
    world.drain();
    while let Some((to, frame)) = world.in_transit.pop_front() {
        world.arrive(to, frame);
        world.joiner.wants.retain(|key| *key != KeyMask(0x04));
    }
    assert_eq!(world.ended, [Err(Failure::KeysNotTaken)]);
}

#[test]
fn a_silent_node_is_given_up_after_its_time_out_without_a_message() {
    // The frame of the node that is the last one to arrive; what is waited for then, and since when nobody answers.
    for (last, step) in [
        (0, KeyExchangeStep::KexReport),
        (1, KeyExchangeStep::PublicKey),
        (2, KeyExchangeStep::Echo),
        (3, KeyExchangeStep::Echo),
        (4, KeyExchangeStep::KeyGet),
        (5, KeyExchangeStep::Verify),
        (6, KeyExchangeStep::Verify),
    ] {
        let mut world = World::new(lock(), None);
        world.drain();
        let mut heard = 0;
        while let Some((to, frame)) = world.in_transit.pop_front() {
            if to == US {
                heard += 1;
                if heard > last {
                    continue;
                }
            }
            world.arrive(to, frame);
        }
        let mut waited = Duration::ZERO;
        while world.ended.is_empty() {
            let due = world.exchange.poll_deadline().unwrap().at;
            assert!(due > world.now);
            let time = due.since(world.now);
            waited += time;
            world.wait(time);
        }
        assert_eq!(world.ended, [Err(Failure::NoAnswer(step))], "{last}");
        assert_eq!(
            waited,
            if step == KeyExchangeStep::Echo { Duration::from_secs(30) } else { Duration::from_secs(10) },
            "{last}"
        );
        assert!(!world.in_transit.iter().any(|(_, frame)| frame.starts_with(&[0x9F, 0x07])), "silent stop");
    }
}

/// The lock has its keys and does not call again: a lost last message must not leave it in the network and without a class.
#[test]
fn a_node_that_has_all_its_keys_is_a_member_although_its_last_message_was_lost() {
    // The message of the node that is its last one to arrive; whether it takes itself for a member then.
    let ends = |last: usize, joins: bool, answers_lost: usize| {
        let mut world = World::new(lock(), None);
        world.drain();
        let (mut heard, mut to_lose) = (0, answers_lost);
        while world.ended.is_empty() {
            while let Some((to, frame)) = world.in_transit.pop_front() {
                heard += usize::from(to == US && world.now == Instant::ZERO);
                let arrives = to != US || heard <= last || world.now > Instant::ZERO && joins && to_lose == 0;
                if to == US && world.now > Instant::ZERO {
                    to_lose = to_lose.saturating_sub(1);
                }
                if arrives {
                    world.arrive(to, frame);
                }
            }
            if joins && world.now == Instant::ZERO {
                world.joiner.joined();
            }
            world.wait(Duration::from_secs(1));
        }
        (world.ended.remove(0), heard, world.now)
    };
    let (whole, messages, _) = ends(usize::MAX, false, 0);
    let whole = whole.unwrap();
    let (how, heard, _) = ends(messages - 1, true, 0);
    assert_eq!((how, heard), (Ok(whole.clone()), messages));
    assert_eq!(ends(messages - 1, true, 1).0, Ok(whole), "it is asked again");
    let (how, _, ended) = ends(messages - 1, false, 0);
    assert_eq!(how, Err(Failure::NoAnswer(KeyExchangeStep::KeyGet)), "it stopped, and has no keys");
    assert!(ended < Instant::ZERO + Duration::from_secs(60), "{ended:?}");
    for last in 0..messages - 1 {
        assert!(ends(last, false, 0).0.is_err(), "{last} of {messages}");
    }
}

/// The node did not hear that its last key was verified, and both sides would send frames without end.
#[test]
fn a_node_that_repeats_itself_under_the_old_key_is_not_answered_without_end() {
    let mut world = World::new(lock(), None);
    world.drain();
    let mut to_us = 0;
    let mut whole = World::new(lock(), None);
    whole
        .run_with(|to, frame| {
            to_us += usize::from(to == US);
            vec![frame]
        })
        .unwrap();
    let mut heard = 0;
    while let Some((to, frame)) = world.in_transit.pop_front() {
        heard += usize::from(to == US);
        // Our last frame is lost.
        if to == US || heard < to_us - 1 {
            world.arrive(to, frame);
        }
    }
    let mut frames = 0;
    while world.ended.is_empty() {
        world.wait(Duration::from_secs(3));
        // Not before our time for its next message is over.
        if world.now > Instant::ZERO + Duration::from_secs(11) {
            let again = world.joiner.say_again(world.now);
            world.in_transit.extend(again.into_iter().map(|frame| (US, frame)));
        }
        while let Some((to, frame)) = world.in_transit.pop_front() {
            frames += 1;
            assert!(frames < 200, "they answer each other without end");
            world.arrive(to, frame);
        }
    }
    assert_eq!(world.ended, [Err(Failure::NoAnswer(KeyExchangeStep::KeyGet))]);
}

#[test]
fn an_unanswered_question_ends_after_four_minutes() {
    let mut entropy = Entropy::from_number(3);
    let keys = network_keys();
    let context = S2Context { home: HOME, own: US, keys: &keys };
    for answered in [false, true] {
        let joiner = lock();
        let mut exchange = KeyExchange::begin(NodeId(7), None, Instant::ZERO, &mut entropy);
        exchange.receive(&context, Security2::KEXReport(joiner.report), Instant::ZERO, &mut entropy);
        if answered {
            let grant = Grant { keys: ALL, client_side_authentication: false };
            assert_eq!(exchange.pin(&joiner.pin(), Instant::ZERO), Err(KeyInputRejected::NotAsked));
            let more = Grant { keys: KeyMask(0x8F), ..grant };
            assert_eq!(exchange.grant(more, Instant::ZERO), Err(KeyInputRejected::NotRequested));
            exchange.grant(grant, Instant::ZERO).unwrap();
            assert_eq!(exchange.grant(grant, Instant::ZERO), Err(KeyInputRejected::NotAsked));
            let report = PublicKeyReport { including_node: false, public_key: joiner.private.public() };
            exchange.receive(&context, Security2::PublicKeyReport(report), Instant::ZERO, &mut entropy);
        }
        let deadline = exchange.poll_deadline().unwrap();
        assert_eq!(deadline.at, Instant::from_millis(240_000));
        exchange.handle_timeout(&context, Instant::from_millis(239_999), &mut entropy);
        assert!(exchange.poll_deadline().is_some());
        exchange.handle_timeout(&context, deadline.at, &mut entropy);
        let last = std::iter::from_fn(|| exchange.poll_output()).last();
        assert_eq!(last, Some(Output::Ended(Err(Failure::NobodyAnswered))));
    }
}

#[test]
fn frames_before_the_pin_is_known_are_dropped_and_repeated_ones_are_taken() {
    let mut world = World::new(lock(), None);
    let mut asked = false;
    for _ in 0..12 {
        while let Some(output) = world.exchange.poll_output() {
            match output {
                Output::Send(frame) | Output::Answer(frame) => world.in_transit.push_back((NodeId(7), frame.0)),
                Output::Ask(KeyQuestion::Grant { .. }) => world.exchange.grant(world.grant, world.now).unwrap(),
                Output::Ask(_) => asked = true,
                Output::Ended(how) => panic!("{how:?}"),
            }
        }
        let Some((to, frame)) = world.in_transit.pop_front() else { break };
        if to == US {
            let Ok(Command::Security2(frame)) = Command::parse(&frame) else { panic!("not S2") };
            let context = S2Context { home: HOME, own: US, keys: &world.keys };
            world.exchange.receive(&context, frame, world.now, &mut world.entropy);
        } else {
            let said = world.joiner.hear(&frame, world.now);
            world.in_transit.extend(said.into_iter().map(|frame| (US, frame)));
        }
    }
    assert!(asked && world.in_transit.is_empty(), "the echo was dropped without a word");
    world.exchange.pin(&world.pin, world.now).unwrap();
    world.now = world.now + Duration::from_secs(10);
    let again = world.joiner.say_again(world.now);
    world.in_transit.extend(again.into_iter().map(|frame| (US, frame)));
    assert_eq!(world.run().unwrap().keys, ALL);
}

#[test]
fn a_device_without_label_has_our_code_typed_into_it() {
    let mut joiner = lock();
    joiner.report.flags = KexFlags(0x02);
    let mut world = World::new(joiner, None);
    assert_eq!(world.run().unwrap().keys, ALL);
    assert!(matches!(world.questions.as_slice(), [KeyQuestion::Grant { .. }, KeyQuestion::TypeIntoDevice { .. }]));

    let mut joiner = lock();
    joiner.report.flags = KexFlags(0x02);
    let mut world = World::new(joiner, None);
    world.grant.client_side_authentication = false;
    assert_eq!(world.run(), Err(Failure::ClientSideAuthenticationRefused));
    assert_eq!(world.joiner.failed, Some(FailType::CANCEL));
}

#[test]
fn long_range_gives_its_own_two_keys_and_no_other() {
    let mut world = World::new(Joiner::new(NodeId(256), ALL), None);
    world.grant.keys = KeyMask(0x06);
    let granted = world.run().unwrap();
    assert_eq!((granted.keys, granted.withheld), (KeyMask(0x06), KeyMask::NONE));
    assert!(matches!(world.questions.first(), Some(KeyQuestion::Grant { requested: KeyMask(0x06), .. })));
    for (id, key) in &world.joiner.learnt {
        assert!(matches!(id, KeyId::AuthenticatedLongRange | KeyId::AccessControlLongRange));
        assert_eq!(key, world.keys.network_key(*id));
    }
    assert_eq!(World::new(Joiner::new(NodeId(256), KeyMask(0x81)), None).run(), Err(Failure::NoCommonKey));
    let mut joiner = Joiner::new(NodeId(256), ALL);
    joiner.report.flags = KexFlags(0x02);
    assert_eq!(World::new(joiner, None).run(), Err(Failure::ClientSideAuthenticationRefused));
}

#[test]
fn who_cancels_or_grants_nothing_ends_it() {
    let mut world = World::new(lock(), None);
    world.exchange.cancel(Instant::ZERO);
    assert_eq!(world.run(), Err(Failure::Cancelled));
    let mut world = World::new(lock(), None);
    world.grant.keys = KeyMask::NONE;
    assert_eq!(world.run(), Err(Failure::Cancelled));
    assert_eq!(world.joiner.failed, Some(FailType::CANCEL));
}

#[test]
fn the_failure_of_a_node_is_reported_with_advice() {
    for number in [1, 2, 3, 5, 6, 7, 8, 9, 10, 77] {
        let fail = vec![0x9F, 0x07, number];
        let (how, _) = changed(lock(), |to, frame| {
            if to == US && frame.starts_with(&[0x9F, 0x08]) {
                frame.clone_from(&fail);
            }
        });
        let failure = how.unwrap_err();
        assert_eq!(failure, Failure::StoppedByNode(FailType(number)));
        assert!(failure.to_string().starts_with("the device cancelled: ") && failure.advice().starts_with("exclude"));
    }
}

#[test]
fn a_public_key_that_makes_the_secret_public_is_refused() {
    let (how, world) = changed(lock(), |to, frame| {
        if to == US && frame.starts_with(&[0x9F, 0x08]) {
            frame[3..].fill(0);
        }
    });
    // With the PIN in front it is a point like any other, of which the node knows nothing.
    assert!(matches!(how, Err(Failure::WrongPin)), "{how:?}");
    assert!(world.joiner.learnt.is_empty());

    let (how, _) = changed(Joiner::new(NodeId(7), KeyMask(0x01)), |to, frame| {
        if to == US && frame.starts_with(&[0x9F, 0x08]) {
            frame[3..].fill(0);
        }
    });
    assert_eq!(how, Err(Failure::BadPublicKey));
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let mut world = World::new(lock(), Some(Known { dsk: lock().dsk() }));
    let said = format!("{:?} {:?} {:?}", world.exchange, world.pin, world.exchange.line.known);
    world.run().unwrap();
    let said = format!("{said} {:?} {:?}", world.exchange, world.ended);
    let [a, b, c, ..] = lock().dsk();
    assert!(!said.contains(&format!("{a}, {b}, {c}")) && !said.contains("19, 19"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Loss and repeats: all keys or none, and the end comes once.
    #[test]
    fn on_a_bad_line_a_node_gets_all_of_its_keys_or_none_is_believed(
        fates in prop::collection::vec(prop_oneof![6 => Just(1_usize), 1 => Just(0), 1 => Just(2)], 200),
    ) {
        let mut world = World::new(lock(), None);
        let mut fates = fates.into_iter();
        let how = world.run_with(|_, frame| vec![frame; fates.next().unwrap_or(1)]);
        world.assert_no_keys_without_success();
        match how {
            Ok(granted) => {
                prop_assert_eq!(granted.keys, ALL);
                prop_assert_eq!(world.joiner.learnt.len(), 4);
            }
            Err(failure) => prop_assert!(matches!(failure, Failure::NoAnswer(_)), "{failure}"),
        }
    }

    #[test]
    fn a_bit_that_changed_anywhere_never_ends_in_another_grant(frame in 0..24usize, bit in any::<prop::sample::Index>()) {
        let mut number = 0;
        let (how, world) = changed(lock(), |_, bytes| {
            if number == frame {
                let bit = bit.index(8 * bytes.len());
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            number += 1;
        });
        if let Ok(granted) = how {
            prop_assert_eq!(granted.keys, ALL);
            prop_assert!(world.joiner.learnt.iter().all(|(id, key)| key == world.keys.network_key(*id)));
        }
    }

    #[test]
    fn no_bytes_from_the_air_can_panic_or_end_in_keys(
        honest in 0..30usize,
        noise in prop::collection::vec((1..0x14u8, prop::collection::vec(any::<u8>(), 0..60)), 1..12),
    ) {
        let mut world = World::new(lock(), None);
        world.drain();
        for _ in 0..honest {
            let Some((to, frame)) = world.in_transit.pop_front() else { break };
            world.arrive(to, frame);
        }
        let ended = world.ended.len();
        for (command, tail) in noise {
            world.hear(&[&[0x9F, command][..], &tail].concat());
        }
        prop_assert!(world.ended.iter().skip(ended).all(Result::is_err));
    }
}
