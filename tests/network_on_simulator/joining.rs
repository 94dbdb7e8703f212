//! Devices that join, leave and are replaced, on the simulated stick: what the peer's mock has not, SmartStart, Long Range
//! and devices with something wrong.

use latchkey::domain::node::InterviewStage;
use latchkey::network::inclusion::{
    Change, Ended, ExpectedDevice, Failed, JoinQuestion, JoinSecurity, Progress, Reason, Terms, Warning,
};
use latchkey::security::key_exchange::{self, DskPin};
use latchkey::security::keys::KeyMask;
use latchkey::sim::device::{Device, DeviceId, Radio};
use latchkey::sim::joiner::{Fault, JoinStep};
use latchkey::sim::model::Model;

use super::*;

impl House {
    fn empty(chip: Chip, seed: u64) -> Self {
        let mut house = Self::new(&Blueprint { chip, nodes: [].into(), ..Blueprint::two_locks() }, seed);
        house.until(30, |house| matches!(house.network.controller(), ControllerStatus::Ready(_)));
        house
    }

    fn begin(&mut self, change: Change) {
        let now = self.now();
        self.network.begin(change, now).expect("the stick has time for it");
        self.drive();
    }

    /// Lets time pass in which something may happen or not.
    fn pass(&mut self, seconds: u64) {
        self.pass_for(std::time::Duration::from_secs(seconds));
    }

    fn pass_for(&mut self, time: std::time::Duration) {
        let end = self.now + time;
        loop {
            let next = Deadline::earliest(self.network.poll_deadline(), self.world.poll_deadline());
            self.now = next.map_or(end, |next| next.at.max(self.now).min(end));
            self.world.handle_timeout(self.now);
            self.network.handle_timeout(self.now());
            self.drive();
            if self.now == end {
                return;
            }
        }
    }

    fn include(&mut self, security: JoinSecurity, pin: Option<DskPin>) {
        self.begin(Change::Include(Terms { security, pin }));
        self.until(10, |house| house.said(&Progress::Ready));
    }

    /// Somebody presses its button.
    fn offer(&mut self, device: Device) -> (DeviceId, DskPin) {
        let (pin, now) = (device.dsk().pin(), self.now);
        (self.world.offer(device, now), pin)
    }

    fn said(&self, progress: &Progress) -> bool {
        self.events.iter().any(|event| matches!(event, NetworkEvent::Change(it) if it == progress))
    }

    fn end(&self) -> Option<Result<Ended, Failed>> {
        self.events.iter().find_map(|event| match event {
            NetworkEvent::Change(Progress::Ended(ended)) => Some(ended.clone()),
            _ => None,
        })
    }

    fn ended(&mut self, seconds: u64) -> Result<Ended, Failed> {
        self.until(seconds, |house| house.end().is_some());
        let end = self.end().expect("it ended");
        self.events.retain(|event| !matches!(event, NetworkEvent::Change(_)));
        end
    }

    /// Joins `device` with its PIN, and is interviewed.
    fn member(&mut self, device: Device) -> NodeId {
        let pin = device.dsk().pin();
        self.include(JoinSecurity::Best, Some(pin));
        self.offer(device);
        let Ok(Ended::Included { node, .. }) = self.ended(200) else { panic!("{:?}", self.events) };
        self.until(300, |house| house.events.contains(&NetworkEvent::Interviewed(node)));
        node
    }

    /// A code goes in, and the lock opens for it.
    fn proves_itself(&mut self, id: NodeId) {
        assert!(matches!(self.write(id, 4, "471100"), Outcome::Accepted | Outcome::Delivered), "{id:?}");
        let now = self.now;
        assert_eq!(self.world.keypad(id, b"471100", now), Some(Typed::Opened(4)));
        let class = node(self, id).security;
        self.until(30, |house| {
            house.events.iter().any(|event| {
                matches!(event, NetworkEvent::Received { node, command: Command::Notification(_), security, .. }
                    if *node == id && *security == class)
            })
        });
        let lifeline = self.world.node(id).map(|lock| lock.memory.lifeline.clone());
        assert_eq!(lifeline, Some(vec![1]), "its reports lead nowhere");
    }
}

