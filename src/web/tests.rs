//! The router without a socket: a loop that answers by the book, and requests made by hand.

mod audit;
mod network;
mod shapes;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tower_service::Service;

use super::api::{Api, Doorstep, Streams};
use super::handle::{Ask, Asked, Handle, Queued, ReplyTo};
use super::import::Keyholder;
use super::live::Live;
use super::public;
use super::router::router;
use crate::bridge::ask;
use crate::bridge::membership::{Expect, Interview, MembersAsk, Unexpect};
use crate::bridge::problem::Problem;
use crate::bridge::vitals::{LockVitals, Vitals};
use crate::config::Metrics;
use crate::domain::actor::Actor;
use crate::domain::batch::{Batch, Dropped, Write};
use crate::domain::entropy::Entropy;
use crate::domain::event::{Action, Event, EventType, Method, PersonAtEvent};
use crate::domain::grant::{Schedule, Status};
use crate::domain::ids::{DeviceId, EventId, Generation, GrantId, NodeId, PersonId, Slug};
use crate::domain::intent::{Accepted, CodeChoice, Intent, NewPerson, PersonChange, Refusal};
use crate::domain::person::Contacts;
use crate::domain::pin::{CodeText, Pin};
use crate::domain::slot::Content;
use crate::domain::takeover::{TakenOver, TakeoverRefusal};
use crate::domain::time::{Instant, Now, Timestamp};
use crate::network::{ControllerStatus, RadioUse, Reach};
use crate::security::crypto::Key;
use crate::security::key_file::KeyFile;
use crate::security::keys::{KeyId, NetworkKeys};
use crate::store::{Place, Store};
use crate::view::{CurrentChange, DeviceView};

/// A question that the loop expects, and answers.
type Expected = Box<dyn FnOnce(Ask)>;

/// The loop is asked this, and answers that.
fn on<Q: Listed>(question: Q, answer: Result<Q::Answer, Refusal>) -> Expected {
    Box::new(move |ask| {
        let asked = format!("{ask:?}");
        let (put, reply) = Q::out_of(ask).unwrap_or_else(|| panic!("{question:?} was expected, and not {asked}"));
        assert_eq!(put, question);
        reply.send(answer).unwrap();
    })
}

/// Any change at all.
fn on_any_intent(answer: Result<Accepted, Refusal>) -> Expected {
    Box::new(move |ask| {
        let Ask::Intent(_, reply) = ask else { panic!("{ask:?}") };
        reply.send(answer).unwrap();
    })
}

/// A question that can be told from others.
trait Listed: Queued {
    fn out_of(ask: Ask) -> Option<(Self, ReplyTo<Self>)>;
}

macro_rules! listed {
    ($($name:ident($question:ty)),* $(,)?) => {$(
        impl Listed for $question {
            fn out_of(ask: Ask) -> Option<(Self, ReplyTo<Self>)> {
                if let Ask::$name(question, reply) = ask { Some((question, reply)) } else { None }
            }
        }
    )*};
}

listed! {
    Intent(Intent),
    People(ask::People),
    Person(ask::Person),
    Grant(ask::Grant),
    Devices(ask::Devices),
    Device(ask::Device),
    DeviceNames(ask::DeviceNames),
    Status(ask::Status),
    Network(ask::Network),
    Change(ask::Change),
    Members(MembersAsk),
    Interview(Interview),
    Expected(ask::Expected),
    Expect(Expect),
    Unexpect(Unexpect),
    ExportKeys(ask::ExportKeys),
}

