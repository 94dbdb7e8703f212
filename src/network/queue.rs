//! What waits to be sent. Order (priority, then whoever listens already, then the node that was served longest ago, then age)
//! is kept apart from eligibility, which is asked at the moment of picking: nothing has to be sorted again when a node
//! falls asleep.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::jobs::{JobId, Priority, Transaction};
use crate::domain::ids::NodeId;
use crate::domain::time::Instant;

/// Transactions per node and priority, oldest first. A node that nothing waits for has no entry.
#[derive(Default, Debug)]
pub(super) struct Queue {
    nodes: BTreeMap<NodeId, BTreeMap<Priority, VecDeque<Transaction>>>,
    /// Nodes for which something waits that time may change, or that presses: for nearly all, nothing of the kind does.
    watched: BTreeSet<NodeId>,
    /// When each node had its last turn, counted in turns.
    served: BTreeMap<NodeId, u64>,
    turns: u64,
}

/// Whether a node's next transaction may go now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Eligible {
    /// It may, and before all but nonces: the node told the nonce for it, which is good for seconds.
    Due,
    /// It may, and before its equals: the node listens already, while others have to be woken.
    Listening,
    /// It may.
    Yes,
    /// Only if nobody else has anything to send: the node is failing and had its fifth of the airtime.
    Yielding,
    /// It may not.
    No,
}

impl Queue {
    /// Adds `transaction` behind its equals.
    pub(super) fn push(&mut self, transaction: Transaction) {
        self.watch(&transaction);
        let node = self.nodes.entry(transaction.node).or_default();
        node.entry(transaction.priority).or_default().push_back(transaction);
    }

    /// Puts `transaction` back before its equals: it had its turn already.
    pub(super) fn push_front(&mut self, transaction: Transaction) {
        self.watch(&transaction);
        let node = self.nodes.entry(transaction.node).or_default();
        node.entry(transaction.priority).or_default().push_front(transaction);
    }

    /// Takes out the transaction that goes next: the most urgent of those that `eligible` admits, from the node that
    /// waited longest. Within one node and priority order is kept: a transaction that must wait holds those behind it.
    pub(super) fn next(&mut self, now: Instant, eligible: impl Fn(&Transaction) -> Eligible) -> Option<Transaction> {
        let mut best = None;
        for (&id, node) in &self.nodes {
            let served = self.served.get(&id).copied().unwrap_or_default();
            for (&priority, waiting) in node {
                let Some(head) = waiting.front() else { continue };
                let verdict = eligible(head);
                if head.not_before > now || verdict == Eligible::No {
                    continue;
                }
                let due = priority != Priority::Nonce && verdict != Eligible::Due;
                let rank = (verdict == Eligible::Yielding, due, priority, verdict != Eligible::Listening, served, id);
                if best.is_none_or(|best| rank < best) {
                    best = Some(rank);
                }
            }
        }
        let (_, _, priority, _, _, id) = best?;
        self.turns += 1;
        self.served.insert(id, self.turns);
        let next = self.nodes.get_mut(&id)?.get_mut(&priority)?.pop_front();
        self.tidy(id);
        next
    }

    fn watch(&mut self, transaction: &Transaction) {
        if is_watched(transaction) {
            self.watched.insert(transaction.node);
        }
    }

    /// Forgets what nothing waits for any more.
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

    /// Everything that does not wait behind what is under way: answers, and doors that somebody stands at.
    pub(super) fn pressing(&self) -> impl Iterator<Item = &Transaction> {
        self.watched().filter(|transaction| transaction.priority <= Priority::Operate)
    }

    /// Takes out what was to be sent by now.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Transaction> {
        let late = |transaction: &&Transaction| transaction.deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<JobId> = self.watched().filter(late).map(|transaction| transaction.id).collect();
        late.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes one transaction out.
    pub(super) fn remove(&mut self, id: JobId) -> Option<Transaction> {
        self.take_if(|transaction| transaction.id == id).pop()
    }

    /// Takes out everything that `condition` holds for, in order of node, priority and age.
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

    /// Everything that waits, in order of node, priority and age.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Transaction> {
        self.nodes.values().flat_map(|node| node.values().flatten())
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether anything waits for `node`.
    pub(super) fn waits_for(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// The moments at which something becomes due by itself: ends of pauses, and deadlines.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.watched().flat_map(|transaction| [Some(transaction.not_before), transaction.deadline]).flatten()
    }
}

fn is_watched(transaction: &Transaction) -> bool {
    let is_timed = transaction.not_before > Instant::ZERO || transaction.deadline.is_some();
    is_timed || transaction.priority <= Priority::Operate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::network::jobs::{Errand, Expect, Origin, Under};

    fn transaction(id: u64, node: u16, priority: Priority) -> Transaction {
        Transaction {
            id: JobId(id),
            node: NodeId(node),
            priority,
            errand: Errand::Command { command: Command::NoOperation, expect: Expect::Nothing },
            origin: Origin::Caller,
            deadline: None,
            queued: Instant::ZERO,
            not_before: Instant::ZERO,
            failures: 0,
            doubt: None,
            busy: 0,
            under: Under::Granted,
            resealed: false,
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
