//! Large houses, rolled out in virtual time: what it costs the radio and the batteries, and how long it takes.
//!
//! `LATCHKEY_LARGE=all` has everybody in; by itself it is a part of them, for a debug build. `benches/house` sets the same
//! house, on the same simulator, against Z-Wave JS.

use std::collections::BTreeMap;
use std::time::Duration;

use latchkey::bridge::ask::Ask;
use latchkey::domain::intent::{Intent, Refusal};
use latchkey::sim::Blueprint;
use latchkey::sim::blueprint::BUILT_IN;

use crate::support::house::{House, person};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn world(name: &str) -> Blueprint {
    let (_, text) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name).expect("a world");
    Blueprint::parse(name, text).expect("a world that can be read")
}

fn devices(house: &mut House) -> Vec<(String, String)> {
    let devices = house.view(Ask::Devices).expect("a view");
    let text = |device: &serde_json::Value, name: &str| device[name].as_str().unwrap_or_default().to_owned();
    let devices = devices["items"].as_array().expect("a list").iter();
    devices.map(|device| (text(device, "slug"), text(device, "state"))).collect()
}

/// How many grants are in which state.
fn tally(house: &mut House) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for status in house.statuses() {
        *tally.entry(status).or_default() += 1;
    }
    tally
}

/// Adds so many people with a code everywhere; a code that is too easy is passed over.
fn add_people(house: &mut House, people: usize, on: &[&str]) {
    let mut added = 0;
    for code in (1300..9999).step_by(37) {
        if added == people {
            return;
        }
        match house.change(Intent::AddPerson(person(&format!("Guest {added}"), &code.to_string(), on))) {
            Some(Ok(_)) => added += 1,
            Some(Err(Refusal::WeakCode)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn thirty_codes_reach_forty_doors() {
    let mut house = House::new(&world("house-40"), 1);
    let read = house.run_until(24 * 60 * MINUTE, |house| {
        house.run_for(10 * SECOND);
        devices(house).len() == 40
    });
    println!("{read} {:?}", house.age());
    house.run_for(60 * MINUTE);
    println!("{:?}", house.world.radio(house.now()).total);
    let slugs = devices(&mut house).into_iter().map(|(slug, _)| slug).collect::<Vec<_>>();
    let on = slugs.iter().map(String::as_str).collect::<Vec<_>>();
    let began = house.age();
    add_people(&mut house, 30, &on);
    for _ in 0..400 {
        house.run_for(30 * SECOND);
        println!("{:?} {:?}", house.age() - began, tally(&mut house));
        if tally(&mut house).keys().all(|it| ["active", "unconfirmed"].contains(&it.as_str())) {
            break;
        }
    }
    println!("{:?}", house.world.radio(house.now()).total);
    for (name, grant) in house.grants().unwrap() {
        if !["active", "unconfirmed"].contains(&grant["status"].as_str().unwrap()) {
            println!("{name} {grant}");
        }
    }
}
