//! How the domain's words are written into columns. These forms live for years in people's databases: add, never change.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::grant::{Reason, Schedule, Status};
use crate::domain::ids::{CredentialId, DeviceId, EventId, Generation, GrantId, HomeId, HubId, NodeId, PersonId, ProvisioningId};
use crate::domain::node::Node;
use crate::domain::person::{Contacts, CredentialKind};
use crate::domain::provisioning::{ProvisioningState, ScannedProduct};
use crate::domain::slot::{ConfirmedBy, Dialect, Progress};
use crate::domain::time::Timestamp;

/// Text, as the type prints and parses itself.
macro_rules! stored_as_text {
    ($($name:ty),* $(,)?) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.to_string().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(FromSqlError::other)
            }
        }
    )*};
}

/// The one word serde has for the value.
macro_rules! stored_as_word {
    ($($name:ty),* $(,)?) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(word(self)?.into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let word = serde_json::Value::String(value.as_str()?.into());
                serde_json::from_value(word).map_err(FromSqlError::other)
            }
        }
    )*};
}

/// A JSON object.
macro_rules! stored_as_json {
    ($($name:ty),* $(,)?) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(json(self)?.into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                from_json(value.as_str()?)
            }
        }
    )*};
}

stored_as_text!(PersonId, CredentialId, DeviceId, GrantId, HubId, EventId, ProvisioningId);
stored_as_word!(Status, Reason, ConfirmedBy, Dialect, CredentialKind);
stored_as_json!(Contacts, Device, Event, Node, Progress, ProvisioningState, ScannedProduct, Schedule);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_millis().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self::from_millis(value.as_i64()?))
    }
}

impl ToSql for Generation {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        // SQLite's integers are signed: the same 64 bits, so that no number is refused.
        Ok(self.0.cast_signed().into())
    }
}

impl FromSql for Generation {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(value.as_i64()?.cast_unsigned()))
    }
}

impl ToSql for NodeId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl ToSql for HomeId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for HomeId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        u32::column_result(value).map(Self)
    }
}

/// The word serde has for a value of a plain enum.
pub(super) fn word<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(_) => Err(rusqlite::Error::ToSqlConversionFailure("not a plain word".into())),
        Err(error) => Err(rusqlite::Error::ToSqlConversionFailure(error.into())),
    }
}

fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> FromSqlResult<T> {
    serde_json::from_str(text).map_err(FromSqlError::other)
}
