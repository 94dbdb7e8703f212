//! How a node gets its keys, with a node that says anything in any order: frames, silence, people's answers.

use latchkey::command::Command;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::{HomeId, NodeId};
use latchkey::domain::time::Instant;
use latchkey::security::crypto::Key;
use latchkey::security::key_exchange::{DskPin, Grant, KeyExchange, Output};
use latchkey::security::keys::{KeyMask, NetworkKeys};
use latchkey::security::s0::inclusion::{Inclusion, Turn};
use latchkey::security::s2::S2Context;

use super::Script;

const OWN: NodeId = NodeId(1);
const NODE: NodeId = NodeId(7);

/// Both machines side by side, each with the frames of its class. Nobody without the keys gets any.
pub fn joining(data: &[u8]) {
    let mut script = Script(data);
    let mut entropy = Entropy::from_number(7);
    let keys = NetworkKeys::generate(&mut entropy);
    let context = S2Context { home: HomeId(0xC0FF_EE01), own: OWN, keys: &keys };
    let (mut now, mut s2_ended, mut s0_ended) = (Instant::ZERO, false, false);
    let mut s2 = KeyExchange::begin(NODE, None, now, &mut entropy);
    let (mut s0, _) = Inclusion::begin(OWN, NODE, &Key::from_bytes([0x5A; 16]), script.byte() & 1 == 1, 46, now).unwrap();
    while !script.is_over() {
        let s0_turn = match script.byte() % 6 {
            0 | 1 => match Command::parse(script.bytes()) {
                Ok(Command::Security2(frame)) => {
                    s2.receive(&context, frame, now, &mut entropy);
                    Turn::default()
                }
                Ok(Command::Security(frame)) => s0.receive(frame, now, &mut entropy),
                _ => continue,
            },
            2 => {
                let keys = KeyMask(script.byte());
                let _ = s2.grant(Grant { keys, client_side_authentication: script.byte() & 1 == 1 }, now);
                continue;
            }
            3 => {
                let _ = s2.pin(&DskPin::new(u16::from_be_bytes([script.byte(), script.byte()])), now);
                continue;
            }
            4 => s0.not_delivered(now, &mut entropy),
            _ => {
                let Some(next) = s2.poll_deadline().into_iter().chain(s0.poll_deadline()).min_by_key(|next| next.at) else {
                    break;
                };
                now = now.max(next.at);
                s2.handle_timeout(&context, now, &mut entropy);
                s0.handle_timeout(now)
            }
        };
        if let Some(outcome) = s0_turn.outcome {
            assert!(!s0_ended, "S0 ended twice");
            assert!(outcome.is_err(), "a node without the key proved that it has it");
            s0_ended = true;
        }
        while let Some(output) = s2.poll_output() {
            let _ = format!("{output:?}");
            if let Output::Send(frame) | Output::Answer(frame) = &output {
                assert!(matches!(Command::parse(&frame.0), Ok(Command::Security2(_))), "not S2: {output:?}");
            }
            if let Output::Ended(outcome) = output {
                assert!(!s2_ended, "S2 ended twice");
                assert!(outcome.is_err(), "a node that agreed on no key got one");
                s2_ended = true;
            }
        }
    }
}
