//! What others are told is what is known here.

use super::super::bolts::warn_of_bolt;
use super::*;
use crate::bridge::vitals::Vitals;
use crate::serial::setup::Region;
use crate::sim::chip::Chip;

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
    let gone = house.bridge.parts.cx.state.device_of(V2).unwrap().clone();
    house.bridge.parts.cx.state.put_device(Device { node: None, ..gone });
    house.intend(Intent::RemoveDevice("lock_2".into()));
    assert_eq!(house.kept("bridge/info")["devices"], 1);
}

/// Some warn by a level of their own, some by a flag beside the level.
#[test]
fn a_battery_that_stays_low_is_told_of_once_and_again_only_after_a_new_one() {
    let mut house = House::with_broker(33);
    let low = |house: &House| house.happened.iter().filter(|event| event.kind == EventType::BatteryLow).count();
    let reports: [(&[u8], u8, usize); 7] = [
        (&[0x80, 0x03, 5, 0x02, 0], 5, 1),
        (&[0x80, 0x03, 5, 0x02, 0], 5, 1),
        (&[0x80, 0x03, 4, 0x02, 0], 4, 1),
        (&[0x80, 0x03, 0xFF], 0, 1),
        (&[0x80, 0x03, 100], 100, 1),
        (&[0x80, 0x03, 0], 0, 1),
        (&[0x80, 0x03, 0xFF], 0, 2),
    ];
    for (report, level, told) in reports {
        house.hear(V2, report);
        assert_eq!(house.kept("device/lock_2/state")["battery"], level, "{report:x?}");
        assert_eq!(low(&house), told, "{report:x?}");
    }
}

#[test]
fn a_european_stick_with_long_range_has_europe_s_airtime_limit() {
    let limit = |region| {
        let mut blueprint = Blueprint::two_locks();
        blueprint.chip = Chip { region, ..Chip::series_800() };
        let mut house = House::new(&blueprint, 34);
        house.run_for(Duration::from_secs(10));
        house.read_clock();
        Vitals::of(&house.bridge.look()).airtime_limit_ms
    };
    assert_eq!(limit(Region::EU_LONG_RANGE), Some(36_000));
    assert_eq!(limit(Region::EU), Some(36_000));
    assert_eq!(limit(Region::US_LONG_RANGE), None);
}

/// The lock took it, and nobody can look at it.
#[test]
fn a_changed_code_that_a_lock_shows_to_nobody_is_not_counted_as_failed() {
    let mut blueprint = Blueprint::two_locks();
    let quirks = &mut blueprint.nodes.get_mut(&V1).unwrap().quirks;
    (quirks.masks_codes, quirks.silent_writes, quirks.no_supervision) = (true, true, true);
    let mut house = House::new(&blueprint, 35);
    house.run_for(Duration::from_secs(3600));
    house.turn(Input::Broker(BrokerInput::Connected));
    let ada = house.add("Ada", "48213", &["lock_3"]);
    house.run_for(Duration::from_secs(60));
    let code = Some(CodeChoice::Given(Pin::parse("59321").unwrap()));
    house.intend(Intent::EditPerson(ada, PersonChange { code, ..PersonChange::default() }));
    house.run_for(Duration::from_secs(60));
    assert_eq!(house.statuses(), ["Active None"], "it is cleared before it is written: stars in an empty slot are ours");
    assert_eq!(house.kept("device/lock_3/state")["grants"], serde_json::json!({ "pending": 0, "failed": 0 }));
    house.read_clock();
    assert_eq!(Vitals::of(&house.bridge.look()).needs_somebody(), 0);
}

/// Nothing is worked out anew before there is a stick: what is read from the disk is what people see.
#[test]
fn a_code_under_way_at_a_power_cut_does_not_pass_for_being_sent_while_there_is_no_stick() {
    let mut house = House::settled(45);
    let ada = Intent::AddPerson(NewPerson {
        external_id: None,
        first_name: "Ada".into(),
        last_name: String::new(),
        contacts: Contacts::default(),
        code: Some(CodeChoice::Given(Pin::parse("48213").unwrap())),
        on: vec!["lock_2".into()],
        schedule: Schedule::Always,
    });
    house.fuse = Some(1);
    let _ = house.ask(ada);
    assert_eq!(house.statuses(), ["Sending None"], "it was about to leave");
    let snapshot = house.store.load().unwrap();
    house.bridge = Bridge::new(snapshot, house.settings.clone(), &house.entropy);
    house.fuse = None;
    house.turn(Input::Radio(network::Input::LinkWaiting { why: "no stick".into() }));
    let people = house.view(ask::People);
    let grant = &people["items"][0]["grants"][0];
    assert_eq!((&grant["status"], &grant["opens_now"]), (&"verifying".into(), &"unknown".into()));
}

#[test]
fn bolts_that_do_not_move_all_day_do_not_fill_the_log() {
    let mut house = House::settled(90);
    let locks: Vec<_> = house.bridge.parts.cx.state.devices().map(|device| device.id).collect();
    let lines = crate::network::tests::logged::warnings(|| {
        for _ in 0..1_024 {
            locks.iter().for_each(|lock| warn_of_bolt(&mut house.bridge.parts.cx, *lock, "the bolt did not move"));
        }
    });
    assert_eq!(lines, 2 * 11, "powers of two, for each lock by itself");
}
