//! `latchkey network include`, `exclude` and their kin: begins a change, then tells whoever stands at the lock what to do
//! next, until it is over.

use std::time::Duration;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::client::Client;
use super::devices::plain;
use super::failure::{Failure, Outcome};
use super::secret::{line_of_input, secret};
use super::smartstart::SmartStart;
use super::table::printable;
use super::words::{items, part, text};
use super::{Json, complain, print, print_json};

/// How often the daemon is asked how far it got.
const LOOK: Duration = Duration::from_millis(200);
/// How long the stick may take to stop after Ctrl-C.
const FAREWELL: Duration = Duration::from_secs(15);

/// Who comes into the network, and who leaves it.
#[derive(Subcommand, Debug)]
pub enum Members {
    /// Add a lock: put it into inclusion mode when you are told to.
    Include(Include),
    /// Let a device leave the network: put it into exclusion mode when you are told to.
    Exclude(Json),
    /// Forget a node that answers nothing any more, and can't be excluded.
    RemoveFailed(RemoveFailed),
    /// Put a new lock in the place of one that answers nothing any more; name and grants stay.
    ReplaceFailed(ReplaceFailed),
    /// Stop the inclusion or exclusion that is under way.
    Cancel(Json),
    /// Devices that join by themselves when they are switched on: their QR code was scanned before.
    #[command(subcommand, name = "smartstart")]
    SmartStart(SmartStart),
}

/// On which terms a device joins.
#[derive(Args, Debug)]
pub struct Terms {
    /// The PIN on its label, five digits; `-` reads it from standard input. You are asked for it unless given.
    #[arg(long)]
    pin: Option<String>,
    /// Use the old S0 security, though the device lists S2: for devices whose S2 is broken.
    #[arg(long, conflicts_with = "insecure")]
    s0: bool,
    /// Use no security. Everybody nearby can read the codes of such a lock, and open it.
    #[arg(long)]
    insecure: bool,
}

/// Arguments of `network include`.
#[derive(Args, Debug)]
pub struct Include {
    #[command(flatten)]
    terms: Terms,
    /// What the lock will be called.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    json: Json,
}

/// Arguments of `network remove-failed`.
#[derive(Args, Debug)]
pub struct RemoveFailed {
    /// Node id, or slug or id of its device.
    node: String,
    #[command(flatten)]
    json: Json,
}

/// Arguments of `network replace-failed`.
#[derive(Args, Debug)]
pub struct ReplaceFailed {
    /// Slug or id of the device, or its node id.
    device: String,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    json: Json,
}

impl Members {
    /// Asks the daemon, and stays until it is over.
    pub async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Include(Include { terms, name, json }) => {
                let mut body = Map::new();
                let pin = terms.write(&mut body)?;
                if let Some(name) = name {
                    body.insert("name".into(), name.into());
                }
                follow(client, "include", body, pin, json).await
            }
            Self::Exclude(json) => follow(client, "exclude", Map::new(), None, json).await,
            Self::RemoveFailed(RemoveFailed { node, json }) => follow(client, "remove-failed", target(&node), None, json).await,
            Self::ReplaceFailed(ReplaceFailed { device, terms, json }) => {
                let mut body = target(&device);
                let pin = terms.write(&mut body)?;
                follow(client, "replace-failed", body, pin, json).await
            }
            Self::Cancel(json) => {
                let cancelled = client.call(Method::POST, CANCEL, None).await?;
                if json.json { print_json(&cancelled) } else { print("cancelled") }
            }
            Self::SmartStart(command) => command.run(client).await,
        }
    }
}

const CANCEL: &str = "/api/network/change/cancel";

impl Terms {
    fn write(self, body: &mut Map<String, Value>) -> Result<Option<Zeroizing<String>>, Failure> {
        let security = if self.insecure {
            "insecure"
        } else if self.s0 {
            "s0"
        } else {
            "best"
        };
        body.insert("security".into(), security.into());
        let pin = self.pin.map(|pin| secret("--pin -", pin)).transpose()?;
        if let Some(pin) = &pin {
            body.insert("pin".into(), pin.trim().into());
        }
        Ok(pin)
    }
}

/// Digits alone are a node; slugs that are digits alone are named by the id of their device.
fn target(named: &str) -> Map<String, Value> {
    let (key, value) = match named.parse::<u16>() {
        Ok(node) => ("node", json!(node)),
        Err(_) => ("device", json!(named)),
    };
    Map::from_iter([(key.to_owned(), value)])
}

