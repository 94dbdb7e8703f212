//! A small MQTT broker inside the daemon, for `latchkey demo` only. It listens on loopback, lets everybody in, and
//! forgets everything with the process.

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum NoBroker {
    #[error("this build has no MQTT broker of its own; build it with the feature embedded-broker, or set mqtt.url to a broker")]
    NotBuilt,
    /// No port, or no thread.
    #[error("the built-in MQTT broker can't start; set mqtt.url to another broker")]
    Start(#[from] std::io::Error),
    /// The broker's thread started, and nothing listens.
    #[error("the built-in MQTT broker does not answer; set mqtt.url to another broker")]
    Silent,
}

#[cfg(feature = "embedded-broker")]
mod embedded;

#[cfg(feature = "embedded-broker")]
pub use embedded::start;

/// Without the feature there is no broker.
#[cfg(not(feature = "embedded-broker"))]
pub async fn start() -> Result<u16, NoBroker> {
    std::future::ready(Err(NoBroker::NotBuilt)).await
}
