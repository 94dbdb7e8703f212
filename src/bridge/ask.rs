//! What the world outside may ask of the bridge, and the shape of its answers.

use super::membership::MembersAsk;
use super::vitals::Vitals;
use crate::domain::ids::{GrantId, PersonId};
use crate::domain::intent::{Accepted, Intent};
use crate::security::keys::NetworkKeys;

pub use crate::domain::actor::Actor;

/// One question or change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// A change.
    Intent(Intent),
    /// Everybody: a list of people with their grants.
    People,
    /// One person with their grants.
    Person(PersonId),
    /// Every device: a list.
    Devices,
    /// One device, by slug or id.
    Device(String),
    /// One grant. Not found once its code is out of the lock: that is how a removal ends.
    Grant(GrantId),
    /// How the daemon is, for people.
    Status,
    /// The same, in figures.
    Vitals,
    /// The controller and its nodes.
    Network,
    /// The network keys themselves. On record.
    ExportKeys,
    /// Who comes into the network, and who leaves it.
    Members(MembersAsk),
}

/// The answer to an [`Ask`] that was not refused.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// The change is committed and on its way.
    Accepted(Accepted),
    /// What was asked to be seen, in the contract's JSON. Never holds a code. A list is `{"items":[…],"next":null}`.
    View(serde_json::Value),
    /// How the daemon is.
    Vitals(Box<Vitals>),
    /// The network keys, which show in no `Debug`.
    NetworkKeys(Box<NetworkKeys>),
    /// No such person, device or grant.
    NotFound,
}