/// Begins a change and stays with it.
async fn follow(client: &Client, what: &str, body: Map<String, Value>, pin: Option<Zeroizing<String>>, json: Json) -> Outcome {
    // From here on Ctrl-C is ours: the stick must not be left listening.
    let mut interrupts =
        signal(SignalKind::interrupt()).map_err(|error| Failure::Refused(format!("can't watch for Ctrl-C: {error}")))?;
    let begun = client.call(Method::POST, &format!("/api/network/{what}"), Some(&body.into())).await?;
    let id = part(&begun, "change").clone();
    let mut stay = Stay { client, json: json.json, shown: Value::Null, pin, typing: None };
    let mut cancelled_at: Option<Instant> = None;
    let mut soon = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = soon.tick() => {
                let change = look(client, &id).await?;
                if let Some(outcome) = stay.saw(change).await? {
                    return outcome;
                }
                if cancelled_at.is_some_and(|at| at.elapsed() > FAREWELL) {
                    return Err(Failure::Refused("cancelled, but the stick never said so; look at `latchkey status`".into()));
                }
            }
            _ = interrupts.recv() => {
                // Whoever asks twice does not want to hear how it ends.
                if cancelled_at.replace(Instant::now()).is_some() {
                    return Err(Failure::Refused("interrupted".into()));
                }
                stay.cancel().await?;
            }
            line = typed(&mut stay.typing) => stay.enter(line).await?,
        }
    }
}

/// How far the change is. One that the daemon knows nothing of any more is lost from sight, not undone.
async fn look(client: &Client, id: &Value) -> Result<Value, Failure> {
    const AND_NOW: &str = "`latchkey network status` shows what became of it";
    let seen = match client.get("/api/network/change").await {
        Err(Failure::Unreachable(_)) => {
            return Err(Failure::Unreachable(format!("the daemon went away in the middle of it; once it is back, {AND_NOW}")));
        }
        answer => answer?,
    };
    let change = part(&seen, "change");
    if part(change, "id") == id {
        return Ok(change.clone());
    }
    let why = match change {
        Value::Null => "the daemon was restarted in the middle of it",
        _ => "another inclusion or exclusion began meanwhile",
    };
    Err(Failure::Refused(format!("{why}; {AND_NOW}")))
}

type Line = std::io::Result<Option<Zeroizing<String>>>;

/// The line that is being typed; never, while nobody was asked.
async fn typed(typing: &mut Option<oneshot::Receiver<Line>>) -> Line {
    match typing {
        Some(line) => {
            let line = line.await;
            *typing = None;
            line.unwrap_or(Ok(None))
        }
        None => std::future::pending().await,
    }
}

/// One person at one lock.
struct Stay<'a> {
    client: &'a Client,
    json: bool,
    /// What was shown last.
    shown: Value,
    /// The PIN from the command line, until it was used.
    pin: Option<Zeroizing<String>>,
    typing: Option<oneshot::Receiver<Line>>,
}

impl Stay<'_> {
    /// Shows what is new, and answers what can be answered. Tells how it ended, once it did.
    async fn saw(&mut self, change: Value) -> Result<Option<Outcome>, Failure> {
        if change == self.shown {
            return Ok(None);
        }
        if self.json {
            print(&change.to_string())?;
        } else {
            for line in lines(&self.shown, &change) {
                print(&line)?;
            }
        }
        let is_new = part(&self.shown, "question") != part(&change, "question");
        match text(part(&change, "question"), "kind") {
            "pin" if is_new => match self.pin.take() {
                Some(pin) => self.enter(Ok(Some(pin))).await?,
                None => self.listen(),
            },
            // A PIN that was given answers another question.
            "keys" if is_new => self.listen(),
            _ => {}
        }
        let outcome = match text(&change, "state") {
            "done" => Some(Ok(())),
            "failed" => Some(Err(Failure::Refused(failure(&change)))),
            _ => None,
        };
        self.shown = change;
        Ok(outcome)
    }

    /// Reads a line in a thread of its own, which nobody waits for: the change may end while nobody types.
    fn listen(&mut self) {
        if self.typing.is_none() {
            let (line, typing) = oneshot::channel();
            std::thread::spawn(move || line.send(line_of_input()));
            self.typing = Some(typing);
        }
    }

    async fn enter(&mut self, line: Line) -> Outcome {
        match line {
            Ok(Some(answer)) => match self.send(&answer).await {
                Err(Failure::Refused(why)) => {
                    complain(&why);
                    // Mistyped: the device still waits, or the next look tells that it does not.
                    self.listen();
                    Ok(())
                }
                outcome => outcome,
            },
            Ok(None) | Err(_) => {
                self.cancel().await?;
                let why = match text(part(&self.shown, "question"), "kind") {
                    "keys" => "the device asks for keys and nobody answered on standard input; cancelled: it got none",
                    _ => "the device asks for its PIN and none came on standard input; cancelled: give it by --pin",
                };
                Err(Failure::Refused(why.into()))
            }
        }
    }

    async fn send(&self, answer: &str) -> Outcome {
        let question = part(&self.shown, "question");
        if text(question, "kind") == "keys" {
            let body = json!({ "keys": keys_in(answer, items(question, "keys"))? });
            return self.client.call(Method::POST, "/api/network/change/keys", Some(&body)).await.map(drop);
        }
        let pin = answer;
        let body = json!({ "pin": pin.trim() });
        self.client.call(Method::POST, "/api/network/change/pin", Some(&body)).await.map(drop)
    }

    async fn cancel(&self) -> Outcome {
        if text(&self.shown, "state") == "interviewing" {
            let node = part(&self.shown, "node");
            return Err(Failure::Refused(format!("node {node} is in the network already; its interview goes on by itself")));
        }
        self.client.call(Method::POST, CANCEL, None).await.map(drop)
    }
}