/// A view as it is kept in `tests/data/views`.
fn view<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/data/views/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A router, and a loop whose answers the test gives.
struct Desk {
    streams: Streams,
    router: Router,
    public: Router,
    asked: mpsc::Receiver<Asked>,
    live: Live,
    store: Store,
    doorstep: watch::Sender<Doorstep>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.body);
        assert_eq!(self.json()["status"], self.status.as_u16());
        assert!(self.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        (self.status.as_u16(), self.json()["type"].as_str().unwrap().to_owned())
    }
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place =
            Place { database: folder.path().join("latchkey.db"), key_file: folder.path().join("store.key"), credentials: None };
        let now = Now { mono: Instant::ZERO, wall: Timestamp::from_millis(0), trusted: true };
        let (store, _) = Store::open(&place, now, &Entropy::from_number(1)).unwrap();
        let (handle, asked) = Handle::new();
        let live = Live::new();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let doorstep = Doorstep::Open { listen: ([127, 0, 0, 1], 8480).into() };
        let (zone, (doorstep, doorstep_now)) = (watch::channel(zone).1, watch::channel(doorstep));
        let streams = Streams::default();
        let api =
            Api { handle, reader: store.reader(), live: live.clone(), zone, doorstep: doorstep_now, streams: streams.clone() };
        let (public, router) = (public::router(api.clone(), Metrics::Plain), router(api));
        Self { streams, router, public, asked, live, store, doorstep, _folder: folder }
    }

    /// Sends a request that never reaches the loop.
    async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        send(self.router.clone(), method, path, body).await
    }

    /// Sends a request; the loop expects these questions, in that order, and answers them.
    async fn exchange<const N: usize>(&mut self, (method, path, body): (&str, &str, &str), replies: [Expected; N]) -> Answer {
        let sending = send(self.router.clone(), method, path, body);
        let answering = async {
            for expected in replies {
                let asked = self.asked.recv().await.unwrap();
                assert_eq!(asked.actor, Actor::Uid(7));
                expected(asked.ask);
            }
        };
        let (answer, ()) = tokio::join!(sending, answering);
        answer
    }

    fn set_doorstep(&self, doorstep: Doorstep) {
        self.doorstep.send_replace(doorstep);
    }

    fn record(&mut self, event: Event) {
        self.store.apply(&Batch { writes: vec![Write::Event(event)] }).unwrap();
    }
}

