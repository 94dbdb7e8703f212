//! One act that a lock reports in two forms: as Alarm version 1 and as a Notification.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::meaning::Happening;
use crate::domain::ids::DeviceId;
use crate::domain::time::Instant;

/// The second form follows within this. Visits are three seconds apart.
const TWIN: Duration = Duration::from_millis(2_500);
/// So many acts of a lock may wait for their second form.
const REMEMBERED: usize = 8;

/// Acts reported in one form only, so far.
#[derive(Default, Debug)]
pub struct Twins {
    single: BTreeMap<DeviceId, VecDeque<Told>>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    happening: Happening,
    v1: bool,
    at: Instant,
}

impl Twins {
    /// Whether this is the second form of an act that was reported in the other form. Each act has one second form: the next
    /// one is of another act. The same form twice is two acts.
    pub fn is_twin(&mut self, device: DeviceId, happening: Happening, v1: bool, at: Instant) -> bool {
        let single = self.single.entry(device).or_default();
        single.retain(|told| at.since(told.at) < TWIN);
        if let Some(found) = single.iter().position(|told| told.v1 != v1 && adds_nothing(&happening, &told.happening)) {
            single.remove(found);
            return true;
        }
        if single.len() == REMEMBERED {
            single.pop_front();
        }
        single.push_back(Told { happening, v1, at });
        false
    }
}

/// Whether the second form says the same as the first, or less. One that adds the user is reported, too: better two events
/// than one without a name.
fn adds_nothing(second: &Happening, first: &Happening) -> bool {
    let same = (second.kind, second.action, second.method) == (first.kind, first.action, first.method);
    let names_nobody_else = second.slot.is_none() || second.slot == first.slot;
    let gives_no_other_reason = second.reason.is_none() || second.reason == first.reason;
    same && names_nobody_else && gives_no_other_reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::event::{Action, EventType, Method};

    fn used(slot: Option<u16>) -> Happening {
        let (action, method) = (Some(Action::Unlock), Some(Method::Keypad));
        Happening { kind: EventType::CodeUsed, action, method, slot, reason: None }
    }

    /// How many events become of these reports: time, slot, and whether in the older form.
    fn events(reports: &[(u64, Option<u16>, bool)]) -> usize {
        let mut twins = Twins::default();
        let device = DeviceId::new(&mut Entropy::from_number(1));
        let told = reports.iter().filter(|(at, slot, v1)| !twins.is_twin(device, used(*slot), *v1, Instant::from_millis(*at)));
        told.count()
    }

    #[test]
    fn a_visit_in_both_forms_is_one_visit() {
        assert_eq!(events(&[(0, Some(3), true), (40, Some(3), false)]), 1);
        assert_eq!(events(&[(0, Some(3), false), (2_000, Some(3), true)]), 1);
        assert_eq!(events(&[(0, Some(3), true), (40, None, false)]), 1, "the second form says less");
    }

    #[test]
    fn two_visits_in_both_forms_are_two_visits() {
        let forms = [(0, Some(3), true), (40, Some(3), false), (3_000, Some(3), true), (3_040, Some(3), false)];
        assert_eq!(events(&forms), 2);
        assert_eq!(events(&[(0, Some(3), true), (40, Some(3), false), (900, Some(3), false)]), 2, "each has one twin");
    }

    #[test]
    fn a_visit_whose_other_form_was_lost_does_not_hide_the_next() {
        assert_eq!(events(&[(0, Some(3), true), (3_000, Some(3), false)]), 2);
        assert_eq!(events(&[(0, Some(3), true), (1_000, Some(4), false)]), 2);
        assert_eq!(events(&[(0, None, false), (40, Some(3), true)]), 2, "the second form says who it was");
    }

    #[test]
    fn a_flood_of_one_form_fills_no_memory() {
        let mut twins = Twins::default();
        let device = DeviceId::new(&mut Entropy::from_number(1));
        for n in 0..1_000 {
            assert!(!twins.is_twin(device, used(Some(n)), true, Instant::from_millis(n.into())));
        }
        assert!(twins.single[&device].len() <= REMEMBERED);
    }
}
