//! The configuration: every key, default and bound in one place. Pure: text and environment in, [`Config`] out.
//!
//! A value that made it into a [`Config`] is good: its readers have nothing left to check but the world (a file that
//! is not there, a broker that does not answer). Secrets are never in here, only the names of files that hold them.

use core::net::{IpAddr, SocketAddr};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::event::PublishNames;
use crate::mqtt::url::BrokerUrl;
use crate::serial::setup::Region;

mod parse;
mod source;

pub use source::ConfigError;

/// The commented template that `latchkey config` prints. It says the defaults.
pub const TEMPLATE: &str = include_str!("../config/latchkey.toml");

/// Where the configuration is looked for unless `--config` says otherwise.
pub const DEFAULT_FILE: &str = "/etc/latchkey/latchkey.toml";

/// Everything that can be configured. [`Config::default`] is what an empty file means.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Config {
    /// `[serial]`: the Z-Wave stick.
    pub serial: Serial,
    /// `[store]`: where the state is kept.
    pub store: Store,
    /// `[mqtt]`: the broker. Without this section nothing is published, and no outbox is kept.
    pub mqtt: Option<Mqtt>,
    /// `[web]`: the dashboard.
    pub web: Web,
    /// `[api]`: the Unix socket of the command line.
    pub api: Api,
    /// `[home]`: what holds for the whole house.
    pub home: Home,
    /// `[zwave]`: the radio network.
    pub zwave: Zwave,
}

impl Config {
    /// Reads the text of a configuration file; `file` is its name in errors. `env` are environment variables: those
    /// called `LATCHKEY_SECTION__KEY` go before the file, and an empty one brings the default back.
    pub fn parse(file: &str, text: &str, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        parse::config(&source::Source::read(file, text, env)?)
    }
}

/// `[serial]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Serial {
    /// Where the stick is; `None`: the one Z-Wave stick found by its USB id.
    pub port: Option<SerialPort>,
    /// Whether the stick is restarted when the daemon takes it over.
    pub soft_reset: SoftReset,
}

/// Where a stick is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SerialPort {
    /// A device file: `/dev/serial/by-id/…`, or a pty.
    Path(PathBuf),
    /// `tcp://host:port`: a stick behind a serial server, or the simulator.
    Tcp {
        /// Name or address; an IPv6 address without its brackets.
        host: String,
        port: u16,
    },
}

/// Whether to soft-reset the stick at the start: some drop off the bus when told to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SoftReset {
    /// Where the stick is known to survive it.
    #[default]
    Auto,
    Never,
}

/// `[store]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    pub path: PathBuf,
    /// The key that seals codes and network keys; a systemd credential `store.key` goes before it.
    pub key_file: PathBuf,
    /// How long events, the audit and the history of slots are kept.
    pub keep: Duration,
    /// How many events are kept at most, however young.
    pub keep_events: u32,
}

/// `[mqtt]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mqtt {
    pub url: BrokerUrl,
    /// First part of every topic.
    pub base: String,
    /// Where Home Assistant looks for devices.
    pub discovery_prefix: String,
    pub username: Option<String>,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Certificates that the broker's is checked against; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    /// How much of a person an event tells.
    pub publish_names: PublishNames,
}

/// `[web]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Web {
    /// Where the dashboard listens.
    pub listen: SocketAddr,
    /// Whether it speaks HTTPS.
    pub tls: WebTls,
    /// Proxies whose `Forwarded` headers are believed.
    pub trusted_proxy: Vec<IpAddr>,
    /// What `/metrics` shows there without a login.
    pub metrics: Metrics,
}

/// How much `/metrics` shows to every user of this machine. Over the Unix socket it always shows all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Metrics {
    /// Nothing that reveals when a person was at a door.
    #[default]
    Plain,
    /// When each door was last heard, and how often, too.
    Full,
}

/// Whether the dashboard speaks HTTPS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WebTls {
    /// Off loopback, with a certificate of its own making where none is given.
    #[default]
    Auto,
}

/// `[api]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Api {
    pub socket: PathBuf,
}

/// `[home]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Home {
    pub name: String,
    /// The zone of schedules and stamps.
    pub time_zone: TimeZone,
    /// Digits of a generated code.
    pub code_length: CodeLength,
    /// When the machine's clock is believed.
    pub clock: ClockTrust,
}

/// When the machine's clock is believed to be right. Nothing opens by a schedule before it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClockTrust {
    /// Once the kernel says that something keeps it right (NTP, PTP, GPS).
    #[default]
    Auto,
    /// Always: it has a battery of its own, and somebody looks after it.
    Always,
}

/// How long generated codes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CodeLength {
    /// 6 where every ticked device allows it, else 4.
    #[default]
    Auto,
    /// So many: 4 to 10.
    Digits(u8),
}

/// `[zwave]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zwave {
    /// The region the stick must be set to; `None`: as it is.
    pub region: Option<Region>,
    /// Where the network keys are; `None`: in the store.
    pub keys: Option<NetworkKeys>,
    /// How often a quiet lock's slots are looked at for drift.
    pub check_interval: Duration,
    /// How many frames a day such checks may send to one lock.
    pub frame_budget_per_day: u32,
}

/// Where network keys come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NetworkKeys {
    File(PathBuf),
    /// A systemd credential of that name with the same content.
    Credential(String),
}

impl NetworkKeys {
    /// The setting that names them.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::File(_) => "zwave.keys_file",
            Self::Credential(_) => "zwave.credential",
        }
    }
}

/// Every region that can be set, by its word.
pub const REGIONS: [(&str, Region); 12] = [
    ("eu", Region::EU),
    ("us", Region::US),
    ("anz", Region(0x02)),
    ("hk", Region(0x03)),
    ("in", Region(0x05)),
    ("il", Region(0x06)),
    ("ru", Region(0x07)),
    ("cn", Region(0x08)),
    ("us_lr", Region::US_LONG_RANGE),
    ("eu_lr", Region::EU_LONG_RANGE),
    ("jp", Region(0x20)),
    ("kr", Region(0x21)),
];

impl Default for Store {
    fn default() -> Self {
        Self {
            path: "/var/lib/latchkey/latchkey.db".into(),
            key_file: "/var/lib/latchkey/store.key".into(),
            keep: Duration::from_secs(365 * 24 * 3600),
            keep_events: 1_000_000,
        }
    }
}

impl Mqtt {
    /// The section with nothing but `url` in it.
    pub fn at(url: BrokerUrl) -> Self {
        Self {
            url,
            base: "latchkey".into(),
            discovery_prefix: "homeassistant".into(),
            username: None,
            password_file: None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            publish_names: PublishNames::Name,
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            tls: WebTls::Auto,
            trusted_proxy: Vec::new(),
            metrics: Metrics::Plain,
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self { socket: "/run/latchkey/latchkey.sock".into() }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self { name: "Home".into(), time_zone: TimeZone::UTC, code_length: CodeLength::Auto, clock: ClockTrust::Auto }
    }
}

impl Default for Zwave {
    fn default() -> Self {
        Self { region: None, keys: None, check_interval: Duration::from_secs(24 * 3600), frame_budget_per_day: 100 }
    }
}

impl fmt::Display for SerialPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests;
