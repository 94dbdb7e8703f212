//! The queue of transactions. Order (priority, then nodes that are awake, then the node served longest ago, then age)
//! is separate from eligibility, which is evaluated when the next transaction is picked: nothing has to be sorted again
//! when a node falls asleep.
//!
//! Priority is not absolute: any client of the broker can request operations, and any sender in range can send requests
//! in a node's name. So removals of codes alternate with operations over all locks, and let only a few answers go
//! first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::jobs::{JobId, Priority, Transaction};
use crate::domain::ids::NodeId;
use crate::domain::time::Instant;

/// Number of answers, and of commands whose nonce arrived, that may go before a waiting revocation.
const ANSWERS: u8 = 2;
/// After this time without an operation the next one goes first again: it is a person at the door.
const RECENT: Duration = Duration::from_secs(10);

/// Transactions per node and priority, oldest first. Nodes without transactions have no entry.
#[derive(Default, Debug)]
pub(super) struct Queue {
    nodes: BTreeMap<NodeId, BTreeMap<Priority, VecDeque<Transaction>>>,
    /// Nodes with transactions that have a deadline or are urgent: few of all.
    watched: BTreeSet<NodeId>,
    /// When each node was served last, counted in turns.
    served: BTreeMap<NodeId, u64>,
    turns: u64,
    /// Answers that were sent before revocations since the last revocation.
    answers: u8,
    /// When an operation was sent last. Revocations and operations alternate over all locks.
    operated_at: Option<Instant>,
}

/// Whether a node's next transaction may be sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Eligible {
    /// Yes, and before everything but nonces: the node sent the nonce for it, which is valid for seconds.
    Due,
    /// Yes, and before its equals: the node is awake, while others have to be woken.
    Listening,
    Yes,
    /// Only if no other node has anything to send: the node fails, and used its fifth of the airtime.
    Yielding,
    No,
}

impl Queue {
    /// Adds `transaction` behind those of the same priority.
    pub(super) fn push(&mut self, transaction: Transaction) {
        self.watch(&transaction);
        let node = self.nodes.entry(transaction.node).or_default();
        node.entry(transaction.priority).or_default().push_back(transaction);
    }

    /// Puts `transaction` back in front of those of the same priority: it had its turn already.
    pub(super) fn push_front(&mut self, transaction: Transaction) {
        self.watch(&transaction);
        let node = self.nodes.entry(transaction.node).or_default();
        node.entry(transaction.priority).or_default().push_front(transaction);
    }

    /// Removes the next transaction: the most urgent of those that `eligible` admits, from the node that waited
    /// longest. Within one node and priority the order is kept: a transaction that has to wait holds up those behind
    /// it.
    pub(super) fn next(&mut self, now: Instant, eligible: impl Fn(&Transaction) -> Eligible) -> Option<Transaction> {
        let (mut best, mut revocation) = (None, None);
        for (&id, node) in &self.nodes {
            let served = self.served.get(&id).copied().unwrap_or_default();
            for (&priority, waiting) in node {
                let Some(head) = waiting.front() else { continue };
                let verdict = eligible(head);
                if head.not_before > now || verdict == Eligible::No {
                    continue;
                }
                let yields = verdict == Eligible::Yielding;
                // A revocation at a failing lock yields to other revocations only, since it has at most three tries.
                let goes_last = yields && priority != Priority::Revoke;
                let due = priority != Priority::Nonce && verdict != Eligible::Due;
                let rank = (goes_last, due, priority, yields, verdict != Eligible::Listening, served, id);
                if best.is_none_or(|best| rank < best) {
                    best = Some(rank);
                }
                if priority == Priority::Revoke && revocation.is_none_or(|best| rank < best) {
                    revocation = Some(rank);
                }
            }
        }
        let chosen = match (best?, revocation) {
            (best, Some(revocation)) if self.owes_revocation(best.2, !best.1, now) => {
                debug_assert!(best <= revocation, "the best is the best");
                revocation
            }
            (best, _) => best,
        };
        let (_, due, priority, _, _, _, id) = chosen;
        self.note_turn(priority, !due, revocation.is_some(), now);
        self.turns += 1;
        self.served.insert(id, self.turns);
        let next = self.nodes.get_mut(&id)?.get_mut(&priority)?.pop_front();
        self.tidy(id);
        next
    }

    /// Whether a revocation has to be sent in place of a transaction of that priority.
    fn owes_revocation(&self, instead_of: Priority, due: bool, now: Instant) -> bool {
        if instead_of == Priority::Operate && !due {
            return self.operated_at.is_some_and(|at| now.since(at) < RECENT);
        }
        self.answers >= ANSWERS
    }

    fn note_turn(&mut self, priority: Priority, due: bool, revocation_waits: bool, now: Instant) {
        match priority {
            Priority::Revoke => (self.answers, self.operated_at) = (0, None),
            Priority::Operate if !due => self.operated_at = Some(now),
            _ => self.answers = if revocation_waits { self.answers.saturating_add(1) } else { 0 },
        }
    }

    fn watch(&mut self, transaction: &Transaction) {
        if is_watched(transaction) {
            self.watched.insert(transaction.node);
        }
    }

