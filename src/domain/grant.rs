//! One toggle: this credential on that device. Every status has a reason, a deadline and an exit.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{CredentialId, DeviceId, Generation, GrantId, PersonId};
use super::slot::ConfirmedBy;
use super::time::Timestamp;

/// When a grant opens. Only `always` for now.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Schedule {
    /// At any time.
    #[default]
    Always,
}

/// Where a grant stands. The names are the contract's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Outside its hours.
    Scheduled,
    /// Waits for its turn, the lock, or the next try.
    Pending,
    /// A frame is under way.
    Sending,
    /// What is in the lock is being found out.
    Verifying,
    /// The lock confirmed the code.
    Active,
    /// Written, but the lock shows neither yes nor no.
    Unconfirmed,
    /// Refused for good; waits for a change of intent.
    Rejected,
    /// The lock can't be reached; tried again at `next_try`.
    Unreachable,
    /// Was confirmed, and is gone from the lock.
    MissingFromLock,
    /// Somebody changed it at the lock.
    ChangedAtLock,
    /// Is being taken out.
    Removing,
    /// Is out, confirmed.
    Removed,
    /// Should be out, but the lock did not confirm: it may still open.
    RemovalUnconfirmed,
    /// The person is disabled and no code of theirs is in the lock.
    Disabled,
    /// Its time is over and the code is out.
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
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Waits for other work of that lock.
    Queue,
    /// The lock is still being asked what it can do.
    Interview,
    /// The stick is not there.
    StickAbsent,
    /// The lock did not answer; tried again with growing distance.
    Backoff,
    /// The lock acknowledged the frame and then said nothing.
    NoAnswer,
    /// Every slot we may use is taken.
    LockFull,
    /// The lock says another slot has this code.
    Duplicate,
    /// The lock can't take a code of that length.
    Length,
    /// The lock has no slot of that number or does not know the command.
    Unsupported,
    /// The lock said no and not why.
    RefusedByLock,
    /// The lock was included without the security it needs.
    Insecure,
    /// The lock masks its codes, so the write can't be seen.
    Masked,
    /// Somebody erased it at the lock.
    ErasedAtLock,
    /// Somebody wrote another code over it at the lock.
    OverwrittenAtLock,
    /// The person is disabled.
    PersonDisabled,
    /// The device was removed from the network.
    DeviceGone,
    /// The person's code is damaged in the database and can't be read: set a new one.
    CodeUnreadable,
    /// The grant itself is damaged in the database: grant it again, or revoke it.
    Damaged,
    /// What the database said of it was in doubt (an older copy, or damage), and the lock does not have it: it may have been
    /// taken away since.
    StoreDoubted,
}

/// Whether the code opens the door at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpensNow {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Nobody can say.
    Unknown,
}

/// Which of this person's codes the lock holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeInLock {
    /// The one that is wanted.
    Current,
    /// An earlier one.
    Previous,
    /// None.
    None,
    /// Nobody can say.
    Unknown,
}

/// The lock's own word that a grant is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Confirmation {
    /// How.
    pub by: ConfirmedBy,
    /// When.
    pub at: Timestamp,
}

/// One credential on one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Identity.
    pub id: GrantId,
    /// Whose.
    pub person: PersonId,
    /// Which code.
    pub credential: CredentialId,
    /// Where.
    pub device: DeviceId,
    /// When it opens.
    pub schedule: Schedule,
    /// `false` is the tombstone: the code has to leave the lock, then the row goes.
    pub wanted: bool,
    /// The last change of intent that touched this grant.
    pub generation: Generation,
    /// Where it stands.
    pub status: Status,
    /// Why.
    pub reason: Option<Reason>,
    /// Since when.
    pub since: Timestamp,
    /// When it is tried again, if it waits for that.
    pub next_try: Option<Timestamp>,
    /// Failed tries since the last change of intent or success.
    pub attempts: u32,
    /// The lock's own word, once there is one.
    pub confirmed: Option<Confirmation>,
}
