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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::handle::{Handle, Queued};
use super::live::Live;
use super::problem::{Problem, word_errors};
use super::{audit, devices, events, import, network, people, public};
use crate::bridge::ask;
use crate::config::Metrics;
use crate::domain::actor::Actor;
use crate::domain::intent::Intent;
use crate::store::Reader;
use crate::view::{AcceptedView, ProblemView, Severity, StatusView, WebView};

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
#[derive(Clone, PartialEq, Eq, Debug)]
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

impl From<&Doorstep> for WebView {
    fn from(doorstep: &Doorstep) -> Self {
        match doorstep {
            Doorstep::Open { listen } => Self::Open { listen: listen.to_string() },
            Doorstep::Closed { why } => Self::Closed { why: why.clone() },
        }
    }
}

/// Every route. Requests must carry an [`Actor`] among their extensions: the server knows who is at the other end.
pub fn router(api: Api) -> Router {
    Router::new()
        .merge(public::routes(Metrics::Full))
        .merge(network::routes())
        .merge(audit::routes())
        .route("/api/status", get(status))
        .route("/api/network", get(async |State(api): State<Api>, who: Who| api.view(who, ask::Network).await))
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
    /// Asks, for whoever sent the request.
    pub async fn ask<Q: Queued>(&self, who: Who, question: Q) -> Result<Q::Answer, Problem> {
        Ok(self.handle.ask(who.0, question).await?)
    }

    /// Shows what answers a question.
    pub async fn view<Q: Queued<Answer: Serialize>>(&self, who: Who, question: Q) -> Result<Json<Q::Answer>, Problem> {
        self.ask(who, question).await.map(Json)
    }

    /// Shows something that may be gone.
    pub async fn find<Q: Queued<Answer = Option<T>>, T: Serialize>(&self, who: Who, question: Q) -> Result<Json<T>, Problem> {
        let found = self.ask(who, question).await?;
        found.map(Json).ok_or_else(|| Problem::not_found("there is no such thing, or no longer"))
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

    /// Asks for a change. `202`: it is committed and on its way to the locks. `201` with the code, once, where one was
    /// generated.
    pub async fn change(&self, who: Who, intent: Intent) -> Result<Response, Problem> {
        let accepted = AcceptedView::from(&self.ask(who, intent).await?);
        let status = if accepted.code.is_some() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
        Ok((status, Json(accepted)).into_response())
    }
}

/// How the daemon is, with what only its surroundings know: the size of the store, and the address of `[web]`.
async fn status(State(api): State<Api>, who: Who) -> Result<Json<StatusView>, Problem> {
    let mut status = api.ask(who, ask::Status).await?;
    status.store.set_bytes(api.store_bytes().await);
    let web = WebView::from(&*api.doorstep.borrow());
    if let WebView::Closed { why } = &web {
        status.problems.push(ProblemView {
            severity: Severity::Warning.into(),
            what: format!("no /healthz and /metrics: {why}"),
            fix: "set web.listen to a free port on loopback".into(),
        });
    }
    status.web = Some(web);
    Ok(Json(status))
}

/// Answers name people, and one of them a code: nobody on the way may keep them.
async fn never_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
