//! Device Reset Locally (0x5A) v1 (docs/protocol/command-classes.md 0x5A). It is only trusted if a ping fails.

use super::spec::{Kind, command_class};

command_class! {
    DeviceResetLocally {
        /// The node was reset and has left the network.
        Notification = 0x01, v 1, Kind::Report;
    }
}
