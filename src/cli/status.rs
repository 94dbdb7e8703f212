//! `latchkey status` and `latchkey network`.

use clap::Subcommand;
use serde_json::Value;

use super::client::Client;
use super::devices::{lines, plain};
use super::failure::Outcome;
use super::import::ImportZwaveJs;
use super::include::Members;
use super::interview::Interview;
use super::keys::Keys;
use super::table::{Table, printable};
use super::words::{items, part, text};
use super::{Json, print, print_json};

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
                let network = client.get("/api/network").await?;
                if json.json {
                    return print_json(&network);
                }
                let mut table = Table::new(["NODE", "DEVICE", "INTERVIEW", "SECURITY", "REACH", "MODEL"]);
                for node in items(&network, "nodes") {
                    let cell = |key: &str| plain(part(node, key));
                    let interview = match text(node, "joining") {
                        "refused" => "added without keys".into(),
                        "under_way" => "getting its keys".into(),
                        _ if !part(node, "trouble").is_null() => format!("{}: {}", cell("interview"), cell("trouble")),
                        _ => cell("interview"),
                    };
                    table.row([cell("node"), cell("device"), interview, cell("security"), cell("reach"), cell("model")]);
                }
                let controller = lines(part(&network, "controller"), "controller").join("\n");
                print(&format!("{controller}\n{}", table.show("no nodes")))
            }
        }
    }
}

/// `latchkey status`: what is wrong and what to do comes first.
pub async fn status(client: &Client, json: Json) -> Outcome {
    let status = client.get("/api/status").await?;
    if json.json {
        return print_json(&status);
    }
    let (infos, problems): (Vec<&Value>, Vec<&Value>) =
        items(&status, "problems").iter().partition(|problem| text(problem, "severity") == "info");
    let mut said = vec![match *problems {
        [] => "All is well.".to_owned(),
        [_] => "One thing needs you:".to_owned(),
        _ => format!("{} things need you:", problems.len()),
    }];
    let line = |problem: &&Value| format!("  {}: {}", printable(text(problem, "what")), printable(text(problem, "do")));
    said.extend(problems.iter().map(line));
    if !infos.is_empty() {
        said.push("Worth knowing:".into());
        said.extend(infos.iter().map(line));
    }
    let mut rest = status.clone();
    if let Value::Object(fields) = &mut rest {
        fields.remove("problems");
        fields.remove("locks");
        fields.remove("oldest_pending");
    }
    said.extend(lines(&rest, ""));
    if let Some(grant) = status.get("oldest_pending").filter(|grant| !grant.is_null()) {
        let cell = |key: &str| plain(part(grant, key));
        let (device, status, reason, since) = (cell("device"), cell("status"), cell("reason"), cell("since"));
        said.push(format!(
            "oldest change on its way: {device}, {status} ({reason}) since {since}; next try {}",
            cell("next_try")
        ));
    }
    let mut table = Table::new(["LOCK", "REACH", "LAST SEEN", "ON ITS WAY", "NEEDS YOU", "QUEUED"]);
    for lock in items(&status, "locks") {
        let cell = |key: &str| plain(part(lock, key));
        table.row([cell("slug"), cell("reach"), cell("last_seen"), cell("pending"), cell("failed"), cell("queued")]);
    }
    said.push(table.show("no locks yet"));
    print(&said.join("\n"))
}
