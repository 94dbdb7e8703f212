//! A code that the lock will never take is tried for ever.

use latchkey::domain::intent::{CodeChoice, Intent, PersonChange};
use latchkey::domain::pin::Pin;

use super::{DAY, HOUR, PLAIN, SECOND, grant, house, is_active, writes};

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
