//! The plan for one lock: an ordered list of steps, made from what is wanted and what was seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{DeviceId, Generation, GrantId};
use crate::domain::pin::Fingerprint;
use crate::domain::slot::{Content, Doing, Progress, Slot, SlotKey};

/// What one grant wants of one lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Desired {
    pub grant: GrantId,
    /// The code that should be in the lock; `None`: no code of this grant should be there.
    pub code: Option<Fingerprint>,
    /// The change of intent behind it.
    pub generation: Generation,
    /// A person has to decide first (refused, erased or changed at the lock): nothing is written until the intent changes.
    pub held: bool,
}

/// Everything a plan needs to know of one lock.
#[derive(Clone, Debug)]
pub struct LockView<'a> {
    pub device: DeviceId,
    /// Slots 1 to this exist.
    pub users: u16,
    /// Slots that must never be written: master codes.
    pub reserved: &'a BTreeSet<u16>,
    /// What was seen and done so far, by slot number. A slot without a row was never seen.
    pub slots: &'a BTreeMap<u16, Slot>,
    /// Every grant on this lock.
    pub desired: &'a [Desired],
    /// It shows stars instead of codes.
    pub masks: bool,
    /// It says by itself whether a write was stored: by Supervision, or by a report of its own.
    pub confirms: bool,
}

/// One step at a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Find out what is in a slot: after a write whose outcome is unknown, or before we first own it.
    Read(SlotKey),
    /// Take our code out of a slot of ours.
    Clear {
        slot: SlotKey,
        /// The intent behind it.
        generation: Generation,
    },
    /// Put the grant's code into a slot. The slot becomes the grant's with this step.
    Write {
        slot: SlotKey,
        grant: GrantId,
        /// The intent behind it.
        generation: Generation,
    },
}

impl Step {
    /// The slot the step is about.
    pub fn slot(&self) -> SlotKey {
        match self {
            Self::Read(slot) | Self::Clear { slot, .. } | Self::Write { slot, .. } => *slot,
        }
    }
}

/// What one lock needs, in order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Plan {
    /// Steps, most urgent first.
    pub steps: Vec<Step>,
    /// Slots whose code is out, confirmed: they can be given back.
    pub release: Vec<SlotKey>,
    /// Grants no slot is left for.
    pub no_slot: Vec<GrantId>,
}

/// Plans one lock.
///
/// Order: clear (a revoked code may still open, and a lock refuses a code that another slot holds), then find out (the truth
/// is unknown), then write, then look for slots.
pub fn plan(lock: &LockView<'_>) -> Plan {
    let mut plan = Plan::default();
    let owned: BTreeMap<GrantId, &Slot> = lock.slots.values().filter_map(|slot| Some((slot.owner?, slot))).collect();

    let (mut finds, mut writes, mut homeless) = (Vec::new(), Vec::new(), Vec::new());
    for desired in lock.desired {
        match owned.get(&desired.grant) {
            Some(slot) => match need(slot, desired, lock) {
                Need::Nothing => {}
                Need::Release => plan.release.push(slot.key),
                Need::FindOut => finds.push(Step::Read(slot.key)),
                Need::Clear => plan.steps.push(Step::Clear { slot: slot.key, generation: desired.generation }),
                Need::Write => {
                    writes.push(Step::Write { slot: slot.key, grant: desired.grant, generation: desired.generation });
                }
            },
            None if desired.code.is_some() && !desired.held => homeless.push(desired),
            None => {}
        }
    }

    let mut candidates = free_slots(lock);
    let mut reads = Vec::new();
    for desired in homeless {
        match candidates.next() {
            Some(Candidate::Free(slot)) => {
                writes.push(Step::Write { slot, grant: desired.grant, generation: desired.generation });
            }
            Some(Candidate::Unseen(slot)) => reads.push(Step::Read(slot)),
            None => plan.no_slot.push(desired.grant),
        }
    }
    plan.steps.extend(finds);
    plan.steps.extend(writes);
    plan.steps.extend(reads);
    plan
}

enum Need {
    Nothing,
    Release,
    FindOut,
    Clear,
    Write,
}

