//! Everything one turn decided, to be committed as one transaction; and everything a start needs to know.

use std::time::Duration;

use super::actor::Actor;
use super::audit::Act;
use super::device::Device;
use super::event::Event;
use super::grant::Grant;
use super::ids::{CredentialId, DeviceId, EventId, Generation, GrantId, HomeId, HubId, NodeId, PersonId, ProvisioningId};
use super::node::Node;
use super::person::{Credential, Person};
use super::pin::FingerprintKey;
use super::provisioning::Provisioned;
use super::slot::{Slot, SlotKey};
use super::time::{BootId, Timestamp};
use crate::security::keys::NetworkKeys;

/// One row to write or to take away. `Put` replaces the row of the same identity.
#[derive(Clone, PartialEq, Debug)]
pub enum Write {
    PutPerson(Person),
    /// A person nobody needs any more (events keep the name).
    DeletePerson(PersonId),
    /// A code; sealed by the store.
    PutCredential(Credential),
    /// A code no lock holds any more.
    DeleteCredential(CredentialId),
    PutDevice(Device),
    /// A device that nobody wants any more; events keep its id.
    DeleteDevice(DeviceId),
    PutGrant(Grant),
    /// A grant whose removal is confirmed.
    DeleteGrant(GrantId),
    /// A slot; its known code and fingerprint are sealed by the store.
    PutSlot(Slot),
    /// A slot that no longer exists.
    DeleteSlot(SlotKey),
    /// From `from` on, `slot` belongs to `owner` (or to nobody): who came is asked of this history.
    SlotOwner {
        slot: SlotKey,
        /// Its owner from now on.
        owner: Option<SlotOwner>,
        from: Timestamp,
    },
    PutNode(Node),
    /// A node that left the network.
    DeleteNode(NodeId),
    /// A device that is expected; its device-specific key is sealed by the store.
    PutProvisioned(Provisioned),
    /// A device that is expected no more.
    DeleteProvisioned(ProvisioningId),
    /// An event for the journal.
    Event(Event),
    /// An event that waits for the broker, in order of writing.
    Outbox(EventId),
    /// The broker has it.
    OutboxDone(EventId),
    /// The number of the last accepted change.
    Generation(Generation),
    /// The home id of the network the nodes belong to.
    Home(HomeId),
    /// The keys of that network; sealed by the store.
    NetworkKeys(Box<NetworkKeys>),
    /// No earlier than this: the latest time of a clock that was trusted.
    HighWater(Timestamp),
    /// The machine was switched on anew.
    Boot(BootId),
    /// Events that were dropped from the outbox, in all.
    Dropped(Dropped),
    /// The database turned out to be an older copy at that time, and everything in it is in doubt from this batch on.
    OlderCopyFound(Timestamp),
    /// Who did what, for the audit.
    Audit {
        actor: Actor,
        act: Act,
        at: Timestamp,
    },
}

/// The owner of a slot at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotOwner {
    pub grant: GrantId,
    pub person: PersonId,
}

/// Events that the broker will never get, because it was away for too long. The journal has them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Dropped {
    /// How many, since the database was made.
    pub count: u64,
    /// When the last one was dropped.
    pub at: Timestamp,
}

/// How much of the past is kept: events, the audit, and who had which slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    pub age: Duration,
    /// Not more events, and not more lines of the audit, however young.
    pub events: u32,
}

/// Something in the database that can't be read any more. It costs only whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Damage {
    /// A code: its person needs a new one.
    Code {
        /// The credential. Its row stays until a new code replaces it.
        credential: CredentialId,
        person: PersonId,
    },
    /// What was known of a slot: the slot is read again.
    Slot(SlotKey),
    /// A grant: nothing is written or cleared for it until a person decides.
    Grant(GrantId),
    /// The contacts of a person.
    Contacts(PersonId),
    /// The label of an expected device: it has to be scanned again.
    Label {
        id: ProvisioningId,
        /// What the device was to be called.
        name: Option<String>,
    },
    /// A node: it is interviewed again.
    Node(NodeId),
    /// An event that waited for the broker.
    WaitingEvent(EventId),
    /// The key of code fingerprints: every code of ours is read again.
    Fingerprints,
}

/// Everything a turn decided. Empty: the turn decided nothing, and nothing is written.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Batch {
    pub writes: Vec<Write>,
}

impl Batch {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    pub fn push(&mut self, write: Write) {
        self.writes.push(write);
    }
}

/// The whole state as the store holds it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub hub: HubId,
    /// Key of the code fingerprints.
    pub fingerprint_key: FingerprintKey,
    /// Number of the last accepted change.
    pub generation: Generation,
    /// Home id of the network the nodes belong to.
    pub home: Option<HomeId>,
    /// Its keys: made with the database, or brought from another controller. A key file goes before them.
    pub network_keys: NetworkKeys,
    /// No earlier than this, if a clock was ever trusted.
    pub high_water: Option<Timestamp>,
    /// The boot in which the database was last written.
    pub boot: Option<BootId>,
    /// Events that were dropped from the outbox.
    pub dropped: Dropped,
    pub people: Vec<Person>,
    pub credentials: Vec<Credential>,
    pub devices: Vec<Device>,
    pub grants: Vec<Grant>,
    pub slots: Vec<Slot>,
    pub nodes: Vec<Node>,
    /// Devices that are expected.
    pub provisioning: Vec<Provisioned>,
    /// Events that wait for the broker, oldest first.
    pub outbox: Vec<Event>,
    /// The database is an older copy, and what it says was not put in doubt yet: [`Write::OlderCopyFound`] ends this.
    pub is_older_copy: bool,
    /// When an older copy was found last.
    pub older_copy_found: Option<Timestamp>,
    /// What can't be read any more.
    pub damage: Vec<Damage>,
}
