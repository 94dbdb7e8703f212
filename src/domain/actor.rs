//! Who asks for a change.

use std::fmt;

use super::ids::{AccountId, TokenId};

/// Who asks: for the audit, and for limits per account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Actor {
    /// A user of this machine, over the Unix socket.
    Uid(u32),
    /// Somebody who is logged in to the dashboard.
    Account {
        id: AccountId,
        /// Name at that time.
        name: String,
    },
    /// A program that has an API token.
    Token {
        id: TokenId,
        /// Name at that time.
        name: String,
    },
    /// Whoever may publish to the daemon's topics.
    Mqtt,
    /// A part of the daemon, by its name.
    System(&'static str),
}

impl Actor {
    pub const LATCHKEY: Self = Self::System("latchkey");
    /// The daemon, when a device asks to be included by SmartStart.
    pub const SMART_START: Self = Self::System("smart start");

    /// The kind of actor, as it is spelled in the database and in the API.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Uid(_) => "uid",
            Self::Account { .. } => "account",
            Self::Token { .. } => "token",
            Self::Mqtt => "mqtt",
            Self::System(_) => "system",
        }
    }

    /// What tells one of a kind from another, where there are several.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Uid(uid) => Some(uid.to_string()),
            Self::Account { id, .. } => Some(id.to_string()),
            Self::Token { id, .. } => Some(id.to_string()),
            Self::Mqtt | Self::System(_) => None,
        }
    }
}

/// The name that people are shown.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(uid) => write!(f, "uid {uid}"),
            Self::Account { name, .. } | Self::Token { name, .. } => f.write_str(name),
            Self::Mqtt => f.write_str("mqtt"),
            Self::System(name) => f.write_str(name),
        }
    }
}
