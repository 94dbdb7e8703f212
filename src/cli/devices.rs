//! `latchkey devices`.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::client::{Client, encoded};
use super::failure::Outcome;
use super::table::{Table, printable};
use super::words::{or_dash, or_nothing};
use super::{Json, print, print_json};
use crate::view::{DeviceView, Page};

/// Locks.
#[derive(Subcommand, Debug)]
pub enum Devices {
    /// Every device.
    List(Json),
    /// One device.
    Show(Device),
    /// Throw the bolt.
    Lock(Device),
    /// Withdraw the bolt.
    Unlock(Device),
    /// Give a device another name.
    Rename {
        #[command(flatten)]
        device: Device,
        /// The new name.
        name: String,
        /// The new short name in topics and commands; made from the name unless given.
        #[arg(long)]
        slug: Option<String>,
    },
    /// Read every slot of a lock again, and report what is not as it should be.
    Check(Device),
    /// Give the place of a lock that is gone to a new one: its name, its grants and its history.
    Replace {
        /// The lock that is gone: slug or id.
        old: String,
        /// The new lock, included already: slug or id.
        new: String,
        #[command(flatten)]
        json: Json,
    },
    /// Forget a device that is out of the network, and who may open it.
    Remove(Device),
    /// Let a lock have codes although its security is not good enough for a door. Others can read them.
    AllowInsecure(Device),
}

/// Which device.
#[derive(Args, Debug)]
pub struct Device {
    /// Slug or id.
    device: String,
    #[command(flatten)]
    json: Json,
}

impl Devices {
    /// Asks the daemon.
    pub async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::List(json) => list(client, json).await,
            Self::Show(device) => {
                let shown: Value = client.get(&device.path("")).await?;
                if device.json.json { print_json(&shown) } else { print(&lines(&shown, "").join("\n")) }
            }
            Self::Lock(device) => device.submit(client, "/lock", "asked to lock").await,
            Self::Unlock(device) => device.submit(client, "/unlock", "asked to unlock").await,
            Self::Check(device) => device.submit(client, "/check", "being checked; `latchkey devices show` tells how far").await,
            Self::Replace { old, new, json } => {
                let body = json!({ "with": new });
                let path = format!("/api/devices/{}/replace", encoded(&old));
                let accepted: Value = client.call(Method::POST, &path, Some(&body)).await?;
                Device { device: old, json }.report(&accepted, "is another lock now; its codes are on their way to it")
            }
            Self::Remove(device) => {
                let accepted: Value = client.call(Method::DELETE, &device.path(""), None).await?;
                device.report(&accepted, "removed")
            }
            Self::AllowInsecure(device) => {
                device
                    .submit(
                        client,
                        "/allow-insecure",
                        "gets codes from now on; `latchkey status` goes on saying what is weak about it",
                    )
                    .await
            }
            Self::Rename { device, name, slug } => {
                let body = json!({ "name": name, "slug": slug });
                let accepted: Value = client.call(Method::PATCH, &device.path(""), Some(&body)).await?;
                device.report(&accepted, "renamed")
            }
        }
    }
}

impl Device {
    fn path(&self, what: &str) -> String {
        format!("/api/devices/{}{what}", encoded(&self.device))
    }

    async fn submit(&self, client: &Client, what: &str, done: &str) -> Outcome {
        let accepted: Value = client.call(Method::POST, &self.path(what), None).await?;
        self.report(&accepted, done)
    }

    fn report(&self, accepted: &Value, done: &str) -> Outcome {
        if self.json.json { print_json(accepted) } else { print(&format!("{} {done}", printable(&self.device))) }
    }
}

async fn list(client: &Client, json: Json) -> Outcome {
    if json.json {
        return print_json(&client.get::<Value>("/api/devices").await?);
    }
    let devices: Page<DeviceView> = client.get("/api/devices").await?;
    let mut table = Table::new(["SLUG", "NAME", "NODE", "SECURITY", "BOLT", "BATTERY", "CODES", "ON ITS WAY", "NEEDS YOU"]);
    for device in devices.items {
        table.row([
            device.slug.to_string(),
            device.name,
            or_dash(device.node.as_ref()),
            or_nothing(device.security.as_ref()),
            device.lock_state.to_string(),
            device.battery.map_or_else(|| "-".into(), |percent| format!("{percent} %")),
            format!("{} of {}", device.slots.managed, device.slots.total),
            device.sync.pending.to_string(),
            device.sync.failed.to_string(),
        ]);
    }
    print(&table.show("no devices yet; include a lock, or look at `latchkey network status`"))
}

/// Whatever the daemon shows, also what only a later one knows: lines of `key value`, nested keys after a dot.
pub fn lines(value: &Value, prefix: &str) -> Vec<String> {
    let key = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().flat_map(|(name, value)| lines(value, &key(name))).collect(),
        Value::Array(items) => items.iter().enumerate().flat_map(|(n, item)| lines(item, &key(&(n + 1).to_string()))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            vec![format!("{prefix} {}", plain(value)).trim().to_owned()]
        }
    }
}

/// A value without quotes; `-` for nothing.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => printable(text),
        other => other.to_string(),
    }
}
