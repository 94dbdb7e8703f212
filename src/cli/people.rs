//! `latchkey people`.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::client::{Client, Seen, encoded};
use super::failure::{Failure, Outcome};
use super::names::person_id;
use super::secret::secret;
use super::table::{Table, printable};
use super::wait::Wait;
use super::words::{or_nothing, standing, waits_for};
use super::{Json, print, print_json};
use crate::view::{AcceptedView, Page, PersonView};

/// People and their codes.
#[derive(Subcommand, Debug)]
pub enum People {
    /// Add somebody, with a code and the doors it opens.
    Add(Add),
    /// Everybody.
    List(Json),
    /// One person and where their code stands.
    Show {
        /// Id or name.
        person: String,
        #[command(flatten)]
        json: Json,
    },
    /// Change a name, a contact or the code.
    Edit(Edit),
    /// Take somebody's code out of every lock, and forget it.
    Remove(Change),
    /// Let somebody in again.
    Enable(Change),
    /// Let somebody open nothing, for the time being.
    Disable(Change),
    /// Let somebody open one more door.
    Grant(GrantChange),
    /// Take one door away from somebody.
    Revoke(GrantChange),
}

/// Who they are; `edit` leaves what is not named as it is.
#[derive(Args, Debug)]
struct Contact {
    /// E-mail address.
    #[arg(long)]
    email: Option<String>,
    /// Mobile number.
    #[arg(long)]
    mobile: Option<String>,
    /// The id another system knows them by.
    #[arg(long, value_name = "X")]
    external_id: Option<String>,
}

/// The code, if one is given.
#[derive(Args, Debug)]
struct Code {
    /// The code; `-` reads it from standard input and keeps it out of the shell's history.
    #[arg(long, conflicts_with = "generate")]
    code: Option<String>,
    /// Let a code be drawn, and shown once.
    #[arg(long, value_name = "DIGITS", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    generate: Option<String>,
}

