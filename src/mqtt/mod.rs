//! Topics (pure), the client and the embedded broker.

pub mod broker;
pub mod client;
pub mod topic;
