use super::*;

#[test]
fn every_beam_costs_and_being_awake_does_not() {
    let mut lock = lock(Model { wakeup_cost: 1_000_000, ..Model::version_2() });
    let before = (lock.wakeups(), lock.memory.battery.percent());
    lock.receive(&[0x80, 0x02], secs(10));
    lock.receive(&[0x80, 0x02], secs(10) + Duration::from_millis(200));
    assert_eq!((lock.wakeups(), lock.memory.battery.percent()), (before.0 + 1, before.1 - 1));
    lock.receive(&[0x80, 0x02], secs(20));
    lock.turn_bolt(true, secs(30));
    assert_eq!(lock.wakeups(), before.0 + 3, "its own report wakes it, too");
    lock.power_cut();
    assert_eq!(lock.wakeups(), before.0 + 3);
}

#[test]
fn a_battery_reports_each_tenth_warns_once_and_ends() {
    let mut lock = lock(Model { wakeup_cost: 500_000, ..Model::version_2() });
    lock.memory.battery = Charge::of_percent(35);
    let (mut told, mut at) = (Vec::new(), 100);
    while lock.has_power() {
        lock.receive(&[0x00], secs(at));
        told.extend(own_words(&mut lock).into_iter().map(|report| report[2]));
        at += 10;
    }
    // 30 and 20 as they are reached, the warning below 15, and again at 10.
    assert_eq!(told, [30, 20, 0xFF, 0xFF]);
    assert!(lock.is_gone() && lock.receiver(secs(at)).deaf && lock.poll_deadline().is_none());
    assert_eq!(lock.type_code(b"4711", secs(at)), Typed::KeypadDead);
    lock.change_batteries(Charge::FULL, secs(at));
    assert_eq!(own_words(&mut lock), [[0x80, 0x03, 100]]);
    assert_eq!(tell(&mut lock, &[0x80, 0x02]), [[0x80, 0x03, 100]]);
}

#[test]
fn quickly_drained_batteries_are_reported_until_empty() {
    let mut lock = lock(Model::version_2());
    lock.charge(Charge::of_percent(50), NOW);
    lock.charge(Charge::of_percent(14), NOW);
    lock.charge(Charge::EMPTY, NOW);
    assert_eq!(own_words(&mut lock), [[0x80, 0x03, 50], [0x80, 0x03, 0xFF]]);
    assert!(lock.is_gone());
}

#[test]
fn a_low_battery_is_in_the_log_of_one_lock_and_an_alarm_of_the_other() {
    let mut lock = lock(Model { wakeup_cost: 1_000_000, ..Model::version_2() });
    lock.memory.battery = Charge::of_percent(15);
    lock.receive(&[0x00], secs(100));
    assert_eq!(lock.memory.log.record(0).map(|(_, record)| record.event.0), Some(30));
    let mut old = super::lock(Model { wakeup_cost: 1_000_000, ..Model::version_1() });
    old.model.quirks.v1_alarms = true;
    old.memory.battery = Charge::of_percent(15);
    old.receive(&[0x00], secs(100));
    assert_eq!(said(&mut old), [&[0x71, 0x05, 0xA7, 0x00][..], &[0x80, 0x03, 0xFF]]);
}

#[test]
fn a_lock_without_batteries_turns_by_hand_and_reports_nothing() {
    let mut lock = lock(Model::version_2());
    lock.program(1, Some(b"4711"), NOW);
    own_words(&mut lock);
    tell(&mut lock, &[0x62, 0x01, 0xFF]);
    lock.power_off();
    assert_eq!(lock.type_code(b"4711", NOW), Typed::KeypadDead);
    lock.program(2, Some(b"4712"), NOW);
    lock.turn_bolt(true, NOW);
    assert_eq!(tell(&mut lock, &[0x62, 0x02]), Vec::<Vec<u8>>::new());
    assert!(lock.receiver(NOW).deaf && lock.poll_deadline().is_none());
    lock.power_on();
    assert_eq!((lock.memory.locked, lock.memory.codes.get(2)), (true, None));
    assert_eq!(lock.type_code(b"4711", NOW), Typed::Opened(1));
}

#[test]
fn out_of_range_is_not_out_of_power() {
    let mut lock = lock(Model::version_2());
    lock.program(1, Some(b"4711"), NOW);
    lock.faults.gone = true;
    assert!(lock.is_gone() && lock.has_power());
    assert_eq!(lock.type_code(b"4711", NOW), Typed::Opened(1));
}

#[test]
fn a_plug_never_sleeps_and_pays_for_nothing() {
    let mut plug = lock(Model { requests: KeyMask::NONE, ..Model::plug() });
    plug.receive(&[0x20, 0x01, 0xFF], secs(100));
    assert!(plug.memory.on);
    assert_eq!(tell(&mut plug, &[0x20, 0x02]), [[0x20, 0x03, 0xFF, 0xFF, 0x00]]);
    plug.press_switch(NOW);
    assert_eq!(own_words(&mut plug), [[0x20, 0x03, 0x00, 0x00, 0x00]]);
    assert_eq!((plug.wakeups(), plug.memory.battery), (0, AS_DELIVERED));
    assert_eq!(tell(&mut plug, &[0x80, 0x02]), Vec::<Vec<u8>>::new(), "it has no battery");
}
