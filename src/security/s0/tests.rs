use serde_json::Value;

use super::peer::{Next, Peer, Refused, Said};
use super::*;
use crate::command::security::NonceId;
use crate::domain::entropy::Entropy;
use crate::domain::time::Instant;
use crate::security::Fresh;

fn vectors() -> Value {
    let file: Value = serde_json::from_str(include_str!("../../../tests/data/vectors/security.json")).unwrap();
    file["s0"].clone()
}

pub(super) fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn fixed<const N: usize>(hex: &Value) -> [u8; N] {
    bytes(hex).try_into().unwrap()
}

fn address(node: &Value) -> Address {
    Address::of(NodeId(node.as_u64().unwrap().try_into().unwrap())).unwrap()
}

fn frame_of(payload: &[u8]) -> (Encapsulation, bool) {
    match Command::parse(payload) {
        Ok(Command::Security(Security::CommandEncapsulation(frame))) => (frame, false),
        Ok(Command::Security(Security::CommandEncapsulationNonceGet(frame))) => (frame, true),
        other => panic!("not an encapsulation: {other:?}"),
    }
}

/// The known frames: keys, header, nonces, control byte, plain command, frame.
struct Known {
    keys: S0Keys,
    header: Header,
    sender: Nonce,
    receiver: Nonce,
    control: Control,
    plain: Vec<u8>,
    payload: Vec<u8>,
}

fn known() -> Vec<Known> {
    let vectors = vectors();
    let key = S0Keys::of(&Key::from_bytes(fixed(&vectors["keys"][0]["network_key"])));
    let frames = vectors["frames"].as_array().unwrap();
    assert!(frames.len() >= 7);
    let known = frames.iter().map(|it| {
        let payload = bytes(&it["frame"]);
        Known {
            keys: if it["key"] == "zero" { S0Keys::temporary() } else { key.clone() },
            header: Header {
                from: address(&it["sender_node"]),
                to: address(&it["receiver_node"]),
                wants_nonce: payload[1] == 0xC1,
            },
            sender: Nonce(fixed(&it["sender_nonce"])),
            receiver: Nonce(fixed(&it["receiver_nonce"])),
            control: Control(bytes(&it["control_byte"])[0]),
            plain: bytes(&it["plain_command"]),
            payload,
        }
    });
    known.collect()
}

#[test]
fn keys_are_those_other_controllers_derive() {
    for vector in vectors()["keys"].as_array().unwrap() {
        let keys = S0Keys::of(&Key::from_bytes(fixed(&vector["network_key"])));
        let [authentication, encryption] = keys.reveal();
        assert_eq!(authentication.reveal(), &fixed(&vector["auth_key"]));
        assert_eq!(encryption.reveal(), &fixed(&vector["enc_key"]));
        assert_eq!(format!("{keys:?}"), "S0Keys(..)");
    }
}

#[test]
fn what_we_send_is_what_others_send() {
    for it in known() {
        let frame = seal(&it.keys, it.header, it.sender, &it.receiver, it.control, &it.plain);
        assert_eq!(payload(it.header, frame), it.payload);
    }
}

#[test]
fn frames_of_other_implementations_are_decrypted() {
    for it in known() {
        let (frame, wants_nonce) = frame_of(&it.payload);
        assert_eq!(wants_nonce, it.header.wants_nonce);
        let (control, plain) = open(&it.keys, it.header, &it.receiver, &frame).expect("authentic");
        assert_eq!((control, plain.as_slice()), (it.control, it.plain.as_slice()));
    }
}

#[test]
fn a_frame_of_a_real_lock_opens() {
    let recorded: Value = serde_json::from_str(include_str!("../../../tests/data/frames/crypto_s0.jsonl")).unwrap();
    let keys = S0Keys::of(&Key::from_bytes(fixed(&recorded["network_key"])));
    let header = Header { from: address(&recorded["src"]), to: address(&recorded["dst"]), wants_nonce: false };
    let (frame, _) = frame_of(&bytes(&recorded["encapsulation"]));
    let (control, plain) = open(&keys, header, &Nonce(fixed(&recorded["receiver_nonce"])), &frame).expect("authentic");
    assert_eq!([&[control.0][..], &plain].concat(), bytes(&recorded["plaintext"]));
}

