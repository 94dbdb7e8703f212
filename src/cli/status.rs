//! `latchkey status` and `latchkey network`.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::Value;

use super::client::{Client, Seen};
use super::devices::lines;
use super::failure::Outcome;
use super::import::ImportZwaveJs;
use super::include::Members;
use super::interview::Interview;
use super::keys::Keys;
use super::table::{Table, printable};
use super::words::or_dash;
use super::{Json, print, print_json};
use crate::domain::node::Joining;
use crate::view::{NodeView, ProblemView, Severity, StatusView};

/// The Z-Wave network.
#[derive(Subcommand, Debug)]
pub enum Network {
    /// The controller and its nodes.
    Status(Json),
    #[command(flatten)]
    Members(Members),
    /// Ask a node once more what it is and can do; what is known of it, and its codes, stay.
    Interview(Interview),
    /// Take over the network that Z-Wave JS looked after.
    ImportZwaveJs(ImportZwaveJs),
    /// The network's keys.
    #[command(subcommand)]
    Keys(Keys),
}

impl Network {
    /// Asks the daemon.
    pub async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Members(members) => members.run(client).await,
            Self::Interview(interview) => interview.run(client).await,
            Self::ImportZwaveJs(import) => import.run(client).await,
            Self::Keys(keys) => keys.run(client).await,
            Self::Status(json) => {
                if json.json {
                    return print_json(&client.get::<Value>("/api/network").await?);
                }
                let network: Nodes = client.get("/api/network").await?;
                let mut table = Table::new(["NODE", "DEVICE", "INTERVIEW", "SECURITY", "REACH", "MODEL"]);
                for node in network.nodes {
                    let interview = match (node.joining.known(), &node.trouble) {
                        (Some(Joining::Refused), _) => "added without keys".into(),
                        (Some(Joining::UnderWay), _) => "getting its keys".into(),
                        (_, Some(trouble)) => format!("{}: {}", node.interview, printable(trouble)),
                        (_, None) => node.interview.to_string(),
                    };
                    let (device, model) = (or_dash(node.device.as_ref()), or_dash(node.model.as_ref()));
                    let (security, reach) = (node.security.to_string(), node.reach.to_string());
                    table.row([node.node.to_string(), device, interview, security, reach, model]);
                }
                let controller = lines(&network.controller, "controller").join("\n");
                print(&format!("{controller}\n{}", table.show("no nodes")))
            }
        }
    }
}

/// What this command needs of `/api/network`: everything that is said of the controller is shown.
#[derive(Deserialize)]
struct Nodes {
    controller: Value,
    nodes: Vec<NodeView>,
}

/// `latchkey status`: what is wrong and what to do comes first.
pub async fn status(client: &Client, json: Json) -> Outcome {
    let Seen { json: mut rest, view: status } = client.get::<Seen<StatusView>>("/api/status").await?;
    if json.json {
        return print_json(&rest);
    }
    let (infos, problems): (Vec<ProblemView>, Vec<ProblemView>) =
        status.problems.into_iter().partition(|problem| problem.severity == Severity::Info);
    let mut said = vec![match *problems {
        [] => "All is well.".to_owned(),
        [_] => "One thing needs you:".to_owned(),
        _ => format!("{} things need you:", problems.len()),
    }];
    let line = |problem: &ProblemView| format!("  {}: {}", printable(&problem.what), printable(&problem.fix));
    said.extend(problems.iter().map(line));
    if !infos.is_empty() {
        said.push("Worth knowing:".into());
        said.extend(infos.iter().map(line));
    }
    // These have lines of their own.
    if let Value::Object(fields) = &mut rest {
        fields.retain(|key, _| !["problems", "locks", "oldest_pending"].contains(&key.as_str()));
    }
    said.extend(lines(&rest, ""));
    if let Some(grant) = status.running.and_then(|running| running.oldest_pending) {
        let (device, status, reason) = (or_dash(grant.device.as_ref()), &grant.status, or_dash(grant.reason.as_ref()));
        let (since, next_try) = (&grant.since, or_dash(grant.next_try.as_ref()));
        said.push(format!("oldest change on its way: {device}, {status} ({reason}) since {since}; next try {next_try}"));
    }
    let mut table = Table::new(["LOCK", "REACH", "LAST SEEN", "ON ITS WAY", "NEEDS YOU", "QUEUED"]);
    for lock in status.locks {
        let (reach, last_seen) = (or_dash(lock.reach.as_ref()), or_dash(lock.last_seen.as_ref()));
        let [pending, failed, queued] = [lock.pending, lock.failed, lock.queued].map(|count| count.to_string());
        table.row([lock.slug.to_string(), reach, last_seen, pending, failed, queued]);
    }
    said.push(table.show("no locks yet"));
    print(&said.join("\n"))
}
