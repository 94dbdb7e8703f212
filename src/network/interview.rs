//! The interview of a node, in stages: only what is needed, each query once, and nothing that changes a code. A stage
//! is recorded when all its queries are settled, so a restart resumes after it.
//!
//! A class that does not answer does not stop the others; it is asked again a few times at the end. If a node cannot be
//! reached, the same query is sent again after a pause, or when the node is heard. The security class is known only
//! from an answer under that class ([`super::class_search`]).

use std::collections::VecDeque;
use std::time::Duration;

use super::api::{InterviewTrouble, Interviewing};
use super::class_search::{ClassSearch, Verdict};
use super::jobs::{Completion, Operation, Outcome};
use crate::command::association::{self, Association};
use crate::command::association_group_info::{AssociationGroupInfo, InfoGet, Profile};
use crate::command::battery::Battery;
use crate::command::door_lock::DoorLock;
use crate::command::manufacturer_specific::ManufacturerSpecific;
use crate::command::notification::Notification;
use crate::command::security::Security;
use crate::command::security_2::Security2;
use crate::command::user_code::{self, UserCode};
use crate::command::version::{CommandClassGet, Version};
use crate::command::wake_up::{Interval, WakeUp};
use crate::command::{ClassId, Command};
use crate::domain::ids::NodeId;
use crate::domain::node::{DoorLockSupport, InterviewStage, Node, SecurityClass, UserCodeSupport};
use crate::domain::time::Instant;

/// Generic device class of locks and keypads (docs/protocol/serial-api.md §4, 0x49).
const ENTRY_CONTROL: u8 = 0x40;
/// The classes whose version matters for what is sent.
const VERSIONED: [ClassId; 6] = [
    ClassId::DOOR_LOCK,
    ClassId::USER_CODE,
    ClassId::USER_CREDENTIAL,
    ClassId::NOTIFICATION,
    ClassId::ENTRY_CONTROL,
    ClassId::BATTERY,
];
/// The lifeline, unless the node reports another one.
const GROUP_1: u8 = 1;
/// Pause after an important query stayed unanswered.
const PAUSE: Duration = Duration::from_secs(300);
/// Pause after a query could not be sent, doubled each time up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Pauses before the last retries of unanswered queries: a bad radio link may have lost the answers.
const MISSED_PAUSES: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(600)];

/// The interview of one node.
#[derive(Default, Debug)]
pub(super) struct Interview {
    /// The goal that is reached when `todo` is settled.
    goal: Option<Goal>,
    todo: VecDeque<InterviewQuery>,
    asked: Option<InterviewQuery>,
    /// Earliest time to go on.
    resume_at: Instant,
    /// Earliest time to go on once the node was heard.
    heard_resume_at: Instant,
    heard: bool,
    /// Consecutive failures to reach the node.
    failures: u32,
    classes: ClassSearch,
    missed: Missed,
    repeat: Repeat,
    /// Why the interview makes no progress.
    trouble: Option<InterviewTrouble>,
}

/// The goal of the current queries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Goal {
    Stage(InterviewStage),
    /// A node that is used at a lower class was asked for higher classes.
    HigherClass,
    /// Unanswered queries were sent again.
    Missed,
}

/// Queries that stayed unanswered.
#[derive(Default, Debug)]
struct Missed {
    questions: Vec<InterviewQuery>,
    rounds: usize,
    due_at: Instant,
    /// A version arrived late; the queries that depend on it follow.
    version_came: bool,
}

