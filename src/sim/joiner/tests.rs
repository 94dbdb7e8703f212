use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::command::codec::hex;
use crate::command::security_2::FailType;
use crate::domain::ids::{HomeId, NodeId};
use crate::security::Fresh;
use crate::security::crypto::Key;
use crate::security::crypto::x25519::PrivateKey;
use crate::security::key_exchange::{self, DskPin, Grant, KeyExchange, KeyQuestion, Output};
use crate::security::s0::S0Keys;
use crate::security::s0::inclusion::Inclusion;
use crate::security::s2::S2Context;

// The recorded session was made by others (`data/vectors`); otherwise the including side is the daemon's own.

const SESSION: &str = include_str!("../../../tests/data/vectors/s2-session.json");
const HOME: HomeId = HomeId(0xE1C2_A3B4);
const US: NodeId = NodeId(1);
const DEVICE: NodeId = NodeId(7);
const PLACE: Place = Place { home: HOME, own: DEVICE, controller: US };

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Recorded randomness, in the order in which it was drawn.
struct Recorded(VecDeque<Vec<u8>>);

impl Fresh for Recorded {
    fn fresh<const N: usize>(&mut self) -> [u8; N] {
        self.0.pop_front().unwrap().try_into().unwrap()
    }
}

fn wishes(keys: KeyMask) -> Wishes {
    Wishes { keys, client_side_authentication: false, private: PrivateKey::from_bytes([9; 32]), fault: None }
}

#[test]
fn the_device_sends_every_byte_of_the_recorded_key_exchange() {
    let session: Value = serde_json::from_str(SESSION).unwrap();
    let steps = &session["steps"].as_array().unwrap()[..26];
    let own = steps.iter().filter(|step| step["sender"] == DEVICE.0);
    let drawn = own.filter_map(|step| {
        let entropy = if step["plain"].is_string() { &step["sender_EI"] } else { &step["receiver_EI"] };
        entropy.is_string().then(|| bytes(entropy))
    });
    let mut entropy = Recorded(std::iter::once(vec![0xA1]).chain(drawn).collect());
    let private = PrivateKey::from_bytes(bytes(&session["lock_private_key"]).try_into().unwrap());
    let wishes = Wishes { private, ..wishes(KeyMask(0x87)) };
    let mut device = S2::begin(&wishes, PLACE, Instant::ZERO, &mut entropy);
    for step in steps {
        if step["sender"] == DEVICE.0 {
            let said = device.poll_transmit().unwrap_or_else(|| panic!("nothing to say: {step}"));
            assert_eq!(hex(&said), step["frame"].as_str().unwrap(), "{step}");
        } else {
            let Ok(Command::Security2(frame)) = Command::parse(&bytes(&step["frame"])) else { panic!("{step}") };
            device.receive(frame, Instant::ZERO, &mut entropy);
        }
    }
    assert_eq!((device.poll_transmit(), device.poll_deadline()), (None, None));
    assert_eq!(device.ended(), Some(Ok(KeyMask(0x84))));
    assert!(entropy.0.is_empty(), "every recorded draw was made");
    let (keys, _) = device.into_parts();
    for id in [KeyId::AccessControl, KeyId::S0] {
        assert_eq!(keys.network_key(id).reveal()[..], bytes(&session["network_keys"][id.name()]));
    }
    assert_eq!(keys.network_key(KeyId::Authenticated).reveal(), &[0; 16], "never granted, never told");
}

/// Both sides, and a perfect channel between them.
struct Pair {
    device: Joiner,
    exchange: KeyExchange,
    keys: NetworkKeys,
    entropy: Entropy,
    now: Instant,
    grant: KeyMask,
    pin: DskPin,
    ended: Option<Result<key_exchange::Granted, key_exchange::Failure>>,
    /// Bytes of frames for the device are changed by this.
    meddle: fn(&mut Vec<u8>),
}

impl Pair {
    fn new(wishes: Wishes) -> Self {
        let mut entropy = Entropy::from_number(4);
        let public = wishes.private.public().0;
        Self {
            grant: wishes.keys,
            pin: DskPin::new(u16::from_be_bytes([public[0], public[1]])),
            device: Joiner::begin(wishes, PLACE, Instant::ZERO, Entropy::from_number(5)),
            exchange: KeyExchange::begin(DEVICE, None, Instant::ZERO, &mut entropy),
            keys: NetworkKeys::generate(&mut entropy),
            entropy,
            now: Instant::ZERO,
            ended: None,
            meddle: |_| {},
        }
    }