fn failed(why: key_exchange::Failure) -> Reason {
    Reason::S2(why)
}

#[test]
fn a_lock_joins_with_its_pin_and_takes_a_code() {
    for seed in 1..=4 {
        let mut house = House::empty(Chip::series_700(), seed);
        house.include(JoinSecurity::Best, None);
        let (_, pin) = house.offer(Device::new(Model::s2(), seed));
        let is_asked = |event: &NetworkEvent| matches!(event, NetworkEvent::Change(Progress::Asked(JoinQuestion::Pin { .. })));
        house.until(200, |house| house.events.iter().any(is_asked));
        let now = house.now();
        house.network.enter_pin(&pin, now).expect("it is waited for");
        let Ok(Ended::Included { node: id, security, warning }) = house.ended(60) else { panic!("seed {seed}") };
        assert_eq!((security, warning), (SecurityClass::S2AccessControl, None));
        house.until(300, |house| house.events.contains(&NetworkEvent::Interviewed(id)));
        house.proves_itself(id);
    }
}

#[test]
fn a_wrong_pin_gives_no_key_and_the_device_can_be_let_go_and_tried_again() {
    let mut house = House::empty(Chip::series_700(), 1);
    house.include(JoinSecurity::Best, Some(DskPin::new(1)));
    let (device, pin) = house.offer(Device::new(Model::s2(), 8));
    let Err(Failed { why, left: Some(id) }) = house.ended(200) else { panic!("{:?}", house.events) };
    assert_eq!(why, failed(key_exchange::Failure::WrongPin));
    assert_eq!(house.world.node(id).map(|lock| lock.class()), Some(SecurityClass::None));

    house.begin(Change::Exclude);
    house.until(10, |house| house.said(&Progress::Ready));
    let now = house.now;
    house.world.leave(id, now);
    assert_eq!(house.ended(60), Ok(Ended::Excluded(Some(id))));
    assert_eq!((house.network.node(id), house.world.node_of(device)), (None, None));

    house.include(JoinSecurity::Best, Some(pin));
    let now = house.now;
    house.world.press(device, now);
    assert!(matches!(house.ended(200), Ok(Ended::Included { security: SecurityClass::S2AccessControl, .. })));
}

#[test]
fn an_s0_lock_joins_and_takes_a_code() {
    let mut house = House::empty(Chip::series_700(), 2);
    house.include(JoinSecurity::Best, None);
    house.offer(Device::new(Model::s0(), 3));
    let Ok(Ended::Included { node: id, security, warning }) = house.ended(200) else { panic!("{:?}", house.events) };
    assert_eq!((security, warning), (SecurityClass::S0, Some(Warning::OnlyS0)));
    house.until(300, |house| house.events.contains(&NetworkEvent::Interviewed(id)));
    house.proves_itself(id);
}

#[test]
fn a_lock_without_security_stays_outside_unless_somebody_insists() {
    let mut house = House::empty(Chip::series_700(), 2);
    house.include(JoinSecurity::Best, None);
    house.offer(Device::new(Model::version_2(), 3));
    let Err(Failed { why: Reason::Insecure, left: Some(id) }) = house.ended(200) else { panic!("{:?}", house.events) };
    let frames = house.network.radio(id).frames;
    house.pass(3_600);
    assert_eq!(house.network.radio(id).frames, frames, "it was spoken to");

    let mut house = House::empty(Chip::series_700(), 2);
    house.include(JoinSecurity::Insecure, None);
    house.offer(Device::new(Model::version_2(), 3));
    assert!(matches!(house.ended(200), Ok(Ended::Included { warning: Some(Warning::Insecure), .. })));
}

#[test]
fn a_device_without_a_label_joins_when_our_code_is_typed_into_it() {
    let mut house = House::empty(Chip::series_700(), 3);
    house.include(JoinSecurity::Best, None);
    let (device, _) = house.offer(Device::new(Model::s2(), 3).without_label());
    let asked = |house: &House| {
        house.events.iter().find_map(|event| match event {
            NetworkEvent::Change(Progress::Asked(JoinQuestion::TypeIntoDevice { code })) => Some(*code),
            _ => None,
        })
    };
    house.until(200, |house| asked(house).is_some());
    let code = asked(&house).expect("it is shown");
    // By then our key, without what is typed, has reached it.
    house.pass(3);
    let now = house.now;
    assert!(house.world.type_into(device, code, now));
    let Ok(Ended::Included { node: id, security: SecurityClass::S2AccessControl, .. }) = house.ended(60) else {
        panic!("{:?}", house.events)
    };
    house.until(300, |house| house.events.contains(&NetworkEvent::Interviewed(id)));
    house.proves_itself(id);
}

