//! Where a credential sits inside one lock, and what is known about that place.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{DeviceId, Generation, GrantId};
use super::person::CredentialKind;
use super::pin::{CodeText, Fingerprint};
use super::time::Timestamp;

/// Which command class a lock keeps its codes in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Dialect {
    /// User Code (0x63): `index` is the user id, `user` is 0.
    #[serde(rename = "user_code")]
    UserCode,
    /// User Credential (0x83): a user with typed credential slots.
    #[serde(rename = "user_credential")]
    UserCredential,
}

/// Identity of a slot. Private to its lock, never a person's identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SlotKey {
    pub device: DeviceId,
    /// The command class that addresses it.
    pub dialect: Dialect,
    /// User of the lock (User Credential); 0 where users are slots.
    pub user: u16,
    pub kind: CredentialKind,
    /// Number within the lock, from 1. Never 0: under User Code, 0 means "all".
    pub index: u16,
}

impl SlotKey {
    /// The User Code slot `index` of `device`.
    pub fn user_code(device: DeviceId, index: u16) -> Self {
        Self { device, dialect: Dialect::UserCode, user: 0, kind: CredentialKind::Pin, index }
    }
}

impl fmt::Display for SlotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.index)
    }
}

/// What was last seen in a slot. Unknown is never "empty" and never "free".
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Content {
    /// Never read, or something may have changed since.
    #[default]
    Unknown,
    /// The lock says nothing is there.
    Empty,
    /// Occupied, and the lock shows the code.
    Known(CodeText),
    /// Occupied, but the lock masks the code. Stars are never compared.
    Unreadable,
}

impl Content {
    /// Whether a code is certainly there.
    pub fn is_occupied(&self) -> bool {
        matches!(self, Self::Known(_) | Self::Unreadable)
    }
}

/// How a lock told us that a write arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ConfirmedBy {
    /// Supervision Report with status SUCCESS.
    #[serde(rename = "supervision")]
    Supervision,
    /// The lock's own "code added" or "code deleted" event.
    #[serde(rename = "event")]
    Event,
    /// One read of that slot.
    #[serde(rename = "read")]
    Read,
    /// Not confirmed: the lock took the frame and masks its codes, so nobody can look.
    #[serde(rename = "unseen")]
    Unseen,
}

/// The last write the lock itself confirmed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Confirmed {
    /// Keyed hash of the code that is there; `None` after a confirmed clear.
    pub code: Option<Fingerprint>,
    /// The change of intent that write carried out.
    pub generation: Generation,
    /// How it was confirmed.
    pub by: ConfirmedBy,
    pub at: Timestamp,
}

/// What a step on its way to a lock does to a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "what")]
pub enum Doing {
    /// Put the code of that generation in.
    #[serde(rename = "write")]
    Write {
        /// Keyed to the intent, so that a late outcome of an old write is recognised.
        #[serde(rename = "generation")]
        generation: Generation,
        /// The slot was seen empty before: whatever is there after, we put there, masked or not.
        #[serde(rename = "was_empty")]
        was_empty: bool,
    },
    /// Take whatever we put there out.
    #[serde(rename = "clear")]
    Clear {
        /// The intent that took it away.
        #[serde(rename = "generation")]
        generation: Generation,
    },
}

/// Where a slot is in the middle of a change. Persisted before the frame leaves.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(tag = "state")]
pub enum Progress {
    /// Nothing is under way.
    #[default]
    #[serde(rename = "idle")]
    Idle,
    /// A frame left or is about to leave.
    #[serde(rename = "sending")]
    Sending {
        /// What the frame does.
        #[serde(rename = "doing")]
        doing: Doing,
    },
    /// The truth in the lock is unknown: this one slot must be read.
    #[serde(rename = "verifying")]
    Verifying {
        /// What may or may not have happened.
        #[serde(rename = "doing")]
        doing: Doing,
        /// The lock acknowledged the frame. `false`: not even that is known.
        #[serde(rename = "acked")]
        acked: bool,
    },
    /// A report put the confirmed code in doubt: this one slot must be read, and nothing is written over what is found there
    /// unless it may be ours.
    #[serde(rename = "doubted")]
    Doubted {
        /// The report may be the lock's late report of our own last write. Where the lock masks its codes, only another
        /// write of the same code settles that.
        #[serde(rename = "own_echo")]
        own_echo: bool,
        /// The code may have been deleted: the slot is read before anything is written, also where stars are all it shows.
        #[serde(rename = "deleted")]
        deleted: bool,
    },
    /// Nothing was sent, and what the row says is not to be trusted: an older copy of the database was put back, or the row
    /// is damaged. The slot must be read before anything is believed of it or written to it.
    #[serde(rename = "row_doubted")]
    RowDoubted,
}

impl Progress {
    /// What is left of it after a restart. The row was written before the frame left, and what came of the frame was not
    /// written any more: the lock may have the change or not. So it is read, and neither written blindly nor believed.
    /// Nor does an acknowledgement of before count: nobody heard whether the lock called for new nonces since.
    pub fn after_a_restart(self) -> Self {
        match self {
            Self::Sending { doing } | Self::Verifying { doing, .. } => Self::Verifying { doing, acked: false },
            Self::Idle | Self::Doubted { .. } | Self::RowDoubted => self,
        }
    }
}

/// One slot of one lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    pub key: SlotKey,
    /// The grant this slot belongs to. `None`: not ours, never touched.
    pub owner: Option<GrantId>,
    /// What was last seen there.
    pub content: Content,
    /// When it was last seen.
    pub seen_at: Option<Timestamp>,
    /// The last write the lock confirmed.
    pub confirmed: Option<Confirmed>,
    /// A change that is under way.
    pub progress: Progress,
}

impl Slot {
    /// A slot nobody looked at yet.
    pub fn unseen(key: SlotKey) -> Self {
        Self { key, owner: None, content: Content::Unknown, seen_at: None, confirmed: None, progress: Progress::Idle }
    }
}
