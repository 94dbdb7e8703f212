//! Large houses in virtual time: what a roll-out costs the radio and the batteries, and how long it takes.
//!
//! A debug build rolls out few codes; `LATCHKEY_LARGE=30` says how many. `benches/house` sets the house of forty doors, on the
//! same simulator, against Z-Wave JS.

use std::time::Duration;

use latchkey::bridge::ask;
use latchkey::domain::intent::{Intent, Refusal};
use latchkey::sim::Blueprint;
use latchkey::sim::blueprint::BUILT_IN;
use latchkey::sim::radio::Counts;

use crate::support::figures::figure;
use crate::support::house::{House, person};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// From now until `done`: tells what it cost, and how long it took.
fn measured(house: &mut House, what: &str, limit: Duration, mut done: impl FnMut(&mut House) -> bool) -> (Duration, Counts) {
    let (began, before) = (house.age(), house.world.radio(house.now()).total);
    loop {
        house.run_for(5 * SECOND);
        if done(house) {
            break;
        }
        assert!(house.age() - began < limit, "{what} took longer than {limit:?}");
    }
    let (took, now) = (house.age() - began, house.world.radio(house.now()).total);
    let spent = Counts {
        airtime_us: now.airtime_us - before.airtime_us,
        frames: now.frames - before.frames,
        retransmissions: now.retransmissions - before.retransmissions,
        beams: now.beams - before.beams,
        wake_ups: now.wake_ups - before.wake_ups,
    };
    figure(&format!(
        "{what}: {:.0} virtual s, {} frames on the air, {:.0} s of airtime, {} wake-ups",
        took.as_secs_f64(),
        spent.frames,
        Duration::from_micros(spent.airtime_us).as_secs_f64(),
        spent.wake_ups
    ));
    (took, spent)
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

/// Meets all locks of one of our worlds, and gives so many people a code on each. Tells how long either took, and its cost.
fn rolled_out(world: &str, doors: usize, people: usize) -> [(Duration, Counts); 2] {
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == world).expect("a world");
    let mut house = House::new(&Blueprint::parse(world, text).expect("a world that can be read"), 1);
    let mut slugs = Vec::new();
    let meeting = measured(&mut house, &format!("{doors} doors, interviews"), HOUR, |house| {
        let devices = house.view(ask::Devices).expect("a view").items;
        slugs = devices.iter().map(|device| device.slug.to_string()).collect();
        slugs.len() == doors
    });
    house.run_for(HOUR);
    add_people(&mut house, people, &slugs.iter().map(String::as_str).collect::<Vec<_>>());
    let settled = |house: &mut House| house.statuses().iter().all(|it| ["active", "unconfirmed"].contains(&it.as_str()));
    [meeting, measured(&mut house, &format!("{doors} doors x {people} codes"), 2 * HOUR, settled)]
}

/// `few`, or what `LATCHKEY_LARGE` says.
fn people(few: usize) -> usize {
    std::env::var("LATCHKEY_LARGE").map_or(few, |text| text.parse().expect("how many codes"))
}

#[test]
fn a_house_of_forty_doors_is_rolled_out_lock_by_lock_and_not_beam_by_beam() {
    let people = people(5);
    let [(took, meeting), (took_codes, codes)] = rolled_out("house-40", 40, people);
    assert!(took < Duration::from_secs(300), "{took:?}");
    assert!(meeting.wake_ups < 100, "{} wake-ups to meet forty locks", meeting.wake_ups);
    // Each lock is woken once for all its codes; the air is bad, so some are woken again.
    let seconds = 100 + people as u64 * 6;
    assert!(took_codes < Duration::from_secs(seconds), "{took_codes:?}, {seconds} s are allowed");
    assert!(codes.wake_ups < 60, "{} wake-ups", codes.wake_ups);
}

#[test]
fn a_building_of_two_hundred_doors_is_woken_once_for_all_codes() {
    let [_, (took, codes)] = rolled_out("building-200", 200, people(2));
    assert!(took < Duration::from_secs(900), "{took:?}");
    assert!(codes.wake_ups < 250, "{} wake-ups", codes.wake_ups);
}
