//! The binary as people and scripts call it: exit codes, one line of error, and what it asks the daemon. The daemon is
//! a loop made here, behind the real API and a real socket.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that panics has said what is wrong")]

mod shown;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use latchkey::bridge::membership::{MembersAsk, Target, Wanted};
use latchkey::domain::batch::{Batch, Write};
use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::{Event, EventType};
use latchkey::domain::ids::{DeviceId, EventId, Generation, GrantId, NodeId, PersonId};
use latchkey::domain::intent::{Accepted, CodeChoice, Intent, Refusal};
use latchkey::domain::pin::Pin;
use latchkey::domain::time::{Instant, Now, Timestamp};
use latchkey::network::inclusion::{JoinSecurity, Terms};
use latchkey::security::key_exchange::DskPin;
use latchkey::store::{Place, Store};
use latchkey::view::{ChangeBegun, ChangeView, CurrentChange, GrantView, Page, PersonView};
use latchkey::web::api::{Api, Doorstep, Streams};
use latchkey::web::handle::{Ask, Handle};
use latchkey::web::live::Live;
use latchkey::web::router::router;
use latchkey::web::server;
use serde_json::{Value, json};
use tokio::sync::watch;

/// What the binary said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn one_line(&self) -> &str {
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        self.err.trim_end()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn latchkey(arguments: &[&str], stdin: &str) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_latchkey"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input may be gone by now.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// Answers what is asked. A question that is dropped finds the daemon stopping.
type Answers = dyn FnMut(Ask) + Send;

/// A daemon whose loop is a closure.
struct Daemon {
    folder: tempfile::TempDir,
    changes: Arc<Mutex<(Vec<Intent>, Vec<MembersAsk>)>>,
    store: Store,
    api: Api,
    serving: tokio::task::JoinHandle<()>,
    runtime: tokio::runtime::Runtime,
}

impl Daemon {
    fn answering(mut answers: Box<Answers>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { database: folder.path().join("db"), key_file: folder.path().join("key"), credentials: None };
        let now = Now { mono: Instant::ZERO, wall: Timestamp::from_millis(0), trusted: true };
        let (store, _) = Store::open(&place, now, &Entropy::from_number(1)).unwrap();
        let (handle, mut asked) = Handle::new();
        let closed = Doorstep::Closed { why: "not in this test".into() };
        let (zone, doorstep) = (watch::channel(jiff::tz::TimeZone::UTC).1, watch::channel(closed).1);
        let api = Api { handle, reader: store.reader(), live: Live::new(), zone, doorstep, streams: Streams::default() };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let changes = Arc::<Mutex<(Vec<Intent>, Vec<MembersAsk>)>>::default();
        let listener = runtime.block_on(server::bind(&folder.path().join("sock"))).unwrap();
        let serving = runtime.spawn(server::serve(listener, router(api.clone()), std::future::pending()));
        runtime.spawn({
            let changes = Arc::clone(&changes);
            async move {
                while let Some(question) = asked.recv().await {
                    match &question.ask {
                        Ask::Intent(intent, _) => changes.lock().unwrap().0.push(intent.clone()),
                        Ask::Members(ask, _) => changes.lock().unwrap().1.push(ask.clone()),
                        _ => {}
                    }
                    answers(question.ask);
                }
            }
        });
        Self { folder, changes, store, api, serving, runtime }
    }

    /// Writes an event and tells those who listen, as a turn does.
    fn happens(&mut self, millis: i64) -> Event {
        let at = Timestamp::from_millis(millis);
        let event = Event {
            id: EventId::new(at, &mut Entropy::from_number(1)),
            kind: EventType::Locked,
            device: DeviceId::new(&mut Entropy::from_number(1)),
            person: None,
            action: None,
            method: None,
            slot: None,
            allowed: None,
            reason: None,
            actor: None,
            at,
        };
        self.store.apply(&Batch { writes: vec![Write::Event(event.clone())] }).unwrap();
        self.api.live.tell(event.clone(), "front_door".parse().unwrap());
        event
    }

