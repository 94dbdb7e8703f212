//! Where the broker is, and whether a command that opens a door may come from there.

use core::net::{IpAddr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

/// Address of a broker: `mqtt://host[:port]` in clear (port 1883) or `mqtts://host[:port]` over TLS (port 8883).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerUrl {
    pub tls: bool,
    /// Name or address of the host; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
}

/// The text is not the address of a broker. Never repeats the text, which may hold a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidBrokerUrl {
    /// Another scheme, or none.
    #[error("mqtt.url must begin with mqtt:// or mqtts://, for example \"mqtt://127.0.0.1:1883\"")]
    Scheme,
    /// Credentials in the address would end up in logs.
    #[error("mqtt.url must not hold a user name or password; write mqtt.username and mqtt.password_file instead")]
    Credentials,
    /// No host, or characters no host name has.
    #[error("mqtt.url needs a host name or address after ://, for example \"mqtt://127.0.0.1:1883\"")]
    Host,
    /// The port is not 1–65535.
    #[error("the port in mqtt.url must be a number from 1 to 65535")]
    Port,
    /// Something follows the port.
    #[error("mqtt.url ends after the port; topics are set with mqtt.base")]
    Path,
}

impl BrokerUrl {
    /// Whether nobody outside this machine can listen or answer in the broker's place.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether an MQTT client may open doors: only when we logged in to the broker (so that it can tell clients
    /// apart), and nobody can forge its messages on the way.
    pub fn remote_unlock(&self, logged_in: bool) -> Result<(), UnlockRefused> {
        if !self.tls && !self.is_loopback() {
            return Err(UnlockRefused::InClear);
        }
        if !logged_in {
            return Err(UnlockRefused::Anonymous);
        }
        Ok(())
    }
}

/// Why unlocking over MQTT is refused, and the key that allows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnlockRefused {
    /// We are not logged in to the broker.
    #[error(
        "unlocking over MQTT needs a login to the broker: set mqtt.username and mqtt.password_file, or mqtt.client_cert_file"
    )]
    Anonymous,
    /// The broker is on another machine and the way there is open.
    #[error("unlocking over MQTT needs TLS or a broker on this machine: set mqtt.url to mqtts://…")]
    InClear,
}

impl FromStr for BrokerUrl {
    type Err = InvalidBrokerUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBrokerUrl> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(InvalidBrokerUrl::Scheme)?;
        let tls = match scheme {
            "mqtt" | "tcp" => false,
            "mqtts" | "ssl" => true,
            _ => return Err(InvalidBrokerUrl::Scheme),
        };
        if rest.contains('@') {
            return Err(InvalidBrokerUrl::Credentials);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidBrokerUrl::Path);
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
            Some((host, after)) => {
                host.parse::<Ipv6Addr>().map_err(|_| InvalidBrokerUrl::Host)?;
                let port = match after.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if after.is_empty() => None,
                    None => return Err(InvalidBrokerUrl::Port),
                };
                (host, port)
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let host_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
        if host.is_empty() || !host.bytes().all(host_name) {
            return Err(InvalidBrokerUrl::Host);
        }
        let port = match port.map(str::parse::<u16>) {
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err(InvalidBrokerUrl::Port),
            None if tls => 8883,
            None => 1883,
        };
        Ok(Self { tls, host: host.to_owned(), port })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_as_an_address_is_understood() {
        let shown = |text: &str| text.parse::<BrokerUrl>().unwrap().to_string();
        assert_eq!(shown("mqtt://127.0.0.1:1883"), "mqtt://127.0.0.1:1883");
        assert_eq!(shown("mqtt://broker.lan/"), "mqtt://broker.lan:1883");
        assert_eq!(shown("mqtts://broker.lan"), "mqtts://broker.lan:8883");
        assert_eq!(shown("mqtts://[fd00::1]:1234"), "mqtts://[fd00::1]:1234");
    }

    #[test]
    fn a_wrong_address_is_refused_with_what_to_write() {
        let refused = |text: &str| text.parse::<BrokerUrl>().unwrap_err();
        assert_eq!(refused("127.0.0.1:1883"), InvalidBrokerUrl::Scheme);
        assert_eq!(refused("http://broker"), InvalidBrokerUrl::Scheme);
        assert_eq!(refused("mqtt://"), InvalidBrokerUrl::Host);
        assert_eq!(refused("mqtt://fd00::1"), InvalidBrokerUrl::Port);
        assert_eq!(refused("mqtt://a b"), InvalidBrokerUrl::Host);
        assert_eq!(refused("mqtt://broker:0"), InvalidBrokerUrl::Port);
        assert_eq!(refused("mqtt://[fd00::1]x"), InvalidBrokerUrl::Port);
        assert_eq!(refused("mqtt://broker/latchkey"), InvalidBrokerUrl::Path);
    }

    #[test]
    fn a_password_in_the_address_never_comes_back_in_the_error() {
        let refused = "mqtt://ada:hunter2@broker".parse::<BrokerUrl>().unwrap_err();
        assert_eq!(refused, InvalidBrokerUrl::Credentials);
        assert!(!refused.to_string().contains("hunter2"));
    }

    #[test]
    fn a_stranger_on_the_network_can_never_unlock() {
        let url = |text: &str| text.parse::<BrokerUrl>().unwrap();
        assert_eq!(url("mqtt://broker.lan").remote_unlock(true), Err(UnlockRefused::InClear));
        assert_eq!(url("mqtt://127.0.0.1").remote_unlock(false), Err(UnlockRefused::Anonymous));
        assert_eq!(url("mqtt://127.0.0.1.example.org").remote_unlock(true), Err(UnlockRefused::InClear));
        assert_eq!(url("mqtt://[::1]").remote_unlock(true), Ok(()));
        assert_eq!(url("mqtts://broker.lan").remote_unlock(true), Ok(()));
    }
}
