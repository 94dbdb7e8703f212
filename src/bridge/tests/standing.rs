//! How a grant stands is derived: what was derived before is no input.

use proptest::prelude::*;

use super::*;
use crate::domain::grant::{Grant, Reason, Status};

#[test]
fn the_same_inputs_give_the_same_standing_whatever_was_written_down_before() {
    let mut house = House::settled(11);
    house.add("Ada", "48213", &["lock_2", "lock_3"]);
    house.add("Bob", "59321", &["lock_2"]);
    house.run_for(Duration::from_secs(120));
    house.add("Eve", "66172", &["lock_2", "lock_3"]);
    let cx = &house.bridge.parts.cx;
    let grants: Vec<Grant> = cx.state.grants().cloned().collect();
    assert_eq!(grants.len(), 5);
    let stored = (0..STATUSES.len(), 0..REASONS.len(), any::<bool>(), any::<Option<i64>>(), any::<u32>(), 0..grants.len());
    proptest!(|((status, reason, has_reason, next_try, attempts, index) in stored)| {
        let grant = &grants[index];
        let other = Grant {
            status: STATUSES[status],
            reason: has_reason.then(|| REASONS[reason]),
            next_try: next_try.map(Timestamp::from_millis),
            attempts,
            confirmed: None,
            ..grant.clone()
        };
        let standing = |grant| cx.sync.standing(grant, &cx.state, &cx.network);
        prop_assert_eq!(standing(&other), standing(grant));
    });
}

const STATUSES: [Status; 5] = [Status::Pending, Status::Active, Status::Rejected, Status::MissingFromLock, Status::ChangedAtLock];
const REASONS: [Reason; 4] = [Reason::Queue, Reason::Duplicate, Reason::ErasedAtLock, Reason::Insecure];
