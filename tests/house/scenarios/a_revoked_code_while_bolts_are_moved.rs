//! An automation that repeats itself, or anybody at the broker, keeps every lock busy; a code that was taken away has to leave
//! its lock all the same.

use std::time::Duration;

use latchkey::bridge::BrokerInput;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::NodeId;
use latchkey::domain::intent::Intent;
use latchkey::security::keys::NetworkKeys;
use latchkey::sim::Blueprint;
use latchkey::sim::model::Model;

use crate::support::figures::figure;
use crate::support::house::{House, person};

const LOCKS: u16 = 40;
const BOUND: Duration = Duration::from_secs(10);

fn slug(lock: u16) -> String {
    format!("lock_{}", lock + 2)
}

/// Forty locks, half of them with S0.
fn building() -> House {
    let models = (0..LOCKS).map(|n| (NodeId(n + 2), if n % 2 == 0 { Model::s2() } else { Model::s0() }));
    let blueprint = Blueprint {
        nodes: models.map(|(node, model)| (node, Model { slots: 2, ..model })).collect(),
        keys: Some(NetworkKeys::generate(&mut Entropy::from_number(50))),
        ..Blueprint::two_locks()
    };
    let mut house = House::new(&blueprint, 40);
    house.run_for(Duration::from_secs(2 * 3600));
    house
}

/// Publishes LOCK at every lock in turn, so many times a second in all, while codes are added and taken away. Tells the
/// longest time from a removal to the empty slot.
fn worst(house: &mut House, per_second: f64, lasts: Duration) -> (Duration, usize) {
    let ends = house.now() + lasts;
    let gap = Duration::from_secs_f64(1.0 / per_second);
    let (mut worst, mut removals, mut lock, mut n) = (Duration::ZERO, 0, 0_u16, 0_u32);
    let mut next = house.now();
    let mut flood = |house: &mut House, until: &mut dyn FnMut(&mut House) -> bool, limit: Duration| {
        let end = house.now() + limit;
        loop {
            if until(house) {
                return true;
            }
            if house.now() >= end {
                return false;
            }
            while next <= house.now() {
                house.broker(BrokerInput::Message {
                    topic: format!("latchkey/device/{}/set", slug(lock)),
                    payload: b"LOCK".to_vec(),
                    retained: false,
                });
                lock = (lock + 1) % LOCKS;
                next = next + gap;
            }
            if !house.step(next.min(end)) {
                house.run_for(next.min(end).since(house.now()));
            }
        }
    };
    while house.now() < ends {
        let at = u16::try_from(n * 7 % u32::from(LOCKS)).expect("small");
        n += 1;
        let node = NodeId(at + 2);
        let code = format!("{:06}", 400_000 + n);
        let Some(Ok(accepted)) = house.change(Intent::AddPerson(person("Eve", &code, &[&slug(at)]))) else { continue };
        let eve = accepted.person.expect("a person");
        let has_code = |house: &House| house.codes(node).iter().any(|(_, held)| *held == code);
        let added = flood(house, &mut |house| has_code(house), Duration::from_secs(300));
        assert!(added, "{per_second}/s: the code never got in");
        // Until nothing is in doubt any more: what is asked of the lock because of the write is not the removal's.
        flood(house, &mut |_| false, Duration::from_secs(30));
        let began = house.now();
        house.intend(Intent::RemovePerson(eve));
        let out = flood(house, &mut |house| !has_code(house), Duration::from_secs(120));
        assert!(out, "{per_second}/s: the code stays in lock {node}");
        worst = worst.max(house.now().since(began));
        removals += 1;
        flood(house, &mut |_| false, Duration::from_secs(10));
    }
    (worst, removals)
}

#[test]
fn a_code_leaves_its_lock_within_ten_seconds_whatever_the_broker_says() {
    let mut house = building();
    let long = Duration::from_secs(2 * 3600);
    let short = Duration::from_secs(300);
    let mut all = Vec::new();
    for (per_second, lasts) in [(0.1, short), (0.5, short), (1.0, long), (5.0, short), (20.0, short)] {
        let (worst, removals) = worst(&mut house, per_second, lasts);
        figure(&format!(
            "revoke to clear, 40 locks under LOCK {per_second}/s for {} s: {:.1} s at worst of {removals}",
            lasts.as_secs(),
            worst.as_secs_f64()
        ));
        all.push(worst);
    }
    assert!(all.iter().all(|worst| *worst <= BOUND), "{all:?}");
}

/// One LOCK every five seconds at the very lock that the code has to leave, and the removal at any moment between two.
#[test]
fn a_code_leaves_a_lock_that_an_automation_locks_every_five_seconds() {
    let mut worst = Duration::ZERO;
    for model in [Model::s2(), Model::s0()] {
        for phase in 0..20 {
            let nodes = [(NodeId(2), model.clone()), (NodeId(3), model.clone())];
            let keys = Some(NetworkKeys::generate(&mut Entropy::from_number(50)));
            let mut house = House::new(&Blueprint { nodes: nodes.into(), keys, ..Blueprint::two_locks() }, 41);
            house.run_for(Duration::from_secs(3600));
            let eve = house.add("Eve", "482913", &["lock_2"]);
            house.run_for(Duration::from_secs(30));
            let lock = |house: &mut House| {
                let message = BrokerInput::Message {
                    topic: "latchkey/device/lock_2/set".into(),
                    payload: b"LOCK".to_vec(),
                    retained: false,
                };
                house.broker(message);
            };
            for _ in 0..3 {
                lock(&mut house);
                house.run_for(Duration::from_secs(5));
            }
            lock(&mut house);
            house.run_for(Duration::from_millis(phase * 250));
            let began = house.now();
            house.intend(Intent::RemovePerson(eve));
            house.run_for(Duration::from_millis(5_000 - phase * 250));
            for _ in 0..12 {
                if house.codes(NodeId(2)).is_empty() {
                    break;
                }
                lock(&mut house);
                house.run_until(Duration::from_secs(5), |house| house.codes(NodeId(2)).is_empty());
            }
            let took = house.now().since(began);
            assert!(house.codes(NodeId(2)).is_empty() && took <= BOUND, "phase {phase} of {:?}: {took:?}", model.requests);
            worst = worst.max(took);
        }
    }
    figure(&format!("revoke to clear at a lock under LOCK every five seconds: {:.1} s at worst", worst.as_secs_f64()));
}
