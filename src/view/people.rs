//! `/api/people`.

use serde::{Deserialize, Serialize};

use super::grant::GrantView;
use crate::domain::ids::PersonId;

/// A person and where their code stands at each door.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonView {
    pub id: PersonId,
    /// The id another system knows them by.
    pub external_id: Option<String>,
    pub first_name: String,
    pub last_name: String,
    /// `false`: no code of theirs is to be in any lock.
    pub enabled: bool,
    /// They were removed, and a lock may still hold their code.
    pub removing: bool,
    pub has_code: bool,
    pub contacts: ContactsView,
    /// By the slug of the device.
    pub grants: Vec<GrantView>,
}

impl PersonView {
    /// `First Last`, without a stray blank when one of them is missing.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

/// How to reach a person.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct ContactsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
}