#[test]
fn a_device_that_stops_in_any_step_is_never_taken_for_a_member() {
    let s2 =
        [JoinStep::KexReport, JoinStep::PublicKey, JoinStep::Echo, JoinStep::KeyGet, JoinStep::Verify, JoinStep::TransferEnd];
    let s0 = [JoinStep::SchemeReport, JoinStep::KeyNonce, JoinStep::KeyVerify];
    let cases = s2.map(|step| (Model::s2(), step)).into_iter().chain(s0.map(|step| (Model::s0(), step)));
    for (model, step) in cases {
        let mut house = House::empty(Chip::series_700(), 4);
        let device = Device::new(model, 5).with_fault(Fault::Silent(step));
        // A PIN is only for a device that has S2.
        let pin = (step < JoinStep::SchemeReport).then(|| device.dsk().pin());
        house.include(JoinSecurity::Best, pin);
        house.offer(device);
        let Err(Failed { why: Reason::S2(_) | Reason::S0(_), left: Some(id) }) = house.ended(400) else {
            panic!("{step:?}: {:?}", house.events)
        };
        assert_eq!(node(&house, id).security, SecurityClass::None, "{step:?}");
    }
}

#[test]
fn a_device_that_does_not_keep_to_the_rules_gets_no_class() {
    let faults = [
        Fault::AsksFor(KeyMask(0x40)),
        Fault::WrongEcho(KeyMask(0x01)),
        Fault::Tampers(JoinStep::Echo),
        Fault::Tampers(JoinStep::Verify),
        Fault::Fails(JoinStep::KexReport, latchkey::command::security_2::FailType::CANCEL),
        Fault::Fails(JoinStep::KeyGet, latchkey::command::security_2::FailType::AUTH),
    ];
    for fault in faults {
        let mut house = House::empty(Chip::series_700(), 4);
        let device = Device::new(Model::s2(), 5).with_fault(fault);
        house.include(JoinSecurity::Best, Some(device.dsk().pin()));
        house.offer(device);
        let Err(Failed { why: Reason::S2(_), left: Some(id) }) = house.ended(400) else {
            panic!("{fault:?}: {:?}", house.events)
        };
        assert_eq!(node(&house, id).security, SecurityClass::None, "{fault:?}");
    }
}

/// The label of `device` was scanned.
fn scanned(device: &Device, long_range: bool) -> ExpectedDevice {
    ExpectedDevice { dsk: device.dsk(), keys: KeyMask::KNOWN, long_range }
}

#[test]
fn a_scanned_device_joins_by_itself_near_and_far() {
    for (radio, long_range) in [(Radio::Classic, false), (Radio::LongRange, true), (Radio::Both, true), (Radio::Both, false)] {
        let mut house = House::empty(Chip::series_800(), 6);
        let device = Device::smart_start(Model::s2(), radio, 7);
        let now = house.now();
        house.network.expect_devices(vec![scanned(&device, long_range)], now);
        house.offer(device);
        let Ok(Ended::Included { node: id, security, .. }) = house.ended(300) else { panic!("{radio:?}: {:?}", house.events) };
        assert_eq!((security, id.is_long_range()), (SecurityClass::S2AccessControl, long_range), "{radio:?}");
        house.until(300, |house| house.events.contains(&NetworkEvent::Interviewed(id)));
        house.proves_itself(id);
    }
}

#[test]
fn a_device_that_nobody_scanned_stays_outside() {
    let mut house = House::empty(Chip::series_800(), 6);
    let (right, wrong) =
        (Device::smart_start(Model::s2(), Radio::Classic, 7), Device::smart_start(Model::s2(), Radio::Classic, 8));
    let now = house.now();
    house.network.expect_devices(vec![scanned(&right, false)], now);
    let (stranger, _) = house.offer(wrong);
    house.pass(600);
    assert_eq!(house.world.node_of(stranger), None);
    assert_eq!(house.end(), None);
}