    /// Breaks every connection off.
    fn hang_up(&mut self) {
        self.serving.abort();
        let _ = self.runtime.block_on(&mut self.serving);
    }

    fn serve_again(&mut self) {
        // A child of another test has a copy of the old socket between its fork and its exec.
        let bind = || self.runtime.block_on(server::bind(&self.socket())).ok();
        let listener = std::iter::repeat_with(bind).take(100_000).flatten().next().unwrap();
        self.serving = self.runtime.spawn(server::serve(listener, router(self.api.clone()), std::future::pending()));
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    fn cli(&self, arguments: &[&str], stdin: &str) -> Said {
        let socket = self.socket();
        latchkey(&[arguments, &["--socket", socket.to_str().unwrap()]].concat(), stdin)
    }

    fn intents(&self) -> Vec<Intent> {
        self.changes.lock().unwrap().0.clone()
    }
}

fn person(n: u64) -> PersonId {
    PersonId::new(&mut Entropy::from_number(n))
}

fn grant(n: u64) -> GrantId {
    GrantId::new(&mut Entropy::from_number(n))
}

fn accepted(grants: &[GrantId]) -> Accepted {
    Accepted { generation: Generation(3), grants: grants.to_vec(), person: Some(person(1)), ..Accepted::default() }
}

/// A shape as it is kept in `tests/data/views`.
fn view<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/data/views/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A kept shape with other fields.
fn with<T: serde::de::DeserializeOwned>(name: &str, fields: Value) -> T {
    let mut shape: Value = view(name);
    let Value::Object(fields) = fields else { panic!("no fields: {fields}") };
    shape.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(shape).unwrap()
}

fn people() -> Page<PersonView> {
    let grant = grant_in("active", None, "yes");
    let ada = |n, last| {
        let fields = json!({ "id": person(n), "external_id": null, "last_name": last, "grants": [grant] });
        with("person", fields)
    };
    Page::whole(vec![ada(1, "Lovelace"), ada(2, "Byron")])
}

fn grant_in(status: &str, reason: Option<&str>, opens_now: &str) -> GrantView {
    with("grant", json!({ "device": "front_door", "status": status, "reason": reason, "opens_now": opens_now }))
}

/// A daemon that takes every change, and shows the grant like this, one look after the other; `None`: it is gone.
fn daemon_with_grant(looks: &[Option<(&str, Option<&str>)>]) -> Daemon {
    let view = |look: &Option<(&str, Option<&str>)>| look.map(|(status, reason)| grant_in(status, reason, "unknown"));
    let mut looks: Vec<Option<GrantView>> = looks.iter().rev().map(view).collect();
    Daemon::answering(Box::new(move |ask| match ask {
        Ask::Intent(_, reply) => reply.send(Ok(accepted(&[grant(1)]))).unwrap(),
        Ask::People(_, reply) => reply.send(Ok(people())).unwrap(),
        Ask::Grant(_, reply) => {
            let look = if looks.len() > 1 { looks.pop().unwrap() } else { looks.last().cloned().flatten() };
            reply.send(Ok(look)).unwrap();
        }
        ask => panic!("{ask:?}"),
    }))
}

#[test]
fn a_typo_is_wrong_usage_and_a_daemon_that_is_not_there_is_something_else() {
    assert_eq!(latchkey(&["peple"], "").code, 2);
    assert_eq!(latchkey(&["people", "add"], "").code, 2);
    let said = latchkey(&["status", "--socket", "/nowhere/sock"], "");
    assert_eq!(said.code, 3);
    assert!(said.one_line().contains("/nowhere/sock") && said.err.contains("--socket"));
}

#[test]
fn check_names_the_file_the_key_and_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        latchkey(&["check", "--config", file.to_str().unwrap()], "")
    };
    assert_eq!(check(&latchkey(&["config"], "").out).code, 0);
    let said = check("[home]\ntime_zome = \"UTC\"\n");
    assert_eq!(said.code, 2);
    assert_eq!(
        said.one_line(),
        format!("latchkey: {}:2: there is no key home.time_zome; did you mean time_zone?", file.display())
    );
    let said = latchkey(&["check", "--config", "/nowhere/l.toml"], "");
    assert_eq!(said.code, 2);
    assert!(said.one_line().contains("/nowhere/l.toml"));
}

