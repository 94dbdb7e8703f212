//! `/api/events`, the journal, and `/api/live`, the journal as it grows.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_core::Stream;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::api::{Api, Who};
use super::live::News;
use super::problem::Problem;
use super::room::Pulse;
use crate::bridge::ask;
use crate::domain::event::{Event, PublishNames};
use crate::domain::ids::{DeviceId, EventId, PersonId, Slug};
use crate::domain::intent::Refusal;
use crate::domain::time::Timestamp;
use crate::store::{EventQuery, Order, Page};
use crate::view::{self, CurrentChange, EventView};

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
) -> Result<Json<view::Page<EventView>>, Problem> {
    let query = read_query(&api, &who, query).await?;
    let names = DeviceNames::ask(&api, &who).await?;
    let page = read_journal(&api, query).await?;
    let items = page.items.iter().map(|event| names.view(&api, event)).collect();
    Ok(Json(view::Page { items, next: page.next.map(|id| id.to_string()) }))
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
    let (listener, messages) = mpsc::channel(16);
    tokio::spawn(follow(api, wanted, last, names, listener));
    if let Some(Extension(pulse)) = pulse {
        pulse.streams();
    }
    let stream = Following { messages, _place: place };
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Sends what was missed, then what happens, until the listener goes, falls behind, or the daemon stops.
async fn follow(api: Api, wanted: EventQuery, last: Option<EventId>, names: DeviceNames, listener: mpsc::Sender<Message>) {
    // Listening begins before the journal is read: an event in between comes twice rather than never, and is told by its id.
    let mut happening = api.live.listen();
    let mut sent = BTreeSet::new();
    let mut after = last;
    while after.is_some() {
        let query = EventQuery { after, order: Order::OldestFirst, ..wanted.clone() };
        let Ok(page) = read_journal(&api, query).await else { return };
        for event in &page.items {
            sent.insert(event.id);
            if !send(&listener, of_event(&names.view(&api, event))).await {
                return;
            }
        }
        after = page.next;
    }
    loop {
        let happened = tokio::select! {
            happened = happening.recv() => happened,
            () = listener.closed() => return,
        };
        let Ok(news) = happened else { return };
        let message = match &*news {
            // Whoever asked for one door or one person did not ask for this.
            News::Change(_) if wanted.device.is_some() || wanted.person.is_some() => continue,
            News::Change(change) => of_change(change),
            News::Happened(happened) => {
                let event = &happened.event;
                if sent.contains(&event.id) || !is_wanted(&wanted, event) {
                    continue;
                }
                of_event(&EventView::new(event, happened.device.clone(), &api.zone(), PublishNames::Name, false))
            }
        };
        if !send(&listener, message).await {
            return;
        }
    }
}

/// `false`: the listener is gone, or leaves everything unread.
async fn send(listener: &mpsc::Sender<Message>, message: Message) -> bool {
    listener.send_timeout(message, PATIENCE).await.is_ok()
}

/// Whether the journal would have given this event to that query.
fn is_wanted(query: &EventQuery, event: &Event) -> bool {
    query.since.is_none_or(|since| event.at >= since)
        && query.device.is_none_or(|device| event.device == device)
        && query.person.is_none_or(|wanted| event.person.as_ref().is_some_and(|person| person.id == wanted))
}

fn of_event(event: &EventView) -> Message {
    data(Message::default().id(event.event_id.to_string()), event)
}

/// A step has a type of its own and no id: the listener's last id stays that of an event, and it can come back with it.
fn of_change(change: &CurrentChange) -> Message {
    data(Message::default().event("change"), change)
}

fn data(message: Message, view: &impl Serialize) -> Message {
    // Plain structs with string keys always serialise.
    message.data(serde_json::to_string(view).unwrap_or_default())
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
        let device = api.ask(who.clone(), ask::Device(name.clone())).await?;
        read.device = Some(device.ok_or(Refusal::UnknownDevice(name))?.id);
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

/// What devices are called now; events keep only their ids.
struct DeviceNames(BTreeMap<DeviceId, Slug>);

impl DeviceNames {
    async fn ask(api: &Api, who: &Who) -> Result<Self, Problem> {
        Ok(Self(api.ask(who.clone(), ask::DeviceNames).await?))
    }

    fn view(&self, api: &Api, event: &Event) -> EventView {
        // A device that is gone has no name left; its id still tells it from others.
        let gone = || Slug::from_name(&event.device.to_string());
        let slug = self.0.get(&event.device).cloned().unwrap_or_else(gone);
        EventView::new(event, slug, &api.zone(), PublishNames::Name, false)
    }
}

/// The messages of one listener, who has one of the places while they go on.
struct Following {
    messages: mpsc::Receiver<Message>,
    _place: OwnedSemaphorePermit,
}

impl Stream for Following {
    type Item = Result<Message, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.messages.poll_recv(context).map(|message| message.map(Ok))
    }
}
