//! Failed nodes. A node that answers is never removed or replaced: the controller checks it first
//! (docs/protocol/serial-api.md §4, 0x61, 0x63).

use crate::domain::ids::NodeId;
use crate::serial::request::NodeCall;
use crate::serial::{CallbackId, FunctionId, Message};

use super::mode::{Mode, Stage};
use super::{Busy, Controller, Effect};

/// Reasons for a refusal, as bits of the response.
const NO_CALLBACK: u8 = 0x04;
const NOT_ON_THE_LIST: u8 = 0x08;
const BUSY: u8 = 0x10;

/// The result of it.
const ANSWERED: u8 = 0;
const REMOVED: u8 = 1;
const WAITING_FOR_DEVICE: u8 = 3;

impl Controller {
    /// Remove or Replace Failed Node.
    pub(super) fn failed_node(&mut self, function: FunctionId, call: NodeCall) -> Vec<Effect> {
        let flags = [
            (call.callback == CallbackId::NONE, NO_CALLBACK),
            (!self.failed.contains(&call.node), NOT_ON_THE_LIST),
            (!self.is_free() || !self.mode.gives_way(), BUSY),
        ];
        let flags = flags.into_iter().filter(|(set, _)| *set).fold(0, |flags, (_, bit)| flags | bit);
        let mut effects = vec![self.to_host(&Message::FailedNodeResponse { function, flags })];
        if flags == 0 {
            let number = self.begin(call.node, Busy::Failed { function, callback: call.callback });
            effects.push(Effect::Reach { node: call.node, number });
        }
        effects
    }

    /// The result of the check.
    pub(super) fn failed_node_tried(
        &mut self,
        function: FunctionId,
        callback: CallbackId,
        node: NodeId,
        answered: bool,
    ) -> Vec<Effect> {
        if answered {
            return self.called_back(function, callback, ANSWERED);
        }
        if function == FunctionId::REPLACE_FAILED_NODE {
            self.mode = Mode::Replacing { node, callback, stage: Stage::Ready };
            return self.called_back(function, callback, WAITING_FOR_DEVICE);
        }
        self.memory.nodes.remove(&node);
        self.failed.remove(&node);
        self.called_back(function, callback, REMOVED)
    }
}
