//! Who comes into the network, and who leaves it: one change at a time, followed from its first word to its last, so that
//! whoever stands at the door is told what to do next.
//!
//! What the change does to devices and their grants is in `devices`, what is expected in `smart_start`, what people are
//! shown in `view`. The radio's side is [`crate::network::inclusion`].

mod devices;
mod smart_start;
pub(super) mod view;

use std::collections::BTreeMap;

use serde::Serialize;

use super::ask::{Actor, Reply};
use super::turn::Bridge;
use super::words::After;
use crate::domain::ids::{DeviceId, Generation, NodeId, ProvisioningId};
use crate::domain::intent::Refusal;
use crate::domain::node::{InterviewStage, SecurityClass};
use crate::domain::provisioning::{Label, ProvisioningState};
use crate::domain::time::{Now, Timestamp};
use crate::network::CannotInterview;
use crate::network::inclusion::{CannotBegin, Change, Ended, Failed, Misplaced, Progress, Protection, Question, Terms, Warning};
use crate::security::dsk::Dsk;
use crate::security::key_exchange::DskPin;
use crate::security::keys::KeyMask;

pub(super) use view::problems;

/// Questions and changes about who is in the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MembersAsk {
    /// How far the change is that is under way, or was the last.
    Change,
    /// Begin one.
    Begin(Wanted),
    /// The PIN that was asked for.
    Pin(DskPin),
    /// The keys that the operator grants the device; none is "no".
    Grant(KeyMask),
    /// Stop it.
    Cancel,
    /// Ask a node everything once more.
    Interview(NodeId),
    /// The devices that are expected: a list.
    Expected,
    /// Expect one more.
    Expect {
        /// What its label says.
        label: Label,
        /// What it will be called.
        name: Option<String>,
    },
    /// Expect it no more.
    Unexpect(ProvisioningId),
}

/// A change that somebody asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Take in a device.
    Include {
        /// On which terms.
        terms: Terms,
        /// What the lock will be called.
        name: Option<String>,
    },
    /// Let one go.
    Exclude,
    /// Forget one that answers nothing any more.
    RemoveFailed(Target),
    /// Put a new device in its place.
    ReplaceFailed(Target, Terms),
}

/// A node, by its id or by its device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// The node itself.
    Node(NodeId),
    /// The node of this device: slug or id.
    Device(String),
}

/// What is followed. In memory only: a daemon that starts has no change under way.
#[derive(Default)]
pub(super) struct Membership {
    change: Option<Following>,
    /// What a node's device will be called, once the node turns out to be a lock.
    names: BTreeMap<NodeId, String>,
}

/// One change and how far it got.
struct Following {
    /// Its number: larger than that of every change before it, over restarts, too.
    id: Generation,
    kind: Kind,
    step: Step,
    /// Since when it is at that step.
    since: Timestamp,
    name: Option<String>,
    /// The entry of the list that it is about (SmartStart).
    entry: Option<ProvisioningId>,
    node: Option<NodeId>,
    device: Option<DeviceId>,
    security: Option<SecurityClass>,
    warning: Option<Warning>,
    /// The device in the place of a failed one was given a fresh start.
    started_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Include,
    Exclude,
    RemoveFailed,
    ReplaceFailed,
    SmartStart,
}

/// How far a change got: what the network says, and after that the interview.
enum Step {
    Starting,
    Ready,
    Found,
    Joined,
    Asked(Question),
    Exchanging,
    Interviewing,
    Done,
    Failed(Failure),
}

struct Failure {
    why: String,
    advice: &'static str,
    left: Option<NodeId>,
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        Self { why: failed.why.to_string(), advice: failed.why.advice(), left: failed.left }
    }
}

