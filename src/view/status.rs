//! `/api/status` and `/healthz`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::device::{RadioView, ReachView};
use super::grant::GrantView;
use super::open::Open;
use super::stamp::Stamp;
use crate::domain::grant::Status;
use crate::domain::ids::{Generation, HubId, Slug};

/// How the daemon is, and each problem with the next thing to do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StatusView {
    pub version: String,
    pub store: StoreView,
    /// What is known only while the store takes changes.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningView>,
    /// By slug; none while the store takes no changes.
    pub locks: Vec<LockStatusView>,
    pub problems: Vec<ProblemView>,
    /// What became of the address of `[web]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<WebView>,
}

/// The part of the status that needs a store that works.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunningView {
    pub hub: HubId,
    /// The last change of intent.
    pub generation: Generation,
    pub stick: StickView,
    /// `None`: no broker is configured.
    pub broker: Option<BrokerView>,
    pub outbox: OutboxView,
    pub clock: ClockView,
    pub radio: AirtimeView,
    /// How many grants have which status.
    pub grants: BTreeMap<Open<Status>, usize>,
    /// The grant that is on its way for longest.
    pub oldest_pending: Option<GrantView>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StickView {
    Ready {
        /// `0x7e570001`.
        home_id: String,
        /// As it names itself: `Z-Wave 7.17`.
        library: String,
    },
    /// It is being set up.
    Starting {
        step: String,
    },
    Absent {
        why: String,
    },
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BrokerView {
    Connected,
    Disconnected {
        why: String,
    },
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

/// Events on their way to the broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutboxView {
    pub waiting: usize,
    /// Events that the broker will never get, since the database was made.
    pub dropped: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StoreView {
    Ready {
        /// Who can read the codes with the storage device in hand, as a sentence.
        codes: String,
        /// Size of the database and its log.
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
    },
    /// Nothing can be saved. It is tried again.
    Unavailable {
        why: String,
        next_try: Stamp,
        /// Frames that wait in memory.
        held_frames: usize,
        /// Frames that found no room there.
        lost_frames: u64,
        codes: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
    },
}

impl StoreView {
    /// The size of the database and its log is this.
    pub fn set_bytes(&mut self, size: u64) {
        match self {
            Self::Ready { bytes, .. } | Self::Unavailable { bytes, .. } => *bytes = Some(size),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClockView {
    /// It is synchronised, or an operator confirmed it.
    pub trusted: bool,
    pub now: Stamp,
    /// How often it was set since the daemon started.
    pub steps: u64,
    pub last_step: Option<Stamp>,
}

/// Transmission in the last hour.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AirtimeView {
    pub airtime_last_hour_ms: u64,
    /// What the law allows there, where it does not allow all.
    pub airtime_limit_ms: Option<u64>,
    /// Percent of the last hour, to the hundredth.
    pub duty_cycle_percent: f64,
}

/// How one lock is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockStatusView {
    pub slug: Slug,
    /// `None`: it left the network.
    pub reach: Option<Open<ReachView>>,
    /// When it was last heard, or acknowledged something.
    pub last_seen: Option<Stamp>,
    /// Grants on their way.
    pub pending: usize,
    /// Grants that need a person.
    pub failed: usize,
    /// Commands that wait for it.
    pub queued: usize,
    pub radio: RadioView,
}

/// Something that needs action, or is worth knowing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProblemView {
    pub severity: Open<Severity>,
    pub what: String,
    /// What to do about it.
    #[serde(rename = "do")]
    pub fix: String,
}

/// How much a problem matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing: nothing has to be done.
    Info,
    Warning,
}

/// What became of the address of `[web]`. The daemon works without it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WebView {
    Open {
        /// Address and port; the port is known only now where none was chosen.
        listen: String,
    },
    Closed {
        why: String,
    },
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

/// `/healthz`, while changes are taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HealthView {
    pub ok: bool,
    pub stick: Open<StickState>,
    /// `None`: no broker is configured.
    pub broker: Option<Open<BrokerState>>,
    /// How many need action.
    pub problems: usize,
}

/// How far the Z-Wave controller is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StickState {
    Ready,
    Starting,
    Absent,
}

/// Whether there is a broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokerState {
    Connected,
    Disconnected,
}
