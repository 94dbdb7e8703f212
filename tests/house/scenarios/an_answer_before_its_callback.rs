//! `nodeUpdateBeforeCallback`: the lock's answer comes before the stick says that the question was sent.

use super::{ALL, SECOND, blueprint, is_active, settled};

#[test]
fn an_answer_that_comes_before_its_callback_counts() {
    let mut blueprint = blueprint();
    for model in blueprint.nodes.values_mut() {
        model.quirks.answers_before_callback = true;
    }
    let mut house = settled(&blueprint, 7);
    house.add("Ada", "482913", &ALL);
    house.run_for(20 * SECOND);
    for slug in ALL {
        assert!(is_active(&mut house, "Ada", slug), "{slug}: {:?}", super::grant(&mut house, "Ada", slug));
    }
}