    /// Removes entries that are no longer needed.
    fn tidy(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.retain(|_, waiting| !waiting.is_empty());
        if !node.values().flatten().any(is_watched) {
            self.watched.remove(&id);
        }
        if node.is_empty() {
            self.nodes.remove(&id);
        }
    }

    fn watched(&self) -> impl Iterator<Item = &Transaction> {
        self.watched.iter().filter_map(|id| self.nodes.get(id)).flat_map(|node| node.values().flatten())
    }

    /// Everything that does not wait for the transmission under way: answers, operations and revocations.
    pub(super) fn pressing(&self) -> impl Iterator<Item = &Transaction> {
        self.watched().filter(|transaction| transaction.priority <= Priority::Revoke)
    }

    /// Removes the transactions whose deadline has passed.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Transaction> {
        let late = |transaction: &&Transaction| transaction.deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<JobId> = self.watched().filter(late).map(|transaction| transaction.id).collect();
        late.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    pub(super) fn remove(&mut self, id: JobId) -> Option<Transaction> {
        self.take_if(|transaction| transaction.id == id).pop()
    }

    /// Removes all that satisfy `condition`, in order of node, priority and age.
    pub(super) fn take_if(&mut self, condition: impl Fn(&Transaction) -> bool) -> Vec<Transaction> {
        let mut taken = Vec::new();
        for waiting in self.nodes.values_mut().flat_map(BTreeMap::values_mut).filter(|waiting| waiting.iter().any(&condition)) {
            let (out, keep) = std::mem::take(waiting).into_iter().partition(&condition);
            *waiting = keep;
            taken.extend::<VecDeque<_>>(out);
        }
        for transaction in &taken {
            self.tidy(transaction.node);
        }
        taken
    }

    /// All transactions, in order of node, priority and age.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Transaction> {
        self.nodes.values().flat_map(|node| node.values().flatten())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a transaction is queued for `node`.
    pub(super) fn waits_for(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// The times at which something becomes due by itself: ends of pauses, and deadlines.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.watched().flat_map(|transaction| [Some(transaction.not_before), transaction.deadline]).flatten()
    }
}

