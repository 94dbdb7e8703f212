//! Who came: from the keypad to MQTT and to `latchkey events`, with a name, once, in order.

use crate::harness::{Broker, Daemon, Mock, Setup, seconds, until};

#[test]
fn whoever_used_the_keypad_is_named_on_mqtt_and_in_events() {
    let (mock, broker) = (Mock::start("6:none:uc1:30,8:none:uc2:40"), Broker::start());
    mock.plant(6, &[(1, "2468")]);
    let subscriber = broker.subscribe("watch");
    let daemon = Daemon::start(Setup::tcp(mock.port).mqtt(broker.port));
    let locks = daemon.locks(2);
    for (name, code) in [("Ada", "482915"), ("Grace", "735019")] {
        daemon.add(name, code, &[&locks[&6], &locks[&8]], true);
    }

    for (nth, (node, name, code)) in
        [(8, "Grace", "735019"), (6, "Ada", "482915"), (6, "Grace", "735019")].into_iter().enumerate()
    {
        let slot = mock.slot_of(node, code);
        mock.unlock(node, slot);
        let used = until("the event on MQTT", seconds(15), || subscriber.codes_used().into_iter().nth(nth));
        let event = &used.payload;
        assert_eq!(used.topic, format!("latchkey/device/{}/event", locks[&node]));
        assert!(!used.retained);
        assert_eq!(event["person"]["name"], format!("{name} Test"), "{event}");
        assert_eq!(event["device"], locks[&node].as_str());
        assert_eq!(event["action"], "unlock");
        assert_eq!(event["method"], "keypad");
        assert_eq!(event["slot"], slot);
        assert_eq!(event["allowed"], true);
        assert_eq!(event["late"], false);
        for field in ["event_id", "device_id", "at"] {
            assert!(event[field].as_str().is_some_and(|v| !v.is_empty()), "{field} is missing: {event}");
        }
        assert!(event["person"]["id"].is_string(), "{event}");
        let at: jiff::Timestamp = event["at"].as_str().unwrap().parse().expect("an RFC 3339 time");
        assert!(at.duration_until(jiff::Timestamp::now()).as_secs() < 60, "{event}");
    }

    let listed = daemon.codes_used();
    assert_eq!(listed.len(), 3, "{listed:?}");
    for message in subscriber.codes_used() {
        let known =
            listed.iter().any(|e| e["event_id"] == message.payload["event_id"] && e["person"] == message.payload["person"]);
        assert!(known, "published, not listed: {} in {listed:?}", message.payload);
    }
}

#[test]
fn a_foreign_code_is_an_event_without_a_name() {
    let (mock, broker) = (Mock::start("6:none:uc1:10"), Broker::start());
    mock.plant(6, &[(4, "2468")]);
    let subscriber = broker.subscribe("watch");
    let daemon = Daemon::start(Setup::tcp(mock.port).mqtt(broker.port));
    let lock = daemon.locks(1)[&6].clone();
    daemon.add("Ada", "482915", &[&lock], true);
    mock.unlock(6, 4);
    let used = until("the event on MQTT", seconds(15), || subscriber.codes_used().into_iter().next());
    assert!(used.payload["person"].is_null(), "guessed a name: {}", used.payload);
    assert!(used.payload["reason"].is_string(), "no reason: {}", used.payload);
}

#[test]
fn events_of_a_broker_outage_arrive_afterwards_in_order() {
    let (mock, mut broker) = (Mock::start("6:none:uc1:20"), Broker::start());
    let subscriber = broker.subscribe("watch");
    let daemon = Daemon::start(Setup::tcp(mock.port).mqtt(broker.port));
    let lock = daemon.locks(1)[&6].clone();
    let people: Vec<_> = (0..4).map(|i| (format!("Ann{i}"), format!("58{i}31{i}"))).collect();
    for (name, code) in &people {
        daemon.add(name, code, &[&lock], true);
    }
    until("the daemon is online", seconds(20), || (subscriber.last("latchkey/bridge/state")? == "online").then_some(()));

    broker.go_away();
    let visits = [2, 0, 3, 1, 2];
    for (nth, who) in visits.into_iter().enumerate() {
        mock.unlock(6, mock.slot_of(6, &people[who].1));
        until("the event is recorded without a broker", seconds(15), || (daemon.codes_used().len() > nth).then_some(()));
    }
    broker.come_back();
    let in_order = until("the events after the outage", seconds(60), || {
        let mut ids = Vec::new();
        let mut names = Vec::new();
        for message in subscriber.codes_used() {
            // At least once: a repeat keeps its id.
            if !ids.contains(&message.payload["event_id"]) {
                ids.push(message.payload["event_id"].clone());
                names.push(message.payload["person"]["name"].as_str().unwrap().to_owned());
            }
        }
        (names.len() >= visits.len()).then_some(names)
    });
    assert_eq!(in_order, visits.map(|who| format!("Ann{who} Test")));
}

#[test]
fn the_broker_says_offline_when_the_daemon_dies() {
    let (mock, broker) = (Mock::start("6:none:uc1:10"), Broker::start());
    let subscriber = broker.subscribe("watch");
    let mut daemon = Daemon::start(Setup::tcp(mock.port).mqtt(broker.port));
    let state = |want: &str| (subscriber.last("latchkey/bridge/state")? == want).then_some(());
    let lock = daemon.locks(1)[&6].clone();
    until("online", seconds(20), || state("online"));
    until("the lock's state", seconds(60), || subscriber.last(&format!("latchkey/device/{lock}/state")));
    daemon.kill9();
    until("the last will", seconds(20), || state("offline"));
    daemon.restart();
    until("online again", seconds(20), || state("online"));

    let late_comer = broker.subscribe("late-comer");
    until("retained state for a late comer", seconds(10), || {
        let retained: Vec<_> = late_comer.messages().into_iter().filter(|m| m.retained).map(|m| m.topic).collect();
        let wanted = [
            "latchkey/bridge/state".to_owned(),
            format!("latchkey/device/{lock}/state"),
            format!("latchkey/device/{lock}/availability"),
        ];
        wanted.iter().all(|t| retained.contains(t)).then_some(())
    });
}
