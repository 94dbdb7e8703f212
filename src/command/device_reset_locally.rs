//! Device Reset Locally (0x5A) v1: a node's last word (docs/protocol/command-classes.md 0x5A). It is believed once a
//! ping fails.

use super::spec::{Kind, command_class};

command_class! {
    /// Device Reset Locally (0x5A).
    DeviceResetLocally {
        /// Somebody reset the node by hand: it is in no network any more.
        Notification = 0x01, v 1, Kind::Report;
    }
}