fn is_watched(transaction: &Transaction) -> bool {
    let is_timed = transaction.not_before > Instant::ZERO || transaction.deadline.is_some();
    is_timed || transaction.priority <= Priority::Revoke
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::network::jobs::{Completion, Operation, Requester, SendAs};

    fn transaction(id: u64, node: u16, priority: Priority) -> Transaction {
        Transaction {
            id: JobId(id),
            node: NodeId(node),
            priority,
            operation: Operation::Command { command: Command::NoOperation, expect: Completion::Nothing },
            requester: Requester::Caller,
            deadline: None,
            queued: Instant::ZERO,
            not_before: Instant::ZERO,
            failures: 0,
            doubt: None,
            left: false,
            preempted: 0,
            busy: 0,
            send_as: SendAs::Granted,
            resealed: false,
            goes_on: false,
            session: None,
        }
    }

    fn order(queue: &mut Queue, eligible: impl Fn(&Transaction) -> Eligible) -> Vec<u64> {
        std::iter::from_fn(|| queue.next(Instant::ZERO, &eligible)).map(|transaction| transaction.id.0).collect()
    }

    #[test]
    fn the_most_urgent_goes_first_whenever_it_came() {
        let mut queue = Queue::default();
        let rising = [
            Priority::Background,
            Priority::Write,
            Priority::Awake,
            Priority::Revoke,
            Priority::Operate,
            Priority::Reply,
            Priority::Nonce,
        ];
        for (id, priority) in (1..).zip(rising) {
            queue.push(transaction(id, 5, priority));
        }
        assert_eq!(order(&mut queue, |_| Eligible::Yes), [7, 6, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn a_long_roll_out_on_one_lock_does_not_starve_another() {
        let mut queue = Queue::default();
        for id in 1..=3 {
            queue.push(transaction(id, 5, Priority::Write));
        }
        queue.push(transaction(4, 6, Priority::Write));
        queue.push(transaction(5, 7, Priority::Write));
        assert_eq!(order(&mut queue, |_| Eligible::Yes), [1, 4, 5, 2, 3]);
    }

    #[test]
    fn a_lock_that_is_awake_is_served_before_another_is_woken() {
        let mut queue = Queue::default();
        queue.push(transaction(1, 5, Priority::Write));
        queue.push(transaction(2, 6, Priority::Write));
        queue.push(transaction(3, 6, Priority::Write));
        queue.push(transaction(4, 7, Priority::Revoke));
        let awake = |it: &Transaction| if it.node.0 == 6 { Eligible::Listening } else { Eligible::Yes };
        assert_eq!(order(&mut queue, awake), [4, 2, 3, 1], "but nothing goes before what is more urgent");
    }

    #[test]
    fn a_failing_lock_goes_last_but_goes() {
        let mut queue = Queue::default();
        queue.push(transaction(1, 5, Priority::Write));
        queue.push(transaction(2, 6, Priority::Background));
        let failing = |it: &Transaction| if it.node.0 == 5 { Eligible::Yielding } else { Eligible::Yes };
        assert_eq!(order(&mut queue, failing), [2, 1]);
    }

    #[test]
    fn a_nonce_does_not_grow_old_while_other_locks_are_asked_for_theirs() {
        let mut queue = Queue::default();
        queue.push(transaction(1, 5, Priority::Write));
        queue.push(transaction(2, 6, Priority::Write));
        queue.push(transaction(3, 6, Priority::Nonce));
        assert_eq!(queue.next(Instant::ZERO, |_| Eligible::Yes).map(|it| it.id), Some(JobId(3)));
        assert_eq!(queue.next(Instant::ZERO, |_| Eligible::Yes).map(|it| it.id), Some(JobId(1)));
        queue.push_front(transaction(1, 5, Priority::Write));
        queue.push(transaction(4, 7, Priority::Nonce));
        let told = |it: &Transaction| if it.id == JobId(1) { Eligible::Due } else { Eligible::Yes };
        assert_eq!(order(&mut queue, told), [4, 1, 2]);
    }

    #[test]
    fn a_command_that_waits_is_not_overtaken_by_its_equals() {
        let mut queue = Queue::default();
        queue.push(Transaction { not_before: Instant::from_millis(100), ..transaction(1, 5, Priority::Operate) });
        queue.push(transaction(2, 5, Priority::Operate));
        queue.push(transaction(3, 5, Priority::Background));
        assert_eq!(order(&mut queue, |_| Eligible::Yes), [3], "unlock and lock in the wrong order leave the door open");
        assert_eq!(queue.next(Instant::from_millis(100), |_| Eligible::Yes).map(|it| it.id), Some(JobId(1)));
    }

    fn flooded() -> Queue {
        let mut queue = Queue::default();
        for node in 1..=40 {
            queue.push(transaction(100 + u64::from(node), node, Priority::Operate));
        }
        queue
    }

    #[test]
    fn a_revocation_waits_for_one_operation_however_many_locks_are_operated() {
        let mut queue = flooded();
        queue.push(transaction(1, 7, Priority::Revoke));
        queue.push(transaction(2, 8, Priority::Revoke));
        let order = order(&mut queue, |_| Eligible::Yes);
        assert_eq!([order[1], order[3]], [1, 2]);
        assert!(order[0] > 100 && order[2] > 100, "and an operation waits for one revocation");
    }

    #[test]
    fn a_revocation_that_comes_while_a_bolt_is_moved_goes_next() {
        let mut queue = flooded();
        assert!(queue.next(Instant::ZERO, |_| Eligible::Yes).is_some());
        queue.push(transaction(1, 7, Priority::Revoke));
        assert_eq!(queue.next(Instant::from_millis(1_300), |_| Eligible::Yes).map(|it| it.id), Some(JobId(1)));
        // Its second try gets its turn, too.
        assert!(queue.next(Instant::from_millis(2_600), |_| Eligible::Yes).is_some_and(|it| it.priority == Priority::Operate));
        queue.push_front(transaction(1, 7, Priority::Revoke));
        assert_eq!(queue.next(Instant::from_millis(3_900), |_| Eligible::Yes).map(|it| it.id), Some(JobId(1)));
    }

    #[test]
    fn a_new_operation_goes_first() {
        let mut queue = flooded();
        while queue.next(Instant::ZERO, |_| Eligible::Yes).is_some() {}
        queue.push(transaction(1, 7, Priority::Revoke));
        queue.push(transaction(2, 8, Priority::Operate));
        assert_eq!(queue.next(Instant::from_millis(60_000), |_| Eligible::Yes).map(|it| it.id), Some(JobId(2)));
    }

    #[test]
    fn a_flood_of_questions_in_a_node_s_name_does_not_hold_a_revocation_up() {
        let mut queue = Queue::default();
        for id in 100..120 {
            queue.push(transaction(id, 5, if id % 2 == 0 { Priority::Reply } else { Priority::Nonce }));
        }
        queue.push(transaction(1, 7, Priority::Revoke));
        queue.push(transaction(2, 7, Priority::Revoke));
        let order = order(&mut queue, |_| Eligible::Yes);
        assert_eq!([order[2], order[5]], [1, 2]);
    }

    #[test]
    fn a_revocation_at_a_failing_lock_does_not_starve() {
        let mut queue = flooded();
        queue.push(transaction(1, 7, Priority::Revoke));
        queue.push(transaction(2, 8, Priority::Write));
        let failing = |it: &Transaction| if it.node.0 == 7 && it.id.0 < 100 { Eligible::Yielding } else { Eligible::Yes };
        assert_eq!(order(&mut queue, failing)[1], 1);
    }

    #[test]
    fn a_retry_stays_before_what_came_after_it() {
        let mut queue = Queue::default();
        queue.push(transaction(2, 5, Priority::Write));
        queue.push_front(transaction(1, 5, Priority::Write));
        assert_eq!(queue.remove(JobId(2)).map(|it| it.id), Some(JobId(2)));
        assert_eq!(order(&mut queue, |_| Eligible::Yes), [1]);
        assert!(!queue.waits_for(NodeId(5)));
    }
}
