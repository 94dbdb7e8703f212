//! `/api/events`, the journal, and `/api/live`, the journal as it grows.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::api::{Api, Who};
use super::live::News;
use super::problem::Problem;
use super::room::Pulse;
use crate::bridge::ask::Ask;
use crate::domain::event::{Event, PublishNames};
use crate::domain::ids::{DeviceId, EventId, PersonId, Slug};
use crate::domain::intent::Refusal;
use crate::domain::time::Timestamp;
use crate::mqtt::topic::event_payload;
use crate::store::{EventQuery, Order, Page};

/// Events on a page unless another number is asked for.
const PAGE: u32 = 100;

/// Silence on a live stream is filled this often, so that a dead connection is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a listener may leave its stream unread before it is cut off.
const PATIENCE: Duration = Duration::from_secs(30);

/// Query of `GET /api/events`; all but `limit` and `cursor` of `GET /api/live`, too.
#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, default)]
pub struct EventsQuery {
    since: Option<String>,
    person: Option<String>,
    device: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /api/events`: newest first.
pub async fn list(
    State(api): State<Api>,
    who: Who,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<axum::Json<Value>, Problem> {
    let query = read_query(&api, &who, query).await?;
    let names = DeviceNames::ask(&api, &who).await?;
    let page = read_journal(&api, query).await?;
    let items: Vec<Value> =
        page.items.iter().filter_map(|event| serde_json::from_str(&names.payload(&api, event)).ok()).collect();
    Ok(axum::Json(json!({ "items": items, "next": page.next })))
}

/// `GET /api/live`: server-sent events, from now on, or from the id in `Last-Event-ID` on.
pub async fn live(
    State(api): State<Api>,
    who: Who,
    pulse: Option<Extension<Pulse>>,
    headers: HeaderMap,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let place = api.streams.take()?;
    let wanted = read_query(&api, &who, query).await?;
    let last = match headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|id| id.parse::<EventId>().ok())) {
        Some(None) => return Err(Problem::bad_request("Last-Event-ID is not the id of an event")),
        Some(Some(id)) => Some(id),
        None => None,
    };
    let names = DeviceNames::ask(&api, &who).await?;
    let (lines, body) = mpsc::channel(16);
    tokio::spawn(follow(api, wanted, last, names, lines));
    if let Some(Extension(pulse)) = pulse {
        pulse.streams();
    }
    let content_type = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((content_type, Body::new(Lines { lines: body, _place: place })).into_response())
}

/// Sends what was missed, then what happens, until the listener goes, falls behind, or the daemon stops.
async fn follow(api: Api, wanted: EventQuery, last: Option<EventId>, names: DeviceNames, lines: mpsc::Sender<Bytes>) {
    // Listening begins before the journal is read: an event in between comes twice rather than never, and is told by its id.
    let mut happening = api.live.listen();
    let mut sent = BTreeSet::new();
    let mut after = last;
    while after.is_some() {
        let query = EventQuery { after, order: Order::OldestFirst, ..wanted.clone() };
        let Ok(page) = read_journal(&api, query).await else { return };
        for event in &page.items {
            sent.insert(event.id);
            if lines.send_timeout(stream_line(event, &names.payload(&api, event)), PATIENCE).await.is_err() {
                return;
            }
        }
        after = page.next;
    }
    loop {
        let happened = tokio::select! {
            happened = happening.recv() => happened,
            () = tokio::time::sleep(KEEP_ALIVE) => {
                if lines.send_timeout(Bytes::from_static(b":\n\n"), PATIENCE).await.is_err() {
                    return;
                }
                continue;
            }
            () = lines.closed() => return,
        };
        let Ok(news) = happened else { return };
        let happened = match &*news {
            News::Happened(happened) => happened,
            // Whoever asked for one door or one person did not ask for this.
            News::Change(_) if wanted.device.is_some() || wanted.person.is_some() => continue,
            News::Change(change) => {
                if lines.send_timeout(change_line(change), PATIENCE).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let event = &happened.event;
        if sent.contains(&event.id) || !is_wanted(&wanted, event) {
            continue;
        }
        let payload = event_payload(event, &happened.device, &api.zone(), PublishNames::Name, false);
        if lines.send_timeout(stream_line(event, &payload), PATIENCE).await.is_err() {
            return;
        }
    }
}

/// Whether the journal would have given this event to that query.
fn is_wanted(query: &EventQuery, event: &Event) -> bool {
    query.since.is_none_or(|since| event.at >= since)
        && query.device.is_none_or(|device| event.device == device)
        && query.person.is_none_or(|wanted| event.person.as_ref().is_some_and(|person| person.id == wanted))
}

fn stream_line(event: &Event, payload: &str) -> Bytes {
    Bytes::from(format!("id: {}\ndata: {payload}\n\n", event.id))
}

/// A step has a type of its own and no id: the listener's last id stays that of an event, and it can come back with it.
fn change_line(change: &Value) -> Bytes {
    Bytes::from(format!("event: change\ndata: {change}\n\n"))
}

async fn read_journal(api: &Api, query: EventQuery) -> Result<Page<Event, EventId>, Problem> {
    let reader = api.reader.clone();
    match tokio::task::spawn_blocking(move || reader.events(&query)).await {
        Ok(Ok(page)) => Ok(page),
        Ok(Err(error)) => Err(Problem::unavailable(format!("the journal can't be read: {error}"))),
        Err(_) => Err(Problem::unavailable("the daemon is stopping")),
    }
}

async fn read_query(api: &Api, who: &Who, query: Result<Query<EventsQuery>, QueryRejection>) -> Result<EventQuery, Problem> {
    let Query(query) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let mut read = EventQuery { limit: query.limit.unwrap_or(PAGE).max(1), ..EventQuery::default() };
    if let Some(text) = query.since {
        read.since = Some(moment(&api.zone(), &text).ok_or_else(|| {
            Problem::bad_request("since must be a time: 2026-11-23T18:04:05+01:00, 2026-11-23T18:04 or 2026-11-23")
        })?);
    }
    if let Some(text) = query.person {
        read.person = Some(text.parse::<PersonId>().map_err(|_| Refusal::UnknownPerson(text))?);
    }
    if let Some(name) = query.device {
        read.device = Some(device_id(api, who, &name).await?);
    }
    if let Some(text) = query.cursor {
        read.after = Some(text.parse().map_err(|_| Problem::bad_request("cursor must be the next of a page before"))?);
    }
    Ok(read)
}

/// A moment as people write it; without an offset it is in the home's zone.
pub(super) fn moment(zone: &TimeZone, text: &str) -> Option<Timestamp> {
    if let Ok(exact) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_millis(exact.as_millisecond()));
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    let zoned = civil.to_zoned(zone.clone()).ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

async fn device_id(api: &Api, who: &Who, name: &str) -> Result<DeviceId, Problem> {
    let unknown = || Problem::from(Refusal::UnknownDevice(name.to_owned()));
    let view = match api.view(who.clone(), Ask::Device(name.to_owned())).await {
        Err(problem) if problem.kind == "not-found" => return Err(unknown()),
        answer => answer?.0,
    };
    view.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()).ok_or_else(unknown)
}

/// What devices are called now; events keep only their ids.
struct DeviceNames(BTreeMap<DeviceId, Slug>);

impl DeviceNames {
    async fn ask(api: &Api, who: &Who) -> Result<Self, Problem> {
        let view = api.view(who.clone(), Ask::Devices).await?.0;
        let devices = view.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |device: &Value, key| device.get(key).and_then(Value::as_str).map(str::to_owned);
        let names =
            devices.iter().filter_map(|device| Some((text(device, "id")?.parse().ok()?, text(device, "slug")?.parse().ok()?)));
        Ok(Self(names.collect()))
    }

    fn payload(&self, api: &Api, event: &Event) -> String {
        // A device that is gone has no name left; its id still tells it from others.
        let gone = Slug::from_name(&event.device.to_string());
        let slug = self.0.get(&event.device).unwrap_or(&gone);
        event_payload(event, slug, &api.zone(), PublishNames::Name, false)
    }
}

/// A body that grows line by line.
struct Lines {
    lines: mpsc::Receiver<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.lines.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