/// Arguments of `people add`.
#[derive(Args, Debug)]
pub struct Add {
    /// First name.
    #[arg(long)]
    first: String,
    /// Last name.
    #[arg(long, default_value = "")]
    last: String,
    #[command(flatten)]
    contact: Contact,
    #[command(flatten)]
    code: Code,
    /// A device whose door the code opens; may be given several times.
    #[arg(long, value_name = "DEVICE")]
    on: Vec<String>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

/// Arguments of `people edit`.
#[derive(Args, Debug)]
pub struct Edit {
    /// Id or name.
    person: String,
    /// First name.
    #[arg(long)]
    first: Option<String>,
    /// Last name.
    #[arg(long)]
    last: Option<String>,
    #[command(flatten)]
    contact: Contact,
    #[command(flatten)]
    code: Code,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

/// A change of a person as a whole.
#[derive(Args, Debug)]
pub struct Change {
    /// Id or name.
    person: String,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

/// A change of one grant.
#[derive(Args, Debug)]
pub struct GrantChange {
    /// Id or name.
    person: String,
    /// Slug or id.
    device: String,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

impl People {
    /// Asks the daemon.
    pub async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Add(add) => add.run(client).await,
            Self::List(json) => list(client, json).await,
            Self::Show { person, json } => show(client, &person, json).await,
            Self::Edit(edit) => edit.run(client).await,
            Self::Remove(change) => {
                let path = format!("/api/people/{}", person_id(client, &change.person).await?);
                submit(client, Method::DELETE, &path, None, "removed", change.wait, change.json).await
            }
            Self::Enable(change) => change.switch(client, true).await,
            Self::Disable(change) => change.switch(client, false).await,
            Self::Grant(change) => change.run(client, Method::PUT, "granted").await,
            Self::Revoke(change) => change.run(client, Method::DELETE, "revoked").await,
        }
    }
}

impl Add {
    async fn run(self, client: &Client) -> Outcome {
        let mut body = Map::new();
        body.insert("first_name".into(), json!(self.first));
        body.insert("last_name".into(), json!(self.last));
        body.insert("on".into(), json!(self.on));
        self.contact.write(&mut body);
        self.code.write(&mut body)?;
        submit(client, Method::POST, "/api/people", Some(body.into()), "added", self.wait, self.json).await
    }
}

impl Edit {
    async fn run(self, client: &Client) -> Outcome {
        let mut body = Map::new();
        if let Some(first) = self.first {
            body.insert("first_name".into(), json!(first));
        }
        if let Some(last) = self.last {
            body.insert("last_name".into(), json!(last));
        }
        self.contact.write(&mut body);
        self.code.write(&mut body)?;
        if body.is_empty() {
            return Err(Failure::Usage(
                "nothing to change: give --first, --last, --email, --mobile, --external-id, --code or --generate".into(),
            ));
        }
        let path = format!("/api/people/{}", person_id(client, &self.person).await?);
        submit(client, Method::PATCH, &path, Some(body.into()), "changed", self.wait, self.json).await
    }
}

impl Contact {
    fn write(self, body: &mut Map<String, Value>) {
        let mut contacts = Map::new();
        // An empty text takes the contact away.
        for (key, value) in [("email", self.email), ("mobile", self.mobile)] {
            if let Some(value) = value {
                contacts.insert(key.into(), if value.is_empty() { Value::Null } else { value.into() });
            }
        }
        if !contacts.is_empty() {
            body.insert("contacts".into(), contacts.into());
        }
        if let Some(id) = self.external_id {
            body.insert("external_id".into(), if id.is_empty() { Value::Null } else { id.into() });
        }
    }
}

impl Code {
    fn write(self, body: &mut Map<String, Value>) -> Outcome {
        if let Some(code) = self.code {
            body.insert("code".into(), json!(secret("--code -", code)?.trim()));
        }
        let generate = match self.generate.as_deref() {
            None => return Ok(()),
            Some("auto") => json!(true),
            Some(digits) => match digits.parse::<u8>() {
                Ok(digits @ 4..=10) => json!(digits),
                _ => return Err(Failure::Usage("--generate takes a number of digits from 4 to 10".into())),
            },
        };
        body.insert("generate".into(), generate);
        Ok(())
    }
}

impl Change {
    async fn switch(self, client: &Client, enabled: bool) -> Outcome {
        let path = format!("/api/people/{}", person_id(client, &self.person).await?);
        let done = if enabled { "enabled" } else { "disabled" };
        submit(client, Method::PATCH, &path, Some(json!({ "enabled": enabled })), done, self.wait, self.json).await
    }
}

impl GrantChange {
    async fn run(self, client: &Client, method: Method, done: &str) -> Outcome {
        let person = person_id(client, &self.person).await?;
        let path = format!("/api/people/{person}/grants/{}", encoded(&self.device));
        submit(client, method, &path, None, done, self.wait, self.json).await
    }
}

/// Sends a change, says what came of it, and waits if that was asked for. A generated code is said at once: nothing
/// that happens later may swallow it.
async fn submit(client: &Client, method: Method, path: &str, body: Option<Value>, done: &str, wait: Wait, json: Json) -> Outcome {
    let Seen { json: shown, view: accepted } = client.call::<Seen<AcceptedView>>(method, path, body.as_ref()).await?;
    if json.json {
        print_json(&shown)?;
    } else {
        let mut line = format!("{done} (person {}, change {})", or_nothing(accepted.person.as_ref()), accepted.generation);
        if let Some(code) = &accepted.code {
            line.push_str(&format!("\nThe code is {}. It is not shown again.", code.reveal()));
        }
        print(&line)?;
    }
    wait.settle(client, &accepted.grants).await
}

async fn list(client: &Client, json: Json) -> Outcome {
    if json.json {
        return print_json(&client.get::<Value>("/api/people").await?);
    }
    let people: Page<PersonView> = client.get("/api/people").await?;
    let mut table = Table::new(["NAME", "ID", "DOORS"]);
    for person in people.items {
        let doors: Vec<String> =
            person.grants.iter().map(|grant| format!("{} {}", or_nothing(grant.device.as_ref()), standing(grant))).collect();
        let name = if person.enabled { person.name() } else { format!("{} (disabled)", person.name()) };
        table.row([name, person.id.to_string(), doors.join(", ")]);
    }
    print(&table.show("nobody yet; `latchkey people add --first … --last … --generate --on DEVICE` adds somebody"))
}

async fn show(client: &Client, person: &str, json: Json) -> Outcome {
    let path = format!("/api/people/{}", person_id(client, person).await?);
    if json.json {
        return print_json(&client.get::<Value>(&path).await?);
    }
    let person: PersonView = client.get(&path).await?;
    let mut lines = vec![printable(&person.name()), format!("id {}", person.id)];
    let contacts = &person.contacts;
    for (what, value) in [("external id", &person.external_id), ("e-mail", &contacts.email), ("mobile", &contacts.mobile)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            lines.push(format!("{what} {}", printable(value)));
        }
    }
    if !person.enabled {
        lines.push("disabled".into());
    }
    let mut table = Table::new(["DOOR", "", "SINCE", "NOW"]);
    for grant in &person.grants {
        table.row([or_nothing(grant.device.as_ref()), standing(grant).into(), grant.since.to_string(), waits_for(grant)]);
    }
    lines.push(table.show("opens no door"));
    print(&lines.join("\n"))
}
