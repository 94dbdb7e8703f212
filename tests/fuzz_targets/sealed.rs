//! Frames sealed with Security 2 and Security 0: two peers talk, somebody else changes, drops, repeats and forges.

use std::time::Duration;

use latchkey::command::Command;
use latchkey::command::security::Security;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::{HomeId, NodeId};
use latchkey::domain::node::SecurityClass;
use latchkey::domain::time::Instant;
use latchkey::security::crypto::Key;
use latchkey::security::keys::{KeyMask, NetworkKeys};
use latchkey::security::s0::S0Keys;
use latchkey::security::s0::peer::{Next, Peer, Said};
use latchkey::security::s2::{Addressing, FrameKey, Received, S2Context, Sealing, Session};

use super::Script;

const HOME: HomeId = HomeId(0xC0FF_EE01);
const NODES: [NodeId; 2] = [NodeId(1), NodeId(7)];
/// The longest frame a node can send.
const ROOM: usize = 46;

/// Both ends of one talk, and the time.
struct Ends {
    keys: NetworkKeys,
    s0_keys: S0Keys,
    s2: [Session; 2],
    s0: [Peer; 2],
    entropy: Entropy,
    now: Instant,
}

/// Nothing that was forged or changed is ever taken for a command, and what was not changed arrives as it was said.
pub fn sealed(data: &[u8]) {
    let mut script = Script(data);
    let mut ends = Ends::new();
    while !script.is_over() {
        let step = script.byte();
        let to = usize::from(step >> 7);
        let damage = script.byte();
        match step % 6 {
            0 => ends.forged(to, script.bytes(), damage & 1 == 1),
            1 => ends.now = ends.now + Duration::from_millis(u64::from(damage) * 64),
            2 | 3 => ends.say_s2(to, script.bytes(), damage),
            _ => ends.say_s0(to, script.bytes(), damage),
        }
    }
}

impl Ends {
    fn new() -> Self {
        let mut entropy = Entropy::from_number(7);
        let keys = NetworkKeys::generate(&mut entropy);
        let s0_keys = S0Keys::of(&Key::from_bytes([0x5A; 16]));
        let s2 = [1, 0].map(|peer: usize| Session::new(NODES[peer], KeyMask::KNOWN, &mut entropy));
        let s0 = [(0, 1), (1, 0)].map(|(own, peer): (usize, usize)| Peer::new(NODES[own], NODES[peer]).unwrap());
        Self { keys, s0_keys, s2, s0, entropy, now: Instant::ZERO }
    }

    fn forged(&mut self, to: usize, frame: &[u8], multicast: bool) {
        match Command::parse(frame) {
            Ok(Command::Security2(command)) => {
                let addressing = if multicast { Addressing::Multicast } else { Addressing::Single };
                let context = S2Context { home: HOME, own: NODES[to], keys: &self.keys };
                let received = self.s2[to].receive(&context, command, addressing, self.now, &mut self.entropy);
                assert!(!matches!(received, Received::Command(_)), "a forgery was opened: {received:?}");
            }
            Ok(Command::Security(Security::NonceGet)) => {
                let _ = self.s0[to].nonce_asked(self.now, &mut self.entropy);
            }
            Ok(Command::Security(Security::NonceReport(report))) => {
                let _ = self.s0[to].nonce_told(report.nonce, self.now);
            }
            Ok(Command::Security(Security::CommandEncapsulation(sealed) | Security::CommandEncapsulationNonceGet(sealed))) => {
                let opened = self.s0[to].open(&sealed, multicast, &self.s0_keys, self.now, &mut self.entropy);
                assert!(matches!(opened.said, Said::Nothing(_)), "a forgery was opened");
            }
            _ => {}
        }
    }

    /// The other end says `text` to `to` under S2.
    fn say_s2(&mut self, to: usize, text: &[u8], damage: u8) {
        let from = 1 - to;
        // Ask, be told, say: more than that is never needed.
        for _ in 0..3 {
            let context = S2Context { home: HOME, own: NODES[from], keys: &self.keys };
            let class = FrameKey::Class(SecurityClass::S2AccessControl);
            let (mut frame, sealed) = match self.s2[from].seal(&context, class, text, self.now, &mut self.entropy) {
                Sealing::Frame(frame) => (frame, true),
                Sealing::NonceGet(frame) => (frame, false),
                Sealing::Impossible(_) => return,
            };
            let changed = sealed && damaged(&mut frame.0, damage);
            let Ok(Command::Security2(command)) = Command::parse(&frame.0) else {
                assert!(changed);
                return;
            };
            let context = S2Context { home: HOME, own: NODES[to], keys: &self.keys };
            match self.s2[to].receive(&context, command.clone(), Addressing::Single, self.now, &mut self.entropy) {
                Received::Command(opened) => {
                    assert!(!changed, "what was changed on the way was opened");
                    assert_eq!(*opened.command, text);
                    let again = self.s2[to].receive(&context, command, Addressing::Single, self.now, &mut self.entropy);
                    assert!(!matches!(again, Received::Command(_)), "opened twice: {again:?}");
                    return;
                }
                Received::Answer { frame, .. } => {
                    let Ok(Command::Security2(nonce)) = Command::parse(&frame.0) else { panic!("{frame:?}") };
                    let context = S2Context { home: HOME, own: NODES[from], keys: &self.keys };
                    let _ = self.s2[from].receive(&context, nonce, Addressing::Single, self.now, &mut self.entropy);
                }
                Received::InClear(_) | Received::Nonce | Received::Resync | Received::Duplicate | Received::Ignored(_) => return,
            }
        }
    }

    /// The other end says `text` to `to` under S0.
    fn say_s0(&mut self, to: usize, text: &[u8], damage: u8) {
        let from = 1 - to;
        if self.s0[from].begin(text, ROOM).is_err() {
            self.s0[from].abandon();
            return;
        }
        let mut any_changed = false;
        for _ in 0..6 {
            match self.s0[from].next(&self.s0_keys, self.now, &mut self.entropy) {
                Next::Idle => break,
                Next::AskNonce => match self.s0[to].nonce_asked(self.now, &mut self.entropy) {
                    Some(nonce) => drop(self.s0[from].nonce_told(nonce, self.now)),
                    None => break,
                },
                Next::Send { mut payload, .. } => {
                    let changed = damaged(&mut payload, damage);
                    any_changed |= changed;
                    let (sealed, wants_nonce) = match Command::parse(&payload) {
                        Ok(Command::Security(Security::CommandEncapsulation(sealed))) => (sealed, false),
                        Ok(Command::Security(Security::CommandEncapsulationNonceGet(sealed))) => (sealed, true),
                        _ => break,
                    };
                    let opened = self.s0[to].open(&sealed, wants_nonce, &self.s0_keys, self.now, &mut self.entropy);
                    match opened.said {
                        Said::Command(command) => {
                            assert!(!any_changed, "what was changed on the way was opened");
                            assert_eq!(*command, text);
                        }
                        Said::FirstPart => assert!(!changed),
                        Said::Nothing(_) => {}
                    }
                    if let Some(nonce) = opened.nonce {
                        let _ = self.s0[from].nonce_told(nonce, self.now);
                    }
                }
            }
        }
        self.s0[from].abandon();
        self.s0[to].expire(self.now);
    }
}

/// Turns one bit beyond the command byte, where `damage` says so.
fn damaged(frame: &mut [u8], damage: u8) -> bool {
    let at = 2 + usize::from(damage >> 3);
    match frame.get_mut(at) {
        Some(byte) if damage >= 8 => {
            *byte ^= 1 << (damage & 7);
            true
        }
        _ => false,
    }
}