fn need(slot: &Slot, desired: &Desired, lock: &LockView<'_>) -> Need {
    let there = slot.confirmed.as_ref().map(|confirmed| confirmed.code);
    match slot.progress {
        Progress::Sending { .. } => return Need::Nothing,
        // Whether our last write arrived does not matter any more.
        Progress::Verifying { doing: Doing::Write { .. }, .. } if desired.code.is_none() => return Need::Clear,
        Progress::Verifying { .. } | Progress::RowDoubted => return Need::FindOut,
        Progress::Doubted { own_echo, deleted } => {
            return match desired.code {
                // Whatever is there where ours was confirmed, it has to go: no time for a look.
                None if there.flatten().is_some() => Need::Clear,
                // Stars would not show whether it is ours.
                Some(code) if there == Some(Some(code)) && own_echo && !deleted && lock.masks && !desired.held => Need::Write,
                // Another code follows in any case.
                Some(code) if there.flatten().is_some_and(|before| before != code) && !desired.held => Need::Write,
                _ => Need::FindOut,
            };
        }
        Progress::Idle => {}
    }
    match desired.code {
        Some(code) if there == Some(Some(code)) || desired.held => Need::Nothing,
        // A lock that shows stars and confirms no write: only an empty slot that became occupied shows that ours is there.
        Some(_) if lock.masks && !lock.confirms && holds_something(slot) => Need::Clear,
        Some(_) => Need::Write,
        // Either the lock confirmed the clear, or it says the slot is empty and nothing of ours is under way.
        None if there == Some(None) || slot.content == Content::Empty => Need::Release,
        None => Need::Clear,
    }
}

/// Whether a code is in the slot, as far as is known.
fn holds_something(slot: &Slot) -> bool {
    slot.content.is_occupied() || slot.confirmed.as_ref().is_some_and(|confirmed| confirmed.code.is_some())
}

enum Candidate {
    Free(SlotKey),
    Unseen(SlotKey),
}

