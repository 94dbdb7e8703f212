//! What a monitor on this machine may see without a login: whether the daemon is well, and its figures.
//!
//! Any page in a browser on this machine can send a request here. Answers are for this machine's own names only, so that
//! no name of somebody else's that points here can read them (DNS rebinding).

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::api::{Api, Doorstep};
use super::metrics;
use super::problem::Problem;
use super::server;
use crate::bridge::ask::Figures;
use crate::bridge::vitals::Vitals;
use crate::config::Metrics;
use crate::domain::actor::Actor;
use crate::network::ControllerStatus;
use crate::view::{BrokerState, HealthView, Open, StickState};

/// A port that is taken is tried again after this.
const PAUSE: Duration = Duration::from_secs(30);

/// Serves `router` at `listen` until `stop`, and tells what becomes of it. A port that is taken is no reason for the
/// daemon not to start: it is tried again.
pub async fn serve(listen: SocketAddr, router: Router, tell: watch::Sender<Doorstep>, stop: impl Future<Output = ()>) {
    let closed = |why: String| {
        let news = Doorstep::Closed { why };
        if *tell.borrow() != news {
            tracing::warn!(%listen, ?news, "nothing is served at web.listen");
            tell.send_replace(news);
        }
    };
    tokio::pin!(stop);
    if let Some(why) = refusal(listen) {
        return closed(why.to_owned());
    }
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => {
                let listen = listener.local_addr().unwrap_or(listen);
                tracing::info!(%listen, "health and figures are served");
                tell.send_replace(Doorstep::Open { listen });
                return server::serve(listener, router, stop).await;
            }
            Err(error) => closed(format!("{listen}: {error}")),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = &mut stop => return,
        }
    }
}

/// Why nothing is served at the address of `[web]`.
fn refusal(listen: SocketAddr) -> Option<&'static str> {
    (!listen.ip().is_loopback())
        .then_some("web.listen is not on loopback, and nothing is served there without HTTPS yet; set it to 127.0.0.1:8480")
}

/// What is served at the address of `[web]`; `detail` is what its figures show.
pub fn router(api: Api, detail: Metrics) -> Router {
    Router::new()
        .merge(routes(detail))
        .fallback(async || Problem::not_found("there is nothing at this address yet; use the command line"))
        .layer(from_fn(only_for_this_machine))
        .with_state(api)
}

/// `/healthz` and `/metrics`.
pub fn routes(detail: Metrics) -> Router<Api> {
    let metrics = get(async move |State(api): State<Api>| metrics(&api, detail).await);
    Router::new().route("/healthz", get(healthz)).route("/metrics", metrics)
}

async fn only_for_this_machine(headers: HeaderMap, request: Request, next: Next) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let local = matches!(name, "localhost" | "[::1]") || name.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
    if local { next.run(request).await } else { (StatusCode::MISDIRECTED_REQUEST, "ask for localhost\n").into_response() }
}

/// `200` while changes are taken, `503` while they are not. A stick or broker that is away is a problem, and no reason to
/// restart the daemon: it waits for them.
async fn healthz(State(api): State<Api>) -> Result<Json<HealthView>, Problem> {
    let vitals = vitals(&api).await?;
    let stick = match vitals.stick {
        ControllerStatus::Ready(_) => StickState::Ready,
        ControllerStatus::Starting { .. } => StickState::Starting,
        ControllerStatus::Absent { .. } => StickState::Absent,
    };
    let problems = vitals.needs_somebody();
    let broker = vitals.broker.map(|broker| if broker.is_ok() { BrokerState::Connected } else { BrokerState::Disconnected });
    Ok(Json(HealthView { ok: true, stick: stick.into(), broker: broker.map(Open::from), problems }))
}

async fn metrics(api: &Api, detail: Metrics) -> Result<Response, Problem> {
    let vitals = vitals(api).await?;
    let page = metrics::page(&vitals, api.store_bytes().await, detail)
        .map_err(|_| Problem::unavailable("the figures can't be written"))?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response())
}

async fn vitals(api: &Api) -> Result<Box<Vitals>, Problem> {
    Ok(api.handle.ask(Actor::System("monitor"), Figures).await?)
}