impl Bridge {
    pub(super) fn ask_members(&mut self, actor: &Actor, ask: MembersAsk, now: Now) -> Result<Reply, Refusal> {
        match ask {
            MembersAsk::Change => Ok(Reply::View(view::change(self))),
            MembersAsk::Begin(wanted) => self.begin(actor, wanted, now).map(begun),
            MembersAsk::Pin(pin) => {
                self.network.enter_pin(&pin, now)?;
                self.answered(actor, "entered a device's PIN", now)
            }
            MembersAsk::Grant(keys) => {
                self.network.grant_keys(keys, now)?;
                let given: Vec<String> = keys.classes().map(|class| format!("{class:?}")).collect();
                let given = if given.is_empty() { "no keys".to_owned() } else { given.join(", ") };
                self.answered(actor, &format!("gave a joining device {given}"), now)
            }
            MembersAsk::Interview(node) => {
                self.network.interview_again(node, now)?;
                self.state.audit(&actor.0, format!("had node {node} interviewed again"), now.wall);
                Ok(Reply::View(serde_json::json!({ "node": node })))
            }
            MembersAsk::Cancel => {
                self.network.cancel_change(now)?;
                self.answered(actor, "cancelled an inclusion or exclusion", now)
            }
            MembersAsk::Expected => Ok(Reply::View(view::expected(self))),
            MembersAsk::Expect { label, name } => self.expect(actor, label, name, now).map(Reply::View),
            MembersAsk::Unexpect(id) => Ok(self.unexpect(actor, id, now).map_or(Reply::NotFound, Reply::View)),
        }
    }

    fn begin(&mut self, actor: &Actor, wanted: Wanted, now: Now) -> Result<Generation, Refusal> {
        let (kind, change, name, node) = match wanted {
            Wanted::Include { terms, name } => {
                let name = name.map(|name| super::intents::one_line("the name", &name)).transpose()?;
                (Kind::Include, Change::Include(terms), name, None)
            }
            Wanted::Exclude => (Kind::Exclude, Change::Exclude, None, None),
            Wanted::RemoveFailed(target) => {
                let node = self.node_of(&target)?;
                (Kind::RemoveFailed, Change::RemoveFailed(node), None, Some(node))
            }
            Wanted::ReplaceFailed(target, terms) => {
                let node = self.node_of(&target)?;
                (Kind::ReplaceFailed, Change::ReplaceFailed(node, terms), None, Some(node))
            }
        };
        let what = audited(kind, &change, node);
        self.network.begin(change, now)?;
        self.state.audit(&actor.0, what, now.wall);
        Ok(self.follow(kind, name, node, now))
    }

    fn node_of(&self, target: &Target) -> Result<NodeId, Refusal> {
        match target {
            Target::Node(node) => Ok(*node),
            Target::Device(name) => {
                let device = self.state.device_named(name).ok_or_else(|| Refusal::UnknownDevice(name.clone()))?;
                device.node.ok_or_else(|| Refusal::NotInNetwork(device.slug.to_string()))
            }
        }
    }

    /// A change began: from now on it is the one that is shown.
    pub(super) fn follow(&mut self, kind: Kind, name: Option<String>, node: Option<NodeId>, now: Now) -> Generation {
        let id = self.state.next_generation();
        let device = node.and_then(|node| self.state.device_of(node)).map(|device| device.id);
        self.membership.change = Some(Following {
            id,
            kind,
            step: Step::Starting,
            since: now.wall,
            name,
            entry: None,
            node,
            device,
            security: None,
            warning: None,
            started_over: false,
        });
        self.tell_change();
        id
    }

    fn answered(&mut self, actor: &Actor, what: &str, now: Now) -> Result<Reply, Refusal> {
        self.state.audit(&actor.0, what.to_owned(), now.wall);
        let nothing = || Refusal::from(Misplaced::NothingUnderWay);
        self.membership.change.as_ref().map(|change| begun(change.id)).ok_or_else(nothing)
    }

    /// The network tells how far a change got.
    pub(super) fn progress(&mut self, progress: Progress, now: Now) {
        match progress {
            Progress::Calls(dsk) => self.called(&dsk, now),
            Progress::Ready => self.step(Step::Ready, now),
            Progress::Found => self.step(Step::Found, now),
            Progress::Joined(node) => {
                self.joined(node, now);
                self.step(Step::Joined, now);
            }
            Progress::Asked(question) => self.step(Step::Asked(question), now),
            Progress::Exchanging => self.step(Step::Exchanging, now),
            Progress::Ended(Ok(ended)) => self.ended(ended, now),
            Progress::Ended(Err(failed)) => self.failed(failed, now),
        }
    }

    /// A device whose label was scanned asks to be included.
    fn called(&mut self, dsk: &Dsk, now: Now) {
        let entry = self.state.provisioning().find(|expected| expected.is_expected() && expected.label.dsk == *dsk);
        let (entry, name) = entry.map(|entry| (entry.id, entry.name.clone())).unzip();
        self.state.audit("smart start", "a device on the list asked to be included".to_owned(), now.wall);
        self.follow(Kind::SmartStart, name.flatten(), None, now);
        if let Some(change) = &mut self.membership.change {
            change.entry = entry;
        }
    }

