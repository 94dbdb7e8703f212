//! What views of the bridge are made from.

use super::announce::Announcer;
use super::context::Context;
use super::membership::Membership;

/// Read access to everything that people and monitors are shown.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// State, network, clock and settings.
    pub cx: &'a Context,
    /// Inclusion and exclusion.
    pub membership: &'a Membership,
    /// The broker.
    pub announcer: &'a Announcer,
}