/// The keys that the user wants to grant.
fn keys_in(answer: &str, asked: &[Value]) -> Result<Vec<Value>, Failure> {
    let words: Vec<String> =
        answer.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["yes" | "y"] => Ok(asked.to_vec()),
        ["no" | "n"] => Ok(Vec::new()),
        [] => Err(Failure::Refused("type yes, no, or the names of keys".into())),
        _ => {
            let named = words.iter().map(|word| asked.iter().find(|key| key.as_str() == Some(word)).cloned().ok_or(word));
            named.collect::<Result<_, _>>().map_err(|word| {
                Failure::Refused(format!("{} is none of the keys it asks for; type yes, no, or their names", printable(word)))
            })
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What is new between two looks, as one line for each step. Looks may miss steps that took no time; those that tell
/// something are told all the same.
fn lines(before: &Value, now: &Value) -> Vec<String> {
    const ORDER: [&str; 8] = ["starting", "ready", "found", "joined", "asked", "exchanging", "interviewing", "done"];
    let rank = |change: &Value| ORDER.iter().position(|state| *state == text(change, "state"));
    let (kind, state) = (text(now, "kind"), text(now, "state"));
    let joins = matches!(kind, "include" | "replace_failed" | "smart_start");
    let mut lines = Vec::new();
    let is_past = |state: &str| {
        let at = ORDER.iter().position(|it| *it == state);
        rank(before) < at && at <= rank(now)
    };
    match (state, kind) {
        ("ready", "exclude") => lines.push("Put the device into exclusion mode now (its manual says how).".into()),
        ("ready", _) => lines.push("Put the lock into inclusion mode now (its manual says how).".into()),
        _ => {}
    }
    if is_past("found") && kind != "remove_failed" {
        lines.push("Found it.".into());
    }
    if joins && is_past("joined") && !part(now, "node").is_null() {
        lines.push(format!("It is in the network as node {}. Getting its keys…", part(now, "node")));
    }
    let question = part(now, "question");
    if part(before, "question") != question {
        match text(question, "kind") {
            "pin" => {
                let rest = printable(text(question, "dsk_tail"));
                lines.push(format!("Type the five digits under 'PIN' on its label; the rest should read {rest}"));
            }
            "keys" => {
                let keys: Vec<String> = items(question, "keys").iter().map(plain).collect();
                lines.push(format!("It asks for these keys: {}. {}.", keys.join(", "), capitalised(text(question, "warning"))));
                lines.push("Type yes to give it all of them, the names of those it may have, or no:".into());
            }
            "type_into_device" => lines.push(format!("Type this into the device: {}", printable(text(question, "code")))),
            _ => {}
        }
    }
    match state {
        "exchanging" => lines.push("Handing over the keys…".into()),
        "interviewing" => lines.push("Interviewing…".into()),
        _ => {}
    }
    if part(before, "warning") != part(now, "warning") {
        lines.push(format!("Warning: {}.", printable(text(now, "warning"))));
    }
    if state == "done" {
        lines.push(if joins { joined(now) } else { left(now) });
    }
    lines
}

fn joined(change: &Value) -> String {
    let security = match text(change, "security") {
        "s2_access_control" => "S2 Access Control",
        "s2_authenticated" => "S2 Authenticated",
        "s2_unauthenticated" => "S2 Unauthenticated",
        "s0" => "S0",
        _ => "no security",
    };
    match text(change, "device") {
        "" => format!("Done: node {} ({security}), which is not a lock.", part(change, "node")),
        device => format!("Done: {} ({security}).", printable(device)),
    }
}

fn left(change: &Value) -> String {
    let node = part(change, "node");
    match text(change, "device") {
        "" if node.is_null() => "Done: the device belonged to another network, and forgot it.".into(),
        "" => format!("Done: node {node} left the network."),
        device => {
            let device = printable(device);
            format!(
                "Done: {device} (node {node}) left the network. Its grants are kept: `latchkey devices replace {device} NEW` gives \
                 them to another lock, `latchkey devices remove {device}` forgets them."
            )
        }
    }
}

/// Why it failed, what to do, and who was left behind.
fn failure(change: &Value) -> String {
    let mut said = printable(text(change, "why"));
    let advice = text(change, "advice");
    if !advice.is_empty() {
        said.push_str(&format!("; {}", printable(advice)));
    }
    if let Some(node) = part(change, "left_node").as_u64() {
        said.push_str(&format!(
            "; node {node} was left in the network without keys: put it into exclusion mode after `latchkey network exclude`"
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(state: &str) -> Value {
        json!({ "id": 5, "kind": "include", "state": state, "node": 7, "device": null, "question": null, "warning": null })
    }

    fn with(mut change: Value, key: &str, value: Value) -> Value {
        change[key] = value;
        change
    }

    #[test]
    fn a_step_that_took_no_time_is_told_all_the_same() {
        let asked = with(change("asked"), "question", json!({ "kind": "pin", "dsk_tail": "29398-13912" }));
        assert_eq!(
            lines(&with(change("ready"), "node", Value::Null), &asked),
            [
                "Found it.",
                "It is in the network as node 7. Getting its keys…",
                "Type the five digits under 'PIN' on its label; the rest should read 29398-13912"
            ]
        );
        assert_eq!(lines(&asked, &asked), Vec::<String>::new());
        assert_eq!(lines(&asked, &change("exchanging")), ["Handing over the keys…"]);
    }

    #[test]
    fn a_lock_without_security_is_not_called_done_without_a_warning() {
        let done = with(with(change("done"), "warning", json!("everybody nearby can listen in")), "device", json!("shed"));
        let said = lines(&change("interviewing"), &with(done, "security", json!("none")));
        assert_eq!(said, ["Warning: everybody nearby can listen in.", "Done: shed (no security)."]);
    }

    #[test]
    fn an_exclusion_says_what_becomes_of_the_grants() {
        let done = with(with(change("done"), "kind", json!("exclude")), "device", json!("shed"));
        let said = lines(&Value::Null, &done).join("\n");
        assert!(said.contains("devices replace shed NEW") && said.contains("devices remove shed"), "{said}");
        assert!(!said.contains("keys"), "{said}");
        let foreign = with(with(done, "device", Value::Null), "node", Value::Null);
        assert!(lines(&change("found"), &foreign).join("").contains("another network"));
    }

    #[test]
    fn a_failure_names_who_was_left_behind_and_the_way_out() {
        let failed = json!({ "state": "failed", "why": "no PIN", "advice": "try again", "left_node": 7 });
        let said = failure(&failed);
        assert!(said.starts_with("no PIN; try again; node 7 was left") && said.contains("latchkey network exclude"), "{said}");
        assert_eq!(lines(&change("ready"), &with(failed, "kind", json!("include"))), Vec::<String>::new());
    }

    #[test]
    fn a_device_gets_only_keys_that_are_named_and_asked_for() {
        let asked = [json!("s2_unauthenticated"), json!("s0")];
        assert_eq!(keys_in(" Yes\n".trim(), &asked).unwrap(), asked);
        assert_eq!(keys_in("no", &asked).unwrap(), Vec::<Value>::new());
        assert_eq!(keys_in("S2_Unauthenticated", &asked).unwrap(), [json!("s2_unauthenticated")]);
        for answer in ["", "s2_access_control", "yes s0", "s0, maybe"] {
            assert!(keys_in(answer, &asked).is_err(), "{answer}");
        }
    }

    #[test]
    fn digits_are_a_node_and_words_a_device() {
        assert_eq!(Value::from(target("7")), json!({ "node": 7 }));
        assert_eq!(Value::from(target("front_door")), json!({ "device": "front_door" }));
    }
}
