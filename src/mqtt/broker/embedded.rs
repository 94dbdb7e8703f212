//! The broker on `rumqttd`.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::NoBroker;

/// How long the broker may take to listen, in tenths of a second.
const PATIENCE: usize = 50;

/// Starts the broker on a free loopback port and returns the port once it answers (MQTT 3.1.1 only).
///
/// The library has no way to stop a broker: its threads end with the process. Its log targets begin with
/// `rumqttd`; the subscriber has to mute them.
pub async fn start() -> Result<u16, NoBroker> {
    // The library wants a number, so a free one is looked up and let go again.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let config = config(free);
    thread::Builder::new().name("mqtt-broker".into()).spawn(move || {
        if let Err(error) = Broker::new(config).start() {
            tracing::error!(%error, "the built-in MQTT broker ended");
        }
    })?;
    for _ in 0..PATIENCE {
        if TcpStream::connect(free).await.is_ok() {
            return Ok(free.port());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(NoBroker::Silent)
}

/// Small everywhere: a demo has a handful of clients and messages below 1 KiB.
fn config(listen: SocketAddr) -> Config {
    let router = RouterConfig {
        max_connections: 32,
        max_outgoing_packet_count: 100,
        max_segment_size: 64 * 1024,
        max_segment_count: 2,
        ..RouterConfig::default()
    };
    let connections = ConnectionSettings {
        connection_timeout_ms: 5000,
        max_payload_size: 64 * 1024,
        max_inflight_count: 100,
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    let server = ServerSettings { name: "mqtt-listener".into(), listen, tls: None, next_connection_delay_ms: 1, connections };
    Config { router, v4: Some(HashMap::from([("loopback".into(), server)])), ..Config::default() }
}
