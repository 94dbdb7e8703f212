//! Everything that outlives a turn, and the batch in which this turn's changes leave it.
//!
//! Each `put` changes the map and notes the row, so that memory and disk can't drift apart within a turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::deferred::Deferred;
use super::holders::Holders;
use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::batch::{Batch, Damage, Dropped, SlotOwner, Snapshot, Write};
use crate::domain::device::{Device, LockState};
use crate::domain::event::{Event, PersonAtEvent};
use crate::domain::grant::Grant;
use crate::domain::ids::{CredentialId, DeviceId, EventId, Generation, GrantId, HomeId, HubId, NodeId, PersonId, ProvisioningId};
use crate::domain::node::Node;
use crate::domain::person::{Credential, Person};
use crate::domain::pin::{CodeText, Fingerprint, FingerprintKey};
use crate::domain::provisioning::Provisioned;
use crate::domain::slot::{Slot, SlotKey};
use crate::domain::time::{Deadline, Instant, Now, Timestamp};
use crate::mqtt::topic::GrantCounts;
use crate::security::keys::NetworkKeys;

/// The time of a device's last report reaches the disk at least this often, while it is heard.
const LAST_SEEN_ON_DISK: Duration = Duration::from_secs(900);

/// People, devices, grants and slots.
pub struct State {
    pub hub: HubId,
    /// Key of the code fingerprints.
    pub key: FingerprintKey,
    /// Number of the last accepted change.
    pub generation: Generation,
    home: Option<HomeId>,
    people: BTreeMap<PersonId, Person>,
    credentials: BTreeMap<CredentialId, Credential>,
    fingerprints: BTreeMap<CredentialId, Fingerprint>,
    devices: BTreeMap<DeviceId, Device>,
    grants: BTreeMap<GrantId, Grant>,
    on_device: BTreeMap<DeviceId, BTreeSet<GrantId>>,
    of_person: BTreeMap<PersonId, BTreeSet<GrantId>>,
    /// How all grants stand, kept along: a change at one lock is no reason to go through the others'.
    counts: GrantCounts,
    slots: BTreeMap<DeviceId, BTreeMap<u16, Slot>>,
    holders: Holders,
    provisioning: BTreeMap<ProvisioningId, Provisioned>,
    /// Codes that can't be read any more, and whose they are. Their rows stay until another code takes their place.
    lost_codes: BTreeMap<CredentialId, PersonId>,
    /// When an older copy of the database was found last.
    older_copy_found: Option<Timestamp>,
    /// Whose code was taken out of a slot last, and when.
    taken_out: BTreeMap<SlotKey, (PersonAtEvent, Timestamp)>,
    /// Devices whose row or grants changed since the broker was last told.
    changed: BTreeSet<DeviceId>,
    /// When a device's row was last written only for the time of its last report.
    flushed: BTreeMap<DeviceId, Instant>,
    batch: Batch,
    deferred: Deferred,
    dropped: Dropped,
    damage: Vec<Damage>,
}

