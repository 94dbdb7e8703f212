//! A year of a quiet home: what the slow check costs the batteries, and that it finds what no lock reported.
//!
//! A debug build simulates some days; `LATCHKEY_YEAR_DAYS=365` says how many.

use std::collections::BTreeMap;
use std::time::Duration;

use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::EventType;
use latchkey::domain::ids::NodeId;
use latchkey::security::keys::NetworkKeys;
use latchkey::sim::Blueprint;
use latchkey::sim::model::Model;

use crate::support::figures::figure;
use crate::support::house::House;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Wake-ups of a lock on a day without any use or change.
const QUIET_WAKEUPS: f64 = 1.1;

/// Five locks, of which two mask their codes, with three codes each.
fn home() -> House {
    let mut models = [Model::s2(), Model::s2(), Model::s0(), Model::s0(), Model::version_1()];
    models[1].quirks.masks_codes = true;
    models[3].quirks.masks_codes = true;
    models[0].quirks.no_supervision = true;
    let nodes: BTreeMap<NodeId, Model> = (2..).map(NodeId).zip(models).collect();
    let keys = Some(NetworkKeys::generate(&mut Entropy::from_number(50)));
    let mut house = House::new(&Blueprint { nodes, keys, ..Blueprint::two_locks() }, 9);
    house.run_for(HOUR);
    for (name, code) in [("Ada", "482913"), ("Bob", "739164"), ("Cy", "615274")] {
        house.add(name, code, &["lock_2", "lock_3", "lock_4", "lock_5", "lock_6"]);
    }
    house.run_for(HOUR);
    assert!(house.statuses().iter().all(|status| status == "active"), "{:?}", house.statuses());
    house
}

#[test]
fn a_year_of_checks_wakes_no_lock_more_than_once_a_day() {
    let days: u32 = std::env::var("LATCHKEY_YEAR_DAYS").map_or(20, |text| text.parse().expect("a number of days"));
    let mut house = home();
    let locks: Vec<NodeId> = (2..7).map(NodeId).collect();
    let wakeups = |house: &House| locks.iter().map(|node| house.node(*node).wakeups()).collect::<Vec<_>>();
    let (before, sent) = (wakeups(&house), house.sent.len());
    let (mut used, mut changed) = (vec![0; locks.len()], vec![0; locks.len()]);
    for day in 0..days {
        // Somebody comes home each evening, by another door each day, and once a month a code is changed.
        house.run_for(18 * HOUR);
        let door = usize::try_from(day).expect("few days") % locks.len();
        let uses = wakeups(&house);
        house.keypad(locks[door], "482913");
        house.run_for(60 * SECOND);
        for (sum, (after, before)) in used.iter_mut().zip(wakeups(&house).into_iter().zip(uses)) {
            *sum += after - before;
        }
        if day % 30 == 29 {
            let changes = wakeups(&house);
            house.add(&format!("Guest {day}"), &format!("{}", 204_817 + day * 7_919), &["lock_2", "lock_3", "lock_4"]);
            house.run_for(120 * SECOND);
            for (sum, (after, before)) in changed.iter_mut().zip(wakeups(&house).into_iter().zip(changes)) {
                *sum += after - before;
            }
            house.run_for(6 * HOUR - 180 * SECOND);
        } else {
            house.run_for(6 * HOUR - 60 * SECOND);
        }
    }
    let all = wakeups(&house).into_iter().zip(before).map(|(after, before)| after - before);
    for ((node, all), (used, changed)) in locks.iter().zip(all).zip(used.iter().zip(&changed)) {
        let a_day = |count: u64| f64::from(u32::try_from(count).expect("few")) / f64::from(days);
        let quiet = a_day(all - used - changed);
        figure(&format!(
            "wake-ups of lock {node} a day over {days} days: {quiet:.2} by checks, {:.2} by uses, {:.2} by changes",
            a_day(*used),
            a_day(*changed)
        ));
        assert!(quiet <= QUIET_WAKEUPS, "lock {node} was woken {quiet} times a day");
        assert!(quiet >= 0.8, "lock {node} was hardly ever checked");
    }
    let frames = (house.sent.len() - sent) / usize::try_from(days).expect("few days") / locks.len();
    figure(&format!("frames to the controller for each lock and day: {frames}"));
    assert!(house.statuses().iter().all(|status| status == "active"), "{:?}", house.statuses());
}

/// The lock's report got lost, or it sends none.
#[test]
fn a_code_programmed_unheard_is_found_within_a_few_days() {
    let mut house = home();
    for node in [NodeId(2), NodeId(4), NodeId(6)] {
        house.visit(node, |lock| lock.faults.mute = true);
        let now = house.now();
        house.visit(node, |lock| lock.program(1, None, now));
        house.visit(node, |lock| lock.program(20, Some(b"246824"), now));
        house.run_for(HOUR);
        house.visit(node, |lock| lock.faults.mute = false);
    }
    house.run_for(4 * DAY);
    let told = |kind| house.journal().into_iter().filter(|event| event.kind == kind).count();
    assert_eq!(told(EventType::ForeignCodeAdded), 3, "a code that nobody here gave");
    assert_eq!(told(EventType::CodeChangedAtLock), 3, "a code of ours that is gone");
}
