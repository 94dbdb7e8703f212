//! The acknowledgement of a write is lost, the code is written again, and the lock calls it a duplicate of itself.

use latchkey::sim::radio::Conditions;

use super::{HOUR, OLD, S0, SECOND, house, is_active};

#[test]
fn a_code_that_the_lock_has_already_is_no_duplicate() {
    let mut house = house(20);
    house.world.set_conditions(Conditions { ack_loss: 100, ..Conditions::default() });
    house.add("Ada", "482913", &["lock_3", "lock_5"]);
    house.run_for(20 * SECOND);
    house.world.set_conditions(Conditions::default());
    house.run_for(2 * HOUR);
    for (slug, node) in [("lock_3", S0), ("lock_5", OLD)] {
        assert!(is_active(&mut house, "Ada", slug), "{slug}: {:?}", super::grant(&mut house, "Ada", slug));
        assert_eq!(house.codes(node), [(1, "482913".into())]);
    }
}
