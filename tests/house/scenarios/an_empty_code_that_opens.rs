//! Clearing a slot by writing "0000" left a code that opens.

use latchkey::bridge::ask;
use latchkey::domain::intent::{Intent, Refusal};
use latchkey::sim::node::Typed;

use crate::support::house::person;

use super::{ALL, OLD, PLAIN, S0, S2, SECOND, house};

#[test]
fn a_cleared_slot_opens_for_nothing() {
    let mut house = house(13);
    let ada = house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    house.intend(Intent::RemovePerson(ada));
    house.run_for(60 * SECOND);
    for node in [S2, S0, PLAIN, OLD] {
        assert_eq!(house.codes(node), []);
        for code in ["482913", "0000", "000000"] {
            assert_eq!(house.keypad(node, code), Typed::Wrong, "{code} at node {node}");
        }
    }
    assert_eq!(house.view(ask::People).expect("a view").items, []);
}

#[test]
fn nobody_is_given_zeros() {
    let mut house = house(13);
    for code in ["0000", "000000"] {
        let answer = house.change(Intent::AddPerson(person("Ada", code, &["lock_2"])));
        assert_eq!(answer, Some(Err(Refusal::WeakCode)));
    }
    assert!(house.statuses().is_empty());
}