#[test]
fn a_frame_changed_anywhere_or_meant_for_another_is_refused() {
    for it in known() {
        let (frame, _) = frame_of(&it.payload);
        for at in 2..it.payload.len() {
            let mut changed = it.payload.clone();
            changed[at] ^= 0x01;
            let (frame, _) = frame_of(&changed);
            let names_it = frame.receiver_nonce_id == it.receiver.id();
            assert!(!names_it || open(&it.keys, it.header, &it.receiver, &frame).is_none(), "byte {at}");
        }
        let turned = Header { from: it.header.to, to: it.header.from, ..it.header };
        assert!(open(&it.keys, turned, &it.receiver, &frame).is_none(), "sent back to its sender");
        let other = Header { from: Address(9), ..it.header };
        assert!(open(&it.keys, other, &it.receiver, &frame).is_none(), "in another's name");
        assert!(open(&S0Keys::of(&Key::from_bytes([9; 16])), it.header, &it.receiver, &frame).is_none());
    }
}

/// The doubt: Z-Wave JS computes the code of a 0xC1 frame as if it were 0x81.
#[test]
fn a_frame_that_wants_a_nonce_opens_with_either_command_byte_in_its_code() {
    let it = known().into_iter().find(|it| it.header.wants_nonce).unwrap();
    let plain_header = Header { wants_nonce: false, ..it.header };
    let frame = seal(&it.keys, plain_header, it.sender, &it.receiver, it.control, &it.plain);
    assert!(open(&it.keys, it.header, &it.receiver, &frame).is_some());
    // The other way round there is no doubt.
    let (frame, _) = frame_of(&it.payload);
    assert!(open(&it.keys, plain_header, &it.receiver, &frame).is_none());
}

#[test]
fn a_node_of_long_range_gets_no_s0() {
    assert!([0, 233, 255, 256].into_iter().all(|node| Peer::new(NodeId(1), NodeId(node)).is_none()));
    assert!(Peer::new(NodeId(1), NodeId(232)).is_some());
}

/// Two ends of one pair, with the network's keys.
struct Pair {
    controller: Peer,
    lock: Peer,
    keys: S0Keys,
    entropy: Entropy,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        let peer = |own, other| Peer::new(NodeId(own), NodeId(other)).unwrap();
        let keys = S0Keys::of(&Key::from_bytes([3; 16]));
        Self {
            controller: peer(1, 7),
            lock: peer(7, 1),
            keys,
            entropy: Entropy::from_number(1),
            now: Instant::from_millis(1_000),
        }
    }

    fn give_nonce(&mut self) {
        let nonce = self.lock.nonce_asked(self.now, &mut self.entropy).unwrap();
        assert!(self.controller.nonce_told(nonce, self.now));
    }

    /// The next frame of the controller, after whatever nonce it asks for.
    fn frame(&mut self) -> (Vec<u8>, bool) {
        for _ in 0..2 {
            match self.controller.next(&self.keys, self.now, &mut self.entropy) {
                Next::AskNonce => self.give_nonce(),
                Next::Send { payload, last } => return (payload, last),
                Next::Idle => panic!("nothing to send"),
            }
        }
        panic!("no frame although a nonce was told")
    }

    fn hear(&mut self, payload: &[u8]) -> super::peer::Opened {
        let (frame, wants_nonce) = frame_of(payload);
        self.lock.open(&frame, wants_nonce, &self.keys, self.now, &mut self.entropy)
    }
}

fn command(said: Said) -> Vec<u8> {
    match said {
        Said::Command(command) => command.to_vec(),
        other => panic!("no command: {other:?}"),
    }
}

#[test]
fn a_command_arrives_once() {
    let mut pair = Pair::new();
    pair.controller.begin(b"\x63\x01\x03\x014711", 46).unwrap();
    let (payload, last) = pair.frame();
    assert!(last && !payload.windows(4).any(|it| it == b"4711"));
    assert_eq!(command(pair.hear(&payload).said), b"\x63\x01\x03\x014711");
    assert_eq!(pair.hear(&payload).said, Said::Nothing(Refused::NoSuchNonce), "replayed");
    assert!(!pair.controller.is_busy());
    assert_eq!(pair.controller.next(&pair.keys, pair.now, &mut pair.entropy), Next::Idle);
}

#[test]
fn a_long_command_goes_in_two_frames_and_comes_out_whole() {
    let long: Vec<u8> = (0..52).collect();
    let mut pair = Pair::new();
    for round in 0..20 {
        pair.controller.begin(&long, 46).unwrap();
        assert!(pair.controller.is_busy());
        assert_eq!(pair.controller.begin(&long, 46), Err(super::peer::CannotSend::Busy));
        let (first, last) = pair.frame();
        assert!(!last && first.len() == 46 && first[1] == 0xC1, "round {round}");
        let heard = pair.hear(&first);
        assert_eq!(heard.said, Said::FirstPart);
        assert!(pair.controller.nonce_told(heard.nonce.expect("a 0xC1 frame is answered with a nonce"), pair.now));
        let (second, last) = pair.frame();
        assert!(last && second[1] == 0x81);
        assert_eq!(command(pair.hear(&second).said), long);
    }
    let too_long = [0; 53];
    assert_eq!(pair.controller.begin(&too_long, 46), Err(super::peer::CannotSend::TooLong { len: 53, max: 52 }));
}