/// A requested interview of a node that may have had one. Known data stay in use meanwhile.
#[derive(Default, Debug)]
struct Repeat {
    /// Starts when no query is under way.
    wanted: bool,
    /// The stage that it reached, if the node had reached a later one before.
    at: Option<InterviewStage>,
    /// The node information frame is requested again.
    asks_node_info: bool,
    state: Interviewing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum InterviewQuery {
    Protocol,
    NodeInfo,
    /// Whether the node was granted this class, and its class list under it.
    Class(SecurityClass),
    Version(ClassId),
    Product,
    Firmware,
    Groups,
    /// The members of the lifeline. `joined`: the hub was added just now.
    Members {
        group: u8,
        joined: bool,
    },
    Leave {
        group: u8,
        member: u8,
    },
    Join {
        group: u8,
    },
    LockCapabilities,
    LockState,
    Battery,
    Notifications,
    /// The number of user codes. It is retried, because a lock is of no use without it.
    Users {
        last_try: bool,
    },
    UserCodeCapabilities,
    WakeUpInterval,
    WakeUpDestination {
        interval: u32,
    },
}

impl Interview {
    /// The next query, if none is under way. Marks the stages on `node` that are reached on the way.
    pub(super) fn next(&mut self, node: &mut Node, own: NodeId, now: Instant) -> Option<Operation> {
        if self.asked.is_some() {
            return None;
        }
        if std::mem::take(&mut self.repeat.wanted) {
            self.begin_again(node);
        }
        if now < self.resumes_at() {
            return None;
        }
        self.heard = false;
        loop {
            if let Some(question) = self.todo.pop_front() {
                self.asked = Some(question);
                return Some(operation(question, own));
            }
            if !self.reach(node, now) {
                return None;
            }
            let (goal, todo) = self.plan(node, now)?;
            self.goal = Some(goal);
            self.todo = todo;
        }
    }

    /// Every query is settled. `false`: no further query for a while.
    fn reach(&mut self, node: &mut Node, now: Instant) -> bool {
        match self.goal.take() {
            None => {}
            Some(Goal::HigherClass) => {
                self.trouble = None;
                self.classes.end_round(node, now);
            }
            Some(Goal::Missed) => {
                self.trouble = None;
                if std::mem::take(&mut self.missed.version_came) {
                    self.repeat.at = Some(InterviewStage::Lifeline);
                }
            }
            Some(Goal::Stage(reached)) => {
                if reached == InterviewStage::Security
                    && let Verdict::Wait { until, heard_until } = self.classes.end_round(node, now)
                {
                    self.pause(until, heard_until);
                    if self.classes.is_exhausted() {
                        self.fail(InterviewTrouble::NoClassAnswers);
                    }
                    return false;
                }
                self.trouble = None;
                if reached >= node.stage {
                    node.stage = reached;
                    self.repeat.at = None;
                } else {
                    self.repeat.at = Some(reached);
                }
            }
        }
        true
    }

    /// The next goal: the stage after the last one, or what is left over after the last stage.
    fn plan(&mut self, node: &Node, now: Instant) -> Option<(Goal, VecDeque<InterviewQuery>)> {
        let stage = self.repeat.at.unwrap_or(node.stage);
        if let Some((reached, todo)) = self.stage_after(stage, node) {
            return Some((Goal::Stage(reached), todo));
        }
        if self.repeat.state == Interviewing::UnderWay {
            self.repeat.state = Interviewing::Idle;
        }
        if concerns_us(node) && self.classes.is_due(node, now) {
            let classes = self.classes.higher(node).into_iter().map(InterviewQuery::Class);
            return Some((Goal::HigherClass, classes.collect()));
        }
        if self.missed.is_due(now) {
            return Some((Goal::Missed, self.missed.take().into()));
        }
        None
    }

