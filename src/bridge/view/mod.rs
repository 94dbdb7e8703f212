//! Makes what people and scripts are shown ([`crate::view`]) of what the bridge knows.
//!
//! | file | what |
//! | --- | --- |
//! | `people` | people and their grants |
//! | `devices` | devices |
//! | `status` | how the daemon is |
//! | `network` | the controller, its nodes |
//!
//! What is shown of a change of the network is beside the change, in [`membership`](super::membership).

mod changes;
mod devices;
mod network;
mod parts;
mod people;
mod status;

pub use changes::{change, expected};
pub use devices::{device_named, device_names, devices};
pub use network::network;
pub use people::{grant, people, person};
pub use status::{Source, StoreTrouble, status};