/// Slots a grant may get: first those seen empty, then those nobody looked at, lowest number first.
fn free_slots<'a>(lock: &'a LockView<'_>) -> impl Iterator<Item = Candidate> + 'a {
    let unowned = |index: &u16| {
        let slot = lock.slots.get(index);
        let at_rest = |slot: &Slot| matches!(slot.progress, Progress::Idle | Progress::RowDoubted);
        let idle = slot.is_none_or(|slot| slot.owner.is_none() && at_rest(slot));
        idle && !lock.reserved.contains(index)
    };
    let content = |index: u16| match lock.slots.get(&index) {
        None => &Content::Unknown,
        // Seen empty, and in doubt since: it is looked at before it is taken.
        Some(slot) if slot.progress == Progress::RowDoubted && !slot.content.is_occupied() => &Content::Unknown,
        Some(slot) => &slot.content,
    };
    let key = |index| SlotKey::user_code(lock.device, index);
    let empty = (1..=lock.users).filter(unowned).filter(move |i| *content(*i) == Content::Empty);
    let unseen = (1..=lock.users).filter(unowned).filter(move |i| *content(*i) == Content::Unknown);
    empty.map(move |i| Candidate::Free(key(i))).chain(unseen.map(move |i| Candidate::Unseen(key(i))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::pin::{CodeText, FingerprintKey};
    use crate::domain::slot::{Confirmed, ConfirmedBy};
    use crate::domain::time::Timestamp;

    struct Bench {
        device: DeviceId,
        users: u16,
        slots: BTreeMap<u16, Slot>,
        desired: Vec<Desired>,
        masks: bool,
        confirms: bool,
        entropy: Entropy,
    }

    fn code(text: &str) -> Fingerprint {
        Fingerprint::of(text.as_bytes(), &FingerprintKey([7; 32]))
    }

    impl Bench {
        fn new(users: u16) -> Self {
            let mut entropy = Entropy::from_number(1);
            let device = DeviceId::new(&mut entropy);
            Self { device, users, slots: BTreeMap::new(), desired: Vec::new(), masks: false, confirms: true, entropy }
        }

        fn slot(&mut self, index: u16) -> &mut Slot {
            let key = SlotKey::user_code(self.device, index);
            self.slots.entry(index).or_insert_with(|| Slot::unseen(key))
        }

        fn wants(&mut self, text: Option<&str>) -> GrantId {
            let grant = GrantId::new(&mut self.entropy);
            self.desired.push(Desired { grant, code: text.map(code), generation: Generation(5), held: false });
            grant
        }

        fn plan(&self) -> Plan {
            let reserved = BTreeSet::new();
            plan(&LockView {
                device: self.device,
                users: self.users,
                reserved: &reserved,
                slots: &self.slots,
                desired: &self.desired,
                masks: self.masks,
                confirms: self.confirms,
            })
        }

        fn key(&self, index: u16) -> SlotKey {
            SlotKey::user_code(self.device, index)
        }
    }

    fn confirmed(code: Option<Fingerprint>) -> Option<Confirmed> {
        Some(Confirmed { code, generation: Generation(4), by: ConfirmedBy::Supervision, at: Timestamp::default() })
    }

    #[test]
    fn a_slot_nobody_looked_at_is_read_before_it_is_written() {
        let mut bench = Bench::new(3);
        bench.wants(Some("4821"));
        assert_eq!(bench.plan().steps, [Step::Read(bench.key(1))]);
    }

    #[test]
    fn a_foreign_code_is_never_written_over() {
        let mut bench = Bench::new(2);
        bench.slot(1).content = Content::Known(CodeText::new("2468"));
        bench.slot(2).content = Content::Unreadable;
        let grant = bench.wants(Some("4821"));
        assert_eq!(bench.plan(), Plan { no_slot: vec![grant], ..Plan::default() });
    }

    #[test]
    fn an_empty_slot_is_preferred_to_one_that_costs_a_read() {
        let mut bench = Bench::new(3);
        bench.slot(3).content = Content::Empty;
        let grant = bench.wants(Some("4821"));
        let write = Step::Write { slot: bench.key(3), grant, generation: Generation(5) };
        assert_eq!(bench.plan().steps, [write]);
    }

    #[test]
    fn two_new_grants_never_share_a_slot() {
        let mut bench = Bench::new(2);
        bench.slot(1).content = Content::Empty;
        bench.slot(2).content = Content::Empty;
        bench.wants(Some("4821"));
        bench.wants(Some("5937"));
        let slots: Vec<_> = bench.plan().steps.iter().map(Step::slot).collect();
        assert_eq!(slots, [bench.key(1), bench.key(2)]);
    }

    #[test]
    fn what_the_lock_confirmed_is_left_alone() {
        let mut bench = Bench::new(2);
        let grant = bench.wants(Some("4821"));
        let slot = bench.slot(1);
        slot.owner = Some(grant);
        slot.confirmed = confirmed(Some(code("4821")));
        assert_eq!(bench.plan(), Plan::default());
    }

    #[test]
    fn a_changed_code_is_written_over_the_old_one_in_the_same_slot() {
        let mut bench = Bench::new(2);
        let grant = bench.wants(Some("5937"));
        let slot = bench.slot(2);
        slot.owner = Some(grant);
        slot.confirmed = confirmed(Some(code("4821")));
        assert_eq!(bench.plan().steps, [Step::Write { slot: bench.key(2), grant, generation: Generation(5) }]);
    }

    #[test]
    fn a_revoked_code_leaves_before_a_new_one_is_written() {
        let mut bench = Bench::new(3);
        bench.slot(1).content = Content::Empty;
        let new = bench.wants(Some("4821"));
        let gone = bench.wants(None);
        let slot = bench.slot(2);
        slot.owner = Some(gone);
        slot.confirmed = confirmed(Some(code("4821")));
        let steps = bench.plan().steps;
        assert_eq!(steps[0], Step::Clear { slot: bench.key(2), generation: Generation(5) });
        assert_eq!(steps[1], Step::Write { slot: bench.key(1), grant: new, generation: Generation(5) });
    }

    #[test]
    fn a_slot_is_given_back_only_when_the_lock_confirmed_that_it_is_empty() {
        let mut bench = Bench::new(1);
        let gone = bench.wants(None);
        let key = bench.key(1);
        bench.slot(1).owner = Some(gone);
        assert_eq!(bench.plan().steps, [Step::Clear { slot: key, generation: Generation(5) }]);
        bench.slot(1).confirmed = confirmed(None);
        assert_eq!(bench.plan(), Plan { release: vec![key], ..Plan::default() });
    }

    #[test]
    fn after_a_power_cut_the_slot_is_read_before_anything_is_sent() {
        let mut bench = Bench::new(1);
        let grant = bench.wants(Some("4821"));
        let slot = bench.slot(1);
        slot.owner = Some(grant);
        slot.progress = Progress::Verifying { doing: Doing::Write { generation: Generation(5), was_empty: true }, acked: false };
        assert_eq!(bench.plan().steps, [Step::Read(bench.key(1))]);
    }

    #[test]
    fn a_removal_waits_for_no_look_at_its_own_slot_or_at_another() {
        let mut bench = Bench::new(2);
        let (staying, leaving) = (bench.wants(Some("4821")), bench.wants(None));
        for (index, grant) in [(1, staying), (2, leaving)] {
            let slot = bench.slot(index);
            slot.owner = Some(grant);
            let doing = Doing::Write { generation: Generation(5), was_empty: true };
            slot.progress = Progress::Verifying { doing, acked: true };
        }
        let clear = Step::Clear { slot: bench.key(2), generation: Generation(5) };
        assert_eq!(bench.plan().steps, [clear, Step::Read(bench.key(1))]);
    }

    #[test]
    fn a_doubted_slot_is_read_and_where_stars_would_not_tell_it_is_written_once_more() {
        let mut bench = Bench::new(1);
        let grant = bench.wants(Some("4821"));
        let key = bench.key(1);
        let slot = bench.slot(1);
        (slot.owner, slot.confirmed) = (Some(grant), confirmed(Some(code("4821"))));
        slot.progress = Progress::Doubted { own_echo: true, deleted: false };
        assert_eq!(bench.plan().steps, [Step::Read(key)]);
        bench.masks = true;
        assert_eq!(bench.plan().steps, [Step::Write { slot: key, grant, generation: Generation(5) }]);
        bench.slot(1).progress = Progress::Doubted { own_echo: true, deleted: true };
        assert_eq!(bench.plan().steps, [Step::Read(key)], "a person may have deleted it");
        bench.slot(1).progress = Progress::Doubted { own_echo: false, deleted: false };
        assert_eq!(bench.plan().steps, [Step::Read(key)], "it can't be ours, and is not written over");
        bench.desired[0].code = None;
        assert_eq!(bench.plan().steps, [Step::Clear { slot: key, generation: Generation(5) }], "a removal waits for no look");
    }

    #[test]
    fn a_masked_code_is_cleared_before_another_where_the_lock_confirms_nothing() {
        let mut bench = Bench::new(1);
        let grant = bench.wants(Some("5937"));
        let key = bench.key(1);
        let slot = bench.slot(1);
        (slot.owner, slot.content) = (Some(grant), Content::Unreadable);
        let write = Step::Write { slot: key, grant, generation: Generation(5) };
        bench.masks = true;
        assert_eq!(bench.plan().steps, [write]);
        bench.confirms = false;
        assert_eq!(bench.plan().steps, [Step::Clear { slot: key, generation: Generation(5) }]);
        bench.slot(1).content = Content::Empty;
        assert_eq!(bench.plan().steps, [write]);
    }

    #[test]
    fn a_slot_in_doubt_is_read_before_it_is_written_cleared_or_given_away() {
        let mut bench = Bench::new(1);
        bench.slot(1).content = Content::Empty;
        bench.slot(1).progress = Progress::RowDoubted;
        let grant = bench.wants(Some("4821"));
        assert_eq!(bench.plan().steps, [Step::Read(bench.key(1))]);
        bench.slot(1).owner = Some(grant);
        assert_eq!(bench.plan().steps, [Step::Read(bench.key(1))]);
        bench.desired[0].code = None;
        assert_eq!(bench.plan(), Plan { steps: vec![Step::Read(bench.key(1))], ..Plan::default() });
    }

    #[test]
    fn a_refused_code_is_not_tried_again_until_somebody_changes_it() {
        let mut bench = Bench::new(1);
        let grant = bench.wants(Some("4821"));
        bench.slot(1).owner = Some(grant);
        bench.desired[0].held = true;
        assert_eq!(bench.plan(), Plan::default());
    }

    #[test]
    fn a_master_slot_is_never_given_to_anybody() {
        let mut bench = Bench::new(1);
        let grant = bench.wants(Some("4821"));
        let reserved = BTreeSet::from([1]);
        let view = LockView {
            device: bench.device,
            users: 1,
            reserved: &reserved,
            slots: &bench.slots,
            desired: &bench.desired,
            masks: false,
            confirms: true,
        };
        assert_eq!(plan(&view).no_slot, [grant]);
    }
}
