//! Requests to the API, through the router as the daemon serves it; a desk behind it answers nobody.

use std::task::{Context, Poll, Waker};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use jiff::tz::TimeZone;
use latchkey::bridge::ask::Question;
use latchkey::domain::actor::Actor;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::intent::Refusal;
use latchkey::domain::time::{Instant, Now, Timestamp};
use latchkey::store::{Place, Store};
use latchkey::web::api::{Api, Doorstep, Streams};
use latchkey::web::handle::{Answers, Handle};
use latchkey::web::live::Live;
use latchkey::web::router::router;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tower_service::Service;

const PERSON: &str = "/api/people/00000000-0000-4000-8000-000000000001";

/// Every route that reads a body or a query.
const ROUTES: [(&str, &str); 20] = [
    ("POST", "/api/people"),
    ("PATCH", PERSON),
    ("PUT", "/api/people/00000000-0000-4000-8000-000000000001/grants/front_door"),
    ("PATCH", "/api/devices/front_door"),
    ("POST", "/api/network/import-zwave-js"),
    ("POST", "/api/network/include"),
    ("POST", "/api/network/change/pin"),
    ("POST", "/api/network/remove-failed"),
    ("POST", "/api/network/replace-failed"),
    ("POST", "/api/network/smartstart"),
    ("POST", "/api/devices/front_door/replace"),
    ("POST", "/api/devices/front_door/allow-insecure"),
    // What follows the path comes from the bytes.
    ("GET", "/api/events?"),
    ("GET", "/api/people/"),
    ("GET", "/api/devices/"),
    ("GET", "/api/grants/"),
    ("DELETE", "/api/devices/"),
    ("DELETE", "/api/people/"),
    ("GET", "/api/"),
    ("POST", "/api/network/"),
];

/// Of [`ROUTES`], the first whose address is open.
const OPEN: usize = 12;

/// No request is answered by "our fault".
pub fn api(data: &[u8]) {
    thread_local!(static DESK: Desk = Desk::new());
    let Some((&route, rest)) = data.split_first() else { return };
    let at = usize::from(route) % ROUTES.len();
    let (method, path) = ROUTES[at];
    let (tail, body) = match at < OPEN {
        true => ("", rest),
        false => {
            let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let (tail, body) = rest.split_at(line);
            let Ok(tail) = std::str::from_utf8(tail) else { return };
            (tail, body.get(1..).unwrap_or_default())
        }
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("{path}{tail}"))
        .header("content-type", "application/json")
        .extension(Actor::Uid(7))
        .body(Body::from(body.to_vec()));
    let Ok(request) = request else { return };
    DESK.with(|desk| desk.ask(request));
}

/// A loop that refuses everything.
struct Refuses;

impl Answers for Refuses {
    fn answer<Q: Question>(&mut self, _: &Actor, _: Q) -> Result<Q::Answer, Refusal> {
        Err(Refusal::WeakCode)
    }
}

struct Desk {
    runtime: Runtime,
    router: axum::Router,
    _kept: (Store, tempfile::TempDir, watch::Sender<TimeZone>, watch::Sender<Doorstep>),
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place =
            Place { database: folder.path().join("latchkey.db"), key_file: folder.path().join("store.key"), credentials: None };
        let now = Now { mono: Instant::ZERO, wall: Timestamp::from_millis(0), trusted: true };
        let (store, _) = Store::open(&place, now, &Entropy::from_number(1)).unwrap();
        let (handle, mut asked) = Handle::new();
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.spawn(async move {
            while let Some(asked) = asked.recv().await {
                asked.answer(&mut Refuses);
            }
        });
        let (keep_zone, zone) = watch::channel(TimeZone::UTC);
        let (keep_step, doorstep) = watch::channel(Doorstep::Closed { why: "a test".into() });
        let router =
            router(Api { handle, reader: store.reader(), live: Live::new(), zone, doorstep, streams: Streams::default() });
        Self { runtime, router, _kept: (store, folder, keep_zone, keep_step) }
    }

    fn ask(&self, request: Request<Body>) {
        let said = format!("{} {}", request.method(), request.uri());
        let endless = request.uri().path() == "/api/live";
        let mut router = self.router.clone();
        self.runtime.block_on(async {
            assert!(Service::<Request<Body>>::poll_ready(&mut router, &mut Context::from_waker(Waker::noop())) != Poll::Pending);
            let answer = router.call(request).await.unwrap();
            let status = answer.status();
            assert!(!status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{status} to {said}");
            if !endless {
                let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
                if status.is_client_error() {
                    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body} to {said}");
                }
            }
        });
    }
}
