//! Parts of a node's present state. They are lost in a power cut.

use crate::command::supervision::SessionId;
use crate::command::user_credential::LearnStart;
use crate::domain::node::SecurityClass;
use crate::domain::time::{Instant, Timestamp};

/// The state of the motor, which is lost in a power cut. The position of the bolt is not.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Bolt {
    pub(super) moving: Option<Move>,
    /// It jammed while moving to "locked" or "unlocked".
    pub(super) stuck: Option<bool>,
    /// When it locks again by itself.
    pub(super) relock_at: Option<Instant>,
}

/// A bolt that is moving.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) locked: bool,
    pub(super) done: Instant,
    pub(super) by_radio: bool,
    /// The Supervision session that waits for the end.
    pub(super) informs: Option<(SessionId, SecurityClass)>,
}

/// The time 2000-01-01T00:00:00Z, in UTC.
const EPOCH: Timestamp = Timestamp::from_millis(946_684_800_000);

#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Clock {
    /// The time that was set, and when.
    pub(super) set: Option<(Timestamp, Instant)>,
}

impl Clock {
    /// Its time in UTC.
    pub(super) fn time(&self, now: Instant) -> Timestamp {
        let (at, since) = self.set.unwrap_or((EPOCH, Instant::ZERO));
        at + now.since(since)
    }
}

/// The identify light.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Light {
    /// The values of the properties.
    pub(super) values: [u8; 3],
    /// It blinks until then.
    pub(super) until: Option<Instant>,
}

/// A credential that the lock is waiting to learn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Learning {
    pub(super) start: LearnStart,
    pub(super) until: Instant,
}