impl State {
    /// Takes over what the store holds. Nodes and outbox go to their own machines.
    pub fn new(snapshot: Snapshot) -> Self {
        let mut slots: BTreeMap<DeviceId, BTreeMap<u16, Slot>> = BTreeMap::new();
        let mut holders = Holders::default();
        for slot in snapshot.slots {
            holders.replace(None, Some(&slot));
            slots.entry(slot.key.device).or_default().insert(slot.key.index, slot);
        }
        let mut state = Self {
            hub: snapshot.hub,
            key: snapshot.fingerprint_key,
            generation: snapshot.generation,
            home: snapshot.home,
            people: snapshot.people.into_iter().map(|person| (person.id, person)).collect(),
            credentials: BTreeMap::new(),
            fingerprints: BTreeMap::new(),
            devices: snapshot.devices.into_iter().map(|device| (device.id, device)).collect(),
            grants: BTreeMap::new(),
            on_device: BTreeMap::new(),
            of_person: BTreeMap::new(),
            counts: GrantCounts::default(),
            slots,
            holders,
            provisioning: snapshot.provisioning.into_iter().map(|expected| (expected.id, expected)).collect(),
            lost_codes: BTreeMap::new(),
            older_copy_found: snapshot.older_copy_found,
            taken_out: BTreeMap::new(),
            changed: BTreeSet::new(),
            batch: Batch::default(),
            flushed: BTreeMap::new(),
            deferred: Deferred::default(),
            dropped: snapshot.dropped,
            damage: snapshot.damage,
        };
        for damage in state.damage.clone() {
            match damage {
                Damage::Code { credential, person } => {
                    state.lost_codes.insert(credential, person);
                }
                // Of no more use: reported once.
                Damage::Label { id, .. } => state.deferred.add(Write::DeleteProvisioned(id)),
                Damage::WaitingEvent(id) => state.deferred.add(Write::OutboxDone(id)),
                Damage::Slot(_) | Damage::Grant(_) | Damage::Contacts(_) | Damage::Node(_) | Damage::Fingerprints => {}
            }
        }
        for credential in snapshot.credentials {
            state.keep_credential(credential);
        }
        for grant in snapshot.grants {
            state.index(grant);
        }
        state
    }

    /// What this turn decided so far; the state starts the next turn with an empty batch.
    pub fn take_batch(&mut self) -> Batch {
        if !self.batch.is_empty() {
            self.batch.writes.extend(self.deferred.take());
        }
        std::mem::take(&mut self.batch)
    }

    /// Whether this turn decided anything yet.
    pub fn has_changes(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Rows that waited long enough go with this turn's batch, even if there is nothing else in it. When the daemon stops,
    /// all of them do.
    pub fn flush_deferred(&mut self, stopping: bool, now: Instant) {
        if stopping || self.deferred.is_due(now) {
            self.batch.writes.extend(self.deferred.take());
        }
    }

    /// When deferred rows are due.
    pub fn deadline(&self) -> Option<Deadline> {
        self.deferred.deadline()
    }

    /// Notes something about the clock.
    pub fn put_time(&mut self, writes: Vec<Write>) {
        self.batch.writes.extend(writes);
    }

    /// Counts one accepted change of intent.
    pub fn next_generation(&mut self) -> Generation {
        self.generation = self.generation.next();
        self.batch.push(Write::Generation(self.generation));
        self.generation
    }

    /// Home id of the network the nodes belong to.
    pub fn home(&self) -> Option<HomeId> {
        self.home
    }

    /// The nodes belong to this network from now on.
    pub fn put_home(&mut self, home: HomeId) {
        self.home = Some(home);
        self.batch.push(Write::Home(home));
    }

    /// Notes the network's keys; the network machine holds them.
    pub fn put_network_keys(&mut self, keys: NetworkKeys) {
        self.batch.push(Write::NetworkKeys(Box::new(keys)));
    }

    pub fn person(&self, id: PersonId) -> Option<&Person> {
        self.people.get(&id)
    }

    /// Everybody, those being removed included.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    pub fn put_person(&mut self, person: Person) {
        self.batch.push(Write::PutPerson(person.clone()));
        self.people.insert(person.id, person);
    }

    /// Forgets a person and every code of theirs.
    pub fn delete_person(&mut self, id: PersonId) {
        for credential in self.credentials_of(id).map(|c| c.id).collect::<Vec<_>>() {
            self.credentials.remove(&credential);
            self.fingerprints.remove(&credential);
            self.batch.push(Write::DeleteCredential(credential));
        }
        while let Some(lost) = self.lost_code_of(id) {
            self.lost_codes.remove(&lost);
            self.batch.push(Write::DeleteCredential(lost));
        }
        self.people.remove(&id);
        self.batch.push(Write::DeletePerson(id));
    }

    pub fn credential(&self, id: CredentialId) -> Option<&Credential> {
        self.credentials.get(&id)
    }

    pub fn credentials(&self) -> impl Iterator<Item = &Credential> {
        self.credentials.values()
    }

