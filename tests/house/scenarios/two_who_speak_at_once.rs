//! `s2Collisions`: lock and hub speak at the same moment, and each uses up what the other counts on.

use std::time::Duration;

use super::{S2, SECOND, house, is_active, who_came};

#[test]
fn a_visit_in_the_middle_of_a_roll_out_costs_neither_the_visit_nor_a_code() {
    for millis in [0, 40, 200, 700, 1150, 1200, 2400] {
        let mut house = house(4);
        house.add("Ada", "482913", &["lock_2"]);
        house.run_for(60 * SECOND);
        for n in 0..3 {
            house.add(&format!("P{n}"), &format!("77{n}13{n}"), &["lock_2"]);
        }
        house.run_for(Duration::from_millis(millis));
        house.keypad(S2, "482913");
        house.run_for(30 * SECOND);
        assert_eq!(who_came(&house), [Some("Ada".to_owned())], "after {millis} ms");
        for n in 0..3 {
            assert!(is_active(&mut house, &format!("P{n}"), "lock_2"), "after {millis} ms");
        }
    }
}
