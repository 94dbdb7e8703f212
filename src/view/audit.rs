//! Lines of the audit.

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use crate::domain::ids::{DeviceId, GrantId, PersonId};

/// One line of the audit, as the API shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditRow {
    /// Position; grows with time.
    pub seq: i64,
    pub at: Stamp,
    pub actor: AuditActor,
    pub act: String,
    /// The person that it concerns, who may be gone.
    pub person: Option<PersonId>,
    /// The device that it concerns, which may be gone.
    pub device: Option<DeviceId>,
    /// The grant that it concerns, which may be gone.
    pub grant: Option<GrantId>,
    /// What else is on record of it.
    pub detail: Option<String>,
}

/// Who did something, as they were called then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditActor {
    /// `uid`, `account`, `token`, `mqtt`, `system`.
    pub kind: String,
    /// What tells one of a kind from another, where there are several.
    pub id: Option<String>,
    pub name: String,
}