    /// Processes the result of a query. Protocol info and node information were stored in `node` before.
    pub(super) fn settle(&mut self, node: &mut Node, outcome: &Outcome, own: NodeId, now: Instant) {
        let Some(question) = self.asked.take() else { return };
        match outcome {
            Outcome::Reply(command) => self.learn(node, question, command, own),
            Outcome::Accepted | Outcome::Refused | Outcome::Unsupported | Outcome::Delivered => {}
            // A node without the key of a class does not send a nonce either.
            Outcome::NoNonce if !matches!(question, InterviewQuery::Class(_)) => {
                return self.ask_later(question, now);
            }
            Outcome::NoReport | Outcome::NoNonce => match question {
                InterviewQuery::Users { last_try: false } => self.todo.push_back(InterviewQuery::Users { last_try: true }),
                InterviewQuery::Users { last_try: true } => {
                    self.todo.push_back(InterviewQuery::Users { last_try: false });
                    self.pause(now + PAUSE, now);
                    self.fail(InterviewTrouble::NoSlots);
                }
                InterviewQuery::Class(class) => self.classes.unanswered(class),
                // No group information: assume that the lifeline is group 1.
                InterviewQuery::Groups => self.todo.push_front(InterviewQuery::Members { group: GROUP_1, joined: false }),
                missed => self.missed.note(missed, now),
            },
            Outcome::NoAck | Outcome::ControllerGone | Outcome::ControllerBusy | Outcome::Expired | Outcome::Cancelled => {
                return self.ask_later(question, now);
            }
        }
        self.failures = 0;
    }

    /// The query could not be sent: the same query again after a pause.
    fn ask_later(&mut self, question: InterviewQuery, now: Instant) {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures);
        self.failures += 1;
        self.pause(now + pause.min(LONGEST_PAUSE), now);
        self.todo.push_front(question);
        self.fail(InterviewTrouble::Unreachable);
    }

    fn pause(&mut self, until: Instant, heard_until: Instant) {
        (self.resume_at, self.heard_resume_at, self.heard) = (until, heard_until, false);
    }

    /// The interview makes no progress. Data from before a repeated interview stay valid.
    fn fail(&mut self, why: InterviewTrouble) {
        self.trouble = Some(why);
        if self.repeat.at.take().is_some() {
            self.goal = None;
            self.todo.clear();
        }
        if self.repeat.state == Interviewing::UnderWay {
            self.repeat.state = Interviewing::Failed(why);
        }
    }

    /// Requests a complete new interview, starting now.
    pub(super) fn repeat(&mut self) {
        (self.repeat.wanted, self.repeat.state) = (true, Interviewing::UnderWay);
    }

    fn begin_again(&mut self, node: &Node) {
        let state = self.repeat.state;
        *self = Self::default();
        self.repeat = Repeat {
            wanted: false,
            at: (node.stage > InterviewStage::Protocol).then_some(InterviewStage::Protocol),
            asks_node_info: state == Interviewing::UnderWay,
            state,
        };
    }

    /// The node proved a higher class than it was used at: read its class list there.
    pub(super) fn class_rose(&mut self, node: &mut Node) {
        if node.stage > InterviewStage::NodeInfo {
            node.stage = InterviewStage::NodeInfo;
            self.repeat.wanted = true;
        }
    }

    /// The node information frame arrived unsolicited, so it need not be requested.
    pub(super) fn skip_node_info(&mut self, node: &mut Node) {
        if node.stage == InterviewStage::Protocol && self.asked.is_none() {
            self.goal = None;
            self.todo.clear();
            self.pause(Instant::ZERO, Instant::ZERO);
            node.stage = InterviewStage::NodeInfo;
        }
    }

    /// The node was heard: end the current pause.
    pub(super) fn resume(&mut self) {
        self.heard = true;
    }

    /// Whether a query is under way.
    pub(super) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether there is something to ask, now or later.
    pub(super) fn is_open(&self, node: &Node) -> bool {
        let left_over = self.missed.due().is_some() || concerns_us(node) && self.classes.due_at(node).is_some();
        node.stage < InterviewStage::Complete || self.is_busy() || left_over
    }

    /// When it continues by itself.
    pub(super) fn goes_on_at(&self, node: &Node) -> Instant {
        if node.stage < InterviewStage::Complete || self.is_busy() {
            return self.resumes_at();
        }
        let class = self.classes.due_at(node).filter(|_| concerns_us(node));
        class.into_iter().chain(self.missed.due()).min().unwrap_or_default().max(self.resumes_at())
    }

