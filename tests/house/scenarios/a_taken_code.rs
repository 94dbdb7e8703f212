//! A code that somebody has is refused without a word, or with the name of its owner.

use latchkey::domain::intent::{Intent, Refusal};

use crate::support::house::person;

use super::{SECOND, house};

#[test]
fn a_taken_code_is_refused_with_a_reason_and_without_a_name() {
    let mut house = house(19);
    house.add("Ada", "482913", &["lock_2"]);
    house.run_for(30 * SECOND);
    for _ in 0..2 {
        let answer = house.change(Intent::AddPerson(person("Eve", "482913", &["lock_5"])));
        let Some(Err(refusal)) = answer else { panic!("two people have one code") };
        assert_eq!(refusal, Refusal::DuplicateCode);
        let said = refusal.to_string();
        assert!(said.contains("choose another") && !said.contains("Ada") && !said.contains("482913"), "{said}");
        house.restart();
        house.run_for(10 * SECOND);
    }
    assert_eq!(house.statuses(), ["active"]);
}

#[test]
fn who_asks_for_one_code_after_the_other_learns_nothing() {
    let mut house = house(19);
    house.add("Ada", "482913", &["lock_2"]);
    let tries = (0..40).map(|_| house.change(Intent::AddPerson(person("Eve", "482913", &["lock_5"]))));
    let refusals: Vec<_> = tries.map(|answer| answer.expect("power").expect_err("it is taken")).collect();
    assert!(refusals.contains(&Refusal::TooManyRefusals));
    let answer = house.change(Intent::AddPerson(person("Eve", "193746", &["lock_5"])));
    assert_eq!(answer, Some(Err(Refusal::TooManyRefusals)), "a free code must not look different");
}