#[test]
fn a_wrong_key_file_is_found_before_the_daemon_starts_and_without_showing_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let [config, keys] = ["latchkey.toml", "keys.json"].map(|name| folder.path().join(name));
    std::fs::write(&config, format!("[zwave]\nkeys_file = {keys:?}\n")).unwrap();
    let check = || latchkey(&["check", "--config", config.to_str().unwrap()], "");
    let said = check();
    assert!(said.code == 2 && said.one_line().contains("keys.json does not exist"), "{}", said.err);

    let key = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";
    for (text, mode, part) in [
        (format!("{{\"S0_Legacy\": \"{key}\"}}"), 0o666, "chmod 600"),
        (format!("{{\"S0_Legacy\": \"{key}0\"}}"), 0o600, "33 digits"),
        (format!("{{\"S0\": \"{key}\"}}"), 0o600, "S0_Legacy"),
    ] {
        std::fs::write(&keys, text).unwrap();
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(mode)).unwrap();
        let said = check();
        assert!(said.code == 2 && said.one_line().contains(part) && !said.err.contains("5ec2e7"), "{}", said.err);
    }
    std::fs::write(&keys, format!("{{\"S0_Legacy\": \"{key}\"}}")).unwrap();
    let said = check();
    assert!(said.code == 0 && said.err.is_empty(), "{}", said.err);
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = check();
    assert!(said.code == 0 && said.one_line().contains("other users can read"), "{}", said.err);
}

