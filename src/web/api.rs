//! The router, and what every route shares: who asks, and the shape of an answer.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::handle::Handle;
use super::live::Live;
use super::problem::{Problem, word_errors};
use super::{audit, devices, events, import, network, people, public};
use crate::bridge::ask::{Actor, Ask, Reply};
use crate::config::Metrics;
use crate::domain::ids::{DeviceId, Generation, GrantId, PersonId};
use crate::domain::intent::{Accepted, Intent};
use crate::domain::pin::Pin;
use crate::domain::takeover::TakenOver;
use crate::store::Reader;

/// What the routes work with.
#[derive(Clone, Debug)]
pub struct Api {
    /// The bridge.
    pub handle: Handle,
    /// The past.
    pub reader: Reader,
    /// What happens now.
    pub live: Live,
    /// The home's zone, for the times in events.
    pub zone: watch::Receiver<TimeZone>,
    /// What became of the address of `[web]`.
    pub doorstep: watch::Receiver<Doorstep>,
    /// Places for live streams.
    pub streams: Streams,
}

/// The limit of live streams: each holds a connection for as long as it likes, and other clients need one, too.
#[derive(Clone, Debug)]
pub struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(Self::MOST)))
    }
}

impl Streams {
    /// A quarter of the connections.
    pub const MOST: usize = 16;

    /// A place, until it is dropped.
    pub fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| Problem {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "too-many-streams",
            detail: format!("{} listeners follow along already; end one of them, or read /api/events", Self::MOST),
        })
    }
}

/// What became of the address of `[web]`. The daemon works without it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Doorstep {
    /// Served.
    Open {
        /// Where: the port is known only now where none was chosen.
        listen: SocketAddr,
    },
    /// Not served.
    Closed {
        /// Why, for people.
        why: String,
    },
}

/// Every route. Requests must carry an [`Actor`] among their extensions: the server knows who is at the other end.
pub fn router(api: Api) -> Router {
    Router::new()
        .merge(public::routes(Metrics::Full))
        .merge(network::routes())
        .merge(audit::routes())
        .route("/api/status", get(status))
        .route("/api/network", get(async |State(api): State<Api>, who: Who| api.view(who, Ask::Network).await))
        .route("/api/network/import-zwave-js", post(import::zwave_js))
        .route("/api/network/keys/export", post(import::export_keys))
        .route("/api/people", get(people::list).post(people::add))
        .route("/api/people/{person}", get(people::show).patch(people::edit).delete(people::remove))
        .route("/api/people/{person}/grants/{device}", put(people::grant).delete(people::revoke))
        .route("/api/grants/{grant}", get(people::show_grant))
        .route("/api/devices", get(devices::list))
        .route("/api/devices/{device}", get(devices::show).patch(devices::rename).delete(network::remove_device))
        .route("/api/devices/{device}/lock", post(devices::lock))
        .route("/api/devices/{device}/unlock", post(devices::unlock))
        .route("/api/devices/{device}/check", post(devices::check))
        .route("/api/events", get(events::list))
        .route("/api/live", get(events::live))
        .fallback(async || Problem::not_found("there is nothing at this address"))
        .layer(map_response(word_errors))
        .layer(map_response(never_store))
        .with_state(api)
}

/// Who asks.
pub type Who = axum::Extension<Actor>;

impl Api {
    /// Asks to see something.
    pub async fn view(&self, who: Who, ask: Ask) -> Result<Json<Value>, Problem> {
        match self.handle.ask(who.0, ask).await? {
            Reply::View(view) => Ok(Json(view)),
            Reply::NotFound => Err(Problem::not_found("there is no such thing, or no longer")),
            Reply::Accepted(_) | Reply::Vitals(_) | Reply::NetworkKeys(_) => {
                Err(Problem::unavailable("the daemon gave an answer to another question"))
            }
        }
    }

    /// Bytes of the database and its log.
    pub async fn store_bytes(&self) -> u64 {
        let reader = self.reader.clone();
        tokio::task::spawn_blocking(move || reader.size()).await.unwrap_or_default()
    }

    /// The home's zone now.
    pub fn zone(&self) -> TimeZone {
        self.zone.borrow().clone()
    }

    /// Asks for a change.
    pub async fn change(&self, who: Who, intent: Intent) -> Result<Response, Problem> {
        match self.handle.ask(who.0, Ask::Intent(intent)).await? {
            Reply::Accepted(accepted) => Ok(accepted_response(&accepted)),
            Reply::NotFound => Err(Problem::not_found("there is no such thing, or no longer")),
            Reply::View(_) | Reply::Vitals(_) | Reply::NetworkKeys(_) => {
                Err(Problem::unavailable("the daemon gave an answer to another question"))
            }
        }
    }
}

/// What an accepted change answers.
#[derive(Serialize)]
struct AcceptedBody<'a> {
    generation: Generation,
    grants: &'a [GrantId],
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_over: Option<&'a TakenOver>,
}

/// `202`: the change is committed and on its way to the locks. `201` with the code, once, where one was generated.
fn accepted_response(accepted: &Accepted) -> Response {
    let body = AcceptedBody {
        generation: accepted.generation,
        grants: &accepted.grants,
        person: accepted.person,
        device: accepted.device,
        code: accepted.generated.as_ref().map(Pin::reveal),
        taken_over: accepted.taken_over.as_ref(),
    };
    let status = if body.code.is_some() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    (status, Json(body)).into_response()
}

/// How the daemon is, with what only its surroundings know: the size of the store, and the address of `[web]`.
async fn status(State(api): State<Api>, who: Who) -> Result<Json<Value>, Problem> {
    let Json(mut status) = api.view(who, Ask::Status).await?;
    let bytes = api.store_bytes().await;
    let web = api.doorstep.borrow().clone();
    if let Some(store) = status.get_mut("store").and_then(Value::as_object_mut) {
        store.insert("bytes".into(), bytes.into());
    }
    if let (Doorstep::Closed { why }, Some(problems)) = (&web, status.get_mut("problems").and_then(Value::as_array_mut)) {
        problems.push(json!({
            "severity": "warning",
            "what": format!("no /healthz and /metrics: {why}"),
            "do": "set web.listen to a free port on loopback",
        }));
    }
    if let Some(fields) = status.as_object_mut() {
        fields.insert("web".into(), json!(web));
    }
    Ok(Json(status))
}

/// Answers name people, and one of them a code: nobody on the way may keep them.
async fn never_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
