//! (to be written)

pub mod link;
pub mod port;
pub mod sim_port;
