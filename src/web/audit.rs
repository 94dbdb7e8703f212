//! `/api/audit`: who did what, newest first.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::api::{Api, Who};
use super::events::moment;
use super::problem::Problem;
use crate::domain::intent::Refusal;
use crate::store::{self, AuditEntry, AuditQuery};
use crate::view::{AuditActor, AuditRow, Page, Stamp};

/// Lines on a page unless another number is asked for.
const PAGE: u32 = 100;

#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    since: Option<String>,
    person: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// The routes of this file.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/api/audit", get(list))
}

/// Reading the audit is not on record itself: a page that refreshes would fill it.
async fn list(
    State(api): State<Api>,
    _: Who,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Page<AuditRow>>, Problem> {
    let Query(asked) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let zone = api.zone();
    let query = read_query(asked, &zone)?;
    let reader = api.reader.clone();
    match tokio::task::spawn_blocking(move || reader.audit(&query)).await {
        Ok(Ok(store::Page { items, next })) => {
            let items = items.into_iter().map(|entry| row(entry, &zone)).collect();
            Ok(Json(Page { items, next: next.map(|seq| seq.to_string()) }))
        }
        Ok(Err(error)) => Err(Problem::unavailable(format!("the audit can't be read: {error}"))),
        Err(_) => Err(Problem::unavailable("the daemon is stopping")),
    }
}

fn read_query(asked: Asked, zone: &TimeZone) -> Result<AuditQuery, Problem> {
    let mut query = AuditQuery { limit: asked.limit.unwrap_or(PAGE).max(1), ..AuditQuery::default() };
    if let Some(text) = asked.since {
        query.since = Some(moment(zone, &text).ok_or_else(|| {
            Problem::bad_request("since must be a time: 2026-11-23T18:04:05+01:00, 2026-11-23T18:04 or 2026-11-23")
        })?);
    }
    if let Some(text) = asked.person {
        // An id only: people who are gone have no other name left.
        query.person = Some(text.parse().map_err(|_| Refusal::UnknownPerson(text))?);
    }
    if let Some(text) = asked.cursor {
        query.after = Some(text.parse().map_err(|_| Problem::bad_request("cursor must be the next of a page before"))?);
    }
    Ok(query)
}

fn row(entry: AuditEntry, zone: &TimeZone) -> AuditRow {
    let AuditEntry { seq, at, actor, act, person, device, grant, detail } = entry;
    let actor = AuditActor { kind: actor.kind, id: actor.id, name: actor.name };
    AuditRow { seq, at: Stamp(at.rfc3339(zone)), actor, act, person, device, grant, detail }
}