#[test]
fn the_halves_of_two_commands_do_not_make_a_third() {
    let mut pair = Pair::new();
    pair.controller.begin(&[1; 40], 46).unwrap();
    let (first_of_one, _) = pair.frame();
    assert_eq!(pair.hear(&first_of_one).said, Said::FirstPart);
    pair.controller.abandon();
    pair.controller.begin(&[2; 40], 46).unwrap();
    // The lock does not hear the first half of the second command.
    pair.frame();
    pair.give_nonce();
    let (second_of_two, _) = pair.frame();
    assert_eq!(pair.hear(&second_of_two).said, Said::Nothing(Refused::NoFirstPart));
}

#[test]
fn a_half_that_waits_too_long_is_dropped() {
    let mut pair = Pair::new();
    pair.controller.begin(&[1; 40], 46).unwrap();
    let (first, _) = pair.frame();
    pair.hear(&first);
    pair.now = Instant::from_millis(11_000);
    pair.give_nonce();
    let (second, _) = pair.frame();
    assert_eq!(pair.hear(&second).said, Said::Nothing(Refused::NoFirstPart));
}

/// The randomness of a recorded dialogue.
struct Played(Vec<Nonce>);

impl Fresh for Played {
    fn fresh<const N: usize>(&mut self) -> [u8; N] {
        self.0.remove(0).0.as_slice().try_into().unwrap()
    }
}

#[test]
fn known_halves_are_sent_and_put_together_byte_for_byte() {
    let known = known();
    let [first, second] = [&known[5], &known[6]];
    let whole = [first.plain.as_slice(), &second.plain].concat();
    let now = Instant::ZERO;
    let (mut lock, mut controller) = (Peer::new(NodeId(7), NodeId(1)).unwrap(), Peer::new(NodeId(1), NodeId(7)).unwrap());
    let mut ours = Played(vec![first.receiver.clone(), second.receiver.clone()]);
    let mut theirs = Played(vec![first.sender.clone(), second.sender.clone()]);
    // The fifth command in two parts: the counter of the known frames.
    for _ in 0..4 {
        lock.begin(&whole, 46).unwrap();
        lock.abandon();
    }
    lock.begin(&whole, 46).unwrap();
    let mut nonce = controller.nonce_asked(now, &mut ours).unwrap();
    assert_eq!(lock.next(&first.keys, now, &mut theirs), Next::AskNonce);
    for (it, last) in [(first, false), (second, true)] {
        assert!(lock.nonce_told(nonce.clone(), now));
        let Next::Send { payload, last: is_last } = lock.next(&it.keys, now, &mut theirs) else { panic!("no frame") };
        assert_eq!((&payload, is_last), (&it.payload, last));
        let (frame, wants_nonce) = frame_of(&payload);
        let opened = controller.open(&frame, wants_nonce, &it.keys, now, &mut ours);
        match opened.said {
            Said::FirstPart => nonce = opened.nonce.unwrap(),
            said => assert_eq!(command(said), whole),
        }
    }
    assert!(!lock.is_busy());
}

#[test]
fn a_used_nonce_takes_the_older_ones_with_it() {
    let mut pair = Pair::new();
    pair.controller.begin(&[0x20, 0x02], 46).unwrap();
    let spare = pair.lock.nonce_asked(pair.now, &mut pair.entropy).unwrap();
    let (payload, _) = pair.frame();
    pair.hear(&payload);
    let frame = Encapsulation { receiver_nonce_id: spare.id(), ..frame_of(&payload).0 };
    let said = pair.lock.open(&frame, false, &pair.keys, pair.now, &mut pair.entropy).said;
    assert_eq!(said, Said::Nothing(Refused::NoSuchNonce));
}

#[test]
fn a_report_under_the_second_requested_nonce_is_not_lost() {
    let mut pair = Pair::new();
    // Kept waiting, it asks again; the second report is being transmitted while it speaks under the first.
    let [first, second] = [(); 2].map(|()| pair.controller.nonce_asked(pair.now, &mut pair.entropy).unwrap());
    for (nonce, said) in [(first, [0x71, 0x05]), (second, [0x62, 0x03])] {
        pair.lock.begin(&said, 46).unwrap();
        assert_eq!(pair.lock.next(&pair.keys, pair.now, &mut pair.entropy), Next::AskNonce);
        assert!(pair.lock.nonce_told(nonce, pair.now));
        let Next::Send { payload, .. } = pair.lock.next(&pair.keys, pair.now, &mut pair.entropy) else { panic!("no frame") };
        let (frame, wants_nonce) = frame_of(&payload);
        let opened = pair.controller.open(&frame, wants_nonce, &pair.keys, pair.now, &mut pair.entropy);
        assert_eq!(command(opened.said), said);
        let again = pair.controller.open(&frame, wants_nonce, &pair.keys, pair.now, &mut pair.entropy);
        assert_eq!(again.said, Said::Nothing(Refused::NoSuchNonce), "each of them opens one frame");
    }
}

