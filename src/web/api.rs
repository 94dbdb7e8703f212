//! What every route shares: who asks, and the shape of an answer.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::handle::{Handle, Queued};
use super::live::Live;
use super::problem::Problem;
use crate::domain::actor::Actor;
use crate::domain::intent::Intent;
use crate::store::Reader;
use crate::view::{AcceptedView, WebView};

/// What the routes work with.
#[derive(Clone, Debug)]
pub struct Api {
    pub handle: Handle,
    pub reader: Reader,
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
    Open {
        /// Where: the port is known only now where none was chosen.
        listen: SocketAddr,
    },
    Closed {
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
