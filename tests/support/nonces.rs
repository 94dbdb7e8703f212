//! No nonce of ours goes out twice, under S2 or S0, however often the daemon is restarted.

use std::collections::BTreeMap;

use latchkey::serial::{Frame, FunctionId, NodeIdWidth, Request};

/// The random parts that went out so far.
#[derive(Default)]
pub struct Nonces {
    /// With the payload that each went out in: the very same frame may be sent again.
    seen: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Nonces {
    /// Looks at a frame for the stick; `Err`: its nonce went out before.
    pub fn look(&mut self, frame: &Frame) -> Result<(), String> {
        if ![FunctionId::SEND_DATA, FunctionId::SEND_DATA_BRIDGE].contains(&frame.function) {
            return Ok(());
        }
        // No node has the number 0: where the first byte is one, ids are two bytes wide.
        let width = if frame.params.first() == Some(&0) { NodeIdWidth::Bits16 } else { NodeIdWidth::Bits8 };
        let payload = match Request::parse(frame, width) {
            Ok(Request::SendData(send) | Request::SendDataBridge { send, .. }) => send.data,
            _ => return Ok(()),
        };
        let nonce = match &payload[..] {
            // Nonce Report with a receiver's entropy (docs/protocol/security.md B9), and the one of S0.
            [0x9F, 0x02, _, flags, entropy @ ..] if flags & 1 != 0 && entropy.len() == 16 => entropy,
            [0x98, 0x80, nonce @ ..] if nonce.len() == 8 => nonce,
            // A message that carries the sender's entropy as its first extension: it starts a session.
            [0x9F, 0x03, _, flags, 0x12, 0x41 | 0xC1, entropy @ ..] if flags & 1 != 0 && entropy.len() >= 16 => &entropy[..16],
            // A message under S0 begins with the sender's half of the nonce.
            [0x98, 0x81 | 0xC1, half @ ..] if half.len() >= 8 => &half[..8],
            _ => return Ok(()),
        };
        let payload = payload.to_vec();
        if *self.seen.entry(nonce.to_vec()).or_insert_with(|| payload.clone()) == payload {
            return Ok(());
        }
        Err(format!("a nonce went out twice, in {payload:02X?}"))
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.seen.len()
    }
}
