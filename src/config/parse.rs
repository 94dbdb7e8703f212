//! What each key means: from what was written to a [`Config`].

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::event::PublishNames;
use crate::mqtt::url::BrokerUrl;

use super::source::{ConfigError, Source, Value};
use super::{
    Api, ClockTrust, CodeLength, Config, Home, Metrics, Mqtt, NetworkKeys, REGIONS, Serial, SerialPort, SoftReset, Store, Web,
    WebTls, Zwave,
};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Reads every key that was given; the rest keeps its default.
pub(super) fn config(source: &Source) -> Result<Config, ConfigError> {
    Ok(Config {
        serial: serial(source)?,
        store: store(source)?,
        mqtt: mqtt(source)?,
        web: web(source)?,
        api: api(source)?,
        home: home(source)?,
        zwave: zwave(source)?,
    })
}

fn serial(source: &Source) -> Result<Serial, ConfigError> {
    let port = source.value("serial", "port", "\"/dev/serial/by-id/…\" or \"tcp://host:port\"", |value| {
        let text = value.text()?;
        match text.split_once("://") {
            None => Ok(SerialPort::Path(text.into())),
            Some(("tcp", rest)) => match host_and_port(rest) {
                Some((host, port)) => Ok(SerialPort::Tcp { host, port }),
                None => Err(format!("is {text:?}, which is not host:port")),
            },
            Some((scheme, _)) => Err(format!("starts with {scheme}://")),
        }
    })?;
    let soft_reset = source.value("serial", "soft_reset", "\"auto\" or \"never\"", |value| match value.text()? {
        "auto" => Ok(SoftReset::Auto),
        "never" => Ok(SoftReset::Never),
        other => Err(format!("is {other:?}")),
    })?;
    Ok(Serial { port, soft_reset: soft_reset.unwrap_or_default() })
}

fn store(source: &Source) -> Result<Store, ConfigError> {
    let default = Store::default();
    let keep_events =
        source.value("store", "keep_events", "a number from 1000 to 100000000", |value| within(value, 1_000..=100_000_000))?;
    Ok(Store {
        path: path(source, "store", "path")?.unwrap_or(default.path),
        key_file: path(source, "store", "key_file")?.unwrap_or(default.key_file),
        keep: duration(source, "store", "keep", "1d to 3650d: \"365d\"", DAY..=3650 * DAY)?.unwrap_or(default.keep),
        keep_events: keep_events.unwrap_or(default.keep_events),
    })
}

fn mqtt(source: &Source) -> Result<Option<Mqtt>, ConfigError> {
    if !source.mentions("mqtt") {
        return Ok(None);
    }
    const URL: &str = "\"mqtt://host:1883\" or \"mqtts://host:8883\"";
    let Some(url) = source.value("mqtt", "url", URL, |value| {
        value.text()?.parse::<BrokerUrl>().map_err(|error| format!("can't be used: {error}"))
    })?
    else {
        return Err(source.error("mqtt", "url", "is missing", &format!("url = {URL}, or take the section [mqtt] away")));
    };
    let default = Mqtt::at(url);
    let publish_names = source.value("mqtt", "publish_names", "\"name\", \"id\" or \"none\"", |value| match value.text()? {
        "name" => Ok(PublishNames::Name),
        "id" => Ok(PublishNames::Id),
        "none" => Ok(PublishNames::None),
        other => Err(format!("is {other:?}")),
    })?;
    let mqtt = Mqtt {
        base: topic(source, "base")?.unwrap_or(default.base),
        discovery_prefix: topic(source, "discovery_prefix")?.unwrap_or(default.discovery_prefix),
        username: source.value("mqtt", "username", "the name to log in with", |value| Ok(value.text()?.to_owned()))?,
        password_file: path(source, "mqtt", "password_file")?,
        ca_file: path(source, "mqtt", "ca_file")?,
        client_cert_file: path(source, "mqtt", "client_cert_file")?,
        client_key_file: path(source, "mqtt", "client_key_file")?,
        publish_names: publish_names.unwrap_or_default(),
        url: default.url,
    };
    for (has, key, wants, other) in [
        (mqtt.password_file.is_some(), "password_file", mqtt.username.is_some(), "username"),
        (mqtt.client_cert_file.is_some(), "client_cert_file", mqtt.client_key_file.is_some(), "client_key_file"),
        (mqtt.client_key_file.is_some(), "client_key_file", mqtt.client_cert_file.is_some(), "client_cert_file"),
    ] {
        if has && !wants {
            return Err(source.error("mqtt", key, &format!("is of no use without {other}"), &format!("{other}, too")));
        }
    }
    for key in ["ca_file", "client_cert_file"] {
        if source.has("mqtt", key) && !mqtt.url.tls {
            return Err(source.error("mqtt", key, "is of no use without TLS", "url = \"mqtts://…\""));
        }
    }
    Ok(Some(mqtt))
}

