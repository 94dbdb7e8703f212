//! Finds the security class that a node was granted, by asking under each class (docs/protocol/security.md B1).
//!
//! Only an answer under a class proves it. Silence proves nothing, since frames get lost: a higher class without an
//! answer is asked again with growing pauses, and a node that answers under a lower class is used at that one
//! meanwhile.
//!
//! A lower class with an empty list is not used, because a node lists its classes only at its highest class.

use std::time::Duration;

use crate::command::ClassId;
use crate::domain::node::{InterviewStage, Node, SecurityClass};
use crate::domain::time::Instant;

/// Pauses after a round with unanswered queries; the last one repeats.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3600),
    Duration::from_secs(24 * 3600),
];
/// A node that was heard is asked again sooner. Its frames can be forged, so the pause is not shorter than this entry
/// of `PAUSES`.
const PAUSES_WHEN_HEARD: usize = 3;
/// Rounds in which a higher class has to stay silent before a lower one is used.
const ROUNDS_BEFORE_LOWER_CLASS: usize = 2;

/// The search for one node's class.
#[derive(Default, Debug)]
pub(super) struct ClassSearch {
    /// Classes that did not answer in this round.
    silent: Vec<SecurityClass>,
    /// A lower class answered in this round, so the silent classes were asked once more.
    asked_twice: bool,
    /// Rounds with unanswered queries so far.
    rounds: usize,
    /// The node listed command classes under the class that it is used at.
    usable: bool,
    /// Earliest time of the next round.
    due_at: Instant,
}

/// Result of a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The interview continues under the known class.
    GoOn,
    /// No query until `until`, or until `heard_until` if the node is heard.
    Wait { until: Instant, heard_until: Instant },
}

impl ClassSearch {
    /// The classes to ask in a round: those that may be higher, and the known one, for its class list.
    pub(super) fn questions(&self, node: &Node) -> Vec<SecurityClass> {
        if node.is_class_certain() {
            return Some(node.security).filter(|class| *class > SecurityClass::None).into_iter().collect();
        }
        node.possible_classes().filter(|class| !node.security_known || *class >= node.security).collect()
    }

    /// Whether a node that is used at a lower class has to be asked for a higher one now.
    pub(super) fn is_due(&self, node: &Node, now: Instant) -> bool {
        self.due_at(node).is_some_and(|at| at <= now)
    }

    /// When such a node is asked for a higher class.
    pub(super) fn due_at(&self, node: &Node) -> Option<Instant> {
        (node.stage > InterviewStage::NodeInfo && !node.is_class_certain()).then_some(self.due_at)
    }

    /// The higher classes to ask such a node about.
    pub(super) fn higher(&self, node: &Node) -> Vec<SecurityClass> {
        node.possible_classes().filter(|class| *class > node.security).collect()
    }

    /// The node answered under `class`. Returns the classes to ask in place of the rest of the round.
    pub(super) fn answered(&mut self, node: &mut Node, class: SecurityClass, supported: &[ClassId]) -> Vec<SecurityClass> {
        // A frame received meanwhile may have proved a higher class.
        if !node.security_known || class >= node.security {
            node.security = class;
            node.security_known = true;
            self.usable = !supported.is_empty();
            for listed in supported {
                node.classes.entry(*listed).or_default().secure = true;
            }
        }
        self.silent.retain(|silent| *silent > class);
        if self.silent.is_empty() && class == node.security {
            node.class_settled = true;
            return Vec::new();
        }
        if std::mem::replace(&mut self.asked_twice, true) {
            return Vec::new();
        }
        // The radio link works at the moment, so classes whose queries were lost before are asked again now.
        let mut again = std::mem::take(&mut self.silent);
        again.sort_by(|a, b| b.cmp(a));
        again
    }

    /// No answer came under `class`, or no nonce for it.
    pub(super) fn unanswered(&mut self, class: SecurityClass) {
        self.silent.push(class);
    }

    pub(super) fn end_round(&mut self, node: &mut Node, now: Instant) -> Verdict {
        let answered = node.class_settled && !self.silent.contains(&node.security);
        self.silent.clear();
        self.asked_twice = false;
        if answered || node.possible_classes().next().is_none() {
            node.security_known = true;
            *self = Self::default();
            return Verdict::GoOn;
        }
        let pause = |rounds: usize| PAUSES.get(rounds).or(PAUSES.last()).copied().unwrap_or_default();
        self.due_at = now + pause(self.rounds);
        let heard_until = now + pause(self.rounds.min(PAUSES_WHEN_HEARD - 1));
        self.rounds += 1;
        if self.is_exhausted() {
            node.security_known = true;
            let allowed = node.security == SecurityClass::None && node.insecure_allowed;
            let goes_on = self.usable && !node.class_settled || allowed;
            if self.rounds == ROUNDS_BEFORE_LOWER_CLASS {
                warn_unanswered(node, goes_on);
            }
            if goes_on {
                return Verdict::GoOn;
            }
        }
        Verdict::Wait { until: self.due_at, heard_until }
    }

    /// Whether it was asked often enough to report that it does not answer.
    pub(super) fn is_exhausted(&self) -> bool {
        self.rounds >= ROUNDS_BEFORE_LOWER_CLASS
    }
}

/// Logs the remedy once: a node that lists a security class and answers under none has other keys, or none.
fn warn_unanswered(node: &Node, goes_on: bool) {
    if node.security == SecurityClass::None {
        tracing::warn!(
            node = %node.id,
            "answers under none of the network's keys: it was added without security, or with other keys; import those \
             (zwave.keys_file), or exclude it and include it again; until then it is asked again now and then"
        );
    } else {
        let class = node.security;
        tracing::warn!(
            node = %node.id, ?class, goes_on,
            "did not answer the search for its security class; it is asked again"
        );
    }
}
