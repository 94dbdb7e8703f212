//! The HTTP API, served over the Unix socket.

pub mod handle;
