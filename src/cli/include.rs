//! `latchkey network include`, `exclude` and their kin: begins a change, then tells whoever stands at the lock what to do
//! next, until it is over.

use std::time::Duration;

use clap::{Args, Subcommand};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::client::{Client, Seen};
use super::failure::{Failure, Outcome};
use super::secret::{line_of_input, secret};
use super::smartstart::SmartStart;
use super::table::printable;
use super::words::or_nothing;
use super::{Json, complain, print, print_json};
use crate::domain::ids::Generation;
use crate::domain::node::SecurityClass;
use crate::view::{ChangeBegun, ChangeKind, ChangeState, ChangeView, Open, QuestionView};

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
                let cancelled: Value = client.call(Method::POST, CANCEL, None).await?;
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
    let begun: ChangeBegun = client.call(Method::POST, &format!("/api/network/{what}"), Some(&body.into())).await?;
    let mut stay = Stay { client, json: json.json, shown: None, pin, typing: None };
    let mut cancelled_at: Option<Instant> = None;
    let mut soon = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = soon.tick() => {
                let change = look(client, begun.change).await?;
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

/// `/api/network/change`.
#[derive(Deserialize)]
struct Current {
    change: Option<Seen<ChangeView>>,
}

/// How far the change is. One that the daemon knows nothing of any more is lost from sight, not undone.
async fn look(client: &Client, id: Generation) -> Result<Seen<ChangeView>, Failure> {
    const AND_NOW: &str = "`latchkey network status` shows what became of it";
    let seen: Current = match client.get("/api/network/change").await {
        Err(Failure::Unreachable(_)) => {
            return Err(Failure::Unreachable(format!("the daemon went away in the middle of it; once it is back, {AND_NOW}")));
        }
        answer => answer?,
    };
    let why = match seen.change {
        Some(change) if change.view.id == id => return Ok(change),
        Some(_) => "another inclusion or exclusion began meanwhile",
        None => "the daemon was restarted in the middle of it",
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
    shown: Option<ChangeView>,
    /// The PIN from the command line, until it was used.
    pin: Option<Zeroizing<String>>,
    typing: Option<oneshot::Receiver<Line>>,
}

impl Stay<'_> {
    /// Shows what is new, and answers what can be answered. Tells how it ended, once it did.
    async fn saw(&mut self, Seen { json, view: change }: Seen<ChangeView>) -> Result<Option<Outcome>, Failure> {
        if self.shown.as_ref() == Some(&change) {
            return Ok(None);
        }
        if self.json {
            print(&json.to_string())?;
        } else {
            for line in lines(self.shown.as_ref(), &change) {
                print(&line)?;
            }
        }
        if self.question() != change.question.as_ref() {
            match change.question {
                Some(QuestionView::Pin { .. }) => match self.pin.take() {
                    Some(pin) => self.enter(Ok(Some(pin))).await?,
                    None => self.listen(),
                },
                // A PIN that was given answers another question.
                Some(QuestionView::Keys { .. }) => self.listen(),
                Some(QuestionView::TypeIntoDevice { .. } | QuestionView::Unknown) | None => {}
            }
        }
        let outcome = match change.state.known() {
            Some(ChangeState::Done) => Some(Ok(())),
            Some(ChangeState::Failed) => Some(Err(Failure::Refused(failure(&change)))),
            _ => None,
        };
        self.shown = Some(change);
        Ok(outcome)
    }

    /// The question that was shown last.
    fn question(&self) -> Option<&QuestionView> {
        self.shown.as_ref().and_then(|shown| shown.question.as_ref())
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
                let why = match self.question() {
                    Some(QuestionView::Keys { .. }) => {
                        "the device asks for keys and nobody answered on standard input; cancelled: it got none"
                    }
                    _ => "the device asks for its PIN and none came on standard input; cancelled: give it by --pin",
                };
                Err(Failure::Refused(why.into()))
            }
        }
    }

    async fn send(&self, answer: &str) -> Outcome {
        let (path, body) = match self.question() {
            Some(QuestionView::Keys { keys, .. }) => ("/api/network/change/keys", json!({ "keys": keys_in(answer, keys)? })),
            _ => ("/api/network/change/pin", json!({ "pin": answer.trim() })),
        };
        self.client.call::<Value>(Method::POST, path, Some(&body)).await.map(drop)
    }

    async fn cancel(&self) -> Outcome {
        if let Some(shown) = self.shown.as_ref().filter(|shown| shown.state == ChangeState::Interviewing) {
            let node = or_nothing(shown.node.as_ref());
            return Err(Failure::Refused(format!("node {node} is in the network already; its interview goes on by itself")));
        }
        self.client.call::<Value>(Method::POST, CANCEL, None).await.map(drop)
    }
}

