//! Who comes into the network, and who leaves it: one change at a time, followed from its first word to its last, so that
//! whoever stands at the door is told what to do next.
//!
//! What the change does to devices and their grants is in `devices`, what is expected in `smart_start`, what people are
//! shown in `view`. The radio's side is [`crate::network::inclusion`].

pub(super) mod devices;
mod following;
pub(super) mod problems;
pub(super) mod smart_start;
pub(super) mod view;

use super::context::Context;
use super::words::After;
use crate::domain::actor::Actor;
use crate::domain::audit::{self, Act};
use crate::domain::ids::{DeviceId, Generation, NodeId, ProvisioningId};
use crate::domain::intent::{Accepted, Refusal};
use crate::domain::node::InterviewStage;
use crate::domain::provisioning::{Label, ProvisioningState};
use crate::network::CannotInterview;
use crate::network::inclusion::{CannotBegin, Change, Ended, Failed, JoinInputRejected, JoinSecurity, Progress, Terms};
use crate::security::dsk::Dsk;
use crate::security::key_exchange::DskPin;
use crate::security::keys::KeyMask;

pub(super) use crate::view::ChangeKind as Kind;
use devices::NodeNames;
use following::{Failure, Following, Step};

/// A change of who is in the network: begins, or goes on by what the operator says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MembersAsk {
    Begin(Wanted),
    /// The PIN that was asked for.
    Pin(DskPin),
    /// The keys that the operator grants the device; none is "no".
    Grant(KeyMask),
    Cancel,
}

/// Ask a node everything once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interview(pub NodeId);

/// Expect a device (SmartStart).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expect {
    /// What its label says.
    pub label: Label,
    /// What it will be called.
    pub name: Option<String>,
}

/// Expect a device no more. `None`: it is not on the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unexpect(pub ProvisioningId);

/// A change that somebody asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Take in a device.
    Include {
        terms: Terms,
        /// What the lock will be called.
        name: Option<String>,
    },
    Exclude,
    /// Forget one that answers nothing any more.
    RemoveFailed(Target),
    /// Put a new device in its place.
    ReplaceFailed(Target, Terms),
}

/// A node, by its id or by its device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    Node(NodeId),
    /// The node of this device: slug or id.
    Device(String),
}

/// What is followed. In memory only: a daemon that starts has no change under way.
#[derive(Default)]
pub struct Membership {
    pub(super) change: Option<Following>,
    /// What a node's device will be called, once the node turns out to be a lock.
    pub(super) names: NodeNames,
}

impl Membership {
    /// Begins a change, or goes on with it.
    pub fn handle(&mut self, actor: &Actor, ask: MembersAsk, cx: &mut Context) -> Result<Generation, Refusal> {
        match ask {
            MembersAsk::Begin(wanted) => self.begin(actor, wanted, cx),
            MembersAsk::Pin(pin) => {
                cx.network.enter_pin(&pin, cx.now)?;
                self.answered(actor, Act::PinEntered, cx)
            }
            MembersAsk::Grant(keys) => {
                cx.network.grant_keys(keys, cx.now)?;
                self.answered(actor, Act::KeysGiven(keys.classes().collect()), cx)
            }
            MembersAsk::Cancel => {
                cx.network.cancel_change(cx.now)?;
                self.answered(actor, Act::ChangeCancelled, cx)
            }
        }
    }

    fn begin(&mut self, actor: &Actor, wanted: Wanted, cx: &mut Context) -> Result<Generation, Refusal> {
        let (kind, change, name, node) = match wanted {
            Wanted::Include { terms, name } => {
                let name = name.map(|name| super::intents::one_line("the name", &name)).transpose()?;
                (Kind::Include, Change::Include(terms), name, None)
            }
            Wanted::Exclude => (Kind::Exclude, Change::Exclude, None, None),
            Wanted::RemoveFailed(target) => {
                let node = node_of(&target, cx)?;
                (Kind::RemoveFailed, Change::RemoveFailed(node), None, Some(node))
            }
            Wanted::ReplaceFailed(target, terms) => {
                let node = node_of(&target, cx)?;
                (Kind::ReplaceFailed, Change::ReplaceFailed(node, terms), None, Some(node))
            }
        };
        let act = audited(&change);
        cx.network.begin(change, cx.now)?;
        cx.state.audit(actor, act, cx.now.wall);
        Ok(self.follow(kind, name, node, cx))
    }

    /// A change began: from now on it is the one that is shown.
    pub(super) fn follow(&mut self, kind: Kind, name: Option<String>, node: Option<NodeId>, cx: &mut Context) -> Generation {
        let id = cx.state.next_generation();
        let device = node.and_then(|node| cx.state.device_of(node)).map(|device| device.id);
        self.change = Some(Following {
            id,
            kind,
            step: Step::Starting,
            since: cx.now.wall,
            name,
            entry: None,
            node,
            device,
            security: None,
            warning: None,
            started_over: false,
        });
        self.tell_change(cx);
        id
    }