fn web(source: &Source) -> Result<Web, ConfigError> {
    let default = Web::default();
    let listen = source.value("web", "listen", "an address and a port: \"127.0.0.1:8480\"", |value| {
        let text = value.text()?;
        text.parse::<SocketAddr>().map_err(|_| format!("is {text:?}"))
    })?;
    let tls = source.value("web", "tls", "\"auto\"", |value| match value.text()? {
        "auto" => Ok(WebTls::Auto),
        other => Err(format!("is {other:?}")),
    })?;
    let trusted_proxy = source.value("web", "trusted_proxy", "a list of addresses: [\"192.0.2.1\"]", |value| {
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| format!("has {text:?}, which is not an address"));
        value.list()?.into_iter().map(address).collect()
    })?;
    let metrics = source.value("web", "metrics", "\"plain\" or \"full\"", |value| match value.text()? {
        "plain" => Ok(Metrics::Plain),
        "full" => Ok(Metrics::Full),
        other => Err(format!("is {other:?}")),
    })?;
    Ok(Web {
        metrics: metrics.unwrap_or_default(),
        listen: listen.unwrap_or(default.listen),
        tls: tls.unwrap_or_default(),
        trusted_proxy: trusted_proxy.unwrap_or(default.trusted_proxy),
    })
}

fn api(source: &Source) -> Result<Api, ConfigError> {
    // The kernel's limit for the path of a Unix socket is 108 bytes with the closing zero.
    let socket = source.value("api", "socket", "a path of at most 107 bytes", |value| match value.text()? {
        text if text.len() > 107 => Err(format!("has {} bytes", text.len())),
        text => Ok(PathBuf::from(text)),
    })?;
    Ok(Api { socket: socket.unwrap_or_else(|| Api::default().socket) })
}

fn home(source: &Source) -> Result<Home, ConfigError> {
    let default = Home::default();
    let name = source.value("home", "name", "1 to 100 characters on one line", |value| {
        let text = value.text()?.trim();
        let fits = text.chars().count() <= 100 && !text.chars().any(char::is_control);
        if fits { Ok(text.to_owned()) } else { Err("is too long or has more than one line".into()) }
    })?;
    // The one look outside: jiff finds the zone's rules in the system's time zone database.
    let time_zone = source.value("home", "time_zone", "a name such as \"Europe/Paris\" (Debian package tzdata)", |value| {
        let text = value.text()?;
        TimeZone::get(text).map_err(|_| format!("is {text:?}, which is no time zone known here"))
    })?;
    let code_length = source.value("home", "code_length", "\"auto\", or a number from 4 to 10", |value| {
        if matches!(value, Value::Text(text) if text == "auto") {
            return Ok(CodeLength::Auto);
        }
        Ok(CodeLength::Digits(within(value, 4..=10)?))
    })?;
    let clock = source.value("home", "clock", "\"auto\" or \"trusted\"", |value| match value.text()? {
        "auto" => Ok(ClockTrust::Auto),
        "trusted" => Ok(ClockTrust::Always),
        other => Err(format!("is {other:?}")),
    })?;
    Ok(Home {
        clock: clock.unwrap_or_default(),
        name: name.unwrap_or(default.name),
        time_zone: time_zone.unwrap_or(default.time_zone),
        code_length: code_length.unwrap_or_default(),
    })
}

