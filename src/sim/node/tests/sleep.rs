use super::*;

fn sensor() -> Node {
    let mut sensor = Node::new(Model { requests: KeyMask::NONE, ..Model::sensor() });
    sensor.wake(NOW);
    // Association Set: group 1, node 1. Wake up every five minutes and tell node 1.
    sensor.receive(&[0x85, 0x01, 0x01, 0x01], NOW);
    sensor.receive(&[0x84, 0x04, 0x00, 0x01, 0x2C, 0x01], NOW);
    said(&mut sensor);
    sensor
}

#[test]
fn a_sleeping_sensor_hears_nothing_until_it_wakes_by_itself() {
    let mut sensor = sensor();
    assert!(!sensor.receiver(secs(9)).deaf);
    assert!(sensor.receiver(secs(10)).deaf, "asleep after ten seconds");
    assert_eq!(sensor.receiver(secs(10)).beam, None, "and no beam wakes it");
    let woke = later(&mut sensor, secs(300));
    assert_eq!(woke, [&[0x84, 0x07][..], &[0x80, 0x03, 90]], "Wake Up Notification, and the battery");
    assert!(!sensor.receiver(secs(300)).deaf);
    sensor.receive(&[0x84, 0x08], secs(301));
    assert!(sensor.receiver(secs(301)).deaf, "no more information: asleep at once");
    assert_eq!(later(&mut sensor, secs(599)), Vec::<Vec<u8>>::new());
    assert_eq!(later(&mut sensor, secs(600))[0], [0x84, 0x07]);
}

#[test]
fn an_interval_survives_a_power_cut_and_a_wrong_one_is_refused() {
    let mut sensor = sensor();
    assert_eq!(tell(&mut sensor, &[0x84, 0x05]), [[0x84, 0x06, 0x00, 0x01, 0x2C, 0x01]]);
    assert_eq!(tell(&mut sensor, &[0x84, 0x09]), [[0x84, 0x0A, 0, 0, 60, 1, 0x51, 0x80, 0, 0x0E, 0x10, 0, 0, 60]]);
    let refused = tell(&mut sensor, &[0x6C, 0x01, 0x05, 0x06, 0x84, 0x04, 0x00, 0x00, 0x3D, 0x01]);
    assert_eq!(refused, [[0x6C, 0x02, 0x05, 0x02, 0x00]]);
    sensor.power_cut();
    assert_eq!(later(&mut sensor, NOW)[0], [0x84, 0x07], "with batteries in it wakes");
    assert_eq!(tell(&mut sensor, &[0x84, 0x05]), [[0x84, 0x06, 0x00, 0x01, 0x2C, 0x01]]);
}

#[test]
fn water_wakes_the_sensor_and_both_edges_are_reported() {
    let mut sensor = sensor();
    let before = sensor.wakeups();
    sensor.sense(true, secs(60));
    sensor.sense(true, secs(61));
    assert_eq!(own_words(&mut sensor), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x05, 0x02, 0x00]]);
    assert!(!sensor.receiver(secs(61)).deaf);
    sensor.sense(false, secs(120));
    assert_eq!(own_words(&mut sensor), [[0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x05, 0x00, 0x01, 0x02]]);
    assert_eq!(sensor.wakeups(), before + 2);
    assert_eq!(tell(&mut sensor, &[0x71, 0x04, 0x00, 0x05, 0x00])[0][6..8], [0x05, 0x00], "asked, it says how it stands");
}

#[test]
fn a_sensor_without_lifeline_sends_nothing() {
    let mut sensor = Node::new(Model { requests: KeyMask::NONE, ..Model::sensor() });
    assert_eq!(later(&mut sensor, secs(8_000)), Vec::<Vec<u8>>::new());
    assert_eq!(sensor.wakeups(), 3, "at power-up and each hour");
}