    /// The stick has a new node, or a new device behind a failed one's id.
    fn joined(&mut self, node: NodeId, now: Now) {
        let replaces = self.membership.change.as_ref().is_some_and(|change| change.kind == Kind::ReplaceFailed);
        if replaces {
            self.start_over(node, now);
        } else {
            // Its id was another device's once, which left unseen.
            self.unlink(node, now);
            self.forget_entry_of(node, now);
        }
        let Some(change) = &mut self.membership.change else { return };
        change.node = Some(node);
        if let Some(name) = change.name.clone() {
            self.membership.names.insert(node, name);
        }
    }

    /// The device behind a failed node's id is another one from now on. Only once: it may have been written to since.
    fn start_over(&mut self, node: NodeId, now: Now) {
        let Some(change) = self.membership.change.as_mut().filter(|change| !change.started_over) else { return };
        change.started_over = true;
        change.device = self.state.device_of(node).map(|device| device.id);
        if let Some(device) = change.device {
            self.begin_anew(device, now);
        }
    }

    fn ended(&mut self, ended: Ended, now: Now) {
        match ended {
            Ended::Included { node, security, warning } => {
                let replaces = self.membership.change.as_ref().is_some_and(|change| change.kind == Kind::ReplaceFailed);
                if replaces {
                    self.start_over(node, now);
                }
                let entry = self.membership.change.as_mut().and_then(|change| {
                    (change.node, change.security, change.warning) = (Some(node), Some(security), warning);
                    change.entry
                });
                if let Some(entry) = entry {
                    self.set_entry(entry, ProvisioningState::Included { node });
                }
                self.welcome(node, None, now);
                self.step(Step::Interviewing, now);
                self.look_at_interview(node, now);
            }
            Ended::Excluded(node) => {
                let device = node.and_then(|node| self.left(node, now));
                if let Some(change) = &mut self.membership.change {
                    (change.node, change.device) = (node, device);
                }
                self.step(Step::Done, now);
            }
            Ended::Removed(node) => {
                let device = self.left(node, now);
                if let Some(change) = &mut self.membership.change {
                    (change.node, change.device) = (Some(node), device);
                }
                self.step(Step::Done, now);
            }
        }
        self.expect_devices(now);
    }

    fn failed(&mut self, failed: Failed, now: Now) {
        let change = self.membership.change.as_ref();
        if let Some(node) = change.and_then(|change| change.node) {
            self.membership.names.remove(&node);
        }
        if let Some(entry) = change.and_then(|change| change.entry) {
            let why = format!("{}; {}", failed.why, failed.why.advice());
            self.set_entry(entry, ProvisioningState::Failed { why });
        }
        self.step(Step::Failed(failed.into()), now);
        self.expect_devices(now);
    }

    /// A node left on purpose: its device keeps everything but the node.
    fn left(&mut self, node: NodeId, now: Now) -> Option<DeviceId> {
        self.forget_entry_of(node, now);
        self.membership.names.remove(&node);
        self.unlink(node, now)
    }

    /// Something was learnt of a node: an inclusion ends with its interview.
    pub(super) fn look_at_interview(&mut self, id: NodeId, now: Now) {
        let usable = self.network.node(id).is_some_and(|node| match node.is_lock() {
            true => node.stage >= InterviewStage::Capabilities,
            false => node.stage == InterviewStage::Complete,
        });
        if usable {
            self.interviewed(id, now);
        }
    }

    /// A node told all that is needed.
    pub(super) fn interviewed(&mut self, id: NodeId, now: Now) {
        let device = self.state.device_of(id).map(|device| device.id);
        if let Some(change) = self.membership.interviewing(id) {
            change.device = device;
            self.step(Step::Done, now);
        }
    }

    /// A node is gone: nothing more comes of its interview.
    pub(super) fn interview_is_off(&mut self, id: NodeId, now: Now) {
        self.membership.names.remove(&id);
        if self.membership.interviewing(id).is_some() {
            let why = "the device left the network again".to_owned();
            self.step(Step::Failed(Failure { why, advice: "include it again", left: None }), now);
        }
    }

