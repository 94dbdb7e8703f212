//! Device Reset Locally (docs/protocol/command-classes.md 0x5A). Any sender can forge the notification, so it is only
//! trusted if the node no longer answers a ping. The controller is then told to remove the node.

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

/// A node sends the notification before it forgets its network; a ping sent earlier would still be answered.
const LEAVES_IN: Duration = Duration::from_secs(3);
/// Status in the callback of Remove Failed Node: removed (docs/protocol/serial-api.md §4, 0x61).
const REMOVED: u8 = 1;

/// Limits the log lines per node: without its key an attacker can claim a reset every second.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct LocalResets {
    said: Tally,
    answered: Tally,
    not_forgotten: Tally,
}

impl Network {
    /// A node sent Device Reset Locally.
    pub(super) fn reset_locally(&mut self, id: NodeId) {
        if self.queue.iter().any(|it| it.node == id && it.requester == Requester::LocalReset) {
            return;
        }
        if let Some(times) = self.farewells_of(id).and_then(|local_resets| local_resets.said.hit()) {
            tracing::warn!(node = %id, times, "the node reported a reset; checking whether it is gone");
        }
        self.look_at(id, self.clock + LEAVES_IN);
    }

    /// A user reports that a node has failed.
    pub(super) fn check_failed(&mut self, id: NodeId) {
        let waiting = self.queue.take_if(|it| it.node == id && it.requester == Requester::LocalReset);
        waiting.iter().for_each(|ping| self.release(ping));
        self.look_at(id, self.clock);
    }

    fn look_at(&mut self, id: NodeId, at: Instant) {
        let ping = Operation::Command { command: Command::NoOperation, expect: Completion::Nothing };
        let mut ping = self.transaction(id, Priority::Awake, ping, Requester::LocalReset);
        ping.not_before = at;
        ping.send_as = SendAs::Class(SecurityClass::None);
        // First in the queue: other commands for the node can no longer be delivered.
        self.queue.push_front(ping);
    }

    /// Result of the ping to a node that was reported as reset or failed.
    pub(super) fn failed_node_checked(&mut self, id: NodeId, outcome: &Outcome) {
        match outcome {
            Outcome::NoAck if self.is_to_be_replaced(id) => self.failed_node_checked_for_change(id, Ok(())),
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
                self.failed_node_checked_for_change(id, Err(Reason::Answers));
            }
            // The controller was busy or lost: the node will be found dead by the usual way.
            _ => self.failed_node_checked_for_change(id, Err(Reason::ControllerSilent)),
        }
    }

    /// Result of Remove Failed Node.
    pub(super) fn removed_failed(&mut self, transaction: Transaction, ended: &Ended) {
        let id = transaction.node;
        let answer = match ended {
            Ended::Answered(Some(frame)) => Message::parse(frame, self.width).ok(),
            _ => None,
        };
        match answer {
            // The node answered the controller.
            Some(Message::Callback { status: Some(0), .. }) => {
                self.still_there(id);
                self.heard(id);
                self.failed_node_checked_for_change(id, Err(Reason::Answers));
            }
            Some(Message::Callback { status: Some(REMOVED), .. }) => {
                self.remove_node(id);
                self.failed_node_checked_for_change(id, Ok(()));
            }
            _ => {
                if let Some(times) = self.farewells_of(id).and_then(|local_resets| local_resets.not_forgotten.hit()) {
                    tracing::warn!(node = %id, times, "the controller did not remove the node; it is shown as not answering");
                }
                self.failed_node_checked_for_change(id, Err(Reason::NotRemoved));
            }
        }
        self.finish(transaction, Outcome::Delivered);
    }

    fn still_there(&mut self, id: NodeId) {
        if let Some(times) = self.farewells_of(id).and_then(|local_resets| local_resets.answered.hit()) {
            tracing::warn!(node = %id, times, "the node still answers: it has not left");
        }
    }

    fn farewells_of(&mut self, id: NodeId) -> Option<&mut LocalResets> {
        Some(&mut self.nodes.get_mut(&id)?.local_resets)
    }
}