    /// Progress of a repeated interview.
    pub(super) fn repeated(&self) -> Interviewing {
        self.repeat.state
    }

    /// Why it makes no progress, unless it is complete.
    pub(super) fn trouble(&self) -> Option<InterviewTrouble> {
        self.trouble
    }

    fn is_busy(&self) -> bool {
        self.repeat.wanted || self.repeat.at.is_some() || self.goal.is_some() || self.asked.is_some()
    }

    fn resumes_at(&self) -> Instant {
        if self.heard { self.heard_resume_at.min(self.resume_at) } else { self.resume_at }
    }

    fn learn(&mut self, node: &mut Node, question: InterviewQuery, reply: &Command, own: NodeId) {
        match reply {
            Command::Security2(Security2::CommandsSupportedReport(report)) => {
                self.granted(node, question, &report.supported);
            }
            Command::Security(Security::CommandsSupportedReport(report)) => self.granted(node, question, &report.supported),
            Command::Version(Version::CommandClassReport(report)) => {
                self.missed.version_came |= self.goal == Some(Goal::Missed);
                // A listed class that reports version 0 is supported all the same
                // (docs/protocol/command-classes.md 0x86).
                if let Some(class) = node.classes.get_mut(&report.class()) {
                    class.version = report.version.max(1);
                }
            }
            Command::Version(Version::Report(report)) => {
                node.firmware = Some((report.firmware.major, report.firmware.minor));
            }
            Command::ManufacturerSpecific(ManufacturerSpecific::Report(report)) => node.product = Some(report.product),
            Command::AssociationGroupInfo(AssociationGroupInfo::InfoReport(report)) => {
                let lifeline = report.groups.iter().find(|info| info.profile == Profile::LIFELINE);
                let group = lifeline.map_or(GROUP_1, |info| info.group);
                self.todo = VecDeque::from([InterviewQuery::Members { group, joined: false }]);
            }
            Command::Association(Association::Report(report)) => self.check_lifeline(question, report, own),
            Command::DoorLock(DoorLock::CapabilitiesReport(report)) => {
                let parts = report.components;
                node.door_lock = Some(DoorLockSupport {
                    door: parts.door_supported,
                    bolt: parts.bolt_supported,
                    latch: parts.latch_supported,
                });
            }
            Command::UserCode(UserCode::UsersNumberReport(report)) => {
                let known = node.user_code.take().unwrap_or_default();
                node.user_code = Some(UserCodeSupport { users: report.supported(), ..known });
            }
            Command::UserCode(UserCode::CapabilitiesReport(report)) => learn_user_code(node, report),
            Command::WakeUp(WakeUp::IntervalReport(report)) if NodeId(report.target_node.into()) != own => {
                self.todo.push_front(InterviewQuery::WakeUpDestination { interval: report.interval });
            }
            // Lock state, battery and notification types are for the owner, which got them as `Received`.
            _ => {}
        }
    }

    /// The node answered under a class.
    fn granted(&mut self, node: &mut Node, question: InterviewQuery, supported: &[ClassId]) {
        let InterviewQuery::Class(class) = question else { return };
        let before = node.security;
        let again = self.classes.answered(node, class, supported);
        self.todo = again.into_iter().map(InterviewQuery::Class).collect();
        if self.goal == Some(Goal::HigherClass) && node.security > before {
            // Queries that were answered under the lower class are repeated under this one.
            node.stage = InterviewStage::Security;
        }
    }

    /// Adds the hub to the lifeline, once. Another member is only removed if there is no room for the hub
    /// (docs/protocol/gateway.md §4).
    fn check_lifeline(&mut self, question: InterviewQuery, report: &association::Report, own: NodeId) {
        let InterviewQuery::Members { group, joined } = question else { return };
        let is_member = report.nodes.iter().any(|&member| NodeId(member.into()) == own);
        if is_member || joined {
            return;
        }
        let full = report.nodes.len() >= usize::from(report.max_nodes) && report.reports_to_follow == 0;
        if let (true, Some(&member)) = (full, report.nodes.first()) {
            self.todo.push_back(InterviewQuery::Leave { group, member });
        }
        self.todo.extend([InterviewQuery::Join { group }, InterviewQuery::Members { group, joined: true }]);
    }
}