#[test]
fn the_socket_of_the_configuration_is_asked() {
    let daemon = daemon_with_grant(&[]);
    let file = daemon.folder.path().join("l.toml");
    std::fs::write(&file, format!("[api]\nsocket = \"{}\"\n", daemon.socket().display())).unwrap();
    let said = latchkey(&["people", "list", "--json", "--config", file.to_str().unwrap()], "");
    assert_eq!(said.code, 0, "{}", said.err);
    let list: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_code_from_standard_input_reaches_the_daemon_and_no_output() {
    let daemon = daemon_with_grant(&[]);
    let said = daemon.cli(&["people", "add", "--first", "Ada", "--code", "-", "--on", "a", "--on", "b"], "482913\nmore\n");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(!said.out.contains("482913"));
    let intents = daemon.intents();
    let [Intent::AddPerson(new)] = intents.as_slice() else { panic!("{intents:?}") };
    assert_eq!(new.code, Some(CodeChoice::Given(Pin::parse("482913").unwrap())));
    assert_eq!(new.on, ["a", "b"]);
    assert_eq!(daemon.cli(&["people", "add", "--first", "Ada", "--code", "-"], "").code, 2);
}

#[test]
fn a_generated_code_is_shown_even_if_the_wait_for_it_fails() {
    let generated = Accepted { generated: Some(Pin::parse("482913").unwrap()), ..accepted(&[grant(1)]) };
    let daemon = Daemon::answering(Box::new(move |ask| match ask {
        Ask::Intent(_, reply) => reply.send(Ok(generated.clone())).unwrap(),
        Ask::Grant(_, reply) => reply.send(Ok(Some(grant_in("rejected", Some("lock_full"), "no")))).unwrap(),
        ask => panic!("{ask:?}"),
    }));
    let said = daemon.cli(&["people", "add", "--first", "Ada", "--generate=6", "--on", "front_door", "--wait"], "");
    assert_eq!(said.code, 1);
    assert_eq!(said.out.matches("482913").count(), 1);
    assert!(said.one_line().contains("front_door") && said.err.contains("remove somebody"), "{}", said.err);
}

#[test]
fn a_refusal_is_exit_1_with_the_daemons_own_words() {
    let daemon = Daemon::answering(Box::new(|ask| match ask {
        Ask::Intent(_, reply) => reply.send(Err(Refusal::DuplicateCode)).unwrap(),
        ask => panic!("{ask:?}"),
    }));
    let said = daemon.cli(&["people", "add", "--first", "Ada", "--code", "482913"], "");
    assert_eq!((said.code, said.one_line()), (1, format!("latchkey: {}", Refusal::DuplicateCode).as_str()));
}

#[test]
fn wait_ends_when_the_lock_has_it_or_when_the_grant_is_gone() {
    let settles = [Some(("pending", Some("queue"))), Some(("sending", None)), Some(("active", None))];
    let person = person(1).to_string();
    assert_eq!(daemon_with_grant(&settles).cli(&["people", "grant", &person, "front_door", "--wait"], "").code, 0);
    let daemon = daemon_with_grant(&[Some(("removing", None)), None]);
    assert_eq!(daemon.cli(&["people", "remove", &person, "--wait=20"], "").code, 0);
    assert_eq!(daemon.intents().len(), 1);
}

#[test]
fn a_wait_that_runs_out_is_exit_4_and_says_that_the_change_goes_on() {
    let daemon = daemon_with_grant(&[Some(("unreachable", Some("backoff")))]);
    let said = daemon.cli(&["people", "disable", &person(1).to_string(), "--wait=1"], "");
    assert_eq!(said.code, 4);
    assert_eq!(said.one_line(), "latchkey: not settled within 1 s, the change goes on: front_door: unreachable (backoff)");
}

#[test]
fn an_ambiguous_name_changes_nobody_and_lists_the_ids() {
    let daemon = daemon_with_grant(&[]);
    let said = daemon.cli(&["people", "remove", "Ada"], "");
    assert_eq!(said.code, 1);
    assert!(said.one_line().contains(&person(1).to_string()) && said.err.contains(&person(2).to_string()));
    assert_eq!(daemon.cli(&["people", "remove", "Grace Hopper"], "").code, 1);
    assert!(daemon.intents().is_empty());
    assert_eq!(daemon.cli(&["people", "remove", "ada lovelace"], "").code, 0);
    assert_eq!(daemon.intents(), [Intent::RemovePerson(person(1))]);
}

#[test]
fn a_list_for_people_uses_the_dashboards_words() {
    let said = daemon_with_grant(&[]).cli(&["people", "list"], "");
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].starts_with("NAME") && lines[1].starts_with("Ada Lovelace"), "{}", said.out);
    assert!(lines[1].ends_with("front_door Works"), "{}", said.out);
}

#[test]
fn every_page_of_the_help_can_be_shown() {
    let mut seen = BTreeMap::new();
    for command in
        ["", "run", "config", "check", "decode", "status", "people", "people add", "people edit", "devices", "events", "audit"]
    {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        seen.insert(command, latchkey(&arguments, "").code);
    }
    assert!(seen.values().all(|code| *code == 0), "{seen:?}");
}

#[test]
fn a_follower_misses_nothing_while_the_daemon_is_away() {
    let mut daemon = Daemon::answering(Box::new(|ask| match ask {
        Ask::DeviceNames(_, reply) => reply.send(Ok(BTreeMap::new())).unwrap(),
        ask => panic!("{ask:?}"),
    }));
    let mut expected = vec![daemon.happens(1_000)];
    let mut child = Command::new(env!("CARGO_BIN_EXE_latchkey"))
        .args(["events", "--follow", "--json", "--since", "1970-01-01", "--socket"])
        .arg(daemon.socket())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (lines, seen) = mpsc::channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    let next = || {
        let line: Value = serde_json::from_str(&seen.recv_timeout(Duration::from_secs(20)).unwrap()).unwrap();
        line["event_id"].as_str().unwrap().to_owned()
    };
    let mut got = vec![next()];
    expected.push(daemon.happens(2_000));
    got.push(next());
    // A step of an inclusion is no event, and no place in the journal to go on from.
    daemon.api.live.tell_change(view("change_ready"));
    expected.push(daemon.happens(2_500));
    got.push(next());
    daemon.hang_up();
    expected.push(daemon.happens(3_000));
    daemon.serve_again();
    got.push(next());
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(got, expected.iter().map(|event| event.id.to_string()).collect::<Vec<_>>());
}