fn zwave(source: &Source) -> Result<Zwave, ConfigError> {
    let default = Zwave::default();
    let words = REGIONS.map(|(word, _)| word).join(", ");
    let region = source.value("zwave", "region", &format!("one of {words}"), |value| {
        let text = value.text()?.to_ascii_lowercase();
        REGIONS.into_iter().find(|(word, _)| *word == text).map(|(_, region)| region).ok_or_else(|| format!("is {text:?}"))
    })?;
    let keys_file = path(source, "zwave", "keys_file")?.map(NetworkKeys::File);
    let credential = source.value("zwave", "credential", "the name of a systemd credential", |value| {
        let text = value.text()?;
        // A credential is a file in one directory: its name must not lead out of it.
        if text.contains('/') || text.starts_with('.') { Err(format!("is {text:?}")) } else { Ok(text.to_owned()) }
    })?;
    if keys_file.is_some() && credential.is_some() {
        return Err(source.error("zwave", "credential", "and keys_file both say where the keys are", "one of them"));
    }
    let check_interval = duration(source, "zwave", "check_interval", "1h to 30d: \"24h\", \"7d\"", HOUR..=30 * DAY)?;
    let frame_budget_per_day =
        source.value("zwave", "frame_budget_per_day", "a number from 0 to 10000", |value| within(value, 0..=10_000))?;
    Ok(Zwave {
        region,
        keys: keys_file.or_else(|| credential.map(NetworkKeys::Credential)),
        check_interval: check_interval.unwrap_or(default.check_interval),
        frame_budget_per_day: frame_budget_per_day.unwrap_or(default.frame_budget_per_day),
    })
}

fn path(source: &Source, section: &'static str, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
    source.value(section, key, "the path of a file", |value| Ok(PathBuf::from(value.text()?)))
}

/// `24h`, within bounds in seconds.
fn duration(
    source: &Source,
    section: &'static str,
    key: &'static str,
    form: &str,
    bounds: RangeInclusive<u64>,
) -> Result<Option<Duration>, ConfigError> {
    source.value(section, key, form, |value| {
        let text = value.text()?;
        let seconds = seconds(text).filter(|seconds| bounds.contains(seconds));
        seconds.map(Duration::from_secs).ok_or_else(|| format!("is {text:?}"))
    })
}

/// The first levels of topics: no wildcard, no empty level, not the broker's own `$…`.
fn topic(source: &Source, key: &'static str) -> Result<Option<String>, ConfigError> {
    source.value("mqtt", key, "a topic such as \"latchkey\" or \"home/doors\"", |value| {
        let text = value.text()?;
        let plain = text.len() <= 100 && !text.contains(['+', '#']) && !text.chars().any(char::is_control);
        let levels = !text.starts_with('$') && text.split('/').all(|level| !level.is_empty());
        if plain && levels { Ok(text.to_owned()) } else { Err("can't begin a topic".into()) }
    })
}

/// `host:port`; an address of IPv6 stands in brackets.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    if let Some(v6) = host.strip_prefix('[') {
        let address: Ipv6Addr = v6.strip_suffix(']')?.parse().ok()?;
        return Some((address.to_string(), port));
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!host.is_empty() && host.chars().all(plain)).then(|| (host.to_owned(), port))
}

/// A number within bounds.
fn within<T: TryFrom<i64> + PartialOrd>(value: &Value, bounds: RangeInclusive<T>) -> Result<T, String> {
    let number = value.number()?;
    T::try_from(number).ok().filter(|fitting| bounds.contains(fitting)).ok_or_else(|| format!("is {number}"))
}

/// `90m`, `24h`, `7d` in seconds.
fn seconds(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "m" => 60,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
