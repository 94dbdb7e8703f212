//! A lock that joins while everything else goes on, and a store that is older than the locks.

use latchkey::bridge::membership::Expect;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::EventId;
use latchkey::domain::node::SecurityClass;
use latchkey::domain::provisioning::{Label, ScannedProduct};
use latchkey::security::keys::KeyMask;
use latchkey::sim::device::{Device, DeviceId, Radio};
use latchkey::sim::model::{Model as Make, Quirks};

use super::model::Lock;
use super::stage::Stage;

/// A lock that waits outside, or is on its way in: at most one in a walk.
#[derive(Default)]
pub struct Joining {
    device: Option<DeviceId>,
    is_in: bool,
    /// The copy of the store that would be brought back knows the label.
    pub is_in_copy: bool,
    /// Events that the broker has and an older store forgot.
    pub forgotten: std::collections::BTreeSet<EventId>,
}

impl Stage {
    /// Somebody scans a lock's label, and gives it power.
    pub fn join(&mut self, make: u8) {
        if self.joining.device.is_some() || !self.has_store() {
            return;
        }
        let quirks = Quirks { masks_codes: make & 1 > 0, no_supervision: make & 2 > 0, ..Quirks::default() };
        let make = Make { quirks, ..Make::s2() };
        let seed = u64::from_be_bytes(Entropy::from_number(self.house.seed).child("joins").bytes());
        let device = Device::smart_start(make, Radio::Classic, seed);
        let product = ScannedProduct { generic: 0x40, specific: 3, manufacturer: 0xFFFE, product_type: 1, product: 2 };
        let label = Label { dsk: device.dsk(), keys: KeyMask::KNOWN, long_range: false, product };
        if let Some(Ok(_)) = self.house.ask(Expect { label, name: None }) {
            let now = self.house.now();
            self.joining.device = Some(self.house.world.offer(device, now));
            self.joining.is_in_copy = false;
        }
    }

    /// Long after everything was mended, whoever was to join has joined, with all keys, and takes codes from now on.
    pub fn somebody_joined(&mut self) -> Result<(), String> {
        let Some(device) = self.joining.device.filter(|_| !self.joining.is_in) else { return Ok(()) };
        let node = self.house.world.node_of(device).ok_or("a lock with a label that was scanned did not join")?;
        let class = self.house.node(node).class();
        if class != SecurityClass::S2AccessControl {
            return Err(format!("node {node} joined with {class:?} although its label was scanned"));
        }
        let table = self.house.node(node).memory.codes.clone();
        self.model.locks.insert(node, Lock::new(table));
        self.nodes.push(node);
        // On its way in it may have been tried often, in bad air.
        self.woken.insert(node, self.house.node(node).wakeups());
        self.joining.is_in = true;
        self.everybody_is_met()
    }

    /// The hub goes on with a store as it was: what people wanted since then is forgotten, and the locks are ahead of it.
    pub fn bring_back(&mut self) {
        let Some(copy) = self.copy.clone().filter(|copy| copy.locks.len() == self.model.locks.len()) else { return };
        self.power();
        let journal: Vec<_> = self.house.journal().into_iter().map(|event| event.id).collect();
        self.house.bring_store_back();
        let kept: std::collections::BTreeSet<_> = self.house.journal().into_iter().map(|event| event.id).collect();
        let published = self.house.published.iter().map(|(id, _)| *id);
        self.joining.forgotten.extend(journal.into_iter().chain(published).filter(|id| !kept.contains(id)));
        // Its label was scanned after the copy was made: it calls, and is not expected.
        if !self.joining.is_in && !self.joining.is_in_copy {
            self.joining.device = None;
        }
        self.forgot += self.model.people.len() - copy.people.len();
        let now = self.house.now();
        self.model.people = copy.people;
        let people = self.model.people.clone();
        for (node, lock) in &mut self.model.locks {
            lock.is_old = true;
            // Whatever else is in there is a stranger's to this store.
            let codes =
                lock.table.entries().map(|(slot, entry)| (slot, String::from_utf8_lossy(entry.code.reveal()).into_owned()));
            let known = people.iter().filter(|person| person.on.contains(node)).flat_map(|person| &person.codes);
            let known: Vec<&String> = known.collect();
            // Stars show whose a code is only where the copy has it, too.
            let masks = self.house.node(*node).model.quirks.masks_codes;
            let was = |slot| copy.locks.get(node).and_then(|lock| super::watch::code_of(&lock.table, slot));
            let is_known = |slot, code: &String| known.contains(&code) && (!masks || was(slot).as_ref() == Some(code));
            lock.loose.extend(codes.filter(|(slot, code)| !is_known(*slot, code)).map(|(_, code)| code));
            lock.loose.extend(std::mem::take(&mut lock.strangers).into_values().map(|stranger| stranger.code));
            lock.blind.extend(people.iter().map(|person| person.name.clone()));
            lock.unheard.extend(1..=30);
            lock.unseen.extend(people.iter().map(|person| person.name.clone()));
            lock.ours.extend(1..=30);
            (lock.leaving, lock.coming, lock.wanted_at) = (Default::default(), Default::default(), now);
            people.iter().for_each(|person| lock.follow(person, *node, now));
        }
        self.starts();
    }
}