#[test]
fn a_scanned_device_that_fails_is_forgotten_and_joins_at_a_later_call() {
    let mut house = House::empty(Chip::series_800(), 6);
    let device = Device::smart_start(Model::s2(), Radio::Classic, 7).with_fault(Fault::Silent(JoinStep::Echo));
    let now = house.now();
    house.network.expect_devices(vec![scanned(&device, false)], now);
    let (device, _) = house.offer(device);
    let Err(Failed { left: Some(first), .. }) = house.ended(300) else { panic!("{:?}", house.events) };
    house.until(300, |house| house.network.node(first).is_none());
    house.world.device_mut(device).expect("it is there").fault = None;
    let Ok(Ended::Included { node: id, .. }) = house.ended(2_000) else { panic!("{:?}", house.events) };
    house.until(300, |house| house.events.contains(&NetworkEvent::Interviewed(id)));
    house.proves_itself(id);
}

#[test]
fn a_dead_lock_is_forgotten_or_replaced_by_a_new_one_under_its_id() {
    let mut house = House::empty(Chip::series_700(), 9);
    let id = house.member(Device::new(Model::s2(), 1));
    house.world.visit(id, |lock| lock.faults.gone = true);
    house.events.clear();

    let new = Device::new(Model::s2(), 2);
    let pin = new.dsk().pin();
    house.begin(Change::ReplaceFailed(id, Terms { security: JoinSecurity::Best, pin: Some(pin) }));
    house.until(60, |house| house.said(&Progress::Ready));
    house.offer(new);
    let Ok(Ended::Included { node: same, security, .. }) = house.ended(200) else { panic!("{:?}", house.events) };
    assert_eq!((same, security), (id, SecurityClass::S2AccessControl));
    house.until(300, |house| house.events.contains(&NetworkEvent::Interviewed(id)));
    house.proves_itself(id);

    house.begin(Change::RemoveFailed(id));
    assert_eq!(house.ended(60), Err(Failed { why: Reason::Answers, left: None }));
    house.world.visit(id, |lock| lock.faults.gone = true);
    house.begin(Change::RemoveFailed(id));
    assert_eq!(house.ended(60), Ok(Ended::Removed(id)));
    assert_eq!(house.network.node(id), None);
}

#[test]
fn a_lock_that_was_reset_by_hand_says_goodbye_is_forgotten_and_may_come_back() {
    let mut house = House::empty(Chip::series_700(), 11);
    let device = Device::new(Model::s2(), 1);
    let pin = device.dsk().pin();
    let id = house.member(device);
    house.proves_itself(id);
    let (now, device) = (house.now, house.world.device_of(id).expect("it is a device"));
    house.world.visit(id, |lock| lock.factory_reset(now));
    house.until(60, |house| house.events.contains(&NetworkEvent::NodeRemoved(id)));
    assert_eq!((house.network.node(id), house.world.node_of(device)), (None, None));
    let reset = house.world.device_node(device).map(|lock| lock.memory.codes.entries().count());
    assert_eq!(reset, Some(0), "the next owner finds no code");

    house.include(JoinSecurity::Best, Some(pin));
    let now = house.now;
    house.world.press(device, now);
    let Ok(Ended::Included { node, security, .. }) = house.ended(200) else { panic!("{:?}", house.events) };
    assert_eq!(security, SecurityClass::S2AccessControl);
    house.until(300, |house| house.events.contains(&NetworkEvent::Interviewed(node)));
    house.proves_itself(node);
}

#[test]
fn a_plug_and_a_sleeping_sensor_join_and_are_left_in_peace() {
    for model in [Model::plug(), Model::sensor()] {
        let mut house = House::empty(Chip::series_700(), 12);
        let id = house.member(Device::new(model.clone(), 1));
        let info = node(&house, id).protocol.expect("the stick knows it");
        let class = model.kind.device_class();
        assert_eq!((info.generic, info.specific, info.sleeps()), (class.generic, class.specific, model.wake_up.is_some()));
        assert_eq!(node(&house, id).security, SecurityClass::S2Authenticated);
        let wakeups = |house: &House| house.world.node(id).map_or(0, |it| it.wakeups());
        let before = wakeups(&house);
        house.pass(12 * 3_600);
        // Nobody is in the sensor's lifeline: it wakes each hour, and says nothing.
        assert_eq!(wakeups(&house) - before, if model.wake_up.is_some() { 12 } else { 0 });
    }
}

