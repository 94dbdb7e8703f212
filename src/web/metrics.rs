//! The daemon's figures for Prometheus, without persons and codes; a client that may not know when a person was at a door
//! gets the page without what shows it.

use std::fmt;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::bridge::vitals::{LockVitals, Vitals};
use crate::config::Metrics;
use crate::domain::time::Timestamp;
use crate::network::{ControllerStatus, Reach};

/// What the page is served as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = [(&'static str, String); 1];

/// The page. `store_bytes`: size of the database and its log.
pub fn page(vitals: &Vitals, store_bytes: u64, detail: Metrics) -> Result<String, fmt::Error> {
    let mut page = Page(Registry::with_prefix("latchkey"));
    let version = [("version", env!("CARGO_PKG_VERSION").to_owned())];
    page.by("build", "The daemon's version", [(version, 1)]);
    page.one("stick_ready", "The Z-Wave stick is set up", u64::from(matches!(vitals.stick, ControllerStatus::Ready(_))));
    if let Some(broker) = &vitals.broker {
        page.one("broker_connected", "The MQTT broker is connected", u64::from(broker.is_ok()));
    }
    page.one("outbox_events", "Events that wait for the broker", count(vitals.outbox_waiting));
    page.total("outbox_dropped_events", "Events that the broker will never get", vitals.dropped.count);
    page.one("clock_trusted", "The wall clock is believed", u64::from(vitals.clock_trusted));
    page.total("clock_steps", "Times the wall clock was set", vitals.clock_steps);
    page.one("airtime_last_hour_milliseconds", "Transmission in the last hour", vitals.airtime_ms);
    if let Some(limit) = vitals.airtime_limit_ms {
        page.one("airtime_limit_milliseconds", "Transmission that the law allows in an hour", limit);
    }
    page.one("store_bytes", "Size of the database and its log", store_bytes);
    page.one("problems", "What needs somebody", count(vitals.needs_somebody()));
    let grants = vitals.grants.iter().map(|(status, grants)| ([("status", status.to_string())], count(*grants)));
    page.by("grants", "Grants by status", grants);
    let oldest = vitals.oldest_pending.map_or(0, |(_, since)| (vitals.now - since).as_secs());
    page.one("oldest_pending_grant_seconds", "How long the oldest grant that is on its way waits", oldest);
    page.locks(vitals, detail);
    let mut out = String::new();
    text::encode(&mut out, &page.0)?;
    Ok(out)
}

struct Page(Registry);

impl Page {
    fn locks(&mut self, vitals: &Vitals, detail: Metrics) {
        let mut each = |name, help, value: fn(&LockVitals) -> Option<u64>| {
            let labelled = |lock: &LockVitals| Some(([("device", lock.slug.to_string())], value(lock)?));
            self.by(name, help, vitals.locks.iter().filter_map(labelled));
        };
        each("lock_reachable", "The lock answers, or sleeps as it should", |lock| {
            Some(u64::from(lock.reach.is_some_and(|reach| reach != Reach::Dead)))
        });
        each("lock_battery_percent", "Battery of the lock; 0 when it warns", |lock| lock.battery.map(u64::from));
        each("lock_pending_grants", "Grants on their way to the lock", |lock| Some(count(lock.pending)));
        each("lock_failed_grants", "Grants at the lock that need somebody", |lock| Some(count(lock.failed)));
        each("lock_queued_commands", "Commands that wait for the lock", |lock| Some(count(lock.queued)));
        // A figure that moves when a door is opened shows when.
        if detail == Metrics::Plain {
            return;
        }
        each("lock_last_contact_timestamp_seconds", "When the lock was last heard", |lock| lock.last_contact.map(seconds));
        each("lock_frames", "Frames handed to the stick for the lock since the start", |lock| Some(lock.radio.frames));
        each("lock_wakeups", "Times the lock was woken since the start", |lock| Some(lock.radio.wakeups));
        each("lock_airtime_milliseconds", "Transmission for the lock since the start", |lock| Some(lock.radio.airtime_ms));
    }

    fn one(&mut self, name: &str, help: &str, value: u64) {
        let gauge: Gauge = Gauge::default();
        gauge.set(signed(value));
        self.0.register(name, help, gauge);
    }

    fn total(&mut self, name: &str, help: &str, value: u64) {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    fn by(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) {
        let family: Family<Labels, Gauge> = Family::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(signed(value));
        }
        self.0.register(name, help, family);
    }
}

fn seconds(at: Timestamp) -> u64 {
    (at - Timestamp::default()).as_secs()
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
