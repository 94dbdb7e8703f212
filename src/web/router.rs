//! Every route of the API.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post, put};

use super::api::{Api, Who};
use super::problem::{Problem, word_errors};
use super::{audit, devices, events, import, network, people, public};
use crate::bridge::ask;
use crate::config::Metrics;
use crate::view::{ProblemView, Severity, StatusView, WebView};

/// Every route. Requests must carry an [`Actor`](crate::domain::actor::Actor) among their extensions: the server knows who is at the other end.
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
