//! Visits that are missed, or come late and start yesterday's automation.

use std::collections::BTreeSet;

use latchkey::domain::event::EventType;

use super::{ALL, HOUR, PLAIN, S0, S2, SECOND, house, told};

#[test]
fn visits_without_a_broker_come_late_in_order_and_are_called_late() {
    let mut house = house(17);
    house.add("Ada", "482913", &ALL);
    house.run_for(60 * SECOND);
    house.set_broker(false);
    for node in [S2, S0, PLAIN] {
        house.keypad(node, "482913");
        house.run_for(20 * SECOND);
    }
    house.cut_power();
    house.run_for(HOUR);
    let before = house.published.len();
    house.set_broker(true);
    house.keypad(S2, "482913");
    house.run_for(20 * SECOND);
    let used: Vec<_> = told(&house, EventType::CodeUsed).into_iter().map(|event| event.id).collect();
    let published = &house.published[before..];
    let ids: Vec<_> = published.iter().map(|(id, _)| *id).collect();
    assert_eq!((used.len(), &ids), (4, &used));
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 4, "each has an id of its own");
    let late: Vec<bool> = published.iter().map(|(_, message)| message.topic.ends_with("/event/late")).collect();
    assert_eq!(late, [true, true, true, false]);
    for ((_, message), slug) in published.iter().zip(["lock_2", "lock_3", "lock_4", "lock_2"]) {
        assert!(message.topic.starts_with(&format!("latchkey/device/{slug}/event")), "{}", message.topic);
        assert!(message.payload.contains("\"Ada\""), "{}", message.payload);
    }
    assert!(house.retained.keys().all(|topic| !topic.contains("/event")), "an event that is kept starts things again");
}
