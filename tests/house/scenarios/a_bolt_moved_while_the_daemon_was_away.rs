//! A door that is shown as locked, and is not.

use latchkey::bridge::ask;

use super::{OLD, PLAIN, S0, S2, SECOND, house};

#[test]
fn a_bolt_that_moved_while_nobody_looked_is_not_shown_as_it_was() {
    let mut house = house(25);
    let nodes = [S2, S0, PLAIN, OLD];
    for node in nodes {
        let now = house.now();
        house.visit(node, |lock| lock.turn_bolt(true, now));
    }
    house.run_for(30 * SECOND);
    let shown = |house: &mut crate::support::house::House| -> Vec<String> {
        let devices = house.view(ask::Devices).expect("a view").items;
        devices.iter().map(|device| device.lock_state.to_string()).collect()
    };
    assert_eq!(shown(&mut house), ["locked"; 4]);
    for node in nodes {
        house.visit(node, |lock| lock.memory.locked = false);
    }
    let says_locked = |house: &crate::support::house::House| {
        house.retained.iter().any(|(topic, payload)| topic.ends_with("/state") && payload.contains("\"locked\""))
    };
    assert!(says_locked(&house), "{:?}", house.retained);
    house.unplug();
    for restarted in [false, true] {
        assert_eq!(shown(&mut house), ["unknown"; 4], "the stick is out; restarted: {restarted}");
        assert!(!says_locked(&house), "restarted: {restarted}: {:?}", house.retained);
        house.cut_power();
    }
    house.plug_in();
    assert_eq!(shown(&mut house), ["unknown"; 4], "nobody has looked yet");
    house.run_for(120 * SECOND);
    assert_eq!(shown(&mut house), ["unlocked"; 4]);
    let said: Vec<_> =
        house.retained.iter().filter(|(topic, _)| topic.ends_with("/state") && topic.contains("/device/")).collect();
    assert_eq!(said.len(), 4);
    assert!(said.iter().all(|(_, payload)| payload.to_lowercase().contains("unlocked")), "{said:?}");
}
