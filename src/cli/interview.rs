//! `latchkey network interview`: asks a node everything once more, and says how that went.

use std::time::Duration;

use clap::Args;
use hyper::Method;
use serde_json::Value;
use tokio::time::Instant;

use super::client::Client;
use super::devices::plain;
use super::failure::{Failure, Outcome};
use super::table::printable;
use super::words::{items, part, text};
use super::{Json, print, print_json};

/// How often the daemon is asked how far it got.
const LOOK: Duration = Duration::from_millis(200);
/// A node that answers nothing is given up by the daemon before that; one that sleeps may take hours.
const PATIENCE: Duration = Duration::from_secs(300);

/// Arguments of `network interview`.
#[derive(Args, Debug)]
pub struct Interview {
    /// Node id.
    node: u16,
    /// Do not wait for the outcome.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    json: Json,
}

impl Interview {
    /// Asks the daemon, and stays until it is over.
    pub async fn run(self, client: &Client) -> Outcome {
        let begun = client.call(Method::POST, &format!("/api/network/nodes/{}/interview", self.node), None).await?;
        if self.no_wait {
            return if self.json.json { print_json(&begun) } else { print(&format!("node {} is being interviewed", self.node)) };
        }
        let end = Instant::now() + PATIENCE;
        loop {
            tokio::time::sleep(LOOK).await;
            let network = client.get("/api/network").await?;
            let Some(node) = items(&network, "nodes").iter().find(|node| part(node, "node") == self.node) else {
                return Err(Failure::Refused(format!("node {} left the network", self.node)));
            };
            if *part(node, "interviewing") == Value::Bool(false) {
                return self.told(node);
            }
            if Instant::now() > end {
                let sleeps = text(node, "reach") == "asleep";
                let why = if sleeps { "it sleeps: wake it as its manual says" } else { "it takes its time" };
                return Err(Failure::WaitRanOut(format!("node {} is not through yet: {why}; the interview goes on", self.node)));
            }
        }
    }

    fn told(&self, node: &Value) -> Outcome {
        if self.json.json {
            print_json(node)?;
        }
        match text(node, "trouble") {
            "" if self.json.json => Ok(()),
            "" => print(&format!(
                "node {} is interviewed: {}, device {}",
                self.node,
                plain(part(node, "security")),
                plain(part(node, "device"))
            )),
            trouble => Err(Failure::Refused(format!(
                "node {}: {}; it is tried again by itself. Bring it nearer to the stick, or look at `latchkey status`",
                self.node,
                printable(trouble)
            ))),
        }
    }
}