    /// The next step, if there is a change that can take one.
    fn step(&mut self, step: Step, now: Now) {
        match &mut self.membership.change {
            Some(change) if !change.is_over() => (change.step, change.since) = (step, now.wall),
            _ => return tracing::warn!("a change of the network that nobody began goes on"),
        }
        self.tell_change();
    }

    /// Tells the log, whoever listens, and the broker. The log has no PIN and no part of a device's key.
    fn tell_change(&mut self) {
        let Some(change) = &self.membership.change else { return };
        let (id, kind, state, node) = (change.id.0, change.kind, change.step.word(), change.node.map(|node| node.0));
        match &change.step {
            Step::Failed(failure) => {
                let left = failure.left.map(|node| node.0);
                tracing::warn!(id, ?kind, node, left, why = failure.why, "a change of the network failed");
            }
            _ => tracing::info!(id, ?kind, state, node, security = ?change.security, "a change of the network goes on"),
        }
        let told = view::change(self);
        let published = self.settings.mqtt.as_ref().filter(|_| self.announcer.trouble().is_none());
        let published = published.map(|mqtt| mqtt.topics.change(&view::without_code(told.clone()).to_string()));
        self.after.push(After::Change(told));
        self.after.extend(published.map(After::Passing));
    }
}

impl Membership {
    /// The change whose node is being interviewed, if it is this one.
    fn interviewing(&mut self, node: NodeId) -> Option<&mut Following> {
        self.change.as_mut().filter(|change| change.node == Some(node) && matches!(change.step, Step::Interviewing))
    }

    /// Whether a change is under way that is about this node.
    fn is_busy_with(&self, node: NodeId) -> bool {
        self.change.as_ref().is_some_and(|change| change.node == Some(node) && !change.is_over())
    }
}

impl Following {
    fn is_over(&self) -> bool {
        matches!(self.step, Step::Done | Step::Failed(_))
    }
}

impl Step {
    fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Found => "found",
            Self::Joined => "joined",
            Self::Asked(_) => "asked",
            Self::Exchanging => "exchanging",
            Self::Interviewing => "interviewing",
            Self::Done => "done",
            Self::Failed(_) => "failed",
        }
    }
}

fn begun(id: Generation) -> Reply {
    Reply::View(serde_json::json!({ "change": id }))
}

fn audited(kind: Kind, change: &Change, node: Option<NodeId>) -> String {
    let node = node.map(|node| format!(" of node {node}")).unwrap_or_default();
    let how = match change {
        Change::Include(terms) | Change::ReplaceFailed(_, terms) => match terms.security {
            Protection::Best => "",
            Protection::S0 => " with S0 only",
            Protection::Insecure => " without security",
        },
        Change::Exclude | Change::RemoveFailed(_) => "",
    };
    let what = match kind {
        Kind::Include | Kind::SmartStart => "an inclusion",
        Kind::Exclude => "an exclusion",
        Kind::RemoveFailed => "the removal",
        Kind::ReplaceFailed => "the replacement",
    };
    format!("began {what}{node}{how}")
}

impl From<CannotBegin> for Refusal {
    fn from(cannot: CannotBegin) -> Self {
        let why = cannot.to_string();
        match cannot {
            CannotBegin::NoStick => Self::StickNotReady(why),
            CannotBegin::Busy => Self::ChangeUnderWay(why),
            CannotBegin::UnknownNode(_) => Self::UnknownNode(why),
            CannotBegin::NotSupported | CannotBegin::PinNeedsS2 => Self::NotSupported(why),
        }
    }
}

impl From<CannotInterview> for Refusal {
    fn from(cannot: CannotInterview) -> Self {
        let why = cannot.to_string();
        match cannot {
            CannotInterview::NoStick => Self::StickNotReady(why),
            CannotInterview::UnknownNode(_) => Self::UnknownNode(why),
            CannotInterview::NotAMember(_) => Self::NotSupported(why),
        }
    }
}

impl From<Misplaced> for Refusal {
    fn from(misplaced: Misplaced) -> Self {
        let why = misplaced.to_string();
        match misplaced {
            Misplaced::NothingUnderWay => Self::NoChange(why),
            Misplaced::NotAsked | Misplaced::NotOffered => Self::NotAsked(why),
        }
    }
}
