//! `latchkey audit`: who did what.

use std::collections::BTreeMap;

use clap::Args;

use super::client::{Client, encoded};
use super::failure::{Failure, Outcome};
use super::names::person_id;
use super::table::printable;
use super::{print, print_json};
use crate::view::{AuditRow, DeviceView, Page, PersonView};

/// Arguments of `audit`.
#[derive(Args, Debug)]
pub struct Audit {
    /// Only what concerned this person: id or name. Somebody who is gone has only the id.
    #[arg(long, value_name = "P")]
    person: Option<String>,
    /// Not before this time: 2026-11-23, 2026-11-23T18:04 (the home's time), or with an offset.
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// At most so many lines [default: 100; with --since: all].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Asks the daemon.
    pub async fn run(self, client: &Client) -> Outcome {
        let mut filter = Vec::new();
        if let Some(person) = &self.person {
            filter.push(format!("person={}", person_id(client, person).await?));
        }
        filter.extend(self.since.as_ref().map(|since| format!("since={}", encoded(since))));
        let wanted = self.limit.unwrap_or_else(|| if self.since.is_some() { usize::MAX } else { 100 });
        let page = read(client, &filter, wanted).await?;
        if self.json {
            return print_json(&page);
        }
        let names = Names::ask(client).await?;
        // The newest stands last, where the eye is.
        let lines: Vec<String> = page.items.iter().rev().map(|row| sentence(row, &names)).collect();
        print(if lines.is_empty() { "nothing yet".to_owned() } else { lines.join("\n") }.as_str())
    }
}

/// As many pages as were asked for, newest first, and where the next would begin.
async fn read(client: &Client, filter: &[String], wanted: usize) -> Result<Page<AuditRow>, Failure> {
    let mut read = Page::whole(Vec::new());
    while read.items.len() < wanted {
        let mut query = filter.to_vec();
        query.push(format!("limit={}", (wanted - read.items.len()).min(500)));
        query.extend(read.next.as_ref().map(|cursor| format!("cursor={}", encoded(cursor))));
        let page: Page<AuditRow> = client.get(&format!("/api/audit?{}", query.join("&"))).await?;
        read.items.extend(page.items);
        read.next = page.next;
        if read.next.is_none() {
            break;
        }
    }
    Ok(read)
}

/// What people and devices are called now, by their ids.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    async fn ask(client: &Client) -> Result<Self, Failure> {
        let people: Page<PersonView> = client.get("/api/people").await?;
        let devices: Page<DeviceView> = client.get("/api/devices").await?;
        let people = people.items.iter().map(|person| (person.id.to_string(), person.name()));
        let devices = devices.items.iter().map(|device| (device.id.to_string(), device.slug.to_string()));
        Ok(Self(people.chain(devices).collect()))
    }

    /// Whoever is gone is known by the id.
    fn of(&self, id: &str) -> String {
        self.0.get(id).map_or_else(|| id.to_owned(), |name| printable(name))
    }
}

/// One line for people: when, who, what, whom and where.
fn sentence(row: &AuditRow, names: &Names) -> String {
    let mut line = format!("{}  {}  {}", row.at.0, printable(&row.actor.name), row.act.replace('_', " "));
    let whom = row.person.map(|id| id.to_string()).into_iter().chain(row.device.map(|id| id.to_string()));
    let concerned: Vec<String> = whom.map(|id| names.of(&id)).collect();
    if !concerned.is_empty() {
        line.push_str(&format!(": {}", concerned.join(", ")));
    }
    if let Some(detail) = &row.detail {
        line.push_str(&format!(" ({})", printable(detail)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::ids::{DeviceId, PersonId};
    use crate::view::{AuditActor, Stamp};

    fn row(act: &str, person: Option<PersonId>, device: Option<DeviceId>, detail: Option<&str>) -> AuditRow {
        AuditRow {
            seq: 1,
            at: Stamp("2026-11-23T18:04:05.123+01:00".into()),
            actor: AuditActor { kind: "uid".into(), id: Some("1000".into()), name: "uid 1000".into() },
            act: act.into(),
            person,
            device,
            grant: None,
            detail: detail.map(str::to_owned),
        }
    }

    #[test]
    fn a_line_names_who_is_here_and_keeps_the_id_of_who_is_gone() {
        let mut entropy = Entropy::from_number(1);
        let (ada, gone, front) = (PersonId::new(&mut entropy), PersonId::new(&mut entropy), DeviceId::new(&mut entropy));
        let names = Names([(ada.to_string(), "Ada Lovelace".to_owned()), (front.to_string(), "front_door".to_owned())].into());
        assert_eq!(
            sentence(&row("granted", Some(ada), Some(front), None), &names),
            "2026-11-23T18:04:05.123+01:00  uid 1000  granted: Ada Lovelace, front_door"
        );
        assert_eq!(
            sentence(&row("person_removed", Some(gone), None, None), &names),
            format!("2026-11-23T18:04:05.123+01:00  uid 1000  person removed: {gone}")
        );
    }

    #[test]
    fn a_line_of_an_earlier_version_is_shown_as_it_was_written() {
        let line = sentence(&row("note", None, None, Some("had node 5 interviewed\u{1b}[2J again")), &Names::default());
        assert_eq!(line, "2026-11-23T18:04:05.123+01:00  uid 1000  note (had node 5 interviewed\u{fffd}[2J again)");
    }
}
