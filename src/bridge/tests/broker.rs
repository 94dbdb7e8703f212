//! What is reported of the broker, and of who had a bolt moved.

use super::*;
use crate::domain::audit::Act;

#[test]
fn commands_that_can_not_come_over_mqtt_are_a_problem_until_they_can() {
    let mut house = House::settled(1);
    house.turn(Input::Broker(BrokerInput::Connected));
    house.turn(Input::Broker(BrokerInput::Commands(Err("a giant under homeassistant/status".into()))));
    let told = house.told_problems();
    assert!(told.contains("commands over MQTT are off") && told.contains("homeassistant/status"), "{told}");
    house.turn(Input::Broker(BrokerInput::Commands(Ok(()))));
    assert!(!house.told_problems().contains("commands over MQTT"), "{}", house.told_problems());
}

#[test]
fn who_unlocked_a_door_by_radio_is_in_the_audit_and_in_the_event() {
    let mut house = House::settled(2);
    house.happened.clear();
    house.intend(Intent::Unlock("lock_2".into()));
    house.run_for(Duration::from_secs(30));
    let by_radio: Vec<_> = house.happened.iter().filter(|event| event.action == Some(Action::Unlock)).collect();
    assert!(!by_radio.is_empty(), "{:?}", house.happened);
    assert!(by_radio.iter().all(|event| event.actor.as_deref() == Some("uid 1")), "{by_radio:?}");
    let lock_2 = house.bridge.parts.cx.state.device_named("lock_2").unwrap().id;
    let on_record =
        |write: &Write| matches!(write, Write::Audit { actor: Actor::Uid(1), act: Act::Unlocked(lock), .. } if *lock == lock_2);
    assert!(house.committed.iter().flat_map(|batch| &batch.writes).any(on_record));
}
