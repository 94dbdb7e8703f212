//! `latchkey network interview`: asks a node everything once more, and says how that went.

use std::time::Duration;

use clap::Args;
use hyper::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::client::{Client, Seen};
use super::failure::{Failure, Outcome};
use super::table::printable;
use super::words::or_dash;
use super::{Json, print, print_json};
use crate::domain::ids::NodeId;
use crate::view::{NodeView, ReachView};

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

/// What this command needs of `/api/network`.
#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Seen<NodeView>>,
}

impl Interview {
    /// Asks the daemon, and stays until it is over.
    pub async fn run(self, client: &Client) -> Outcome {
        let begun: Value = client.call(Method::POST, &format!("/api/network/nodes/{}/interview", self.node), None).await?;
        if self.no_wait {
            return if self.json.json { print_json(&begun) } else { print(&format!("node {} is being interviewed", self.node)) };
        }
        let end = Instant::now() + PATIENCE;
        loop {
            tokio::time::sleep(LOOK).await;
            let network: Nodes = client.get("/api/network").await?;
            let Some(node) = network.nodes.into_iter().find(|node| node.view.node == NodeId(self.node)) else {
                return Err(Failure::Refused(format!("node {} left the network", self.node)));
            };
            if !node.view.interviewing {
                return self.told(&node);
            }
            if Instant::now() > end {
                let why = if node.view.reach == ReachView::Asleep {
                    "it sleeps: wake it as its manual says"
                } else {
                    "it takes its time"
                };
                return Err(Failure::WaitRanOut(format!("node {} is not through yet: {why}; the interview goes on", self.node)));
            }
        }
    }

    fn told(&self, Seen { json, view: node }: &Seen<NodeView>) -> Outcome {
        if self.json.json {
            print_json(json)?;
        }
        match node.trouble.as_deref() {
            None if self.json.json => Ok(()),
            None => {
                print(&format!("node {} is interviewed: {}, device {}", self.node, node.security, or_dash(node.device.as_ref())))
            }
            Some(trouble) => Err(Failure::Refused(format!(
                "node {}: {}; it is tried again by itself. Bring it nearer to the stick, or look at `latchkey status`",
                self.node,
                printable(trouble)
            ))),
        }
    }
}