    /// Runs to the end of both sides.
    fn run(&mut self) -> (Result<KeyMask, Failure>, Result<key_exchange::Granted, key_exchange::Failure>) {
        for _ in 0..2000 {
            while let Some(output) = self.exchange.poll_output() {
                match output {
                    Output::Send(mut frame) | Output::Answer(mut frame) => {
                        (self.meddle)(&mut frame.0);
                        self.device.receive(Command::parse(&frame.0).unwrap(), self.now);
                    }
                    Output::Ask(KeyQuestion::Grant { .. }) => {
                        let grant = Grant { keys: self.grant, client_side_authentication: true };
                        self.exchange.grant(grant, self.now).unwrap();
                    }
                    Output::Ask(KeyQuestion::Pin { .. }) => self.exchange.pin(&self.pin, self.now).unwrap(),
                    Output::Ask(KeyQuestion::TypeIntoDevice { code }) => {
                        assert!(self.device.type_code(code, self.now), "it waits for the code");
                    }
                    Output::Ended(how) => self.ended = Some(how),
                }
            }
            let context = S2Context { home: HOME, own: US, keys: &self.keys };
            if let Some(frame) = self.device.poll_transmit() {
                let Ok(Command::Security2(frame)) = Command::parse(&frame) else { panic!("not S2") };
                self.exchange.receive(&context, frame, self.now, &mut self.entropy);
                continue;
            }
            if let (Some(device), Some(exchange)) = (self.device.ended(), self.ended.clone()) {
                return (device, exchange);
            }
            let next = Deadline::earliest(self.device.poll_deadline(), self.exchange.poll_deadline()).expect("something is due");
            self.now = self.now.max(next.at);
            self.exchange.handle_timeout(&context, self.now, &mut self.entropy);
            self.device.handle_timeout(self.now);
        }
        panic!("it never ends")
    }
}

#[test]
fn whatever_is_granted_arrives_and_no_other_key() {
    for keys in (1..=0x87).map(KeyMask).filter(|keys| KeyMask::KNOWN.contains(*keys)) {
        let mut pair = Pair::new(wishes(KeyMask::KNOWN));
        pair.grant = keys;
        let (device, exchange) = pair.run();
        assert_eq!((device, exchange.map(|granted| granted.keys)), (Ok(keys), Ok(keys)));
        let (joined, _) = pair.device.into_joined();
        for id in KeyId::ALL {
            let granted = keys.contains(KeyMask::of(id.class())) && KeyId::of(id.class(), DEVICE) == Some(id);
            assert_eq!(joined.keys.network_key(id) == pair.keys.network_key(id), granted, "{keys:?} {id:?}");
        }
    }
}

#[test]
fn a_wrong_pin_leaves_the_device_without_keys() {
    let mut pair = Pair::new(wishes(KeyMask::KNOWN));
    pair.pin = DskPin::new(1);
    let (device, exchange) = pair.run();
    assert_eq!(device, Err(Failure::Stopped(FailType::DECRYPT)));
    assert_eq!(exchange, Err(key_exchange::Failure::WrongPin));
    assert_eq!(pair.device.into_joined().0.keys, no_keys());
}

#[test]
fn a_device_without_label_takes_the_code_of_the_controller() {
    let mut pair = Pair::new(Wishes { client_side_authentication: true, ..wishes(KeyMask::KNOWN) });
    let (device, exchange) = pair.run();
    assert_eq!((device, exchange.map(|granted| granted.keys)), (Ok(KeyMask::KNOWN), Ok(KeyMask::KNOWN)));
}

#[test]
fn a_device_that_falls_silent_in_any_step_is_given_up() {
    use JoinStep::{Echo, KexReport, KeyGet, PublicKey, TransferEnd, Verify};
    for step in [KexReport, PublicKey, Echo, KeyGet, Verify, TransferEnd] {
        let mut pair = Pair::new(Wishes { fault: Some(Fault::Silent(step)), ..wishes(KeyMask(0x04)) });
        let (device, exchange) = pair.run();
        assert_eq!(device, Err(Failure::FellSilent), "{step:?}");
        assert!(matches!(exchange, Err(key_exchange::Failure::NoAnswer(_))), "{step:?}: {exchange:?}");
    }
}