    fn answered(&self, actor: &Actor, act: Act, cx: &mut Context) -> Result<Generation, Refusal> {
        cx.state.audit(actor, act, cx.now.wall);
        let nothing = || Refusal::from(JoinInputRejected::NothingUnderWay);
        self.change.as_ref().map(|change| change.id).ok_or_else(nothing)
    }

    /// The network tells how far a change got.
    pub fn progress(&mut self, progress: Progress, cx: &mut Context) {
        match progress {
            Progress::Calls(dsk) => self.called(&dsk, cx),
            Progress::Ready => self.step(Step::Ready, cx),
            Progress::Found => self.step(Step::Found, cx),
            Progress::Joined(node) => {
                self.joined(node, cx);
                self.step(Step::Joined, cx);
            }
            Progress::Asked(question) => self.step(Step::Asked(question), cx),
            Progress::Exchanging => self.step(Step::Exchanging, cx),
            Progress::Ended(Ok(ended)) => self.ended(ended, cx),
            Progress::Ended(Err(failed)) => self.failed(failed, cx),
        }
    }

    /// A device whose label was scanned asks to be included.
    fn called(&mut self, dsk: &Dsk, cx: &mut Context) {
        let entry = cx.state.provisioning().find(|expected| expected.is_expected() && expected.label.dsk == *dsk);
        let (entry, name) = entry.map(|entry| (entry.id, entry.name.clone())).unzip();
        cx.state.audit(&Actor::SMART_START, Act::ExpectedDeviceCalled(entry), cx.now.wall);
        self.follow(Kind::SmartStart, name.flatten(), None, cx);
        if let Some(change) = &mut self.change {
            change.entry = entry;
        }
    }

    /// The stick has a new node, or a new device behind a failed one's id.
    fn joined(&mut self, node: NodeId, cx: &mut Context) {
        let replaces = self.change.as_ref().is_some_and(|change| change.kind == Kind::ReplaceFailed);
        if replaces {
            self.start_over(node, cx);
        } else {
            // Its id was another device's once, which left unseen.
            devices::unlink(node, cx);
            smart_start::forget_entry_of(node, cx);
        }
        let Some(change) = &mut self.change else { return };
        change.node = Some(node);
        if let Some(name) = change.name.clone() {
            self.names.insert(node, name);
        }
    }

    /// The device behind a failed node's id is another one from now on. Only once: it may have been written to since.
    fn start_over(&mut self, node: NodeId, cx: &mut Context) {
        let Some(change) = self.change.as_mut().filter(|change| !change.started_over) else { return };
        change.started_over = true;
        change.device = cx.state.device_of(node).map(|device| device.id);
        if let Some(device) = change.device {
            devices::begin_anew(device, cx);
        }
    }

    fn ended(&mut self, ended: Ended, cx: &mut Context) {
        match ended {
            Ended::Included { node, security, warning } => {
                let replaces = self.change.as_ref().is_some_and(|change| change.kind == Kind::ReplaceFailed);
                if replaces {
                    self.start_over(node, cx);
                }
                let entry = self.change.as_mut().and_then(|change| {
                    (change.node, change.security, change.warning) = (Some(node), Some(security), warning);
                    change.entry
                });
                if let Some(entry) = entry {
                    smart_start::set_entry(entry, ProvisioningState::Included { node }, cx);
                }
                devices::register_lock(node, None, &mut self.names, cx);
                self.step(Step::Interviewing, cx);
                self.look_at_interview(node, cx);
            }
            Ended::Excluded(node) => {
                let device = node.and_then(|node| self.left(node, cx));
                if let Some(change) = &mut self.change {
                    (change.node, change.device) = (node, device);
                }
                self.step(Step::Done, cx);
            }
            Ended::Removed(node) => {
                let device = self.left(node, cx);
                if let Some(change) = &mut self.change {
                    (change.node, change.device) = (Some(node), device);
                }
                self.step(Step::Done, cx);
            }
        }
        smart_start::expect_devices(cx);
    }

    fn failed(&mut self, failed: Failed, cx: &mut Context) {
        let change = self.change.as_ref();
        if let Some(node) = change.and_then(|change| change.node) {
            self.names.remove(&node);
        }
        if let Some(entry) = change.and_then(|change| change.entry) {
            let why = format!("{}; {}", failed.why, failed.why.advice());
            smart_start::set_entry(entry, ProvisioningState::Failed { why }, cx);
        }
        self.step(Step::Failed(failed.into()), cx);
        smart_start::expect_devices(cx);
    }

    /// A node left on purpose: its device keeps everything but the node.
    fn left(&mut self, node: NodeId, cx: &mut Context) -> Option<DeviceId> {
        smart_start::forget_entry_of(node, cx);
        self.names.remove(&node);
        devices::unlink(node, cx)
    }

    /// Something was learnt of a node: an inclusion ends with its interview.
    pub fn look_at_interview(&mut self, id: NodeId, cx: &mut Context) {
        let usable = cx.network.node(id).is_some_and(|node| match node.is_lock() {
            true => node.stage >= InterviewStage::Capabilities,
            false => node.stage == InterviewStage::Complete,
        });
        if usable {
            self.interviewed(id, cx);
        }
    }