/// A daemon whose change goes through these looks, one after the other; the last one stays. `None`: there is none.
fn daemon_with_change(mut looks: Vec<Option<ChangeView>>) -> Daemon {
    looks.reverse();
    Daemon::answering(Box::new(move |ask| match ask {
        Ask::Change(_, reply) => {
            let change = if looks.len() > 1 { looks.pop().unwrap() } else { looks[0].clone() };
            reply.send(Ok(CurrentChange { change })).unwrap();
        }
        Ask::Members(_, reply) => reply.send(Ok(ChangeBegun { change: Generation(5) })).unwrap(),
        ask => panic!("{ask:?}"),
    }))
}

fn change(state: &str, more: &Value) -> Option<ChangeView> {
    let mut change = json!({ "id": 5, "kind": "include", "state": state, "since": "2026-11-23T18:04:05.123+01:00", "node": null,
        "device": null, "question": null, "security": null, "warning": null, "why": null, "advice": null, "left_node": null });
    change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Some(serde_json::from_value(change).unwrap())
}

fn members(daemon: &Daemon) -> Vec<MembersAsk> {
    daemon.changes.lock().unwrap().1.clone()
}

fn include(security: JoinSecurity, pin: Option<&str>, name: Option<&str>) -> MembersAsk {
    let pin = pin.map(|pin| DskPin::parse(pin).unwrap());
    MembersAsk::Begin(Wanted::Include { terms: Terms { security, pin }, name: name.map(str::to_owned) })
}

fn whole_inclusion() -> Vec<Option<ChangeView>> {
    let pin = json!({ "kind": "pin", "dsk_tail": "29398-13912" });
    vec![
        change("ready", &json!({})),
        change("asked", &json!({ "node": 7, "question": pin })),
        change("interviewing", &json!({ "node": 7, "security": "s2_access_control" })),
        change("done", &json!({ "node": 7, "security": "s2_access_control", "device": "front_door" })),
    ]
}

#[test]
fn whoever_stands_at_the_lock_is_led_through_and_types_the_pin_when_it_is_asked_for() {
    let daemon = daemon_with_change(whole_inclusion());
    let said = daemon.cli(&["network", "include", "--name", "Front door"], "13696\n");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        lines,
        [
            "Put the lock into inclusion mode now (its manual says how).",
            "Found it.",
            "It is in the network as node 7. Getting its keys…",
            "Type the five digits under 'PIN' on its label; the rest should read 29398-13912",
            "Interviewing…",
            "Done: front_door (S2 Access Control)."
        ]
    );
    let begun = include(JoinSecurity::Best, None, Some("Front door"));
    assert_eq!(members(&daemon)[0], begun);
}

#[test]
fn a_pin_on_the_command_line_or_its_input_is_enough() {
    for (arguments, stdin) in [(["--pin", "13696"], ""), (["--pin", "-"], "13696\n")] {
        let daemon = daemon_with_change(whole_inclusion());
        let said = daemon.cli(&["network", "include", "--json", arguments[0], arguments[1]], stdin);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        let steps: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((steps.len(), &steps[3]["device"]), (4, &json!("front_door")), "one object for each step");
        let asked = members(&daemon);
        assert_eq!(asked[0], include(JoinSecurity::Best, Some("13696"), None));
        assert_eq!(asked[1], MembersAsk::Pin(DskPin::parse("13696").unwrap()), "it was asked for all the same");
    }
}

#[test]
fn a_lock_that_asks_for_its_pin_where_nobody_can_type_is_not_waited_for() {
    let daemon = daemon_with_change(whole_inclusion()[..2].to_vec());
    let said = daemon.cli(&["network", "include"], "");
    assert!(said.code == 1 && said.one_line().contains("--pin"), "{}", said.err);
    assert_eq!(members(&daemon).last(), Some(&MembersAsk::Cancel));
}

