//! A node that was reset at itself says so and is gone (command-classes sheet, 0x5A). Anybody can send such a word, so it
//! is only believed of a node that answers nothing any more; then the stick is asked to forget it, too.

use std::time::Duration;

use super::Network;
use super::exchange::Ended;
use super::jobs::{Errand, Expect, Origin, Outcome, Priority, Transaction};
use crate::command::Command;
use crate::domain::ids::NodeId;
use crate::serial::{FunctionId, Message};

/// A node says goodbye first and forgets its network after; asked too early it would still answer.
const LEAVES_IN: Duration = Duration::from_secs(3);
/// Remove Failed Node's callback: removed (serial-api sheet, 0x61).
const REMOVED: u8 = 1;

impl Network {
    /// A node said that it was reset.
    pub(super) fn reset_locally(&mut self, id: NodeId) {
        if self.queue.iter().any(|it| it.node == id && it.origin == Origin::Farewell) {
            return;
        }
        tracing::warn!(node = %id, "the node says that it was reset; looking whether it is gone");
        let ping = Errand::Command { command: Command::NoOperation, expect: Expect::Nothing };
        let mut ping = self.transaction(id, Priority::Awake, ping, Origin::Farewell);
        ping.not_before = self.clock + LEAVES_IN;
        // Before everything else: what waits for the node waits for nothing.
        self.queue.push_front(ping);
    }

    /// How looking after a reset node ended.
    pub(super) fn looked_after(&mut self, id: NodeId, outcome: &Outcome) {
        match outcome {
            Outcome::NoAck => {
                if self.functions.contains(&FunctionId::REMOVE_FAILED_NODE) {
                    let removal = self.transaction(id, Priority::Awake, Errand::RemoveFailed, Origin::Machine);
                    self.queue.push_front(removal);
                } else {
                    self.remove_node(id);
                }
            }
            Outcome::Delivered => tracing::warn!(node = %id, "the node answers: it was not reset, whoever said so"),
            // The stick was busy or went away: the node shows as dead soon enough.
            _ => {}
        }
    }

    /// The stick forgot a node, or says why not.
    pub(super) fn removed_failed(&mut self, transaction: Transaction, ended: &Ended) {
        let id = transaction.node;
        let answer = match ended {
            Ended::Answered(Some(frame)) => Message::parse(frame, self.width).ok(),
            _ => None,
        };
        match answer {
            // It heard the stick.
            Some(Message::Callback { status: Some(0), .. }) => {
                tracing::warn!(node = %id, "the node answers: it was not reset, whoever said so");
                self.heard(id);
            }
            Some(Message::Callback { status: Some(REMOVED), .. }) => self.remove_node(id),
            _ => tracing::warn!(node = %id, "the stick does not forget the node yet; it shows as not answering"),
        }
        self.finish(transaction, Outcome::Delivered);
    }
}