#[test]
fn each_fault_is_what_the_controller_takes_it_for() {
    use key_exchange::Failure as Theirs;
    let fails = Fault::Fails(JoinStep::KeyGet, FailType::CANCEL);
    for (fault, exchange, device) in [
        (Fault::AsksFor(KeyMask(0x02)), Theirs::NotGranted, Failure::Stopped(FailType::KEY_GET)),
        (Fault::WrongEcho(KeyMask(0x80)), Theirs::Tampered, Failure::Stopped(FailType::AUTH)),
        (Fault::Tampers(JoinStep::Echo), Theirs::WrongPin, Failure::Stopped(FailType::DECRYPT)),
        (Fault::Tampers(JoinStep::Verify), Theirs::NotVerified, Failure::Stopped(FailType::KEY_VERIFY)),
        (fails, Theirs::StoppedByNode(FailType::CANCEL), Failure::Refused(FailType::CANCEL)),
    ] {
        let mut pair = Pair::new(Wishes { fault: Some(fault), ..wishes(KeyMask(0x84)) });
        let (ours, theirs) = pair.run();
        assert_eq!((ours, theirs), (Err(device), Err(exchange)), "{fault:?}");
    }
}

#[test]
fn a_device_refuses_what_it_did_not_ask_for() {
    // KEX Set with a key more, another scheme, another curve; each on its way from the controller.
    for (meddle, fail_type) in [
        ((|frame| set(frame, 5, 0x05)) as fn(&mut Vec<u8>), FailType::KEX_KEY),
        (|frame| set(frame, 3, 0x04), FailType::KEX_SCHEME),
        (|frame| set(frame, 4, 0x02), FailType::KEX_CURVES),
        (|frame| set(frame, 2, 0x02), FailType::CANCEL),
    ] {
        let mut pair = Pair::new(wishes(KeyMask(0x04)));
        pair.meddle = meddle;
        let (device, exchange) = pair.run();
        assert_eq!(device, Err(Failure::Refused(fail_type)));
        assert_eq!(exchange, Err(key_exchange::Failure::StoppedByNode(fail_type)));
    }
}

/// Changes a byte of a KEX Set.
fn set(frame: &mut [u8], at: usize, byte: u8) {
    if frame.starts_with(&[0x9F, 0x06]) {
        frame[at] = byte;
    }
}

#[test]
fn a_device_that_is_left_alone_gives_up_in_its_time() {
    let mut device = Joiner::begin(wishes(KeyMask::KNOWN), PLACE, Instant::ZERO, Entropy::from_number(1));
    let give_up = device.poll_deadline().unwrap().at;
    assert_eq!(give_up, Instant::ZERO + Duration::from_secs(30));
    device.receive(Command::parse(&[0x9F, 0x04]).unwrap(), Instant::ZERO);
    assert_eq!(device.poll_transmit().as_deref(), Some(&[0x9F, 0x05, 0x00, 0x02, 0x01, 0x87][..]));
    // Asked again: its answer was lost.
    device.receive(Command::parse(&[0x9F, 0x04]).unwrap(), give_up);
    assert_eq!(device.poll_transmit().as_deref(), Some(&[0x9F, 0x05, 0x00, 0x02, 0x01, 0x87][..]));
    device.handle_timeout(give_up + Duration::from_secs(239));
    assert_eq!(device.ended(), None);
    device.handle_timeout(give_up + Duration::from_secs(240));
    assert_eq!(device.ended(), Some(Err(Failure::TooLate)));
}

#[test]
fn a_device_of_s0_takes_the_key_and_proves_it() {
    let key = Key::from_bytes([0x42; 16]);
    for (fault, proves) in [(None, true), (Some(Fault::Tampers(JoinStep::KeyVerify)), false)] {
        let now = Instant::ZERO;
        let mut entropy = Entropy::from_number(8);
        let mut device = Joiner::begin(Wishes { fault, ..wishes(KeyMask(0x80)) }, PLACE, now, Entropy::from_number(9));
        let (mut inclusion, first) = Inclusion::begin(US, DEVICE, &key, false, 46, now).unwrap();
        let mut for_device = VecDeque::from([first]);
        while let Some(frame) = for_device.pop_front() {
            device.receive(Command::parse(&frame).unwrap(), now);
            while let Some(frame) = device.poll_transmit() {
                let Ok(Command::Security(said)) = Command::parse(&frame) else { panic!("{frame:02x?}") };
                let turn = inclusion.receive(said, now, &mut entropy);
                for_device.extend(turn.send);
            }
        }
        // The list of classes is asked for last: that is the lock's to answer.
        let turn = inclusion.handle_timeout(now + Duration::from_secs(10));
        assert_eq!(turn.outcome.unwrap().is_ok(), proves);
        assert_eq!(device.ended(), Some(Ok(KeyMask(0x80))));
        let (joined, _) = device.into_joined();
        assert_eq!(joined.keys.network_key(KeyId::S0), &key);
        assert_eq!(S0Keys::of(joined.keys.network_key(KeyId::S0)).reveal(), S0Keys::of(&key).reveal());
    }
}
