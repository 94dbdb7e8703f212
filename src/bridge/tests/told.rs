//! What others are told is what is known here.

use super::*;

impl House {
    /// The broker is there, and was told everything.
    fn with_broker(seed: u64) -> Self {
        let mut house = Self::settled(seed);
        house.turn(Input::Broker(BrokerInput::Connected));
        house
    }

    /// What the broker keeps under a topic.
    fn kept(&self, topic: &str) -> serde_json::Value {
        let said = self.said.iter().rfind(|message| message.topic == format!("latchkey/{topic}"));
        serde_json::from_str(&said.expect("something was said there").payload).unwrap()
    }
}

#[test]
fn a_bolt_moved_from_here_is_not_shown_as_it_was_where_the_lock_only_answers() {
    let mut house = House::with_broker(31);
    house.world.visit(V2, |lock| lock.memory.lifeline.clear());
    for (intent, word) in [
        (Intent::Unlock("lock_2".into()), "unlocked"),
        (Intent::Lock("lock_2".into()), "locked"),
        (Intent::Unlock("lock_2".into()), "unlocked"),
    ] {
        house.intend(intent);
        house.run_for(Duration::from_secs(10));
        assert_eq!(house.kept("device/lock_2/state")["lock_state"], word);
    }
}

#[test]
fn a_removed_device_is_not_counted_at_the_broker_until_another_one_speaks() {
    let mut house = House::with_broker(32);
    assert_eq!(house.kept("bridge/info")["devices"], 2);
    let gone = house.bridge.state.device_of(V2).unwrap().clone();
    house.bridge.state.put_device(Device { node: None, ..gone });
    house.intend(Intent::RemoveDevice("lock_2".into()));
    assert_eq!(house.kept("bridge/info")["devices"], 1);
}
