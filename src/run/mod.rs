//! (to be written)

pub mod sim_port;