impl Interview {
    /// The queries of the stage after `stage`; `None` after the last.
    fn stage_after(&self, stage: InterviewStage, node: &Node) -> Option<(InterviewStage, VecDeque<InterviewQuery>)> {
        let has = |class: ClassId| node.classes.contains_key(&class);
        let when = |condition: bool, question: InterviewQuery| condition.then_some(question);
        let version = |class: ClassId| node.version_of(class).unwrap_or_default();
        let plan: (InterviewStage, VecDeque<InterviewQuery>) = match stage {
            InterviewStage::Listed => (InterviewStage::Protocol, [InterviewQuery::Protocol].into()),
            // A device that was just included has sent its node information.
            InterviewStage::Protocol if !self.repeat.asks_node_info && (has(ClassId::SECURITY) || has(ClassId::SECURITY_2)) => {
                (InterviewStage::NodeInfo, VecDeque::new())
            }
            InterviewStage::Protocol => (InterviewStage::NodeInfo, [InterviewQuery::NodeInfo].into()),
            // Other devices hold no codes, so the interview ends here.
            InterviewStage::NodeInfo if !concerns_us(node) => (InterviewStage::Complete, VecDeque::new()),
            InterviewStage::NodeInfo => {
                let classes = self.classes.questions(node);
                (InterviewStage::Security, classes.into_iter().map(InterviewQuery::Class).collect())
            }
            InterviewStage::Security => {
                let asked = VERSIONED.into_iter().filter(|&class| has(ClassId::VERSION) && has(class));
                (InterviewStage::Versions, asked.map(InterviewQuery::Version).collect())
            }
            InterviewStage::Versions => {
                let questions = [
                    when(has(ClassId::MANUFACTURER_SPECIFIC), InterviewQuery::Product),
                    when(has(ClassId::VERSION), InterviewQuery::Firmware),
                ];
                (InterviewStage::Identity, questions.into_iter().flatten().collect())
            }
            InterviewStage::Identity => {
                let question = match (has(ClassId::ASSOCIATION), has(ClassId::ASSOCIATION_GROUP_INFORMATION)) {
                    (true, true) => Some(InterviewQuery::Groups),
                    (true, false) => Some(InterviewQuery::Members { group: GROUP_1, joined: false }),
                    (false, _) => None,
                };
                (InterviewStage::Lifeline, question.into_iter().collect())
            }
            InterviewStage::Lifeline => {
                // Data taken over from a previous controller are not read again.
                let slots = node.user_code.as_ref();
                let no_statuses = slots.is_none_or(|support| support.statuses.is_empty());
                let questions = [
                    when(has(ClassId::USER_CODE) && slots.is_none(), InterviewQuery::Users { last_try: false }),
                    when(version(ClassId::USER_CODE) >= 2 && no_statuses, InterviewQuery::UserCodeCapabilities),
                    when(version(ClassId::DOOR_LOCK) >= 4 && node.door_lock.is_none(), InterviewQuery::LockCapabilities),
                    when(has(ClassId::DOOR_LOCK), InterviewQuery::LockState),
                    when(has(ClassId::BATTERY), InterviewQuery::Battery),
                    when(version(ClassId::NOTIFICATION) >= 2, InterviewQuery::Notifications),
                ];
                (InterviewStage::Capabilities, questions.into_iter().flatten().collect())
            }
            InterviewStage::Capabilities => {
                let calls_in = has(ClassId::WAKE_UP) && node.protocol.is_some_and(|protocol| protocol.sleeps());
                (InterviewStage::Complete, when(calls_in, InterviewQuery::WakeUpInterval).into_iter().collect())
            }
            InterviewStage::Complete => return None,
        };
        Some(plan)
    }
}

