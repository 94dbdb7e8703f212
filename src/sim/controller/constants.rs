//! Fixed values of the controller.

use crate::domain::ids::NodeId;
use crate::serial::transmit::Rssi;

/// Node id of the controller.
pub(in crate::sim) const OWN: NodeId = NodeId(1);
/// The id before the first of Long Range.
pub(super) const BEFORE_LONG_RANGE: NodeId = NodeId(255);
/// RSSI of every received frame.
pub(super) const SIGNAL: Rssi = Rssi(-62);
/// Noise level on an idle channel.
pub(super) const NOISE: Rssi = Rssi(-100);