    /// The credentials of one person.
    pub fn credentials_of(&self, person: PersonId) -> impl Iterator<Item = &Credential> {
        self.credentials.values().filter(move |c| c.person == person)
    }

    pub fn put_credential(&mut self, credential: Credential) {
        self.batch.push(Write::PutCredential(credential.clone()));
        self.keep_credential(credential);
    }

    /// A code of this person that can't be read any more.
    pub fn lost_code_of(&self, person: PersonId) -> Option<CredentialId> {
        self.lost_codes.iter().find(|(_, of)| **of == person).map(|(credential, _)| *credential)
    }

    /// The people with such a code.
    pub fn without_readable_code(&self) -> impl Iterator<Item = &Person> {
        self.lost_codes.values().filter_map(|person| self.people.get(person))
    }

    /// When an older copy of the database was found last.
    pub fn older_copy_found(&self) -> Option<Timestamp> {
        self.older_copy_found
    }

    /// What an older copy says is in doubt, as of this batch.
    pub fn put_older_copy_found(&mut self, at: Timestamp) {
        self.older_copy_found = Some(at);
        self.batch.push(Write::OlderCopyFound(at));
    }

    fn keep_credential(&mut self, credential: Credential) {
        let fingerprint = Fingerprint::of(credential.pin.reveal().as_bytes(), &self.key);
        self.lost_codes.remove(&credential.id);
        self.fingerprints.insert(credential.id, fingerprint);
        self.credentials.insert(credential.id, credential);
    }

