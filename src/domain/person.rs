//! People and what they present at a door.

use serde::{Deserialize, Serialize};

use super::ids::{CredentialId, Generation, PersonId};
use super::pin::Pin;
use super::time::Timestamp;

/// How to reach a person.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contacts {
    /// E-mail address, as typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "email")]
    pub email: Option<String>,
    /// Mobile number, as typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "mobile")]
    pub mobile: Option<String>,
}

/// Somebody with a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    pub id: PersonId,
    /// The id another system knows this person by; unique where set.
    pub external_id: Option<String>,
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// A disabled person opens nothing; the codes are taken out of the locks and kept here.
    pub enabled: bool,
    pub contacts: Contacts,
    /// When the person was added.
    pub added_at: Timestamp,
    /// Set when the person was removed: the record stays until no lock holds the code any more.
    pub removed_at: Option<Timestamp>,
}

impl Person {
    /// `First Last`, without a stray blank when one of them is missing.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

/// What kind of thing a credential is. Numbers are User Credential's credential types (0x83).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum CredentialKind {
    /// A code of digits.
    #[serde(rename = "pin")]
    Pin,
}

/// A code of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    pub id: CredentialId,
    pub person: PersonId,
    pub kind: CredentialKind,
    pub pin: Pin,
    /// The change of intent that set this code.
    pub generation: Generation,
}