async fn send(mut router: Router, method: &str, path: &str, body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
    request.extensions_mut().insert(Actor::Uid(7));
    request.extensions_mut().insert(Keyholder);
    let (parts, body) = router.call(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

fn person(n: u64) -> PersonId {
    PersonId::new(&mut Entropy::from_number(n))
}

fn device(n: u64) -> DeviceId {
    DeviceId::new(&mut Entropy::from_number(n))
}

fn event(millis: i64, device: DeviceId) -> Event {
    let at = Timestamp::from_millis(millis);
    Event {
        id: EventId::new(at, &mut Entropy::from_number(3)),
        kind: EventType::CodeUsed,
        device,
        person: Some(PersonAtEvent { id: person(1), name: "Ada Lovelace".into() }),
        action: Some(Action::Unlock),
        method: Some(Method::Keypad),
        slot: Some(3),
        allowed: Some(true),
        reason: None,
        actor: None,
        at,
    }
}

#[tokio::test]
async fn a_new_person_reaches_the_loop_as_it_was_written() {
    let grant = GrantId::new(&mut Entropy::from_number(9));
    let accepted = Accepted { generation: Generation(4), grants: vec![grant], person: Some(person(1)), ..Accepted::default() };
    let body = r#"{"first_name":"Ada","last_name":"Lovelace","external_id":"a-1","contacts":{"email":"a@b"},
        "code":" 482913 ","on":["front_door"],"schedule":{"kind":"always"}}"#;
    let new = Intent::AddPerson(NewPerson {
        external_id: Some("a-1".into()),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        contacts: Contacts { email: Some("a@b".into()), mobile: None },
        code: Some(CodeChoice::Given(Pin::parse("482913").unwrap())),
        on: vec!["front_door".into()],
        schedule: Schedule::Always,
    });
    let answer = Desk::new().exchange(("POST", "/api/people", body), [on(new, Ok(accepted))]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json(), json!({ "generation": 4, "grants": [grant], "person": person(1) }));
}

#[tokio::test]
async fn a_generated_code_is_answered_once_and_kept_by_nobody() {
    let pin = Some(Pin::parse("482913").unwrap());
    let accepted = Accepted { generation: Generation(1), generated: pin, ..Accepted::default() };
    let body = r#"{"first_name":"Ada","generate":6}"#;
    let new = Intent::AddPerson(NewPerson {
        external_id: None,
        first_name: "Ada".into(),
        last_name: String::new(),
        contacts: Contacts::default(),
        code: Some(CodeChoice::Generate(Some(6))),
        on: vec![],
        schedule: Schedule::Always,
    });
    let answer = Desk::new().exchange(("POST", "/api/people", body), [on(new, Ok(accepted))]).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.json()["code"], "482913");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn what_an_edit_does_not_name_stays_and_null_takes_away() {
    let path = format!("/api/people/{}", person(1));
    let body = r#"{"external_id":null,"contacts":{"mobile":null},"enabled":false}"#;
    let expected = |change| [on(Intent::EditPerson(person(1), change), Ok(Accepted::default()))];
    let change =
        PersonChange { external_id: Some(None), mobile: Some(String::new()), enabled: Some(false), ..PersonChange::default() };
    let answer = Desk::new().exchange(("PATCH", &path, body), expected(change)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let answer = Desk::new().exchange(("PATCH", &path, "{}"), expected(PersonChange::default())).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn every_other_change_is_asked_for_by_its_route() {
    let id = person(1);
    let front = || "front_door".to_owned();
    for (method, path, body, intent) in [
        ("DELETE", format!("/api/people/{id}"), "", Intent::RemovePerson(id)),
        (
            "PUT",
            format!("/api/people/{id}/grants/front_door"),
            "",
            Intent::Grant { person: id, device: front(), schedule: Schedule::Always },
        ),
        ("DELETE", format!("/api/people/{id}/grants/front_door"), "", Intent::Revoke { person: id, device: front() }),
        ("POST", "/api/devices/front_door/lock".into(), "", Intent::Lock(front())),
        ("POST", "/api/devices/front_door/unlock".into(), "", Intent::Unlock(front())),
        ("POST", "/api/devices/front_door/check".into(), "", Intent::Check(front())),
        (
            "PATCH",
            "/api/devices/front_door".into(),
            r#"{"name":"Gate"}"#,
            Intent::Rename { device: front(), name: "Gate".into(), slug: None },
        ),
    ] {
        let answer = Desk::new().exchange((method, &path, body), [on(intent, Ok(Accepted::default()))]).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{method} {path}");
    }
}

#[tokio::test]
async fn views_are_carried_as_they_are_and_what_is_gone_is_not_found() {
    let grant = GrantId::new(&mut Entropy::from_number(9));
    for (path, name, expected) in [
        ("/api/people".to_owned(), "people", on(ask::People, Ok(view("people")))),
        (format!("/api/people/{}", person(1)), "person", on(ask::Person(person(1)), Ok(Some(view("person"))))),
        (format!("/api/grants/{grant}"), "grant", on(ask::Grant(grant), Ok(Some(view("grant"))))),
        ("/api/devices".into(), "devices", on(ask::Devices, Ok(view("devices")))),
        ("/api/devices/front%20door".into(), "device", on(ask::Device("front door".into()), Ok(Some(view("device"))))),
        ("/api/network".into(), "network", on(ask::Network, Ok(view("network")))),
    ] {
        let answer = Desk::new().exchange(("GET", &path, ""), [expected]).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, view(name)), "{path}");
    }
    for (path, expected) in [
        (format!("/api/people/{}", person(1)), on(ask::Person(person(1)), Ok(None))),
        (format!("/api/grants/{grant}"), on(ask::Grant(grant), Ok(None))),
        ("/api/devices/front%20door".into(), on(ask::Device("front door".into()), Ok(None))),
    ] {
        let answer = Desk::new().exchange(("GET", &path, ""), [expected]).await;
        assert_eq!(answer.problem(), (404, "urn:latchkey:not-found".into()), "{path}");
    }
}

#[tokio::test]
async fn the_status_also_says_what_only_the_surroundings_know() {
    let expected = on(ask::Status, Ok(view("status_without_store_of_the_bridge")));
    let answer = Desk::new().exchange(("GET", "/api/status", ""), [expected]).await;
    let status = answer.json();
    assert_eq!((&status["web"]["state"], status["problems"].as_array().map(Vec::len)), (&json!("open"), Some(2)));
    assert!(status["store"]["bytes"].as_u64().is_some_and(|bytes| bytes > 10_000), "{status}");
}

/// A network with one lock, as the command line sends it.
const TAKEOVER: &str = r#"{"home":"0x7e570001","keys":{"S0_Legacy":"5ec2e75ec2e75ec2e75ec2e75ec2e75e"},"others":[],
    "locks":[{"node":{"id":2,"stage":"identity","protocol":null,"security":"s0","security_known":true,"classes":{},"product":null,
    "firmware":null,"user_code":null,"door_lock":null,"supervision_refused":false},"name":"Front","taken":{"3":"472913","4":null}}]}"#;

