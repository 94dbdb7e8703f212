//! The power goes off at every single commit and effect.

use std::time::Duration;

use latchkey::sim::Blueprint;

use crate::support::house::House;

#[test]
fn a_code_saved_here_is_in_both_locks() {
    let mut house = House::new(&Blueprint::two_locks(), 1);
    house.run_for(Duration::from_secs(3600));
    house.add("Ada", "48213", &["lock_2", "lock_3"]);
    house.run_for(Duration::from_secs(30));
    assert_eq!(house.statuses(), ["active", "active"]);
}
