//! A code that the lock will never take is tried for ever.

use std::time::Duration;

use latchkey::domain::intent::{CodeChoice, Intent, PersonChange};
use latchkey::domain::pin::Pin;

use super::{DAY, HOUR, OLD, PLAIN, SECOND, grant, house, is_active, writes};

#[test]
fn a_code_that_the_lock_refuses_is_not_tried_again_until_somebody_changes_it() {
    let mut house = house(16);
    house.visit(PLAIN, |lock| lock.model.quirks.refuses_writes = true);
    let ada = house.add("Ada", "482913", &["lock_4"]);
    house.run_for(HOUR);
    let refused = "rejected refused_by_lock no none";
    assert_eq!(grant(&mut house, "Ada", "lock_4").as_deref(), Some(refused));
    let sent = house.sent.len();
    house.run_for(2 * DAY);
    house.restart();
    house.run_for(2 * DAY);
    assert_eq!(grant(&mut house, "Ada", "lock_4").as_deref(), Some(refused), "also after a restart");
    assert_eq!(writes(&house, PLAIN, sent), 0);
    house.visit(PLAIN, |lock| lock.model.quirks.refuses_writes = false);
    let code = Some(CodeChoice::Given(Pin::parse("592174").expect("a code")));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    house.run_for(30 * SECOND);
    assert!(is_active(&mut house, "Ada", "lock_4"));
}

/// Air that swallows every write looks like a lock that takes none. Nobody has to come back to a code that only had bad luck.
#[test]
fn a_code_that_was_lost_again_and_again_is_told_and_gets_in_by_itself() {
    let mut house = house(17);
    house.visit(OLD, |lock| {
        lock.model.quirks.silent_writes = true;
        lock.model.quirks.forgets_writes = Some(Duration::ZERO);
    });
    house.add("Ada", "482913", &["lock_5"]);
    house.run_for(10 * 60 * SECOND);
    assert_eq!(grant(&mut house, "Ada", "lock_5").as_deref(), Some("rejected refused_by_lock no none"));
    let sent = house.sent.len();
    house.run_for(DAY);
    assert!((20..30).contains(&writes(&house, OLD, sent)), "{} writes in a day", writes(&house, OLD, sent));
    house.visit(OLD, |lock| lock.model.quirks.forgets_writes = None);
    house.run_for(2 * HOUR);
    assert!(is_active(&mut house, "Ada", "lock_5"));
}