    /// The fingerprint of a credential's code.
    pub fn fingerprint(&self, id: CredentialId) -> Option<Fingerprint> {
        self.fingerprints.get(&id).copied()
    }

    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(&id)
    }

    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// The device behind a node.
    pub fn device_of(&self, node: NodeId) -> Option<&Device> {
        self.devices.values().find(|device| device.node == Some(node))
    }

    /// A device by slug or id.
    pub fn device_named(&self, name: &str) -> Option<&Device> {
        let by_id = name.parse().ok().and_then(|id| self.devices.get(&id));
        by_id.or_else(|| self.devices.values().find(|device| device.slug.as_str() == name))
    }

    /// Writes a device, if that changes anything.
    pub fn put_device(&mut self, device: Device) {
        if self.devices.get(&device.id) == Some(&device) {
            return;
        }
        self.batch.push(Write::PutDevice(device.clone()));
        self.changed.insert(device.id);
        self.devices.insert(device.id, device);
    }

    /// Something else about a device may read differently now.
    pub fn note_changed(&mut self, device: DeviceId) {
        self.changed.insert(device);
    }

    /// Devices that may read differently since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<DeviceId> {
        std::mem::take(&mut self.changed)
    }

    /// Forgets a device and what is known of its slots. Its grants go before.
    pub fn delete_device(&mut self, id: DeviceId, at: Timestamp) {
        self.drop_slots(id, at);
        self.on_device.remove(&id);
        if self.devices.remove(&id).is_some() {
            self.batch.push(Write::DeleteDevice(id));
            self.changed.insert(id);
        }
    }

    /// Nobody knows any more where the bolts are. In memory only: a start doubts them, too.
    pub fn doubt_bolts(&mut self) {
        for device in self.devices.values_mut() {
            device.lock_state = LockState::Unknown;
            self.changed.insert(device.id);
        }
    }

    /// A frame of the device was received. Kept in memory; reaches the disk with the next change of the device, or when the
    /// time on disk is old.
    pub fn seen(&mut self, id: DeviceId, now: Now) {
        let Some(device) = self.devices.get_mut(&id) else { return };
        device.last_seen = Some(now.wall);
        if self.flushed.get(&id).is_none_or(|at| now.mono.since(*at) >= LAST_SEEN_ON_DISK) {
            self.flushed.insert(id, now.mono);
            self.batch.push(Write::PutDevice(device.clone()));
        }
    }

    pub fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.get(&id)
    }

    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values()
    }

    /// The grants on one device, in a stable order.
    pub fn grants_on(&self, device: DeviceId) -> impl Iterator<Item = &Grant> {
        self.on_device.get(&device).into_iter().flatten().filter_map(|id| self.grants.get(id))
    }

    /// The grants of one person.
    pub fn grants_of(&self, person: PersonId) -> impl Iterator<Item = &Grant> {
        self.of_person.get(&person).into_iter().flatten().filter_map(|id| self.grants.get(id))
    }

    /// Writes a grant, if that changes anything.
    pub fn put_grant(&mut self, grant: Grant) {
        if self.grants.get(&grant.id) == Some(&grant) {
            return;
        }
        self.batch.push(Write::PutGrant(grant.clone()));
        self.index(grant);
    }

    fn index(&mut self, grant: Grant) {
        self.changed.insert(grant.device);
        self.on_device.entry(grant.device).or_default().insert(grant.id);
        self.of_person.entry(grant.person).or_default().insert(grant.id);
        self.counts.of(grant.status).into_iter().for_each(|count| *count += 1);
        if let Some(before) = self.grants.insert(grant.id, grant) {
            self.counts.of(before.status).into_iter().for_each(|count| *count -= 1);
        }
    }

    /// How many grants of a device are pending, and how many need a decision.
    pub fn grant_counts(&self, device: DeviceId) -> GrantCounts {
        let mut counts = GrantCounts::default();
        for grant in self.grants_on(device) {
            counts.of(grant.status).into_iter().for_each(|count| *count += 1);
        }
        counts
    }

    /// How all grants stand.
    pub fn counts(&self) -> GrantCounts {
        self.counts
    }

    /// Forgets a grant whose code is out.
    pub fn delete_grant(&mut self, id: GrantId) {
        let Some(grant) = self.grants.remove(&id) else { return };
        self.counts.of(grant.status).into_iter().for_each(|count| *count -= 1);
        self.changed.insert(grant.device);
        self.on_device.entry(grant.device).or_default().remove(&id);
        self.of_person.entry(grant.person).or_default().remove(&id);
        self.batch.push(Write::DeleteGrant(id));
    }

    /// What is known of a device's slots.
    pub fn slots(&self, device: DeviceId) -> &BTreeMap<u16, Slot> {
        static NONE: BTreeMap<u16, Slot> = BTreeMap::new();
        self.slots.get(&device).unwrap_or(&NONE)
    }

    /// Every code that is in a slot of somebody else than `own`, as far as we know.
    pub fn codes_of_others(&self, own: Option<PersonId>) -> impl Iterator<Item = &CodeText> {
        let owner = |key: &SlotKey| self.slots.get(&key.device)?.get(&key.index)?.owner;
        let person = move |key: &SlotKey| owner(key).and_then(|grant| self.grants.get(&grant)).map(|grant| grant.person);
        let others = move |slots: &BTreeSet<SlotKey>| slots.iter().filter_map(&person).any(|person| Some(person) != own);
        self.holders.iter().filter(move |(_, slots)| others(slots)).map(|(code, _)| code)
    }

    /// The stamp of a look at all slots of a device that begins now: later than every stamp of them. The clock may have been
    /// set back since, and what was seen then would pass for seen in this look.
    pub fn look_begins(&self, device: DeviceId, now: Timestamp) -> Timestamp {
        let seen = self.slots(device).values().filter_map(|slot| slot.seen_at).max();
        seen.map_or(now, |seen| now.max(seen + Duration::from_millis(1)))
    }

    /// The slot a grant has.
    pub fn slot_of(&self, grant: &Grant) -> Option<&Slot> {
        self.slots(grant.device).values().find(|slot| slot.owner == Some(grant.id))
    }

    /// Writes a slot, if that changes anything; a change of owner goes into the history that says who came.
    pub fn put_slot(&mut self, slot: Slot, at: Timestamp) {
        let before = self.slots.get(&slot.key.device).and_then(|slots| slots.get(&slot.key.index));
        if before == Some(&slot) {
            return;
        }
        if before.and_then(|slot| slot.owner) != slot.owner {
            let grant = slot.owner.and_then(|grant| self.grants.get(&grant));
            let owner = grant.map(|grant| SlotOwner { grant: grant.id, person: grant.person });
            self.batch.push(Write::SlotOwner { slot: slot.key, owner, from: at });
        }
        self.holders.replace(before, Some(&slot));
        self.batch.push(Write::PutSlot(slot.clone()));
        self.slots.entry(slot.key.device).or_default().insert(slot.key.index, slot);
    }

    /// A slot is given back: the code of this person was in it until now.
    pub fn note_taken_out(&mut self, key: SlotKey, person: PersonId, at: Timestamp) {
        if let Some(person) = self.people.get(&person) {
            self.taken_out.insert(key, (PersonAtEvent { id: person.id, name: person.name() }, at));
        }
    }

    /// Whose code was taken out of a slot last, and when.
    pub fn taken_out(&self, key: SlotKey) -> Option<&(PersonAtEvent, Timestamp)> {
        self.taken_out.get(&key)
    }

    /// Forgets every slot of a device: they are of a lock that is not there any more. Who had them stays in the history.
    pub fn drop_slots(&mut self, device: DeviceId, at: Timestamp) {
        for slot in self.slots.remove(&device).unwrap_or_default().into_values() {
            self.holders.replace(Some(&slot), None);
            if slot.owner.is_some() {
                self.batch.push(Write::SlotOwner { slot: slot.key, owner: None, from: at });
            }
            self.batch.push(Write::DeleteSlot(slot.key));
        }
    }

    /// Every device that is expected, or came that way.
    pub fn provisioning(&self) -> impl Iterator<Item = &Provisioned> {
        self.provisioning.values()
    }

    pub fn provisioned(&self, id: ProvisioningId) -> Option<&Provisioned> {
        self.provisioning.get(&id)
    }

    /// Writes an expected device, if that changes anything.
    pub fn put_provisioned(&mut self, expected: Provisioned) {
        if self.provisioning.get(&expected.id) == Some(&expected) {
            return;
        }
        self.batch.push(Write::PutProvisioned(expected.clone()));
        self.provisioning.insert(expected.id, expected);
    }

    /// Expects a device no more.
    pub fn delete_provisioned(&mut self, id: ProvisioningId) {
        if self.provisioning.remove(&id).is_some() {
            self.batch.push(Write::DeleteProvisioned(id));
        }
    }

    /// Notes a node's row; the network machine holds the node itself.
    pub fn put_node(&mut self, node: Node) {
        self.batch.push(Write::PutNode(node));
    }

    /// Notes that a node left.
    pub fn delete_node(&mut self, node: NodeId) {
        self.batch.push(Write::DeleteNode(node));
    }

    /// Notes an event for the journal, and for the broker if there is one.
    pub fn put_event(&mut self, event: Event, for_broker: bool) {
        let id = event.id;
        self.batch.push(Write::Event(event));
        if for_broker {
            self.batch.push(Write::Outbox(id));
        }
    }

    /// The broker has an event. The row can wait: at worst the broker gets the event twice, with the same id.
    pub fn outbox_done(&mut self, id: EventId, now: Instant) {
        self.deferred.add_soon(Write::OutboxDone(id), now);
    }

    /// The outbox is full: the broker never gets these events.
    pub fn drop_from_outbox(&mut self, ids: Vec<EventId>, at: Timestamp) {
        if ids.is_empty() {
            return;
        }
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        self.dropped = Dropped { count: self.dropped.count.saturating_add(count), at };
        self.batch.writes.extend(ids.into_iter().map(Write::OutboxDone));
        self.batch.push(Write::Dropped(self.dropped));
    }

    /// What could not be read in the store.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Events the broker never got.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Notes who did what.
    pub fn audit(&mut self, actor: &Actor, act: Act, at: Timestamp) {
        self.batch.push(Write::Audit { actor: actor.clone(), act, at });
    }
}
