//! `/api/grants/{id}`, and the grants of a person.

use serde::{Deserialize, Serialize};

use super::open::Open;
use super::stamp::Stamp;
use crate::domain::grant::{CodeInLock, OpensNow, Reason, Status};
use crate::domain::ids::{DeviceId, Generation, GrantId, PersonId, Slug};
use crate::domain::slot::ConfirmedBy;

/// One person's code at one device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GrantView {
    pub id: GrantId,
    pub person: PersonId,
    /// What the device is called now; `None`: it is gone.
    pub device: Option<Slug>,
    pub device_id: DeviceId,
    pub status: Open<Status>,
    /// Nothing more happens without a change of intent or somebody at the lock.
    pub settled: bool,
    pub reason: Option<Open<Reason>>,
    /// When `status` became what it is.
    pub since: Stamp,
    pub next_try: Option<Stamp>,
    /// Failed tries since the last change of intent or success.
    pub attempts: u32,
    /// The last change of intent that touched it.
    pub generation: Generation,
    pub confirmed_by: Option<Open<ConfirmedBy>>,
    pub confirmed_at: Option<Stamp>,
    pub opens_now: Open<OpensNow>,
    pub code_in_lock: Open<CodeInLock>,
    pub schedule: ScheduleView,
}

/// When a grant opens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScheduleView {
    pub kind: Open<ScheduleKind>,
}

/// What kind of schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    Always,
}