#[test]
fn an_inclusion_that_failed_says_why_what_to_do_and_who_is_left() {
    let more = json!({ "why": "the PIN is wrong", "advice": "look again", "left_node": 7 });
    let daemon = daemon_with_change(vec![change("failed", &more)]);
    let said = daemon.cli(&["network", "include", "--s0"], "");
    assert_eq!(said.code, 1);
    let line = said.one_line();
    assert!(line.contains("the PIN is wrong; look again; node 7 was left") && line.contains("latchkey network exclude"));
    assert_eq!(members(&daemon), [include(JoinSecurity::S0, None, None)]);
}

#[test]
fn a_daemon_that_restarted_in_the_middle_is_not_taken_for_success_or_failure() {
    for (look, word) in [(None, "restarted"), (change("done", &json!({ "id": 6 })), "another")] {
        let said = daemon_with_change(vec![change("ready", &json!({})), look]).cli(&["network", "exclude"], "");
        assert_eq!(said.code, 1);
        assert!(said.one_line().contains(word) && said.err.contains("latchkey network status"), "{}", said.err);
    }
}

#[test]
fn ctrl_c_stops_the_inclusion_and_then_the_command() {
    let cancelled = json!({ "why": "it was cancelled", "advice": "begin again" });
    let mut cancels = 0;
    let daemon = Daemon::answering(Box::new(move |ask| match ask {
        Ask::Change(_, reply) => {
            let change = if cancels > 0 { change("failed", &cancelled) } else { change("ready", &json!({})) };
            reply.send(Ok(CurrentChange { change })).unwrap();
        }
        Ask::Members(ask, reply) => {
            cancels += usize::from(ask == MembersAsk::Cancel);
            reply.send(Ok(ChangeBegun { change: Generation(5) })).unwrap();
        }
        ask => panic!("{ask:?}"),
    }));
    let socket = daemon.socket();
    let mut child = Command::new(env!("CARGO_BIN_EXE_latchkey"))
        .args(["network", "include", "--insecure", "--socket", socket.to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    assert!(first.starts_with("Put the lock into inclusion mode"), "{first}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.code, 1);
    assert!(said.one_line().contains("it was cancelled; begin again"), "{}", said.err);
    assert_eq!(members(&daemon), [include(JoinSecurity::Insecure, None, None), MembersAsk::Cancel]);
}

#[test]
fn failed_nodes_are_named_by_node_or_device_and_successors_by_both() {
    let done = || daemon_with_change(vec![change("done", &json!({ "kind": "remove_failed", "node": 7 }))]);
    let daemon = done();
    assert_eq!(daemon.cli(&["network", "remove-failed", "7"], "").code, 0);
    assert_eq!(members(&daemon), [MembersAsk::Begin(Wanted::RemoveFailed(Target::Node(NodeId(7))))]);
    let daemon = done();
    assert_eq!(daemon.cli(&["network", "replace-failed", "front_door", "--pin", "13696"], "").code, 0);
    let terms = Terms { security: JoinSecurity::Best, pin: Some(DskPin::parse("13696").unwrap()) };
    assert_eq!(members(&daemon), [MembersAsk::Begin(Wanted::ReplaceFailed(Target::Device("front_door".into()), terms))]);

    let daemon = daemon_with_grant(&[]);
    assert_eq!(daemon.cli(&["devices", "replace", "front_door", "lock_9"], "").code, 0);
    assert_eq!(daemon.cli(&["devices", "remove", "front_door"], "").code, 0);
    assert_eq!(daemon.cli(&["devices", "allow-insecure", "front_door"], "").code, 0);
    let front = || "front_door".to_owned();
    let replaced = Intent::ReplaceDevice { old: front(), new: "lock_9".into() };
    assert_eq!(daemon.intents(), [replaced, Intent::RemoveDevice(front()), Intent::AllowInsecure(front())]);
}
