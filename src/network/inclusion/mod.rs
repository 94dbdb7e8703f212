//! Scaffold.
mod words;
pub use words::*;
use super::Network;
use crate::domain::ids::NodeId;
use crate::domain::time::Now;
use crate::security::key_exchange::DskPin;

impl Network {
    /// Begins a change. [`super::NetworkEvent::Change`] tells how far it gets, and how it ends.
    pub fn begin(&mut self, _change: Change, _now: Now) -> Result<(), CannotBegin> {
        Err(CannotBegin::NotSupported)
    }
    /// The PIN that was asked for.
    pub fn enter_pin(&mut self, _pin: DskPin, _now: Now) -> Result<(), Misplaced> {
        Err(Misplaced::NothingUnderWay)
    }
    /// Stops the change that is under way. It still ends by [`Progress::Ended`].
    pub fn cancel_change(&mut self, _now: Now) -> Result<(), Misplaced> {
        Err(Misplaced::NothingUnderWay)
    }
    /// The devices that may ask for inclusion by themselves from now on, instead of those before.
    pub fn expect_devices(&mut self, _devices: Vec<Expected>, _now: Now) {}
    /// The daemon ends: a stick that listens for devices is told to stop.
    pub fn stop(&mut self, _now: Now) {}
    /// Somebody decided that a lock may be spoken to in clear.
    pub fn allow_insecure(&mut self, _node: NodeId, _now: Now) {}
}
