//! Payloads for nodes: one, several, all, and the controller's own node information (docs/protocol/serial-api.md §4:
//! 0x12–0x14, 0x16, 0xA9, 0xAB).

use crate::domain::ids::NodeId;
use crate::serial::transmit::{SendData, SendDataCallback, SendDataMulti, SendDataResponse, TxOptions, TxStatus};
use crate::serial::{CallbackId, FunctionId, Message};

use super::constants::OWN;
use super::node_info::tx_report;
use super::{Busy, Controller, Effect, Outcome, Transmission};
use crate::sim::radio::Effort;

/// Payload of one classic frame with room for a route.
pub(super) const MAX_PAYLOAD: u8 = 46;
/// What a classic frame of 64 bytes holds behind header and checksum where nobody repeats it
/// (docs/protocol/timing.md §1): more is refused.
const MOST_OF_A_FRAME: u8 = 64 - 10;
/// The same over Long Range.
pub(super) const MAX_LONG_RANGE_PAYLOAD: u8 = 148;
/// The broadcast ids of each radio.
const BROADCAST: [NodeId; 2] = [NodeId(0xFF), NodeId(0xFFF)];
/// Transmit option: explorer frames.
const EXPLORE: u8 = 0x20;

impl Controller {
    /// The radio does one thing at a time: further requests are refused, and the host tries again.
    pub(super) fn send(&mut self, function: FunctionId, send: &SendData) -> Vec<Effect> {
        let SendData { node, callback, .. } = *send;
        let accepted = self.is_free() && self.reaches(node) && fits(node, &send.data);
        let mut effects = vec![self.to_host(&Message::SendDataResponse(SendDataResponse { function, accepted }))];
        if accepted && BROADCAST.contains(&node) {
            let nodes = self.memory.nodes.keys().copied().collect();
            effects.push(self.send_to_many(function, nodes, &send.data, callback));
        } else if accepted {
            let effort = effort(send.options);
            let number = self.begin(node, Busy::Sending { function, callback, effort });
            effects.push(Effect::Transmit(Transmission { number, node, payload: send.data.to_vec(), effort }));
        }
        effects
    }

    /// One frame for several nodes, without acknowledgement.
    pub(super) fn send_multi(&mut self, function: FunctionId, send: &SendDataMulti) -> Vec<Effect> {
        let all = !send.nodes.is_empty() && send.nodes.iter().all(|node| self.reaches(*node) && fits(*node, &send.data));
        let accepted = self.is_free() && all;
        let mut effects = vec![self.to_host(&Message::SendDataResponse(SendDataResponse { function, accepted }))];
        if accepted {
            effects.push(self.send_to_many(function, send.nodes.clone(), &send.data, send.callback));
        }
        effects
    }

    /// The aborted transmission still gets its callback.
    pub(super) fn abort(&mut self) -> Vec<Effect> {
        let sending = |busy: &Busy| matches!(busy, Busy::Sending { .. } | Busy::SendingToMany { .. });
        let Some(in_flight) = self.in_flight.take_if(|it| sending(&it.what)) else { return Vec::new() };
        let (Busy::Sending { function, callback, .. } | Busy::SendingToMany { function, callback }) = in_flight.what else {
            return Vec::new();
        };
        let told = self.sent(function, callback, TxStatus::NO_ACK, None);
        [Effect::Abort { number: in_flight.number }].into_iter().chain(told).collect()
    }

    /// Send Node Information, which applications of the receivers do not see.
    pub(super) fn announce(&mut self, node: NodeId, callback: CallbackId) -> Vec<Effect> {
        const FUNCTION: FunctionId = FunctionId::SEND_NODE_INFORMATION;
        let ok = self.is_free() && self.reaches(node);
        let mut effects = vec![self.to_host(&Message::Response { function: FUNCTION, ok })];
        if ok {
            let number = self.begin(node, Busy::Routing { function: FUNCTION, callback });
            effects.push(match BROADCAST.contains(&node) {
                true => Effect::Multicast { number, nodes: Vec::new(), payload: Vec::new() },
                false => Effect::Reach { node, number },
            });
        }
        effects
    }

    /// The callback of a transmission.
    pub(super) fn sent(
        &self,
        function: FunctionId,
        callback: CallbackId,
        status: TxStatus,
        outcome: Option<Outcome>,
    ) -> Option<Effect> {
        if callback == CallbackId::NONE {
            return None;
        }
        let report = outcome.filter(|_| self.tx_reports).map(|outcome| tx_report(&outcome, &self.memory));
        Some(self.to_host(&Message::SendDataCallback(SendDataCallback { function, callback, status, report })))
    }

    fn send_to_many(&mut self, function: FunctionId, nodes: Vec<NodeId>, data: &[u8], callback: CallbackId) -> Effect {
        let number = self.begin(NodeId(0), Busy::SendingToMany { function, callback });
        Effect::Multicast { number, nodes, payload: data.to_vec() }
    }

    /// Whether the radio can reach that node: a classic node, or a Long Range node if the region has Long Range.
    fn reaches(&self, node: NodeId) -> bool {
        let far = node.is_long_range() || node == BROADCAST[1];
        node != NodeId(0) && node != OWN && (!far || self.region.is_long_range())
    }
}

fn fits(node: NodeId, payload: &[u8]) -> bool {
    let most = if node.is_long_range() { MAX_LONG_RANGE_PAYLOAD } else { MOST_OF_A_FRAME };
    (1..=usize::from(most)).contains(&payload.len())
}

fn effort(options: TxOptions) -> Effort {
    match (options.0 & TxOptions::ACK.0 != 0, options.0 & EXPLORE != 0) {
        (false, _) => Effort::Once,
        (true, false) => Effort::Repeat,
        (true, true) => Effort::Search,
    }
}
