//! The router, and what every route shares: who asks, and the shape of an answer.

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

use super::handle::Handle;
use super::live::Live;
use super::problem::{Problem, word_errors};
use super::{devices, events, people};
use crate::bridge::ask::{Actor, Ask, Reply};
use crate::domain::ids::{DeviceId, Generation, GrantId, PersonId};
use crate::domain::intent::{Accepted, Intent};
use crate::domain::pin::Pin;
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
    pub zone: TimeZone,
}

/// Every route. Requests must carry an [`Actor`] among their extensions: the server knows who is at the other end.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/api/status", get(async |State(api): State<Api>, who: Who| api.view(who, Ask::Status).await))
        .route("/api/network", get(async |State(api): State<Api>, who: Who| api.view(who, Ask::Network).await))
        .route("/api/people", get(people::list).post(people::add))
        .route("/api/people/{person}", get(people::show).patch(people::edit).delete(people::remove))
        .route("/api/people/{person}/grants/{device}", put(people::grant).delete(people::revoke))
        .route("/api/grants/{grant}", get(people::show_grant))
        .route("/api/devices", get(devices::list))
        .route("/api/devices/{device}", get(devices::show).patch(devices::rename))
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
            Reply::Accepted(_) => Err(Problem::unavailable("the daemon gave an answer to another question")),
        }
    }

    /// Asks for a change.
    pub async fn change(&self, who: Who, intent: Intent) -> Result<Response, Problem> {
        match self.handle.ask(who.0, Ask::Intent(intent)).await? {
            Reply::Accepted(accepted) => Ok(accepted_response(&accepted)),
            Reply::NotFound => Err(Problem::not_found("there is no such thing, or no longer")),
            Reply::View(_) => Err(Problem::unavailable("the daemon gave an answer to another question")),
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
}

/// `202`: the change is committed and on its way to the locks. `201` with the code, once, where one was generated.
fn accepted_response(accepted: &Accepted) -> Response {
    let body = AcceptedBody {
        generation: accepted.generation,
        grants: &accepted.grants,
        person: accepted.person,
        device: accepted.device,
        code: accepted.generated.as_ref().map(Pin::reveal),
    };
    let status = if body.code.is_some() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    (status, Json(body)).into_response()
}

/// Whether the loop answers.
async fn healthz(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    api.handle.ask(Actor("health check".into()), Ask::Status).await?;
    Ok(Json(json!({ "ok": true })))
}

/// Answers name people, and one of them a code: nobody on the way may keep them.
async fn never_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
