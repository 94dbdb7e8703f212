//! The lock said yes, and the code is gone: it was never stored, or it was deleted later.

use latchkey::domain::event::EventType;
use latchkey::domain::grant::Schedule;
use latchkey::domain::intent::Intent;
use latchkey::sim::node::CodeTable;

use super::{ALL, HOUR, OLD, PLAIN, S0, S2, SECOND, grant, house, is_active, told};

#[test]
fn a_code_that_vanished_is_told_is_not_called_active_and_is_not_written_again_by_itself() {
    let mut house = house(21);
    let ada = house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    for (slug, node) in ALL.into_iter().zip([S2, S0, PLAIN, OLD]) {
        house.visit(node, |lock| lock.memory.codes = CodeTable::new(lock.model.slots));
        house.intend(Intent::Check(slug.into()));
    }
    house.run_for(HOUR);
    for (slug, node) in ALL.into_iter().zip([S2, S0, PLAIN, OLD]) {
        let there = grant(&mut house, "Ada", slug);
        assert_eq!(there.as_deref(), Some("missing_from_lock erased_at_lock no none"), "{slug}");
        assert_eq!(house.codes(node), []);
    }
    assert_eq!(told(&house, EventType::CodeChangedAtLock).len(), 4);
    house.restart();
    house.run_for(HOUR);
    assert!(ALL.iter().all(|slug| grant(&mut house, "Ada", slug).is_some_and(|it| it.starts_with("missing"))));
    for slug in ALL {
        house.intend(Intent::Grant { person: ada, device: slug.into(), schedule: Schedule::Always });
    }
    house.run_for(60 * SECOND);
    assert!(ALL.iter().all(|slug| is_active(&mut house, "Ada", slug)), "a word is enough");
}
