//! `latchkey events`: who came, where and when.

use std::time::Duration;

use clap::Args;
use http_body_util::BodyExt;

use super::client::{Client, Seen, encoded};
use super::failure::{Failure, Outcome};
use super::names::person_id;
use super::table::printable;
use super::words::spaced;
use super::{complain, print, print_json};
use crate::domain::ids::EventId;
use crate::view::{EventView, Page};

/// Pause before a daemon that went away is looked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// The longest line of a stream that is kept.
const LINE: usize = 64 * 1024;

/// Arguments of `events`.
#[derive(Args, Debug)]
pub struct Events {
    /// Go on with what happens from now on, until interrupted.
    #[arg(long)]
    follow: bool,
    /// Not before this time: 2026-11-23, 2026-11-23T18:04 (the home's time), or with an offset.
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Only this person: id or name.
    #[arg(long, value_name = "P")]
    person: Option<String>,
    /// Only this device: slug or id.
    #[arg(long, value_name = "D")]
    device: Option<String>,
    /// At most so many [default: 100; with --since: all].
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    limit: Option<usize>,
    /// Print JSON; with --follow one object a line.
    #[arg(long)]
    json: bool,
}

impl Events {
    /// Asks the daemon.
    pub async fn run(self, client: &Client) -> Outcome {
        let mut filter = Vec::new();
        if let Some(person) = &self.person {
            filter.push(format!("person={}", person_id(client, person).await?));
        }
        if let Some(device) = &self.device {
            filter.push(format!("device={}", encoded(device)));
        }
        let since = self.since.as_ref().map(|since| format!("since={}", encoded(since)));
        if !self.follow {
            filter.extend(since);
            let wanted = self.limit.unwrap_or_else(|| if self.since.is_some() { usize::MAX } else { 100 });
            let (events, next) = self.read(client, &filter, wanted).await?;
            if self.json {
                return print_json(&Page { items: events.into_iter().map(|event| event.json).collect(), next });
            }
            // The newest stands last, where the eye is.
            let lines: Vec<String> = events.iter().rev().map(|event| sentence(&event.view)).collect();
            return print(if lines.is_empty() { "nothing yet".to_owned() } else { lines.join("\n") }.as_str());
        }
        // The stream begins after an event that is named, so that nothing falls between the list and the stream.
        let shown = since.is_some();
        let past = match since {
            Some(since) => filter.iter().cloned().chain([since]).collect(),
            None => filter.clone(),
        };
        let (events, _) = self.read(client, &past, if shown { usize::MAX } else { 1 }).await?;
        for event in events.iter().rev().filter(|_| shown) {
            self.say(event)?;
        }
        let last = events.first().map(|event| event.view.event_id);
        self.follow(client, &format!("/api/live?{}", filter.join("&")), last).await
    }

    /// As many pages as were asked for, newest first, and where the next would begin.
    async fn read(&self, client: &Client, filter: &[String], wanted: usize) -> Result<(Vec<SeenEvent>, Option<String>), Failure> {
        let mut events = Vec::new();
        let mut next: Option<String> = None;
        while events.len() < wanted {
            let limit = (wanted - events.len()).min(500);
            let mut query = filter.to_vec();
            query.push(format!("limit={limit}"));
            query.extend(next.as_ref().map(|cursor| format!("cursor={}", encoded(cursor))));
            let page: Page<SeenEvent> = client.get(&format!("/api/events?{}", query.join("&"))).await?;
            events.extend(page.items);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        Ok((events, next))
    }

    /// Follows the stream; when the daemon goes away, it is looked for again and nothing is missed.
    async fn follow(&self, client: &Client, path: &str, mut last: Option<EventId>) -> Outcome {
        let mut met = false;
        loop {
            match client.stream(path, last.map(|id| id.to_string()).as_deref()).await {
                Ok(mut stream) => {
                    met = true;
                    let mut lines = Lines::default();
                    let mut typed = false;
                    while let Some(Ok(frame)) = stream.frame().await {
                        for line in frame.data_ref().map(|data| lines.push(data)).unwrap_or_default() {
                            // A message of another type than events is somebody else's.
                            typed = line.starts_with("event: ") || typed && !line.is_empty();
                            let Some(event) = line
                                .strip_prefix("data: ")
                                .filter(|_| !typed)
                                .and_then(|data| serde_json::from_str::<SeenEvent>(data).ok())
                            else {
                                continue;
                            };
                            self.say(&event)?;
                            last = Some(event.view.event_id);
                        }
                    }
                    complain("the daemon went away; waiting for it");
                }
                Err(Failure::Unreachable(_)) if met => {}
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn say(&self, event: &SeenEvent) -> Outcome {
        if self.json { print(&event.json.to_string()) } else { print(&sentence(&event.view)) }
    }
}

/// An event as it came.
type SeenEvent = Seen<EventView>;

/// Whole lines out of pieces.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in piece {
            match byte {
                b'\n' => lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned()),
                _ if self.rest.len() < LINE => self.rest.push(*byte),
                _ => {}
            }
        }
        lines
    }
}

/// One line for people: when, where, who, what.
fn sentence(event: &EventView) -> String {
    let name = event.person.as_ref().and_then(|person| person.name.as_deref()).filter(|name| !name.is_empty());
    // Who had the bolt moved by radio is no person with a code.
    let who = match name.or_else(|| event.actor.as_deref().filter(|actor| !actor.is_empty())) {
        Some(who) => printable(who),
        None => match &event.reason {
            Some(reason) => format!("nobody named ({})", spaced(reason)),
            None => "nobody named".into(),
        },
    };
    let what = [Some(spaced(&event.event_type)), event.action.as_ref().map(spaced), event.method.as_ref().map(spaced)];
    let what: Vec<String> = what.into_iter().flatten().collect();
    let refused = if event.allowed == Some(false) { ", refused" } else { "" };
    format!("{}  {}  {who}  {}{refused}", event.at, event.device, what.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_arrives_in_two_pieces_is_one_event() {
        let mut lines = Lines::default();
        assert!(lines.push(b"id: 1\nda").len() == 1);
        assert_eq!(lines.push(b"ta: {\"a\":1}\n\n"), ["data: {\"a\":1}", ""]);
    }

    #[test]
    fn an_event_without_a_person_says_why() {
        let kept: Page<EventView> = serde_json::from_str(include_str!("../../tests/data/views/events.json")).unwrap();
        assert_eq!(
            sentence(&kept.items[1]),
            "2026-11-23T18:04:05.123+01:00  front_door  nobody named (unmanaged slot)  code used, unlock, keypad"
        );
    }
}