/// The keys that the user wants to grant.
fn keys_in(answer: &str, asked: &[Open<SecurityClass>]) -> Result<Vec<Open<SecurityClass>>, Failure> {
    let words: Vec<String> =
        answer.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["yes" | "y"] => Ok(asked.to_vec()),
        ["no" | "n"] => Ok(Vec::new()),
        [] => Err(Failure::Refused("type yes, no, or the names of keys".into())),
        _ => {
            let named = words.iter().map(|word| asked.iter().find(|key| key.to_string() == *word).cloned().ok_or(word));
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
fn lines(before: Option<&ChangeView>, now: &ChangeView) -> Vec<String> {
    // How far it got; one that failed got nowhere.
    let reached = |change: &ChangeView| change.state.known().filter(|state| *state != ChangeState::Failed);
    let (start, end) = (before.and_then(reached), reached(now));
    let is_past = |state: ChangeState| start < Some(state) && Some(state) <= end;
    let kind = now.kind.known();
    let joins = kind.is_some_and(ChangeKind::joins);
    let mut lines = Vec::new();
    match end {
        Some(ChangeState::Ready) if kind == Some(ChangeKind::Exclude) => {
            lines.push("Put the device into exclusion mode now (its manual says how).".into());
        }
        Some(ChangeState::Ready) => lines.push("Put the lock into inclusion mode now (its manual says how).".into()),
        _ => {}
    }
    if is_past(ChangeState::Found) && kind != Some(ChangeKind::RemoveFailed) {
        lines.push("Found it.".into());
    }
    if let Some(node) = now.node.filter(|_| joins && is_past(ChangeState::Joined)) {
        lines.push(format!("It is in the network as node {node}. Getting its keys…"));
    }
    if before.and_then(|before| before.question.as_ref()) != now.question.as_ref() {
        lines.extend(now.question.iter().flat_map(asks));
    }
    match end {
        Some(ChangeState::Exchanging) => lines.push("Handing over the keys…".into()),
        Some(ChangeState::Interviewing) => lines.push("Interviewing…".into()),
        _ => {}
    }
    if before.and_then(|before| before.warning.as_ref()) != now.warning.as_ref() {
        lines.push(format!("Warning: {}.", printable(now.warning.as_deref().unwrap_or_default())));
    }
    if end == Some(ChangeState::Done) {
        lines.push(if joins { joined(now) } else { left(now) });
    }
    lines
}

/// What somebody at the lock is asked, or told to do.
fn asks(question: &QuestionView) -> Vec<String> {
    match question {
        QuestionView::Pin { dsk_tail } => {
            let rest = printable(dsk_tail);
            vec![format!("Type the five digits under 'PIN' on its label; the rest should read {rest}")]
        }
        QuestionView::Keys { keys, warning } => {
            let keys: Vec<String> = keys.iter().map(|key| printable(&key.to_string())).collect();
            vec![
                format!("It asks for these keys: {}. {}.", keys.join(", "), capitalised(warning)),
                "Type yes to give it all of them, the names of those it may have, or no:".into(),
            ]
        }
        QuestionView::TypeIntoDevice { code } => {
            vec![format!("Type this into the device: {}", printable(code.as_deref().unwrap_or_default()))]
        }
        QuestionView::Unknown => Vec::new(),
    }
}

fn joined(change: &ChangeView) -> String {
    let security = match change.security.as_ref().and_then(Open::known) {
        Some(SecurityClass::S2AccessControl) => "S2 Access Control",
        Some(SecurityClass::S2Authenticated) => "S2 Authenticated",
        Some(SecurityClass::S2Unauthenticated) => "S2 Unauthenticated",
        Some(SecurityClass::S0) => "S0",
        Some(SecurityClass::None) | None => "no security",
    };
    match &change.device {
        None => format!("Done: node {} ({security}), which is not a lock.", or_nothing(change.node.as_ref())),
        Some(device) => format!("Done: {device} ({security})."),
    }
}

fn left(change: &ChangeView) -> String {
    match (&change.device, change.node) {
        (None, None) => "Done: the device belonged to another network, and forgot it.".into(),
        (None, Some(node)) => format!("Done: node {node} left the network."),
        (Some(device), node) => {
            let node = or_nothing(node.as_ref());
            format!(
                "Done: {device} (node {node}) left the network. Its grants are kept: `latchkey devices replace {device} NEW` gives \
                 them to another lock, `latchkey devices remove {device}` forgets them."
            )
        }
    }
}

/// Why it failed, what to do, and who was left behind.
fn failure(change: &ChangeView) -> String {
    let mut said = printable(change.why.as_deref().unwrap_or_default());
    if let Some(advice) = change.advice.as_deref().filter(|advice| !advice.is_empty()) {
        said.push_str(&format!("; {}", printable(advice)));
    }
    if let Some(node) = change.left_node {
        said.push_str(&format!(
            "; node {node} was left in the network without keys: put it into exclusion mode after `latchkey network exclude`"
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{NodeId, Slug};
    use crate::view::Stamp;

    fn change(state: ChangeState) -> ChangeView {
        ChangeView {
            id: Generation(5),
            kind: ChangeKind::Include.into(),
            state: state.into(),
            since: Stamp("2026-11-23T18:04:05.123+01:00".into()),
            node: Some(NodeId(7)),
            device: None,
            question: None,
            security: None,
            warning: None,
            why: None,
            advice: None,
            left_node: None,
        }
    }

    fn shed() -> Option<Slug> {
        Some("shed".parse().unwrap())
    }

    #[test]
    fn a_step_that_took_no_time_is_told_all_the_same() {
        let question = Some(QuestionView::Pin { dsk_tail: "29398-13912".into() });
        let asked = ChangeView { question, ..change(ChangeState::Asked) };
        assert_eq!(
            lines(Some(&ChangeView { node: None, ..change(ChangeState::Ready) }), &asked),
            [
                "Found it.",
                "It is in the network as node 7. Getting its keys…",
                "Type the five digits under 'PIN' on its label; the rest should read 29398-13912"
            ]
        );
        assert_eq!(lines(Some(&asked), &asked), Vec::<String>::new());
        assert_eq!(lines(Some(&asked), &change(ChangeState::Exchanging)), ["Handing over the keys…"]);
    }

    #[test]
    fn a_lock_without_security_is_not_called_done_without_a_warning() {
        let warning = Some("everybody nearby can listen in".into());
        let security = Some(SecurityClass::None.into());
        let done = ChangeView { warning, security, device: shed(), ..change(ChangeState::Done) };
        let said = lines(Some(&change(ChangeState::Interviewing)), &done);
        assert_eq!(said, ["Warning: everybody nearby can listen in.", "Done: shed (no security)."]);
    }

    #[test]
    fn an_exclusion_says_what_becomes_of_the_grants() {
        let done = ChangeView { kind: ChangeKind::Exclude.into(), device: shed(), ..change(ChangeState::Done) };
        let said = lines(None, &done).join("\n");
        assert!(said.contains("devices replace shed NEW") && said.contains("devices remove shed"), "{said}");
        assert!(!said.contains("keys"), "{said}");
        let foreign = ChangeView { device: None, node: None, ..done };
        assert!(lines(Some(&change(ChangeState::Found)), &foreign).join("").contains("another network"));
    }

    #[test]
    fn a_failure_names_who_was_left_behind_and_the_way_out() {
        let (why, advice) = (Some("no PIN".into()), Some("try again".into()));
        let failed = ChangeView { why, advice, left_node: Some(NodeId(7)), ..change(ChangeState::Failed) };
        let said = failure(&failed);
        assert!(said.starts_with("no PIN; try again; node 7 was left") && said.contains("latchkey network exclude"), "{said}");
        assert_eq!(lines(Some(&change(ChangeState::Ready)), &failed), Vec::<String>::new());
    }

    #[test]
    fn a_state_that_only_a_later_daemon_knows_is_waited_out() {
        let later = ChangeView { state: Open::Unknown("enchanted".into()), ..change(ChangeState::Ready) };
        assert_eq!(lines(Some(&change(ChangeState::Ready)), &later), Vec::<String>::new());
    }

    #[test]
    fn a_device_gets_only_keys_that_are_named_and_asked_for() {
        let asked: [Open<SecurityClass>; 2] = [SecurityClass::S2Unauthenticated.into(), SecurityClass::S0.into()];
        assert_eq!(keys_in(" Yes\n".trim(), &asked).unwrap(), asked);
        assert_eq!(keys_in("no", &asked).unwrap(), Vec::<Open<SecurityClass>>::new());
        assert_eq!(keys_in("S2_Unauthenticated", &asked).unwrap(), asked[..1]);
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
