//! How often something happened that others can make happen as often as they like: the log has a line for the 1st, 2nd,
//! 4th, 8th … time, so that a flood neither fills a card nor hides what matters.

use std::collections::BTreeMap;

/// Counts one kind of thing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally(u64);

impl Tally {
    /// Counts once more; the count, where it is worth a line.
    pub fn hit(&mut self) -> Option<u64> {
        self.0 = self.0.saturating_add(1);
        self.0.is_power_of_two().then_some(self.0)
    }
}

/// Counts things by kind. Kinds that others choose are bounded: those beyond are counted together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tallies<K> {
    by_kind: BTreeMap<K, Tally>,
    others: Tally,
}

/// More kinds than a house has doors.
const KINDS: usize = 256;

impl<K: Ord> Tallies<K> {
    /// Counts this kind once more; its count, where it is worth a line.
    pub fn hit(&mut self, kind: K) -> Option<u64> {
        if self.by_kind.len() >= KINDS && !self.by_kind.contains_key(&kind) {
            return self.others.hit();
        }
        self.by_kind.entry(kind).or_default().hit()
    }
}

impl<K> Default for Tallies<K> {
    fn default() -> Self {
        Self { by_kind: BTreeMap::new(), others: Tally::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_handful_of_lines() {
        let mut tally = Tally::default();
        let lines: Vec<u64> = (0..40_000).filter_map(|_| tally.hit()).collect();
        assert_eq!(lines, (0..16).map(|n| 1 << n).collect::<Vec<u64>>());
    }

    #[test]
    fn a_flood_of_one_kind_does_not_hide_another_and_kinds_are_bounded() {
        let mut tallies = Tallies::default();
        (0..1_000).for_each(|_| {
            tallies.hit("lock_1".to_owned());
        });
        assert_eq!(tallies.hit("lock_2".to_owned()), Some(1));
        let lines = (0..100_000).filter_map(|n| tallies.hit(format!("made up {n}"))).count();
        assert!(lines <= KINDS + 17, "{lines} lines");
        assert!(tallies.by_kind.len() <= KINDS);
    }
}
