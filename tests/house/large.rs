//! Large houses: forty doors with thirty codes each, and a building of two hundred nodes. What they cost is printed.

use std::time::Duration;

use latchkey::bridge::ask::Ask;
use latchkey::sim::Blueprint;
use latchkey::sim::air::RadioStatistics;

use crate::support::figures::figure;
use crate::support::house::House;

const SECOND: Duration = Duration::from_secs(1);

fn world(name: &str) -> Blueprint {
    let path = format!("{}/config/worlds/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Blueprint::parse(name, &std::fs::read_to_string(path).unwrap()).unwrap()
}

/// People with a code on every lock; the codes.
fn move_in(house: &mut House, people: usize, devices: &[String]) -> Vec<String> {
    let on: Vec<&str> = devices.iter().map(String::as_str).collect();
    let codes: Vec<String> = (0..people).map(|n| format!("{}", 204_817 + n * 7_919)).collect();
    for (n, code) in codes.iter().enumerate() {
        house.add(&format!("P{n}"), code, &on);
    }
    codes
}

/// What went over the air since `before`.
fn told(before: &RadioStatistics, after: &RadioStatistics) -> String {
    let of = |field: fn(&latchkey::sim::air::Counts) -> u64| field(&after.total) - field(&before.total);
    let controller = after.controller.airtime_us - before.controller.airtime_us;
    format!(
        "{} frames on the air, {} repetitions, {} wake-ups, {:.0} s of airtime, {:.0} s of it the stick's",
        of(|it| it.frames),
        of(|it| it.retransmissions),
        of(|it| it.wake_ups),
        Duration::from_micros(of(|it| it.airtime_us)).as_secs_f32(),
        Duration::from_micros(controller).as_secs_f32(),
    )
}

#[expect(clippy::disallowed_methods, reason = "how long it takes here is the machine's time")]
#[test]
fn forty_doors_get_thirty_codes_each() {
    let blueprint = world("house-40");
    let nodes: Vec<_> = blueprint.nodes.keys().copied().collect();
    let devices: Vec<String> = nodes.iter().map(|node| format!("lock_{node}")).collect();
    let mut house = House::new(&blueprint, 40);
    let known = |house: &mut House| {
        let devices = house.view(Ask::Devices).unwrap();
        devices["items"].as_array().unwrap().iter().filter(|device| device["inventory"]["done"] == true).count() == 40
    };
    while !known(&mut house) {
        assert!(house.age() < 48 * 3600 * SECOND, "seed 40: not every lock was looked through");
        house.run_for(60 * SECOND);
    }
    let looked = house.world.radio(house.now());
    let interviewed = house.age();

    let (began, sent) = (std::time::Instant::now(), house.sent.len());
    let codes = move_in(&mut house, 30, &devices);
    let start = house.age();
    let settled = |house: &mut House| house.statuses().iter().all(|status| ["active", "unconfirmed"].contains(&status.as_str()));
    while !settled(&mut house) {
        assert!(house.age() - start < 24 * 3600 * SECOND, "seed 40: not settled in a day");
        house.run_for(10 * SECOND);
    }
    for node in &nodes {
        let there: Vec<String> = house.codes(*node).into_iter().map(|(_, code)| code).collect();
        assert!(codes.iter().all(|code| there.contains(code)), "node {node} has {} codes", there.len());
    }
    let after = house.world.radio(house.now());
    figure(&format!(
        "40 doors, first interviews and inventories: {} virtual s, {}",
        interviewed.as_secs(),
        told(&RadioStatistics::default(), &looked)
    ));
    figure(&format!(
        "40 doors x 30 codes: {} virtual s, {} frames to the stick, {}, {:.1} real s",
        (house.age() - start).as_secs(),
        house.sent.len() - sent,
        told(&looked, &after),
        began.elapsed().as_secs_f32()
    ));
}
