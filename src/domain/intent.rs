//! What people ask for, and the answers they get.

use super::grant::Schedule;
use super::ids::{DeviceId, Generation, GrantId, PersonId, ProvisioningId};
use super::person::Contacts;
use super::pin::Pin;
use super::takeover::{TakenOver, Takeover, TakeoverRefusal};

/// A code as it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CodeChoice {
    Given(Pin),
    /// Draw one of that many digits; `None` lets the ticked devices decide.
    Generate(Option<u8>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewPerson {
    /// The id another system knows this person by.
    pub external_id: Option<String>,
    pub first_name: String,
    pub last_name: String,
    pub contacts: Contacts,
    /// The code, if the person gets one now.
    pub code: Option<CodeChoice>,
    /// Devices to tick: slugs or ids.
    pub on: Vec<String>,
    /// When the grants open.
    pub schedule: Schedule,
}

/// Changes to a person; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PersonChange {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// External id; `Some(None)` takes it away.
    pub external_id: Option<Option<String>>,
    pub email: Option<String>,
    pub mobile: Option<String>,
    pub code: Option<CodeChoice>,
    pub enabled: Option<bool>,
}

/// A change somebody wants. Devices are named by slug or id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Add a person, with a code and grants.
    AddPerson(NewPerson),
    /// Change a person; a new code goes to every granted device.
    EditPerson(PersonId, PersonChange),
    /// Take every code of a person out of every lock, then forget the codes.
    RemovePerson(PersonId),
    /// Tick one device for a person (or change the schedule).
    Grant {
        person: PersonId,
        /// Where: slug or id.
        device: String,
        schedule: Schedule,
    },
    Revoke {
        person: PersonId,
        /// Where: slug or id.
        device: String,
    },
    Lock(String),
    Unlock(String),
    /// Read every slot of a lock again.
    Check(String),
    /// Give a device another name, and a slug made from it or given.
    Rename {
        /// Which: slug or id.
        device: String,
        name: String,
        /// The new slug; made from the name if none is given.
        slug: Option<String>,
    },
    /// Take over a network that another controller looked after.
    ImportNetwork(Box<Takeover>),
    /// A new lock takes the place of one that is gone: id, name, grants and history of `old` live on, at `new`'s node.
    ReplaceDevice {
        /// The device that is gone: slug or id.
        old: String,
        /// The device that was included in its place: slug or id.
        new: String,
    },
    /// Forget a device that is not in the network any more, with its grants.
    RemoveDevice(String),
    /// Let a lock without security have codes all the same: everybody nearby can read them.
    AllowInsecure(String),
}

/// An accepted change: committed, on its way.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Accepted {
    pub generation: Generation,
    /// Every grant it touched.
    pub grants: Vec<GrantId>,
    /// The person it made or changed.
    pub person: Option<PersonId>,
    /// The device it was about.
    pub device: Option<DeviceId>,
    /// A generated code: shown once, in this answer.
    pub generated: Option<Pin>,
    /// What came along with a network that was taken over.
    pub taken_over: Option<TakenOver>,
}

/// Why a change was refused. Each says what to do. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("no person has the id {0}; `latchkey people list` shows them")]
    UnknownPerson(String),
    #[error("no device is called {0}; `latchkey devices list` shows them")]
    UnknownDevice(String),
    /// The code is one of those everybody tries first.
    #[error("that code is too easy to guess; choose another, or let one be generated")]
    WeakCode,
    /// The code is taken. Never says by whom.
    #[error("that code is not available; choose another, or let one be generated")]
    DuplicateCode,
    /// A ticked device can't take a code of that length.
    #[error("{device} takes codes of {min} to {max} digits; choose a code of that length")]
    CodeLength {
        /// Slug of the device.
        device: String,
        /// Least number of digits.
        min: u8,
        /// Greatest number of digits.
        max: u8,
    },
    /// No length suits every ticked device, or no free code is left.
    #[error("no code suits all of these devices; tick fewer, or give people separate entries")]
    NoSuitableCode,
    /// A device was ticked for somebody without a code.
    #[error("this person has no code; give one with --code - or --generate")]
    NoCode,
    /// Every slot of the lock is taken.
    #[error("{0} has no free slot; remove somebody from it first")]
    LockFull(String),
    /// The device can't hold codes.
    #[error("{0} does not take codes")]
    NotALock(String),
    /// A text field is empty, too long, or has control characters.
    #[error("{0} must have 1 to 100 characters on one line")]
    BadText(&'static str),
    /// Another person has that external id.
    #[error("another person already has the external id {0}; edit that one, or choose another id")]
    ExternalIdTaken(String),
    /// Not a slug, or taken.
    #[error("{0} can't be used as a device's short name; use 1 to 40 of a-z, 0-9 and _, not in use yet")]
    BadSlug(String),
    /// Too many refused codes in an hour: an oracle is being asked.
    #[error("too many refused codes; wait an hour, or let one be generated")]
    TooManyRefusals,
    /// A bolt is to be moved again and again.
    #[error("{0} is being locked and unlocked too often; wait half a minute, and look for an automation that repeats itself")]
    TooManyOperations(String),
    /// The lock can't be reached at this moment.
    #[error("{0} can't be reached now; look at `latchkey status`")]
    Unreachable(String),
    /// The network can't be taken over.
    #[error(transparent)]
    Import(#[from] TakeoverRefusal),
    /// The stick is away, or busy starting.
    #[error("{0}")]
    StickNotReady(String),
    /// Another inclusion or exclusion is under way.
    #[error("{0}")]
    ChangeUnderWay(String),
    /// The network has no such node.
    #[error("{0}")]
    UnknownNode(String),
    /// The stick can't do it.
    #[error("{0}")]
    NotSupported(String),
    /// Nothing is under way that could be answered or stopped.
    #[error("{0}")]
    NoChange(String),
    /// The device asked for nothing, or for something else.
    #[error("{0}")]
    NotAsked(String),
    /// The device has no node.
    #[error("{0} is not in the network; include it first")]
    NotInNetwork(String),
    /// The device is in the network.
    #[error(
        "{0} is still in the network; exclude it first (`latchkey network exclude`), or, if it answers nothing any more, \
         `latchkey network remove-failed {0}`"
    )]
    StillInNetwork(String),
    /// The new device is in use already.
    #[error("{0} has grants of its own; take them away first, or choose another device")]
    HasGrants(String),
    /// A device can't replace itself.
    #[error("{0} can't take its own place; name the device that is gone, and then the new one")]
    SameDevice(String),
    /// The lock has keys: there is nothing to allow.
    #[error("{0} is protected; nothing has to be allowed")]
    IsSecure(String),
    /// The label was scanned before.
    #[error("that device is on the list already ({0}); remove it there to scan it again")]
    AlreadyExpected(ProvisioningId),
    /// The commit failed. Nothing was changed.
    #[error("the store can't be written: {0}; nothing was changed")]
    StoreUnavailable(String),
}