#[tokio::test]
async fn a_network_that_is_taken_over_reaches_the_loop_and_its_counts_come_back() {
    let taken_over = TakenOver { changed: true, keys: vec![KeyId::S0], occupied_slots: 2, ..TakenOver::default() };
    let accepted = Accepted { taken_over: Some(taken_over), ..Accepted::default() };
    let path = "/api/network/import-zwave-js";
    // Longer than other bodies may be.
    let body = format!("{TAKEOVER}{}", " ".repeat(100_000));
    let expected = Box::new(move |ask| {
        let Ask::Intent(Intent::ImportNetwork(takeover), reply) = ask else { panic!("{ask:?}") };
        assert_eq!(takeover.keys.get(KeyId::S0).unwrap().reveal()[..2], [0x5e, 0xc2]);
        assert_eq!(takeover.locks[0].taken[&3], Content::Known(CodeText::new("472913")));
        assert_eq!(takeover.locks[0].taken[&4], Content::Unreadable);
        reply.send(Ok(accepted)).unwrap();
    });
    let answer = Desk::new().exchange(("POST", path, &body), [expected]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["taken_over"]["keys"], json!(["S0_Legacy"]));
    let refusal = TakeoverRefusal::KeyMissing { node: NodeId(2), key: KeyId::S0 };
    let answer = Desk::new().exchange(("POST", path, TAKEOVER), [on_any_intent(Err(refusal.into()))]).await;
    assert_eq!(answer.problem(), (409, "urn:latchkey:key-missing".into()));
}

#[tokio::test]
async fn a_garbled_takeover_is_refused_without_a_word_of_it() {
    let desk = Desk::new();
    for (right, wrong) in [("2e75e\"", "2e75\""), ("\"472913\"", "472913"), ("\"472913\"", "\"47-2913\""), ("}}]}", "}}]")] {
        let body = TAKEOVER.replace(right, wrong);
        assert_ne!(body, TAKEOVER);
        let answer = desk.send("POST", "/api/network/import-zwave-js", &body).await;
        assert_eq!(answer.problem().0, 400);
        assert!(!answer.body.contains("2913") && !answer.body.contains("5ec2e7"), "{}", answer.body);
    }
    let answer = desk.send("POST", "/api/network/import-zwave-js", &" ".repeat(3 * 1024 * 1024)).await;
    assert_eq!(answer.problem().0, 413);
}

#[tokio::test]
async fn exported_keys_have_the_form_of_a_keys_file() {
    let keys = NetworkKeys::from_fn(|id| Key::from_bytes([id as u8 + 9; 16]));
    let expected = on(ask::ExportKeys, Ok(Box::new(keys.clone())));
    let answer = Desk::new().exchange(("POST", "/api/network/keys/export", ""), [expected]).await;
    assert_eq!((answer.status, &answer.headers[header::CACHE_CONTROL]), (StatusCode::OK, &"no-store".parse().unwrap()));
    let file = KeyFile::parse(&answer.body).unwrap();
    assert!(KeyId::ALL.into_iter().all(|id| file.get(id) == Some(keys.network_key(id))));
}

#[tokio::test]
async fn a_member_of_the_sockets_group_gets_no_network_keys() {
    let mut desk = Desk::new();
    let mut request = Request::builder().method("POST").uri("/api/network/keys/export").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Actor::Uid(1000));
    let response = desk.router.call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(desk.asked.try_recv().is_err(), "nobody asked the loop");
}

#[tokio::test]
async fn live_streams_leave_connections_for_others() {
    let desk = Desk::new();
    let places: Vec<_> = (0..Streams::MOST).map(|_| desk.streams.take().unwrap()).collect();
    let answer = send(desk.router.clone(), "GET", "/api/live", "").await;
    assert_eq!(answer.problem().0, 429);
    drop(places);
    assert!(desk.streams.take().is_ok());
}

