//! What an accepted change answers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::domain::ids::{DeviceId, Generation, GrantId, NodeId, PersonId, Slug};
use crate::domain::intent::Accepted;
use crate::domain::takeover::TakenOver;

/// The change is committed and on its way to the locks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AcceptedView {
    pub generation: Generation,
    /// Every grant it touched.
    pub grants: Vec<GrantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// A generated code, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<GeneratedCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<TakenOverView>,
}

/// A code that is shown once. It shows in no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct GeneratedCode(Zeroizing<String>);

impl GeneratedCode {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Serialize for GeneratedCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for GeneratedCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|code| Self(Zeroizing::new(code)))
    }
}

impl fmt::Debug for GeneratedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code")
    }
}

/// What came along with a network that was taken over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TakenOverView {
    /// `false`: everything was here already.
    pub changed: bool,
    /// By their names in key files.
    pub keys: Vec<String>,
    pub locks: Vec<Slug>,
    /// Slots that hold a code, which are never written over and never cleared.
    pub occupied_slots: usize,
    /// How many nodes are no locks.
    pub others: usize,
    /// Nodes that the controller does not list any more: left out.
    pub absent: Vec<NodeId>,
}

impl From<&Accepted> for AcceptedView {
    fn from(accepted: &Accepted) -> Self {
        Self {
            generation: accepted.generation,
            grants: accepted.grants.clone(),
            person: accepted.person,
            device: accepted.device,
            code: accepted.generated.as_ref().map(|pin| GeneratedCode(Zeroizing::new(pin.reveal().to_owned()))),
            taken_over: accepted.taken_over.as_ref().map(TakenOverView::from),
        }
    }
}

impl From<&TakenOver> for TakenOverView {
    fn from(taken: &TakenOver) -> Self {
        Self {
            changed: taken.changed,
            keys: taken.keys.iter().map(|key| key.name().to_owned()).collect(),
            locks: taken.locks.clone(),
            occupied_slots: taken.occupied_slots,
            others: taken.others,
            absent: taken.absent.clone(),
        }
    }
}
