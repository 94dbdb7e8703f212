//! `latchkey network smartstart`.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::json;

use super::client::{Client, encoded};
use super::devices::plain;
use super::failure::Outcome;
use super::secret::secret;
use super::table::{Table, printable};
use super::words::{items, part, text};
use super::{Json, print, print_json};

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
        let entry = client.call(Method::POST, "/api/network/smartstart", Some(&body)).await?;
        if self.json.json {
            return print_json(&entry);
        }
        let (kind, tail) = (text(&entry, "kind"), text(&entry, "dsk_tail"));
        print(&format!(
            "The {kind} whose key ends in {tail} is expected ({}). Switch it on: it joins by itself, within minutes.",
            text(&entry, "id")
        ))
    }
}

impl Remove {
    async fn run(self, client: &Client) -> Outcome {
        let entry = client.call(Method::DELETE, &format!("/api/network/smartstart/{}", encoded(&self.id)), None).await?;
        if self.json.json {
            return print_json(&entry);
        }
        print(&match text(&entry, "state") {
            "included" => format!(
                "off the list; it is still in the network as node {}: `latchkey network exclude` takes it out",
                part(&entry, "node")
            ),
            _ => "off the list".into(),
        })
    }
}

async fn list(client: &Client, json: Json) -> Outcome {
    let expected = client.get("/api/network/smartstart").await?;
    if json.json {
        return print_json(&expected);
    }
    let mut table = Table::new(["ID", "NAME", "KIND", "KEY ENDS IN", "STATE"]);
    for entry in items(&expected, "items") {
        let state = match text(entry, "state") {
            "included" => format!("included as node {} ({})", part(entry, "node"), plain(part(entry, "device"))),
            "failed" => format!("failed: {}; tried again when it calls again", printable(text(entry, "why"))),
            state => state.to_owned(),
        };
        table.row([
            text(entry, "id").into(),
            plain(part(entry, "name")),
            text(entry, "kind").into(),
            text(entry, "dsk_tail").into(),
            state,
        ]);
    }
    print(&table.show("no device is expected; `latchkey network smartstart add -` takes the digits of a QR code"))
}
