//! A whole S2 session with a lock, byte for byte (`data/vectors/s2-session.json`): how it gets its keys, secured traffic, a
//! frame that it can't open after a restart, and how both sides find together again. Each side with its recorded
//! randomness. Then the single frames of `data/vectors/security.json`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking, too")]

use std::collections::VecDeque;

use latchkey::command::Command;
use latchkey::command::codec::hex;
use latchkey::command::security_2::{NonceGet, NonceReport, Security2, SequenceNumber};
use latchkey::domain::ids::{HomeId, NodeId};
use latchkey::domain::time::Instant;
use latchkey::security::Fresh;
use latchkey::security::crypto::Key;
use latchkey::security::crypto::derive::{EntropyInput, ExpandedKey, TempPrk};
use latchkey::security::key_exchange::{DskPin, Grant, KeyExchange, KeyQuestion, Output};
use latchkey::security::keys::{KeyId, KeyMask, NetworkKeys};
use latchkey::security::s2::{Addressing, FrameKey, Opened, Received, S2Context, Sealing, Session};
use serde_json::Value;

const SESSION: &str = include_str!("data/vectors/s2-session.json");
const SECURITY: &str = include_str!("data/vectors/security.json");
const CONTROLLER: NodeId = NodeId(1);
const LOCK: NodeId = NodeId(7);

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn number(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

/// Recorded randomness, in the order in which it was drawn.
#[derive(Default)]
struct Recorded(VecDeque<Vec<u8>>);

impl Fresh for Recorded {
    fn fresh<const N: usize>(&mut self) -> [u8; N] {
        self.0.pop_front().unwrap().try_into().unwrap()
    }
}

/// What `sender` drew in these steps: entropy in Nonce Reports, and in frames with new nonces.
fn drawn(steps: &[Value], sender: NodeId) -> VecDeque<Vec<u8>> {
    let own = steps.iter().filter(|step| step["sender"] == sender.0);
    own.filter_map(|step| {
        let entropy = if step["plain"].is_string() { &step["sender_EI"] } else { &step["receiver_EI"] };
        entropy.is_string().then(|| bytes(entropy))
    })
    .collect()
}

fn parse(frame: &[u8]) -> Security2 {
    match Command::parse(frame) {
        Ok(Command::Security2(command)) => command,
        other => panic!("{other:?}"),
    }
}

fn session() -> (Value, Vec<Value>, NetworkKeys, HomeId) {
    let session: Value = serde_json::from_str(SESSION).unwrap();
    let steps = session["steps"].as_array().unwrap().clone();
    assert_eq!(steps.len(), 38);
    let keys = NetworkKeys::from_fn(|id| match &session["network_keys"][id.name()] {
        Value::Null => Key::from_bytes([0xEE; 16]),
        key => Key::from_bytes(array(key)),
    });
    let home = HomeId(u32::from_be_bytes(array(&session["home_id"])));
    (session, steps, keys, home)
}

fn protection(key: &Value) -> FrameKey {
    match key.as_str().unwrap() {
        "temp" => FrameKey::Temporary,
        name => FrameKey::Class(KeyId::ALL.into_iter().find(|id| id.name() == name).unwrap().class()),
    }
}

#[test]
fn the_controller_says_every_byte_of_the_recorded_session() {
    let (recording, steps, keys, home) = session();
    let context = S2Context { home, own: CONTROLLER, keys: &keys };
    let now = Instant::ZERO;
    let mut entropy = Recorded(drawn(&steps, CONTROLLER));
    entropy.0.push_front(bytes(&recording["controller_private_key"]));
    entropy.0.push_front(vec![0x20]);

    // Bootstrapping ends with step 26.
    let mut exchange = KeyExchange::begin(LOCK, None, now, &mut entropy);
    let (bootstrapping, traffic) = steps.split_at(26);
    let mut asked = Vec::new();
    for step in bootstrapping {
        if step["sender"] == CONTROLLER.0 {
            let said = loop {
                match exchange.poll_output().unwrap_or_else(|| panic!("nothing to say: {step}")) {
                    Output::Send(frame) | Output::Answer(frame) => break frame,
                    Output::Ask(question @ KeyQuestion::Grant { .. }) => {
                        asked.push(question);
                        let [keys] = array(&recording["granted_keys"]);
                        let keys = KeyMask(keys);
                        exchange.grant(Grant { keys, client_side_authentication: false }, now).unwrap();
                    }
                    other => panic!("{other:?} at {step}"),
                }
            };
            assert_eq!(hex(&said.0), step["frame"].as_str().unwrap(), "{step}");
        } else {
            exchange.receive(&context, parse(&bytes(&step["frame"])), now, &mut entropy);
        }
        if step["step"] == 5 {
            let Some(Output::Ask(KeyQuestion::Pin { dsk })) = exchange.poll_output() else { panic!("no PIN asked") };
            assert_eq!(dsk[..2], [0, 0], "what is asked for is not shown");
            let pin = DskPin::new(recording["pin"].as_str().unwrap().parse().unwrap());
            exchange.pin(&pin, now).unwrap();
        }
    }
    assert_eq!(asked, [KeyQuestion::Grant { requested: KeyMask(0x87), client_side_authentication: false }]);
    let Some(Output::Ended(Ok(granted))) = exchange.poll_output() else { panic!("not ended") };
    assert_eq!((granted.keys, granted.withheld), (KeyMask(0x84), KeyMask(0x03)));
    assert_eq!(granted.dsk, bytes(&recording["lock_public_key"])[..16]);
    assert_eq!(exchange.poll_output(), None);
    assert_eq!(exchange.poll_deadline(), None);

    replay(exchange.into_session(), &context, traffic, &mut entropy);
    assert!(entropy.0.is_empty(), "every recorded draw was made");
}

#[test]
fn the_lock_says_every_sealed_byte_of_the_recorded_session() {
    let (recording, steps, keys, home) = session();
    let context = S2Context { home, own: LOCK, keys: &keys };
    let mut entropy = Recorded(drawn(&steps, LOCK));
    entropy.0.push_front(vec![0xA1]);
    let mut lock = Session::new(CONTROLLER, KeyMask::NONE, &mut entropy);
    let temporary = || ExpandedKey::temporary(&TempPrk::from_bytes(array(&recording["temp_prk"])));
    lock.set_temporary(temporary());
    let (bootstrapping, traffic) = steps.split_at(26);
    let mut lock = replay(lock, &context, &bootstrapping[5..], &mut entropy);
    lock.grant(KeyMask(0x84));

    // Before step 36 it restarts: another session, with a number of its own.
    let (before, after) = traffic.split_at(8);
    replay(lock, &context, before, &mut entropy);
    entropy.0.push_front(vec![0xB0]);
    let lock = Session::new(CONTROLLER, KeyMask(0x84), &mut entropy);
    replay(lock, &context, after, &mut entropy);
    assert!(entropy.0.is_empty(), "every recorded draw was made");
}

/// Replays recorded frames: what our side sent must come out byte for byte, and what the other side sent must open.
fn replay(mut session: Session, context: &S2Context<'_>, steps: &[Value], entropy: &mut Recorded) -> Session {
    let mut answers = VecDeque::new();
    for (at, step) in steps.iter().enumerate() {
        let frame = bytes(&step["frame"]);
        if step["sender"] != context.own.0 {
            match session.receive(context, parse(&frame), Addressing::Single, Instant::ZERO, entropy) {
                Received::Command(opened) => {
                    assert_eq!(hex(&opened.command), step["plain"].as_str().unwrap(), "{step}");
                    assert_eq!(opened.protection, protection(&step["key"]), "{step}");
                }
                Received::Answer { frame, .. } => answers.push_back(frame),
                Received::Nonce | Received::Resync => {}
                other => panic!("{other:?} at {step}"),
            }
            continue;
        }
        let said = match parse(&frame) {
            Security2::NonceReport(_) => answers.pop_front().unwrap_or_else(|| panic!("no answer: {step}")),
            Security2::NonceGet(_) => {
                // For the next sealed frame of ours.
                let sealed = steps[at..].iter().find(|it| it["sender"] == context.own.0 && it["plain"].is_string()).unwrap();
                match session.seal(context, protection(&sealed["key"]), &bytes(&sealed["plain"]), Instant::ZERO, entropy) {
                    Sealing::NonceGet(frame) => frame,
                    other => panic!("{other:?} at {step}"),
                }
            }
            _ => match session.seal(context, protection(&step["key"]), &bytes(&step["plain"]), Instant::ZERO, entropy) {
                Sealing::Frame(frame) => frame,
                other => panic!("{other:?} at {step}"),
            },
        };
        assert_eq!(hex(&said.0), step["frame"].as_str().unwrap(), "{step}");
    }
    session
}

/// The single frames: keys by name, frames by index.
fn single_frames() -> (NetworkKeys, Vec<Value>, HomeId) {
    let vectors: Value = serde_json::from_str(SECURITY).unwrap();
    let keys = NetworkKeys::from_fn(|id| Key::from_bytes(array(&vectors["s2_network_keys"]["keys"][id.name()]["network_key"])));
    let frames = vectors["s2_frames"]["frames"].as_array().unwrap().clone();
    assert_eq!(frames.len(), 9);
    (keys, frames, HomeId(u32::from_be_bytes(array(&vectors["s2_frames"]["home_id"]))))
}

/// Both sides of the frames `range`, which share the nonces that the first of them announces.
struct Pair<'a> {
    sessions: [Session; 2],
    airs: [S2Context<'a>; 2],
    nothing: Recorded,
}

impl<'a> Pair<'a> {
    fn new(frames: &[Value], keys: &'a NetworkKeys, home: HomeId) -> Self {
        let first = &frames[0];
        let (sender, receiver) = (NodeId(number(&first["sender"])), NodeId(number(&first["receiver"])));
        let sequence = |of: NodeId| {
            let own = frames.iter().find(|frame| frame["sender"] == of.0);
            vec![own.map_or(0, |frame| u8::try_from(number(&frame["sequence"])).unwrap())]
        };
        let mut ours = Recorded([sequence(sender), bytes(&first["sender_EI"])].into());
        // The Nonce Report takes a number, too.
        let [own] = sequence(receiver)[..] else { panic!("not one number") };
        let mut theirs = Recorded([vec![own.wrapping_sub(1)], bytes(&first["receiver_EI"])].into());
        let airs = [S2Context { home, own: sender, keys }, S2Context { home, own: receiver, keys }];
        let mut sessions = [Session::new(receiver, KeyMask::KNOWN, &mut ours), Session::new(sender, KeyMask::KNOWN, &mut theirs)];

        let ask = Security2::NonceGet(NonceGet { sequence: SequenceNumber(0) });
        let answer = sessions[1].receive(&airs[1], ask, Addressing::Single, Instant::ZERO, &mut theirs);
        let Received::Answer { frame: report, .. } = answer else { panic!("{answer:?}") };
        sessions[0].receive(&airs[0], parse(&report.0), Addressing::Single, Instant::ZERO, &mut ours);
        Self { sessions, airs, nothing: ours }
    }

    fn seal(&mut self, side: usize, frame: &Value) {
        let command = bytes(&frame["plain_command"]);
        let protection = protection(&frame["key"]);
        let sealed = self.sessions[side].seal(&self.airs[side], protection, &command, Instant::ZERO, &mut self.nothing);
        let Sealing::Frame(sealed) = sealed else { panic!("{sealed:?}") };
        assert_eq!(hex(&sealed.0), frame["frame"].as_str().unwrap(), "{frame}");
    }

    fn open(&mut self, side: usize, frame: &Value, to: Addressing) -> Opened {
        let received = parse(&bytes(&frame["frame"]));
        let opened = self.sessions[side].receive(&self.airs[side], received, to, Instant::ZERO, &mut self.nothing);
        let Received::Command(opened) = opened else { panic!("{opened:?}: {frame}") };
        assert_eq!(hex(&opened.command), frame["plain_command"].as_str().unwrap(), "{frame}");
        assert_eq!(opened.multicast, to == Addressing::Multicast);
        opened
    }
}

#[test]
fn the_first_frames_between_two_nodes_are_those_of_others_in_both_directions() {
    let (keys, frames, home) = single_frames();
    let frames = &frames[..4];
    let mut pair = Pair::new(frames, &keys, home);
    for frame in frames {
        let sender = usize::from(frame["sender"] != frames[0]["sender"]);
        pair.seal(sender, frame);
        pair.open(1 - sender, frame, Addressing::Single);
    }
}

#[test]
fn long_range_frames_have_wide_ids_and_keys_of_their_own() {
    let (keys, frames, home) = single_frames();
    let frames = &frames[4..6];
    let mut pair = Pair::new(frames, &keys, home);
    pair.seal(0, &frames[0]);
    pair.open(1, &frames[0], Addressing::Single);
    pair.seal(1, &frames[1]);
    pair.open(0, &frames[1], Addressing::Single);
}

#[test]
fn a_multicast_is_heard_once_its_state_was_told_and_its_follow_up_is_known_as_such() {
    let (keys, frames, home) = single_frames();
    let mut pair = Pair::new(&frames[6..], &keys, home);
    pair.open(1, &frames[6], Addressing::Single);
    assert!(!pair.open(1, &frames[7], Addressing::Multicast).repeats_multicast);
    let follow_up = pair.open(1, &frames[8], Addressing::Single);
    assert!(follow_up.repeats_multicast && follow_up.multicast_lost.is_none());

    // The same again where the multicast was missed.
    let mut pair = Pair::new(&frames[6..], &keys, home);
    pair.open(1, &frames[6], Addressing::Single);
    assert!(!pair.open(1, &frames[8], Addressing::Single).repeats_multicast);
}

#[test]
fn nonce_commands_are_those_of_others() {
    let vectors: Value = serde_json::from_str(SECURITY).unwrap();
    let group = vectors["s2_nonce_commands"].as_object().unwrap();
    assert_eq!(group.len(), 4);
    for (name, vector) in group {
        let sequence = SequenceNumber(u8::try_from(number(&vector["sequence"])).unwrap());
        let entropy = vector["receiver_EI"].is_string().then(|| EntropyInput(array(&vector["receiver_EI"])));
        let command = match name.as_str() {
            "nonce_get" => Security2::NonceGet(NonceGet { sequence }),
            _ => Security2::NonceReport(NonceReport { sequence, entropy, multicast_out_of_sync: name.contains("mos") }),
        };
        assert_eq!(parse(&bytes(&vector["frame"])), command, "{name}");
        assert_eq!(hex(&Command::Security2(command).write()), vector["frame"].as_str().unwrap());
    }
}
