//! Deadlines by time, so that processing a moment costs only the nodes that are due.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::time::{Deadline, Instant};

/// The deadlines of many, by time.
#[derive(Debug)]
pub(super) struct Alarms<K> {
    of: BTreeMap<K, Deadline>,
    order: BTreeSet<(Instant, K)>,
}

impl<K> Default for Alarms<K> {
    fn default() -> Self {
        Self { of: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Copy + Ord> Alarms<K> {
    /// Sets or clears a deadline.
    pub(super) fn set(&mut self, key: K, deadline: Option<Deadline>) {
        if self.of.get(&key).copied() == deadline {
            return;
        }
        let old = match deadline {
            Some(deadline) => self.of.insert(key, deadline),
            None => self.of.remove(&key),
        };
        if let Some(old) = old {
            self.order.remove(&(old.at, key));
        }
        if let Some(deadline) = deadline {
            self.order.insert((deadline.at, key));
        }
    }

    /// Those that are due.
    pub(super) fn due(&self, now: Instant) -> Vec<K> {
        let mut due: Vec<K> = self.order.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key).collect();
        due.sort_unstable();
        due
    }

    pub(super) fn earliest(&self) -> Option<Deadline> {
        self.of.get(&self.order.first()?.1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_moves_is_due_once_and_at_its_new_time() {
        let at = |millis| Some(Deadline { at: Instant::from_millis(millis), why: "a test" });
        let mut alarms = Alarms::default();
        alarms.set(2, at(10));
        alarms.set(1, at(20));
        alarms.set(2, at(30));
        assert_eq!(alarms.earliest(), at(20));
        assert_eq!(alarms.due(Instant::from_millis(20)), [1]);
        assert_eq!(alarms.due(Instant::from_millis(30)), [1, 2]);
        alarms.set(1, None);
        alarms.set(2, None);
        assert_eq!((alarms.earliest(), alarms.due(Instant::from_millis(99))), (None, vec![]));
    }
}
