//! `latchkey network smartstart`.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::client::{Client, Seen, encoded};
use super::failure::Outcome;
use super::secret::secret;
use super::table::{Table, printable};
use super::words::{or_dash, or_nothing};
use super::{Json, print, print_json};
use crate::view::{Page, ProvisionedState, ProvisionedView};

/// Devices that join by themselves.
#[derive(Subcommand, Debug)]
pub enum SmartStart {
    /// Expect a device: it joins when it is switched on.
    Add(Add),
    /// Every device that is expected, or came that way.
    List(Json),
    /// Take a device off the list. One that is in the network stays in it; excluding it takes it off the list, too.
    Remove(Remove),
}

/// Arguments of `smartstart add`.
#[derive(Args, Debug)]
pub struct Add {
    /// The digits of the QR code, which begin with 90; `-` reads them from standard input. The device's PIN is in them.
    qr: String,
    /// What the lock will be called.
    #[arg(long)]
    name: Option<String>,
    /// Let it join the mesh, though it could do Long Range.
    #[arg(long)]
    classic: bool,
    #[command(flatten)]
    json: Json,
}

/// Arguments of `smartstart remove`.
#[derive(Args, Debug)]
pub struct Remove {
    /// Its id in the list.
    id: String,
    #[command(flatten)]
    json: Json,
}

impl SmartStart {
    /// Asks the daemon.
    pub async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Add(add) => add.run(client).await,
            Self::List(json) => list(client, json).await,
            Self::Remove(remove) => remove.run(client).await,
        }
    }
}

impl Add {
    async fn run(self, client: &Client) -> Outcome {
        let qr = secret("-", self.qr)?;
        let body = json!({ "qr": qr.trim(), "name": self.name, "classic": self.classic });
        let entry: Seen<ProvisionedView> = client.call(Method::POST, "/api/network/smartstart", Some(&body)).await?;
        if self.json.json {
            return print_json(&entry.json);
        }
        let ProvisionedView { id, kind, dsk_tail, .. } = entry.view;
        print(&format!(
            "The {kind} whose key ends in {dsk_tail} is expected ({id}). Switch it on: it joins by itself, within minutes."
        ))
    }
}

impl Remove {
    async fn run(self, client: &Client) -> Outcome {
        let path = format!("/api/network/smartstart/{}", encoded(&self.id));
        let entry: Seen<ProvisionedView> = client.call(Method::DELETE, &path, None).await?;
        if self.json.json {
            return print_json(&entry.json);
        }
        print(&match entry.view.state.known() {
            Some(ProvisionedState::Included) => format!(
                "off the list; it is still in the network as node {}: `latchkey network exclude` takes it out",
                or_nothing(entry.view.node.as_ref())
            ),
            _ => "off the list".into(),
        })
    }
}

async fn list(client: &Client, json: Json) -> Outcome {
    if json.json {
        return print_json(&client.get::<Value>("/api/network/smartstart").await?);
    }
    let expected: Page<ProvisionedView> = client.get("/api/network/smartstart").await?;
    let mut table = Table::new(["ID", "NAME", "KIND", "KEY ENDS IN", "STATE"]);
    for entry in expected.items {
        let state = match entry.state.known() {
            Some(ProvisionedState::Included) => {
                format!("included as node {} ({})", or_nothing(entry.node.as_ref()), or_dash(entry.device.as_ref()))
            }
            Some(ProvisionedState::Failed) => {
                format!("failed: {}; tried again when it calls again", printable(&entry.why.unwrap_or_default()))
            }
            Some(ProvisionedState::Waiting) | None => entry.state.to_string(),
        };
        table.row([entry.id.to_string(), or_dash(entry.name.as_ref()), entry.kind, entry.dsk_tail, state]);
    }
    print(&table.show("no device is expected; `latchkey network smartstart add -` takes the digits of a QR code"))
}