    /// A node told all that is needed.
    pub fn interviewed(&mut self, id: NodeId, cx: &mut Context) {
        let device = cx.state.device_of(id).map(|device| device.id);
        if let Some(change) = self.interviewing(id) {
            change.device = device;
            self.step(Step::Done, cx);
        }
    }

    /// A node is gone: nothing more comes of its interview.
    pub fn interview_is_off(&mut self, id: NodeId, cx: &mut Context) {
        self.names.remove(&id);
        if self.interviewing(id).is_some() {
            let why = "the device left the network again".to_owned();
            self.step(Step::Failed(Failure { why, advice: "include it again", left: None }), cx);
        }
    }

    /// The next step, if there is a change that can take one.
    fn step(&mut self, step: Step, cx: &mut Context) {
        match &mut self.change {
            Some(change) if !change.is_over() => (change.step, change.since) = (step, cx.now.wall),
            _ => return tracing::warn!("a change of the network that nobody began goes on"),
        }
        self.tell_change(cx);
    }

    /// Tells the log, whoever listens, and the broker. The log has no PIN and no part of a device's key.
    fn tell_change(&self, cx: &mut Context) {
        let Some(change) = &self.change else { return };
        let (id, kind, state, node) = (change.id.0, change.kind, change.step.state(), change.node.map(|node| node.0));
        match &change.step {
            Step::Failed(failure) => {
                let left = failure.left.map(|node| node.0);
                tracing::warn!(id, ?kind, node, left, why = failure.why, "a change of the network failed");
            }
            _ => tracing::info!(id, ?kind, %state, node, security = ?change.security, "a change of the network goes on"),
        }
        let shown = view::change(self.change.as_ref(), &cx.state, &cx.settings);
        if let Some(mqtt) = &cx.settings.mqtt {
            let message = mqtt.topics.change(&shown.clone().without_code());
            cx.out.pass(message);
        }
        cx.out.after.push(After::Change(Box::new(shown)));
    }

    /// Asks a node everything once more.
    pub fn interview(&self, actor: &Actor, node: NodeId, cx: &mut Context) -> Result<(), Refusal> {
        cx.network.interview_again(node, cx.now)?;
        cx.state.audit(actor, Act::NodeInterviewed(node), cx.now.wall);
        Ok(())
    }

    /// Another lock takes the place of a device: see [`devices::replace_device`].
    pub fn replace_device(&mut self, actor: &Actor, old: &str, new: &str, cx: &mut Context) -> Result<Accepted, Refusal> {
        let replacement = cx.state.device_named(new).map(|device| device.id);
        let accepted = devices::replace_device(actor, old, new, cx)?;
        if let Some(change) = self.change.as_mut().filter(|change| change.device.is_some() && change.device == replacement) {
            change.device = accepted.device;
        }
        Ok(accepted)
    }

    /// The change whose node is being interviewed, if it is this one.
    fn interviewing(&mut self, node: NodeId) -> Option<&mut Following> {
        self.change.as_mut().filter(|change| change.node == Some(node) && matches!(change.step, Step::Interviewing))
    }

    /// Whether a change is under way that is about this node.
    fn is_busy_with(&self, node: NodeId) -> bool {
        self.change.as_ref().is_some_and(|change| change.node == Some(node) && !change.is_over())
    }
}

fn node_of(target: &Target, cx: &Context) -> Result<NodeId, Refusal> {
    match target {
        Target::Node(node) => Ok(*node),
        Target::Device(name) => {
            let device = cx.state.device_named(name).ok_or_else(|| Refusal::UnknownDevice(name.clone()))?;
            device.node.ok_or_else(|| Refusal::NotInNetwork(device.slug.to_string()))
        }
    }
}

fn audited(change: &Change) -> Act {
    let security = |terms: &Terms| match terms.security {
        JoinSecurity::Best => audit::JoinSecurity::Best,
        JoinSecurity::S0 => audit::JoinSecurity::S0Only,
        JoinSecurity::Insecure => audit::JoinSecurity::None,
    };
    match change {
        Change::Include(terms) => Act::InclusionBegan(security(terms)),
        Change::Exclude => Act::ExclusionBegan,
        Change::RemoveFailed(node) => Act::RemovalBegan(*node),
        Change::ReplaceFailed(node, terms) => Act::ReplacementBegan(*node, security(terms)),
    }
}

impl From<CannotBegin> for Refusal {
    fn from(cannot: CannotBegin) -> Self {
        let why = cannot.to_string();
        match cannot {
            CannotBegin::NoController => Self::StickNotReady(why),
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
            CannotInterview::NoController => Self::StickNotReady(why),
            CannotInterview::UnknownNode(_) => Self::UnknownNode(why),
            CannotInterview::NotAMember(_) => Self::NotSupported(why),
        }
    }
}

impl From<JoinInputRejected> for Refusal {
    fn from(misplaced: JoinInputRejected) -> Self {
        let why = misplaced.to_string();
        match misplaced {
            JoinInputRejected::NothingUnderWay => Self::NoChange(why),
            JoinInputRejected::NotAsked | JoinInputRejected::NotOffered => Self::NotAsked(why),
        }
    }
}
