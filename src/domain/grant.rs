//! One toggle: this credential on that device. Every status has a reason, a deadline and an exit.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{CredentialId, DeviceId, Generation, GrantId, PersonId};
use super::slot::ConfirmedBy;
use super::time::Timestamp;

/// When a grant opens. Only `always` for now.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Schedule {
    #[default]
    #[serde(rename = "always")]
    Always,
}

/// Where a grant stands. The names are the contract's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Status {
    #[serde(rename = "scheduled")]
    Scheduled,
    /// Waits for its turn, the lock, or the next try.
    #[serde(rename = "pending")]
    Pending,
    /// A frame is under way.
    #[serde(rename = "sending")]
    Sending,
    /// What is in the lock is being found out.
    #[serde(rename = "verifying")]
    Verifying,
    /// The lock confirmed the code.
    #[serde(rename = "active")]
    Active,
    /// Written, but the lock shows neither yes nor no.
    #[serde(rename = "unconfirmed")]
    Unconfirmed,
    /// Refused for good; waits for a change of intent.
    #[serde(rename = "rejected")]
    Rejected,
    /// The lock can't be reached; tried again at `next_try`.
    #[serde(rename = "unreachable")]
    Unreachable,
    /// Was confirmed, and is gone from the lock.
    #[serde(rename = "missing_from_lock")]
    MissingFromLock,
    /// Somebody changed it at the lock.
    #[serde(rename = "changed_at_lock")]
    ChangedAtLock,
    /// Is being taken out.
    #[serde(rename = "removing")]
    Removing,
    #[serde(rename = "removed")]
    Removed,
    /// Should be out, but the lock did not confirm: it may still open.
    #[serde(rename = "removal_unconfirmed")]
    RemovalUnconfirmed,
    /// The person is disabled and no code of theirs is in the lock.
    #[serde(rename = "disabled")]
    Disabled,
    /// Its time is over and the code is out.
    #[serde(rename = "expired")]
    Expired,
}

impl Status {
    /// Whether nothing more will happen without a change of intent or a visit of the lock: `--wait` ends here.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Active
            | Self::Unconfirmed
            | Self::Rejected
            | Self::Removed
            | Self::Disabled
            | Self::Expired
            | Self::Scheduled => true,
            Self::MissingFromLock | Self::ChangedAtLock => true,
            Self::Pending | Self::Sending | Self::Verifying | Self::Unreachable | Self::Removing | Self::RemovalUnconfirmed => {
                false
            }
        }
    }

    /// How it reads after a restart, until its slot is looked at ([`super::slot::Progress::after_a_restart`]): without a stick
    /// that may be long.
    pub fn after_a_restart(self) -> Self {
        if self == Self::Sending { Self::Verifying } else { self }
    }

    /// Whether somebody has to look: at the lock, at the code, or at who still comes in. A lock that does not answer is tried
    /// again all the same. A code that was written and can't be seen needs nobody: there is nothing left to do about it.
    pub fn needs_somebody(self) -> bool {
        match self {
            Self::Rejected | Self::Unreachable | Self::MissingFromLock | Self::ChangedAtLock | Self::RemovalUnconfirmed => true,
            Self::Pending | Self::Sending | Self::Verifying | Self::Removing | Self::Active | Self::Unconfirmed => false,
            Self::Scheduled | Self::Removed | Self::Disabled | Self::Expired => false,
        }
    }
}

/// The word that scripts know.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Why a grant is where it is: a stable word for scripts; the screen has the sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reason {
    /// Waits for other work of that lock.
    #[serde(rename = "queue")]
    Queue,
    /// The lock is still being asked what it can do.
    #[serde(rename = "interview")]
    Interview,
    /// The stick is not there.
    #[serde(rename = "stick_absent")]
    StickAbsent,
    /// The lock did not answer; tried again with growing distance.
    #[serde(rename = "backoff")]
    Backoff,
    /// The lock acknowledged the frame and then said nothing.
    #[serde(rename = "no_answer")]
    NoAnswer,
    /// Every slot we may use is taken.
    #[serde(rename = "lock_full")]
    LockFull,
    /// The lock says another slot has this code.
    #[serde(rename = "duplicate")]
    Duplicate,
    /// The lock can't take a code of that length.
    #[serde(rename = "length")]
    Length,
    /// The lock has no slot of that number or does not know the command.
    #[serde(rename = "unsupported")]
    Unsupported,
    /// The lock said no and not why.
    #[serde(rename = "refused_by_lock")]
    RefusedByLock,
    /// The lock was included without the security it needs.
    #[serde(rename = "insecure")]
    Insecure,
    /// The lock masks its codes, so the write can't be seen.
    #[serde(rename = "masked")]
    Masked,
    /// Somebody erased it at the lock.
    #[serde(rename = "erased_at_lock")]
    ErasedAtLock,
    /// Somebody wrote another code over it at the lock.
    #[serde(rename = "overwritten_at_lock")]
    OverwrittenAtLock,
    /// The person is disabled.
    #[serde(rename = "person_disabled")]
    PersonDisabled,
    /// The device was removed from the network.
    #[serde(rename = "device_gone")]
    DeviceGone,
    /// The person's code is damaged in the database and can't be read: set a new one.
    #[serde(rename = "code_unreadable")]
    CodeUnreadable,
    /// The grant itself is damaged in the database: grant it again, or revoke it.
    #[serde(rename = "damaged")]
    Damaged,
    /// What the database said of it was in doubt (an older copy, or damage), and the lock does not have it: it may have been
    /// taken away since.
    #[serde(rename = "store_doubted")]
    StoreDoubted,
}

/// Whether the code opens the door at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpensNow {
    Yes,
    No,
    Unknown,
}

/// Which of this person's codes the lock holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeInLock {
    /// The one that is wanted.
    Current,
    Previous,
    None,
    Unknown,
}

/// The lock's own word that a grant is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Confirmation {
    pub by: ConfirmedBy,
    pub at: Timestamp,
}

/// Why a grant waits for a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    pub kind: HoldKind,
    pub reason: Reason,
    pub since: Timestamp,
}

/// What makes a grant wait for a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum HoldKind {
    /// The lock refused the code.
    #[serde(rename = "rejected")]
    Rejected,
    /// The code was confirmed, and is gone from the lock.
    #[serde(rename = "missing_from_lock")]
    MissingFromLock,
    /// Another code is in the slot, or the slot was switched off.
    #[serde(rename = "changed_at_lock")]
    ChangedAtLock,
}

impl HoldKind {
    /// The status that it gives a grant.
    pub fn status(self) -> Status {
        match self {
            Self::Rejected => Status::Rejected,
            Self::MissingFromLock => Status::MissingFromLock,
            Self::ChangedAtLock => Status::ChangedAtLock,
        }
    }
}

/// One credential on one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    pub id: GrantId,
    pub person: PersonId,
    pub credential: CredentialId,
    pub device: DeviceId,
    pub schedule: Schedule,
    /// `false` is the tombstone: the code has to leave the lock, then the row goes.
    pub wanted: bool,
    /// The last change of intent that touched this grant.
    pub generation: Generation,
    /// Set while a person has to decide: nothing is written to the lock until the intent changes.
    pub hold: Option<Hold>,
    /// Derived from the intent, the hold and what is known of the lock; kept to notice changes.
    pub status: Status,
    pub reason: Option<Reason>,
    pub since: Timestamp,
    /// When it is tried again, if it waits for that.
    pub next_try: Option<Timestamp>,
    /// Failed tries since the last change of intent or success.
    pub attempts: u32,
    /// The lock's own word, once there is one.
    pub confirmed: Option<Confirmation>,
}
