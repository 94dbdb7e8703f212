//! What it takes to decide about one lock among many.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use latchkey::domain::entropy::Entropy;
use latchkey::domain::grant::Schedule;
use latchkey::domain::ids::{DeviceId, Generation};
use latchkey::domain::intent::Intent;
use latchkey::domain::pin::Fingerprint;
use latchkey::domain::slot::Slot;
use latchkey::reconcile::plan::{Desired, LockView, plan};
use latchkey::store::Store;

use crate::house::House;
use crate::household::{Template, blueprint};
use crate::meter::median;

/// Turns, frame to the lock included.
pub struct Plans {
    pub granted: Duration,
    pub revoked: Duration,
}

impl Plans {
    /// A guest gets a code on one of so many locks, and loses it, ten times.
    pub fn of_one_among(template: &Template, locks: usize) -> Self {
        let (_, empty) = Store::in_memory(&Entropy::from_number(1)).expect("memory");
        let (snapshot, guest) = template.household(empty, locks, 10);
        let device = snapshot.devices[locks / 2].slug.to_string();
        let mut house = House::new(snapshot, None, &blueprint(locks));
        house.start();
        let (mut granted, mut revoked) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let tick = Intent::Grant { person: guest, device: device.clone(), schedule: Schedule::Always };
            granted.push(house.intend(tick));
            revoked.push(house.intend(Intent::Revoke { person: guest, device: device.clone() }));
        }
        Self { granted: median(granted), revoked: median(revoked) }
    }
}

/// The plan by itself, for one lock of a house: each of its codes is another now.
pub struct PlanAlone {
    device: DeviceId,
    slots: BTreeMap<u16, Slot>,
    desired: Vec<Desired>,
}

impl PlanAlone {
    /// One of so many locks, with `codes` codes on each.
    pub fn of(template: &Template, locks: usize, codes: u16) -> Self {
        let (_, empty) = Store::in_memory(&Entropy::from_number(1)).expect("memory");
        let (house, _) = template.household(empty, locks, codes);
        let device = house.devices[locks / 2].id;
        let slots = house.slots.iter().filter(|slot| slot.key.device == device);
        let grants = house.grants.iter().filter(|grant| grant.device == device);
        let desired = grants.map(|grant| Desired {
            grant: grant.id,
            code: Some(Fingerprint::of(b"the code is another now", &house.fingerprint_key)),
            generation: Generation(2),
            held: false,
        });
        Self { device, desired: desired.collect(), slots: slots.map(|slot| (slot.key.index, slot.clone())).collect() }
    }

    /// Plans; how many steps it takes.
    pub fn steps(&self) -> usize {
        let users = u16::try_from(self.slots.len()).expect("few slots");
        let view = LockView {
            device: self.device,
            users,
            reserved: &BTreeSet::new(),
            slots: &self.slots,
            desired: &self.desired,
            masks: false,
            confirms: true,
        };
        plan(&view).steps.len()
    }
}
