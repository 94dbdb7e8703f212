//! A node that was reset at itself says so and is gone (docs/protocol/command-classes.md 0x5A). Anybody can send such a
//! word, so it is only believed of a node that answers nothing any more; then the controller is asked to forget it, too.

use std::time::Duration;

use super::Network;
use super::exchange::Ended;
use super::inclusion::Reason;
use super::jobs::{Completion, Operation, Outcome, Priority, Requester, SendAs, Transaction};
use crate::command::Command;
use crate::domain::ids::NodeId;
use crate::domain::node::SecurityClass;
use crate::domain::tally::Tally;
use crate::domain::time::Instant;
use crate::serial::{FunctionId, Message};

/// A node says goodbye first and forgets its network after; asked too early it would still answer.
const LEAVES_IN: Duration = Duration::from_secs(3);
/// Remove Failed Node's callback: removed (docs/protocol/serial-api.md §4, 0x61).
const REMOVED: u8 = 1;

/// How often a log line about one node was due: an attacker without its key can claim every second that it was reset.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct LocalResets {
    said: Tally,
    answered: Tally,
    not_forgotten: Tally,
}

impl Network {
    /// A node said that it was reset.
    pub(super) fn reset_locally(&mut self, id: NodeId) {
        if self.queue.iter().any(|it| it.node == id && it.requester == Requester::LocalReset) {
            return;
        }
        if let Some(times) = self.farewells_of(id).and_then(|local_resets| local_resets.said.hit()) {
            tracing::warn!(node = %id, times, "the node may have left; looking whether it is gone");
        }
        self.look_at(id, self.clock + LEAVES_IN);
    }

    /// Somebody says that a node has failed.
    pub(super) fn look_after(&mut self, id: NodeId) {
        let waiting = self.queue.take_if(|it| it.node == id && it.requester == Requester::LocalReset);
        waiting.iter().for_each(|ping| self.release(ping));
        self.look_at(id, self.clock);
    }

    fn look_at(&mut self, id: NodeId, at: Instant) {
        let ping = Operation::Command { command: Command::NoOperation, expect: Completion::Nothing };
        let mut ping = self.transaction(id, Priority::Awake, ping, Requester::LocalReset);
        ping.not_before = at;
        ping.send_as = SendAs::Class(SecurityClass::None);
        // Before everything else: what waits for the node waits for nothing.
        self.queue.push_front(ping);
    }

    /// How looking after a reset node ended.
    pub(super) fn looked_after(&mut self, id: NodeId, outcome: &Outcome) {
        match outcome {
            Outcome::NoAck if self.is_to_be_replaced(id) => self.looked_after_for_change(id, Ok(())),
            Outcome::NoAck => {
                if self.functions.contains(&FunctionId::REMOVE_FAILED_NODE) {
                    let removal = self.transaction(id, Priority::Awake, Operation::RemoveFailed, Requester::Machine);
                    self.queue.push_front(removal);
                } else {
                    self.remove_node(id);
                }
            }
            Outcome::Delivered => {
                self.still_there(id);
                self.looked_after_for_change(id, Err(Reason::Answers));
            }
            // The controller was busy or went away: the node shows as dead soon enough.
            _ => self.looked_after_for_change(id, Err(Reason::ControllerSilent)),
        }
    }

    /// The controller forgot a node, or says why not.
    pub(super) fn removed_failed(&mut self, transaction: Transaction, ended: &Ended) {
        let id = transaction.node;
        let answer = match ended {
            Ended::Answered(Some(frame)) => Message::parse(frame, self.width).ok(),
            _ => None,
        };
        match answer {
            // It heard the controller.
            Some(Message::Callback { status: Some(0), .. }) => {
                self.still_there(id);
                self.heard(id);
                self.looked_after_for_change(id, Err(Reason::Answers));
            }
            Some(Message::Callback { status: Some(REMOVED), .. }) => {
                self.remove_node(id);
                self.looked_after_for_change(id, Ok(()));
            }
            _ => {
                if let Some(times) = self.farewells_of(id).and_then(|local_resets| local_resets.not_forgotten.hit()) {
                    tracing::warn!(node = %id, times, "the stick does not forget the node yet; it shows as not answering");
                }
                self.looked_after_for_change(id, Err(Reason::NotRemoved));
            }
        }
        self.finish(transaction, Outcome::Delivered);
    }

    fn still_there(&mut self, id: NodeId) {
        if let Some(times) = self.farewells_of(id).and_then(|local_resets| local_resets.answered.hit()) {
            tracing::warn!(node = %id, times, "the node answers: it is still there, whoever said that it left");
        }
    }

    fn farewells_of(&mut self, id: NodeId) -> Option<&mut LocalResets> {
        Some(&mut self.nodes.get_mut(&id)?.local_resets)
    }
}