#[test]
fn locks_join_through_bad_air() {
    let mut joined = 0;
    for seed in 1..=6 {
        let conditions = Conditions { loss: 10, ack_loss: 10, duplication: 10, ..Conditions::default() };
        let mut house = House::empty(Chip::series_700(), seed);
        house.world.set_conditions(conditions);
        let device = Device::new(Model::s2(), seed);
        house.include(JoinSecurity::Best, Some(device.dsk().pin()));
        house.offer(device);
        // In or out, but nothing in between.
        match house.ended(600) {
            Ok(Ended::Included { node: id, .. }) => {
                joined += 1;
                assert_eq!(house.world.node(id).map(|lock| lock.class()), Some(SecurityClass::S2AccessControl), "seed {seed}");
            }
            Err(Failed { left: Some(id), .. }) => assert_eq!(node(&house, id).security, SecurityClass::None, "seed {seed}"),
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    assert!(joined >= 4, "{joined} of 6");
}

#[test]
fn bad_seconds_at_the_interview_do_not_cost_a_lock_its_class() {
    for seconds in [1, 3, 5, 7, 9, 11, 14, 20, 30, 40, 60, 90, 300] {
        let mut house = House::new(&secured(1), 1);
        house.world.visit(V2, |lock| lock.faults.mute = true);
        house.pass(seconds);
        assert_eq!(node(&house, V2).security, SecurityClass::None, "after {seconds} s: it said nothing");
        house.world.visit(V2, |lock| lock.faults.mute = false);
        house.pass(if seconds < 60 { 75 } else { 700 });
        let lock = node(&house, V2);
        let found = (lock.security, lock.stage, lock.user_code.as_ref().map(|it| it.users));
        assert_eq!(found, (SecurityClass::S2AccessControl, InterviewStage::Complete, Some(30)), "after {seconds} s");
        assert!(matches!(house.write(V2, 4, "471100"), Outcome::Accepted), "after {seconds} s");
    }
}

#[test]
fn a_lock_that_falls_silent_in_the_middle_of_its_interview_is_known_in_the_end() {
    // Each half second of the interview: whatever was being asked then.
    for moment in 1..30 {
        let mut house = House::new(&secured(1), 1);
        house.pass_for(std::time::Duration::from_millis(500 * moment));
        house.world.visit(V2, |lock| lock.faults.mute = true);
        house.pass(9);
        house.world.visit(V2, |lock| lock.faults.mute = false);
        house.pass(900);
        let lock = node(&house, V2);
        assert_eq!((lock.security, lock.stage), (SecurityClass::S2AccessControl, InterviewStage::Complete), "{moment}");
        assert!(lock.product.is_some() && lock.version_of(ClassId::USER_CODE) == Some(2), "{moment}: {lock:?}");
        let lifeline = house.world.node(V2).map(|lock| lock.memory.lifeline.clone());
        assert_eq!(lifeline, Some(vec![1]), "{moment}: its reports lead nowhere");
    }
}

#[test]
fn a_stranger_on_the_air_gets_no_key_with_the_pin_of_another_device() {
    for requests in [0x01, 0x81, 0x80, 0x03, 0x83] {
        let mut house = House::empty(Chip::series_700(), 5);
        let pin = Device::new(Model::s2(), 7).dsk().pin();
        house.include(JoinSecurity::Best, Some(pin));
        house.offer(Device::new(Model { requests: KeyMask(requests), ..Model::plug() }, 8));
        let Err(Failed { why: Reason::S2(_) | Reason::NoS2Offered, left: Some(id) }) = house.ended(300) else {
            panic!("{requests:02x}: {:?}", house.events)
        };
        assert_eq!(house.world.node(id).map(|it| it.class()), Some(SecurityClass::None), "{requests:02x}");
    }
}