impl Missed {
    fn note(&mut self, question: InterviewQuery, now: Instant) {
        let counts = !matches!(question, InterviewQuery::Leave { .. } | InterviewQuery::Join { .. });
        if counts && let Some(pause) = MISSED_PAUSES.get(self.rounds) {
            self.due_at = now + *pause;
            self.questions.push(question);
        }
    }

    fn due(&self) -> Option<Instant> {
        (!self.questions.is_empty()).then_some(self.due_at)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|at| at <= now)
    }

    fn take(&mut self) -> Vec<InterviewQuery> {
        self.rounds += 1;
        std::mem::take(&mut self.questions)
    }
}

/// Whether it is a lock or a keypad. Other nodes are only identified.
fn concerns_us(node: &Node) -> bool {
    let has = |class: ClassId| node.classes.contains_key(&class);
    node.is_lock()
        || has(ClassId::ENTRY_CONTROL)
        || has(ClassId::USER_CREDENTIAL)
        || node.protocol.is_some_and(|protocol| protocol.generic == ENTRY_CONTROL)
}

fn operation(question: InterviewQuery, own: NodeId) -> Operation {
    // A lifeline holds ids of one byte. A controller never has a larger one.
    let us = u8::try_from(own.0).unwrap_or(u8::MAX);
    let get = |command: Command| Operation::Command { command, expect: Completion::Reply };
    let set = |command: Command| Operation::Command { command, expect: Completion::Supervised };
    match question {
        InterviewQuery::Protocol => Operation::ProtocolInfo,
        InterviewQuery::NodeInfo => Operation::NodeInfo,
        InterviewQuery::Class(class) => Operation::Probe(class),
        InterviewQuery::Version(class) => match CommandClassGet::new(class) {
            Some(asked) => get(Command::Version(Version::CommandClassGet(asked))),
            None => get(Command::Version(Version::Get)),
        },
        InterviewQuery::Product => get(Command::ManufacturerSpecific(ManufacturerSpecific::Get)),
        InterviewQuery::Firmware => get(Command::Version(Version::Get)),
        InterviewQuery::Groups => {
            let all = InfoGet { refresh: false, list: true, group: 0 };
            get(Command::AssociationGroupInfo(AssociationGroupInfo::InfoGet(all)))
        }
        InterviewQuery::Members { group, .. } => get(Command::Association(Association::Get(association::Get { group }))),
        InterviewQuery::Leave { group, member } => {
            set(Command::Association(Association::Remove(association::Members { group, nodes: vec![member] })))
        }
        InterviewQuery::Join { group } => {
            set(Command::Association(Association::Set(association::Members { group, nodes: vec![us] })))
        }
        InterviewQuery::LockCapabilities => get(Command::DoorLock(DoorLock::CapabilitiesGet)),
        InterviewQuery::LockState => get(Command::DoorLock(DoorLock::OperationGet)),
        InterviewQuery::Battery => get(Command::Battery(Battery::Get)),
        InterviewQuery::Notifications => get(Command::Notification(Notification::SupportedGet)),
        InterviewQuery::Users { .. } => get(Command::UserCode(UserCode::UsersNumberGet)),
        InterviewQuery::UserCodeCapabilities => get(Command::UserCode(UserCode::CapabilitiesGet)),
        InterviewQuery::WakeUpInterval => get(Command::WakeUp(WakeUp::IntervalGet)),
        InterviewQuery::WakeUpDestination { interval } => {
            set(Command::WakeUp(WakeUp::IntervalSet(Interval { interval, target_node: us })))
        }
    }
}

fn learn_user_code(node: &mut Node, report: &user_code::CapabilitiesReport) {
    let users = node.user_code.as_ref().map_or(0, |known| known.users);
    node.user_code = Some(UserCodeSupport {
        users,
        multi_set: report.multi_set,
        multi_report: report.multi_report,
        checksum: report.checksum,
        admin_code: report.admin_code,
        statuses: report.statuses.clone(),
    });
}
