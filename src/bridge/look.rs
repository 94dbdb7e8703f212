//! What can be shown, whichever mechanism owns it.

use jiff::tz::TimeZone;

use super::announce::Announcer;
use super::clock::ClockWatch;
use super::membership::Membership;
use super::state::State;
use super::sync::Sync;
use super::words::Settings;
use crate::domain::batch::Damage;
use crate::domain::time::{Now, Timestamp};
use crate::network::Network;
use crate::view::Stamp;

/// Read access to everything that people and monitors are shown.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub(super) state: &'a State,
    pub(super) network: &'a Network,
    pub(super) sync: &'a Sync,
    pub(super) membership: &'a Membership,
    pub(super) announcer: &'a Announcer,
    pub(super) clock: &'a ClockWatch,
    pub(super) damage: &'a [Damage],
    pub(super) settings: &'a Settings,
    pub(super) now: Now,
}

impl Look<'_> {
    /// A moment in the home's zone.
    pub(super) fn stamp(&self, at: Timestamp) -> Stamp {
        stamp(at, &self.settings.zone)
    }
}

/// A moment in this zone.
pub(super) fn stamp(at: Timestamp, zone: &TimeZone) -> Stamp {
    Stamp(at.rfc3339(zone))
}