#[tokio::test]
async fn nothing_with_keys_in_it_is_served_on_tcp() {
    let mut desk = Desk::new();
    for path in ["/api/network/keys/export", "/api/network/import-zwave-js"] {
        let mut request = Request::builder().method("POST").uri(path).header(header::HOST, "localhost");
        request.extensions_mut().unwrap().insert(Actor::Uid(0));
        let response = desk.public.call(request.body(Body::from(TAKEOVER)).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert!(desk.asked.try_recv().is_err(), "nobody asked the loop");
    // A GET of a page in a browser does not export anything on the socket either.
    assert_eq!(desk.send("GET", "/api/network/keys/export", "").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_refusal_keeps_its_type_and_status_for_scripts() {
    for (refusal, status, urn) in [
        (Refusal::UnknownDevice("x".into()), 404, "unknown-device"),
        (Refusal::WeakCode, 422, "weak-code"),
        (Refusal::DuplicateCode, 409, "duplicate-code"),
        (Refusal::LockFull("x".into()), 409, "lock-full"),
        (Refusal::ExternalIdTaken("x".into()), 409, "external-id-taken"),
        (Refusal::TooManyRefusals, 429, "too-many-refusals"),
        (Refusal::StoreUnavailable("disk full".into()), 503, "store-unavailable"),
    ] {
        let request = ("POST", "/api/people", r#"{"first_name":"A"}"#);
        let detail = refusal.to_string();
        let answer = Desk::new().exchange(request, [on_any_intent(Err(refusal))]).await;
        assert_eq!(answer.problem(), (status, format!("urn:latchkey:{urn}")));
        assert_eq!(answer.json()["detail"], detail);
    }
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_a_problem_document_and_never_reaches_the_loop() {
    let big = format!(r#"{{"first_name":"{}"}}"#, "x".repeat(70_000));
    let id = person(1);
    for (method, path, body, status, kind) in [
        ("POST", "/api/people", "{", 400, "bad-request"),
        ("POST", "/api/people", "", 400, "bad-request"),
        ("POST", "/api/people", r#"{"first_name":"A","colour":1}"#, 400, "bad-request"),
        ("POST", "/api/people", r#"{"first_name":"A","code":"48x"}"#, 422, "bad-code"),
        ("POST", "/api/people", r#"{"first_name":"A","code":"4829131","generate":true}"#, 400, "bad-request"),
        ("POST", "/api/people", r#"{"first_name":"A","generate":3}"#, 422, "bad-code"),
        ("POST", "/api/people", big.as_str(), 413, "too-large"),
        ("PUT", "/api/people", "", 405, "method-not-allowed"),
        ("GET", "/api/people/ada", "", 404, "unknown-person"),
        ("GET", "/api/grants/ada", "", 404, "not-found"),
        ("GET", "/api/nothing", "", 404, "not-found"),
        ("GET", "/api/devices/%ff", "", 400, "bad-request"),
        ("GET", "/api/events?since=yesterday", "", 400, "bad-request"),
        ("GET", "/api/events?limit=many", "", 400, "bad-request"),
        ("GET", "/api/events?cursor=1", "", 400, "bad-request"),
        ("GET", "/api/events?person=ada", "", 404, "unknown-person"),
    ] {
        let desk = Desk::new();
        let answer = desk.send(method, path, body).await;
        assert_eq!(answer.problem(), (status, format!("urn:latchkey:{kind}")), "{method} {path}");
        assert!(desk.asked.is_empty());
    }
    let answer = Desk::new().send("DELETE", &format!("/api/people/{id}/grants"), "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_code_in_the_wrong_form_is_not_repeated_in_the_error() {
    for body in [r#"{"first_name":"A","code":48291377}"#, r#"{"first_name":"A","code":"4829137700000"}"#] {
        let answer = Desk::new().send("POST", "/api/people", body).await;
        assert!(answer.status.is_client_error());
        assert!(!answer.body.contains("482913"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_loop_that_is_gone_is_503_and_not_a_hang() {
    let mut desk = Desk::new();
    desk.asked.close();
    assert_eq!(desk.send("GET", "/healthz", "").await.problem(), (503, "urn:latchkey:store-unavailable".into()));
}

fn names(device: DeviceId) -> Expected {
    on(ask::DeviceNames, Ok([(device, "front_door".parse().unwrap())].into()))
}

/// The front door, under this id.
fn front_door(id: DeviceId) -> Expected {
    let found = DeviceView { id, slug: "front_door".parse().unwrap(), ..view("device") };
    on(ask::Device("front_door".into()), Ok(Some(found)))
}

#[tokio::test]
async fn the_journal_is_read_newest_first_a_page_at_a_time_and_says_what_devices_are_called_now() {
    let mut desk = Desk::new();
    let front = device(5);
    for (millis, device) in [(1_000, front), (2_000, front), (2_500, device(6)), (3_000, front)] {
        desk.record(event(millis, device));
    }
    let page = desk.exchange(("GET", "/api/events?limit=2", ""), [names(front)]).await;
    let page = page.json();
    assert_eq!(page["items"][0]["at"], "1970-01-01T01:00:03.000+01:00");
    assert_eq!(page["items"][0]["device"], "front_door");
    assert_eq!(page["items"][0]["person"], json!({ "id": person(1), "name": "Ada Lovelace" }));
    assert_eq!(page["items"][1]["device_id"], json!(device(6)));
    let rest = format!("/api/events?cursor={}", page["next"].as_str().unwrap());
    let page = desk.exchange(("GET", &rest, ""), [names(front)]).await;
    assert_eq!((page.json()["items"].as_array().unwrap().len(), &page.json()["next"]), (2, &Value::Null));

    let path = "/api/events?device=front_door&since=1970-01-01T01:00:02";
    let page = desk.exchange(("GET", path, ""), [front_door(front), names(front)]).await;
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_listener_that_was_away_gets_what_it_missed_then_what_happens_and_nothing_twice() {
    let mut desk = Desk::new();
    let front = device(5);
    let [first, second, third] = [1_000, 2_000, 3_000].map(|millis| event(millis, front));
    desk.record(first.clone());
    desk.record(second.clone());
    let mut request = Request::builder().uri("/api/live").header("last-event-id", first.id.to_string());
    request.extensions_mut().unwrap().insert(Actor::Uid(7));
    let mut router = desk.router.clone();
    let calling = tokio::spawn(async move { router.call(request.body(Body::empty()).unwrap()).await.unwrap() });
    names(front)(desk.asked.recv().await.unwrap().ask);
    let mut stream = calling.await.unwrap().into_body();
    let mut next = async || {
        let frame = stream.frame().await.unwrap().unwrap();
        String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
    };
    assert!(next().await.starts_with(&format!("id: {}\ndata: {{\"event_id\":\"{}\"", second.id, second.id)));
    let slug: Slug = "front_door".parse().unwrap();
    desk.live.tell(second, slug.clone());
    desk.live.tell(third.clone(), slug);
    assert!(next().await.starts_with(&format!("id: {}\n", third.id)));
}

#[tokio::test]
async fn a_step_of_an_inclusion_is_told_live_and_is_no_place_to_resume_from() {
    for (path, is_told) in [("/api/live", true), ("/api/live?device=front_door", false)] {
        let mut desk = Desk::new();
        let front = device(5);
        let [first, second, third] = [1_000, 2_000, 3_000].map(|millis| event(millis, front));
        desk.record(first.clone());
        desk.record(second);
        let mut request = Request::builder().uri(path).header("last-event-id", first.id.to_string());
        request.extensions_mut().unwrap().insert(Actor::Uid(7));
        let mut router = desk.router.clone();
        let calling = tokio::spawn(async move { router.call(request.body(Body::empty()).unwrap()).await.unwrap() });
        if !is_told {
            front_door(front)(desk.asked.recv().await.unwrap().ask);
        }
        names(front)(desk.asked.recv().await.unwrap().ask);
        let mut stream = calling.await.unwrap().into_body();
        let mut next = async || {
            let frame = stream.frame().await.unwrap().unwrap();
            String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
        };
        assert!(next().await.contains("01:00:02.000"), "what was missed; from here on it listens");
        let change: CurrentChange = view("change_ready");
        desk.live.tell_change(change.clone());
        desk.live.tell(third.clone(), "front_door".parse().unwrap());
        if is_told {
            let change = serde_json::to_string(&change).unwrap();
            assert_eq!(next().await, format!("event: change\ndata: {change}\n\n"));
        }
        assert!(next().await.starts_with(&format!("id: {}\n", third.id)));
    }
}

#[tokio::test]
async fn a_last_event_id_that_is_none_is_refused_instead_of_missing_everything() {
    let desk = Desk::new();
    let mut request = Request::builder().uri("/api/live").header("last-event-id", "7").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Actor::Uid(7));
    let answer = desk.router.clone().call(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

fn vitals() -> Vitals {
    let lock = LockVitals {
        slug: "front_door".parse().unwrap(),
        reach: Some(Reach::Dead),
        last_contact: Some(Timestamp::from_millis(1_000_000)),
        battery: Some(40),
        pending: 2,
        failed: 1,
        queued: 3,
        radio: RadioUse { frames: 7, wakeups: 5, airtime_ms: 6_000, rejected: 0 },
        rejected_lately: 0,
    };
    Vitals {
        stick: ControllerStatus::Absent { why: "unplugged".into() },
        broker: Some(Ok(())),
        outbox_waiting: 4,
        dropped: Dropped { count: 9, at: Timestamp::from_millis(0) },
        clock_trusted: true,
        clock_steps: 0,
        now: Timestamp::from_millis(1_090_000),
        airtime_ms: 6_000,
        airtime_limit_ms: Some(36_000),
        grants: [(Status::Active, 12), (Status::Pending, 2)].into(),
        oldest_pending: Some((GrantId::new(&mut Entropy::from_number(1)), Timestamp::from_millis(1_000_000))),
        locks: vec![lock],
        problems: vec![Problem::warning("no Z-Wave stick", "plug it in")],
    }
}

impl Desk {
    /// A request to the address of `[web]`, by that name.
    async fn knock(&mut self, host: &str, path: &str) -> (Answer, usize) {
        let request = Request::builder().uri(path).header("host", host).body(Body::empty()).unwrap();
        let mut router = self.public.clone();
        let sending = async {
            let (parts, body) = router.call(request).await.unwrap().into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
        };
        tokio::pin!(sending);
        let mut asked = 0;
        loop {
            tokio::select! {
                answer = &mut sending => return (answer, asked),
                Some(question) = self.asked.recv() => {
                    let Ask::Figures(_, reply) = question.ask else { panic!("{question:?}") };
                    asked += 1;
                    reply.send(Ok(Box::new(vitals()))).unwrap();
                }
            }
        }
    }
}

#[tokio::test]
async fn a_monitor_reads_every_figure_and_no_name() {
    let mut desk = Desk::new();
    let (answer, _) = desk.knock("localhost:8480", "/metrics").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    for line in [
        "latchkey_stick_ready 0",
        "latchkey_broker_connected 1",
        "latchkey_outbox_events 4",
        "latchkey_outbox_dropped_events_total 9",
        "latchkey_clock_trusted 1",
        "latchkey_airtime_last_hour_milliseconds 6000",
        "latchkey_airtime_limit_milliseconds 36000",
        "latchkey_grants{status=\"active\"} 12",
        "latchkey_oldest_pending_grant_seconds 90",
        "latchkey_lock_reachable{device=\"front_door\"} 0",
        "latchkey_lock_queued_commands{device=\"front_door\"} 3",
        "latchkey_problems 1",
    ] {
        assert!(answer.body.lines().any(|said| said == line), "{line} in {}", answer.body);
    }
    let store = answer.body.lines().find_map(|line| line.strip_prefix("latchkey_store_bytes ")).unwrap();
    assert!(store.parse::<u64>().unwrap() > 10_000, "{store}");
    assert!(answer.body.ends_with("# EOF\n"));
}

#[test]
fn when_a_door_was_last_heard_is_not_for_everybody_on_the_machine() {
    let page = |detail| super::metrics::page(&vitals(), 1, detail).unwrap();
    for line in [
        "latchkey_lock_last_contact_timestamp_seconds{device=\"front_door\"} 1000",
        "latchkey_lock_wakeups{device=\"front_door\"} 5",
    ] {
        assert!(page(Metrics::Full).lines().any(|said| said == line), "{line}");
    }
    for figure in ["last_contact", "lock_frames", "lock_wakeups", "lock_airtime"] {
        assert!(!page(Metrics::Plain).contains(figure), "{figure}");
    }
}

#[tokio::test]
async fn a_daemon_without_its_stick_is_well_and_says_what_is_missing() {
    let mut desk = Desk::new();
    let (answer, _) = desk.knock("127.0.0.1:8480", "/healthz").await;
    assert_eq!(answer.json(), json!({ "ok": true, "stick": "absent", "broker": "connected", "problems": 1 }));
    let (answer, asked) = desk.knock("127.0.0.1:8480", "/api/people").await;
    assert_eq!((answer.status, asked), (StatusCode::NOT_FOUND, 0), "nobody logged in here");
}

#[tokio::test]
async fn a_foreign_name_that_points_here_reads_nothing() {
    let mut desk = Desk::new();
    for host in
        ["evil.example:8480", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "[::1].x", "10.0.0.7"]
    {
        let (answer, asked) = desk.knock(host, "/metrics").await;
        assert_eq!((answer.status, asked), (StatusCode::MISDIRECTED_REQUEST, 0), "{host}");
    }
    for host in ["localhost", "127.0.0.1", "127.0.0.1:8480", "[::1]:8480", "localhost:1"] {
        assert_eq!(desk.knock(host, "/metrics").await.0.status, StatusCode::OK, "{host}");
    }
}