#[test]
fn a_forged_frame_does_not_take_the_nonces_of_the_true_ones() {
    let mut pair = Pair::new();
    let [named, spare] = [(); 2].map(|()| pair.lock.nonce_asked(pair.now, &mut pair.entropy).unwrap());
    let forged = Encapsulation {
        sender_nonce: Nonce([1; 8]),
        ciphertext: Body(vec![0; 3]),
        receiver_nonce_id: named.id(),
        mac: Mac([0; 8]),
    };
    let said = pair.lock.open(&forged, true, &pair.keys, pair.now, &mut pair.entropy);
    assert_eq!(said.said, Said::Nothing(Refused::NotAuthentic));
    assert_eq!(said.nonce, None, "who has no key gets no answer");
    pair.controller.begin(&[0x20, 0x02], 46).unwrap();
    assert_eq!(pair.controller.next(&pair.keys, pair.now, &mut pair.entropy), Next::AskNonce);
    assert!(pair.controller.nonce_told(spare, pair.now));
    let (payload, _) = pair.frame();
    assert_eq!(command(pair.hear(&payload).said), [0x20, 0x02]);
}

#[test]
fn a_nonce_get_inside_an_encapsulation_is_not_answered() {
    let mut pair = Pair::new();
    for inside in [&[0x98, 0x40][..], &[0x98, 0x80, 1, 2, 3, 4, 5, 6, 7, 8]] {
        pair.controller.begin(inside, 46).unwrap();
        let (payload, _) = pair.frame();
        assert_eq!(pair.hear(&payload).said, Said::Nothing(Refused::NonceInside));
    }
    pair.controller.begin(&[], 46).unwrap();
    let (payload, _) = pair.frame();
    assert_eq!(pair.hear(&payload).said, Said::Nothing(Refused::Empty));
}

#[test]
fn our_nonce_is_never_taken_for_one_the_node_holds() {
    let mut pair = Pair::new();
    for _ in 0..500 {
        let live: Vec<NonceId> =
            (0..3).filter_map(|_| pair.controller.nonce_asked(pair.now, &mut pair.entropy)).map(|it| it.id()).collect();
        pair.controller.begin(&[0x20, 0x02], 46).unwrap();
        let (payload, _) = pair.frame();
        let (frame, _) = frame_of(&payload);
        assert!(frame.sender_nonce.id() != frame.receiver_nonce_id && !live.contains(&frame.sender_nonce.id()));
        pair.hear(&payload);
        pair.now = pair.now + std::time::Duration::from_secs(2);
    }
}

#[test]
fn a_code_on_its_way_shows_in_no_log() {
    let mut pair = Pair::new();
    pair.controller.begin(b"\x63\x01\x03\x014711", 46).unwrap();
    let mut said = format!("{:?}", pair.controller);
    let (payload, _) = pair.frame();
    said += &format!("{:?}", pair.hear(&payload));
    assert!(!said.contains("4711") && !said.contains("52, 55"), "{said}");
}

/// A lock's dialogue as it was recorded: it asks twice within 50 ms, and sends the same frame twice.
#[test]
fn a_lock_that_asks_twice_gets_a_nonce_each_time() {
    let dialogue = include_str!("../../../tests/data/frames/sequences/danalock_v3_repeated_nonce_get_and_repeated_encap.jsonl");
    let mut peer = Peer::new(NodeId(1), NodeId(2)).unwrap();
    let (mut entropy, keys) = (Entropy::from_number(1), S0Keys::of(&Key::from_bytes([3; 16])));
    let (mut gets, mut frames) = (Vec::new(), 0);
    for line in dialogue.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let frame = bytes(&line["hex"]);
        // An ApplicationCommand: status, node, length, payload, checksum.
        let [0x01, _, 0x00, 0x04, 0x00, _, len, payload @ ..] = frame.as_slice() else { continue };
        let now = Instant::from_millis(u64::try_from(gets.len()).unwrap() * 47);
        match Command::parse(&payload[..usize::from(*len)]).unwrap() {
            Command::Security(Security::NonceGet) => gets.push(peer.nonce_asked(now, &mut entropy).unwrap()),
            Command::Security(Security::CommandEncapsulation(frame)) => {
                frames += 1;
                peer.open(&frame, false, &keys, now, &mut entropy);
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((gets.len(), frames), (2, 2));
    assert_ne!(gets[0].id(), gets[1].id());
}
