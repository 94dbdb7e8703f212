//! One node: its stored data, and its present state (reachability, sessions, pacing).

use std::time::Duration;

use super::allowance::Allowance;
use super::datagrams::Datagram;
use super::envelope::Sessions;
use super::interview::Interview;
use super::jobs::{Before, JobId, Operation, Priority, Requester, Transaction};
use super::last_hour::LastHour;
use super::local_reset::LocalResets;
use super::queue::Eligible;
use super::resealed::Resealed;
use super::segments::Incoming;
use super::{RadioUse, Reach};
use crate::command::ClassId;
use crate::command::transport_service::SessionId;
use crate::domain::entropy::Entropy;
use crate::domain::node::{InterviewStage, Joining, Node, SecurityClass};
use crate::domain::time::{Deadline, Instant};
use crate::security::keys::KeyMask;
use crate::security::s0::peer::Peer;
use crate::security::s2::Session;
use crate::serial::transmit::TxReport;

/// Pauses before a dead node is tried again; the last one repeats (docs/protocol/timing.md §6).
const BACK_OFF: [Duration; 4] =
    [Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(600), Duration::from_secs(3600)];
/// A sleeping node stays awake for ten seconds after the last exchange (docs/protocol/command-classes.md 0x84). The
/// last two are not used, to be safe.
const AWAKE: Duration = Duration::from_secs(8);
/// A sleeping node without further commands is sent to sleep after this time (docs/protocol/timing.md §5).
const IDLE: Duration = Duration::from_millis(250);
/// A FLiRS node keeps listening for this time after its last frame (docs/protocol/timing.md §2: some 10 ms up to a
/// second).
const STAYS_AWAKE: Duration = Duration::from_millis(300);
/// Grace period after a command to a fast lock, so that its next frame is sent before another lock is woken.
const REPLY_GRACE: Duration = Duration::from_millis(450);
/// The longest time for which other locks wait for one that is awake: enough for thirty codes.
const MAX_HOLD: Duration = Duration::from_secs(8);
/// A transmission that takes at least this long began with a beam (docs/protocol/timing.md §2).
const BEAM: Duration = Duration::from_millis(250);
/// A FLiRS node that has been silent this long is asleep again.
const ASLEEP_AFTER: Duration = Duration::from_secs(5);
/// An unencrypted frame of a node with keys may be forged. As a sign that the node is awake it is used once in this
/// time, which costs a frame or two.
const HINT_INTERVAL: Duration = Duration::from_secs(30);
/// A dead node is tried at most once in this time because of user changes.
const URGENT_RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// A bolt has moved after this time. If the lock reports a longer duration, a removal of a code is sent anyway.
const BOLT_TIME: Duration = Duration::from_secs(3);
/// A failing node gets one part of the airtime, the others four.
const SHARE: u32 = 4;

/// A node and its present state.
#[derive(Debug)]
pub(super) struct NodeState {
    pub(super) node: Node,
    pub(super) reach: Reach,
    pub(super) radio: RadioUse,
    pub(super) sessions: Sessions,
    pub(super) interview: Interview,
    /// A transaction that was acknowledged and waits for its report: at most one per node.
    pub(super) awaiting_reply: Option<AwaitingReply>,
    /// The last encrypted answer to it, and when it was acknowledged. If the node now reports that it could not decrypt
    /// a frame, it was this one.
    pub(super) last_answer: Option<(Box<Transaction>, Instant)>,
    /// The S2 session. The S0 peer is created with the first S0 frame.
    pub(super) s2: Session,
    pub(super) s0: Option<Peer>,
    pub(super) resealed: Resealed,
    pub(super) local_resets: LocalResets,
    /// Frames in its name that failed authentication.
    pub(super) rejected: LastHour,
    /// A command that waits for a nonce.
    pub(super) nonce: Option<NonceWait>,
    /// The transaction that owns the node's nonces: nothing else is encrypted until it was sent.
    pub(super) reserved: Option<JobId>,
    pub(super) nonce_allowance: Allowance,
    nonce_allowance_while_dead: Allowance,
    /// The datagram being received, and the one being sent.
    pub(super) incoming: Incoming,
    pub(super) datagram: Option<Box<Datagram>>,
    /// Session id of the last datagram that was sent.
    pub(super) session: SessionId,
    /// It did not acknowledge any try of a transaction. A ping decides whether it is dead.
    pub(super) suspect: bool,
    /// Only Gets and urgent jobs before this time: the lock is storing a code and does not confirm it.
    pub(super) pace_until: Instant,
    /// Other nodes go first before this time: the node fails, and used its share of the airtime.
    pub(super) yields_until: Instant,
    /// A sleeping node is awake until this time.
    awake_until: Instant,
    /// A dead node is not tried before this time.
    retry_at: Instant,
    /// When it was last heard or acknowledged a frame.
    active_at: Instant,
    /// Since when it has been awake without interruption.
    listening_since: Instant,
    /// The last frame to it while it was awake began with a beam, so the controller always beams to it.
    beamed_awake: bool,
    /// The last frame to it while it was asleep began without a beam: it always listens, contrary to its protocol info.
    unbeamed: bool,
    /// Unencrypted frames are not used as a sign that it is awake before this time.
    hint_at: Instant,
    /// A dead node is not tried because of a user's change before this time.
    urge_at: Instant,
    /// The value of `retry_at` before such a try.
    urged_from: Option<Instant>,
    /// Consecutive failed tries of a dead node.
    attempts: usize,
    /// Smoothed time that the node takes to report.
    response_time: Option<Duration>,
}

/// A transaction between acknowledgement and report.
#[derive(Clone, Debug)]
pub(super) struct AwaitingReply {
    pub(super) transaction: Transaction,
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// The node reported that it is working on it, so asking again would not help.
    pub(super) working: bool,
    /// Nothing is expected except a message that it could not be decrypted: silence means success.
    pub(super) verifying: bool,
}

/// A transaction between Nonce Get and Nonce Report.
#[derive(Debug)]
pub(super) struct NonceWait {
    pub(super) transaction: Transaction,
    pub(super) until: Instant,
}

impl NodeState {
    pub(super) fn new(mut node: Node, entropy: &mut Entropy) -> Self {
        let keyed = node.possible_classes().next().is_some();
        // Nodes that were stored before the class search existed are searched now. So are those that answered under no
        // class, since they may have been out of reach.
        let untold = node.security == SecurityClass::None && !node.class_settled && !node.insecure_allowed;
        if keyed && (!node.security_known || untold) {
            node.stage = node.stage.min(InterviewStage::NodeInfo);
        }
        // As long as the classes are unknown, any class has to be accepted.
        let is_certain = node.security_known && node.is_class_certain();
        let granted = if is_certain { KeyMask::of(node.security) } else { KeyMask::KNOWN };
        Self {
            s2: Session::new(node.id, granted, entropy),
            s0: None,
            resealed: Resealed::default(),
            local_resets: LocalResets::default(),
            rejected: LastHour::default(),
            nonce: None,
            reserved: None,
            nonce_allowance: Allowance::for_live_node(),
            nonce_allowance_while_dead: Allowance::for_dead_node(),
            node,
            reach: Reach::Unknown,
            radio: RadioUse::default(),
            sessions: Sessions::new(entropy),
            interview: Interview::default(),
            awaiting_reply: None,
            last_answer: None,
            incoming: Incoming::default(),
            datagram: None,
            session: SessionId::default(),
            suspect: false,
            pace_until: Instant::ZERO,
            yields_until: Instant::ZERO,
            awake_until: Instant::ZERO,
            retry_at: Instant::ZERO,
            active_at: Instant::ZERO,
            listening_since: Instant::ZERO,
            beamed_awake: false,
            unbeamed: false,
            hint_at: Instant::ZERO,
            urge_at: Instant::ZERO,
            urged_from: None,
            attempts: 0,
            response_time: None,
        }
    }

    /// Starts over with new data or keys: all sessions end. Returns the transactions that were under way.
    pub(super) fn reset(&mut self, node: Node, entropy: &mut Entropy) -> Vec<Transaction> {
        let under_way = self.take_what_is_under_way();
        let (reach, radio) = (self.reach, self.radio);
        let (awake_until, active_at, retry_at, attempts) = (self.awake_until, self.active_at, self.retry_at, self.attempts);
        let (beamed_awake, unbeamed) = (self.beamed_awake, self.unbeamed);
        *self =
            Self { reach, radio, awake_until, active_at, beamed_awake, unbeamed, retry_at, attempts, ..Self::new(node, entropy) };
        under_way
    }

    /// Removes and returns the transactions that were sent, partly or completely, and have no outcome.
    pub(super) fn take_what_is_under_way(&mut self) -> Vec<Transaction> {
        self.incoming = Incoming::default();
        let awaiting_reply = self.awaiting_reply.take().map(|awaiting_reply| awaiting_reply.transaction);
        let datagram = self.datagram.take().map(|datagram| datagram.into_transaction());
        let nonce = self.nonce.take().map(|it| it.transaction);
        self.release();
        awaiting_reply.into_iter().chain(datagram).chain(nonce).collect()
    }

    /// Whether the node sleeps for minutes or hours, so that commands wait for its Wake Up Notification.
    pub(super) fn sleeps(&self) -> bool {
        self.node.protocol.is_some_and(|protocol| protocol.sleeps())
    }

    /// Whether it listens now, as far as known.
    pub(super) fn is_awake(&self, now: Instant) -> bool {
        !self.sleeps() || now < self.awake_until
    }

    /// Whether a FLiRS node was heard so recently that a frame needs no beam. Some controllers beam anyway.
    pub(super) fn listens_on(&self, now: Instant) -> bool {
        self.is_beamed() && !self.beamed_awake && self.before(now) == Before::Listening
    }

    /// Whether other locks must not be woken yet, because this one is awake. A lock loses this privilege if it stays
    /// awake for too long, or if it is known to answer slowly: the beam to another lock then costs less than the wait.
    pub(super) fn holds_channel(&self, now: Instant) -> bool {
        if now >= self.listening_since + MAX_HOLD {
            return false;
        }
        match &self.awaiting_reply {
            None => self.listens_on(now),
            Some(_) if self.response_time.is_some_and(|usual| usual > STAYS_AWAKE) => false,
            Some(_) => self.is_beamed() && !self.beamed_awake && now < self.active_at + REPLY_GRACE,
        }
    }

    /// When other locks may be woken.
    pub(super) fn sleeps_at(&self) -> Option<Deadline> {
        let after = if self.awaiting_reply.is_some() { REPLY_GRACE } else { STAYS_AWAKE };
        self.is_beamed().then_some(Deadline { at: self.active_at + after, why: "another lock may be woken" })
    }

    /// Its presumed state before a frame is sent to it.
    pub(super) fn before(&self, now: Instant) -> Before {
        match now.since(self.active_at) {
            silent if silent < STAYS_AWAKE => Before::Listening,
            silent if silent >= ASLEEP_AFTER || self.active_at == Instant::ZERO => Before::Asleep,
            _ => Before::Unclear,
        }
    }

    /// Learns from the duration of a transmission whether the controller omits the beam for a node that is awake, and
    /// whether the node needs a beam at all.
    pub(super) fn learn_beams(&mut self, before: Before, spent: Duration) {
        match before {
            Before::Listening => self.beamed_awake = spent >= BEAM,
            Before::Asleep => self.unbeamed = spent < BEAM,
            Before::Unclear => {}
        }
    }

    /// Whether a frame to it begins with a beam, which blocks the channel for a second.
    pub(super) fn needs_beam(&self, now: Instant) -> bool {
        self.is_beamed() && !self.listens_on(now)
    }

    pub(super) fn is_beamed(&self) -> bool {
        !self.unbeamed && self.node.protocol.is_some_and(|protocol| protocol.beam.is_some())
    }

    /// Whether `transaction` may be sent to this node now. Answers may be sent at any time: a node that sent a request
    /// is listening.
    pub(super) fn admits(&self, transaction: &Transaction, now: Instant) -> Eligible {
        // Nothing may be encrypted between a nonce and the command that it was requested for.
        let reserved = self.reserved.is_some_and(|id| id != transaction.id) || self.nonce.is_some();
        if reserved && transaction.priority != Priority::Nonce {
            return Eligible::No;
        }
        let urgent = match transaction.priority {
            Priority::Nonce | Priority::Reply => return Eligible::Yes,
            Priority::Operate => true,
            Priority::Revoke | Priority::Awake | Priority::Write | Priority::Background => false,
        };
        // The controller does these by itself; the node need not listen.
        if matches!(transaction.operation, Operation::ProtocolInfo | Operation::RemoveFailed) {
            return Eligible::Yes;
        }
        if self.waits_behind_another(transaction, now) || self.datagram.is_some() {
            return Eligible::No;
        }
        // This check is meant for nodes that seem to be gone.
        if transaction.requester == Requester::LocalReset {
            return Eligible::Yes;
        }
        if !self.is_awake(now) {
            return Eligible::No;
        }
        let waits_for_ping = self.suspect && !(transaction.requester == Requester::Ping);
        // Gets are not delayed: many locks have stored the code long before the pause ends.
        let paced = now < self.pace_until && !transaction.expects_reply();
        if !urgent && (waits_for_ping || self.is_left_alone(now) || paced) {
            return Eligible::No;
        }
        // A command that the node could not decrypt keeps its turn. If it waited behind an operation, every try could
        // cross with the reports about that operation.
        if self.reserved == Some(transaction.id) || transaction.goes_on {
            return Eligible::Due;
        }
        if !urgent && now < self.yields_until { Eligible::Yielding } else { Eligible::Yes }
    }

    /// Whether `transaction` has to wait for the report to another one.
    fn waits_behind_another(&self, transaction: &Transaction, now: Instant) -> bool {
        let Some(awaiting_reply) = &self.awaiting_reply else { return false };
        let moves_a_bolt = awaiting_reply.working && awaiting_reply.transaction.priority == Priority::Operate;
        let goes_on = transaction.priority == Priority::Revoke && moves_a_bolt && now >= awaiting_reply.since + BOLT_TIME;
        !goes_on
    }

    /// Whether the node is dead and was tried lately.
    fn is_left_alone(&self, now: Instant) -> bool {
        self.reach == Reach::Dead && now < self.retry_at
    }

    /// Remaining time until a dead node is tried again.
    pub(super) fn pause_left(&self, now: Instant) -> Duration {
        self.retry_at.since(now)
    }

    /// Whether a dead node has to be tried again.
    pub(super) fn is_worth_a_ping(&self, now: Instant) -> bool {
        self.reach == Reach::Dead && now >= self.retry_at && !self.suspect
    }

    /// Whether the interview may send its next query.
    pub(super) fn may_be_interviewed(&self, now: Instant) -> bool {
        let is_member = self.node.joining == Joining::Done;
        is_member && self.interview.is_open(&self.node) && !self.suspect && !self.is_left_alone(now)
    }

    /// Starts a new interview now, even if the node is in a pause.
    pub(super) fn interview_again(&mut self) {
        self.retry_at = Instant::ZERO;
        self.interview.repeat();
    }

    /// Whether the node lists `class`. Before the list is known, every class may be tried.
    pub(super) fn supports(&self, class: ClassId) -> bool {
        let everywhere = matches!(class, ClassId::NO_OPERATION | ClassId::BASIC);
        everywhere || self.node.stage < InterviewStage::NodeInfo || self.node.classes.contains_key(&class)
    }

    /// Whether a sleeping node has been idle long enough to be sent to sleep.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.sleeps() && now < self.awake_until && self.awaiting_reply.is_none() && now >= self.active_at + IDLE
    }

    /// Whether the awake time of a sleeping node has ended.
    pub(super) fn awake_time_is_over(&self, now: Instant) -> bool {
        self.sleeps() && self.reach != Reach::Asleep && now >= self.awake_until
    }

    /// Whether a transaction was started and has no outcome.
    pub(super) fn has_under_way(&self) -> bool {
        self.awaiting_reply.is_some() || self.datagram.is_some() || self.nonce.is_some()
    }

    /// Whether nothing is under way and nothing becomes due by itself, so that the node need not be looked at before it
    /// changes.
    pub(super) fn is_idle_node(&self, now: Instant) -> bool {
        let is_busy = self.has_under_way() || self.reserved.is_some() || self.incoming.deadline().is_some();
        let has_time_of_its_own = self.deadlines().chain(self.sleeps_at()).any(|deadline| deadline.at > now);
        let asks_now = self.may_be_interviewed(now) && self.interview.goes_on_at(&self.node) <= now;
        let wants_something = asks_now || self.is_worth_a_ping(now) || self.is_idle(now) || self.awake_time_is_over(now);
        !is_busy && !has_time_of_its_own && !wants_something
    }

    /// The times at which something becomes due by itself.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Deadline> {
        let report =
            self.awaiting_reply.as_ref().map(|awaiting_reply| Deadline { at: awaiting_reply.until, why: "report of a node" });
        let moves = self.awaiting_reply.as_ref().filter(|awaiting_reply| awaiting_reply.working);
        let moves = moves.map(|awaiting_reply| Deadline { at: awaiting_reply.since + BOLT_TIME, why: "bolt still moving" });
        let sleeper = self.sleeps().then_some([
            Deadline { at: self.active_at + IDLE, why: "idle sleeper" },
            Deadline { at: self.awake_until, why: "sleeper falls asleep" },
        ]);
        let dead = (self.reach == Reach::Dead).then_some(Deadline { at: self.retry_at, why: "dead node is tried again" });
        let paced = Deadline { at: self.pace_until, why: "pause after a write" };
        let yields = Deadline { at: self.yields_until, why: "end of a failing node's pause" };
        let interview = Deadline { at: self.interview.goes_on_at(&self.node), why: "interview goes on" };
        let datagram = self.datagram.as_ref().and_then(|datagram| datagram.deadline());
        let segment = self.incoming.deadline();
        let nonce = self.nonce.as_ref().map(|it| Deadline { at: it.until, why: "nonce of a node" });
        let second_part = self.s0.as_ref().and_then(Peer::deadline);
        [report, moves, dead, Some(paced), Some(yields), Some(interview), datagram, segment, nonce, second_part]
            .into_iter()
            .flatten()
            .chain(sleeper.into_iter().flatten())
    }

    /// Whether it has keys, so that unencrypted frames in its name prove nothing.
    pub(super) fn has_keys(&self) -> bool {
        self.node.security > SecurityClass::None
    }

    /// A frame in its name was received. Used only to estimate whether it is still awake and needs no beam.
    pub(super) fn note_heard(&mut self, now: Instant) {
        if now >= self.active_at + STAYS_AWAKE {
            self.listening_since = now;
        }
        self.active_at = now;
    }

    /// An unencrypted frame suggests that this node, which has keys, is awake. A sleeping node then gets its queued
    /// commands, and a dead one a ping; only its acknowledgement proves that it is alive.
    pub(super) fn hint(&mut self, now: Instant) {
        if now < self.hint_at {
            return;
        }
        self.hint_at = now + HINT_INTERVAL;
        if self.reach == Reach::Dead {
            self.retry_at = now;
        }
        if self.sleeps() {
            self.awake_until = now + AWAKE;
        }
    }

    /// A user changed what this node should hold: a dead node is tried now. It may be back, and a removed code must not
    /// keep working for another hour.
    pub(super) fn urge(&mut self, now: Instant) {
        if self.reach == Reach::Dead && now >= self.urge_at {
            self.urge_at = now + URGENT_RETRY_INTERVAL;
            if now < self.retry_at {
                self.urged_from = Some(std::mem::replace(&mut self.retry_at, now));
            }
        }
    }

    /// Whether another Nonce Report may be sent to it.
    pub(super) fn may_send_nonce(&mut self, now: Instant) -> bool {
        if self.reach == Reach::Dead {
            return self.nonce_allowance_while_dead.take(now);
        }
        // A node that owes a report has good reason to request a nonce. One that is working on a command may take a
        // minute.
        let owes = self.awaiting_reply.as_ref().is_some_and(|awaiting_reply| !awaiting_reply.working);
        owes || self.nonce_allowance.take(now)
    }

    /// The node sent something or acknowledged a frame. Returns whether its reachability changed.
    pub(super) fn mark_alive(&mut self, now: Instant) -> bool {
        if self.reach == Reach::Dead {
            self.interview.resume();
        }
        self.note_heard(now);
        self.suspect = false;
        (self.attempts, self.urged_from) = (0, None);
        self.yields_until = Instant::ZERO;
        if self.sleeps() && now >= self.awake_until {
            // It sent a report while asleep; such nodes do not listen for long afterwards.
            return self.set_reach(Reach::Asleep);
        }
        if self.sleeps() {
            self.awake_until = now + AWAKE;
        }
        self.set_reach(Reach::Alive)
    }

    /// A sleeping node is awake. Returns whether its reachability changed.
    pub(super) fn mark_awake(&mut self, now: Instant) -> bool {
        self.awake_until = now + AWAKE;
        self.mark_alive(now)
    }

    /// A sleeping node was sent to sleep, or did not acknowledge. Returns whether its reachability changed.
    pub(super) fn mark_asleep(&mut self) -> bool {
        self.awake_until = Instant::ZERO;
        self.suspect = false;
        self.set_reach(Reach::Asleep)
    }

    /// The node did not acknowledge the ping either. Returns whether its reachability changed.
    pub(super) fn mark_dead(&mut self, now: Instant, entropy: &mut Entropy) -> bool {
        // A try because of a user's change is an additional one and does not postpone the regular one.
        if let Some(at) = self.urged_from.take() {
            (self.retry_at, self.suspect) = (at.max(now + URGENT_RETRY_INTERVAL), false);
            return self.set_reach(Reach::Dead);
        }
        let pause = BACK_OFF.get(self.attempts).or(BACK_OFF.last()).copied().unwrap_or_default();
        // Up to a tenth of jitter: locks that became unreachable together (power cut of a repeater) are not all tried
        // at once.
        let jitter = entropy.below(u64::try_from(pause.as_millis()).unwrap_or_default() / 10);
        self.retry_at = now + pause + Duration::from_millis(jitter);
        self.attempts += 1;
        self.suspect = false;
        self.set_reach(Reach::Dead)
    }

    /// A transmission of `spent` failed: other nodes may use four times that before this node's next transmission.
    pub(super) fn failed(&mut self, spent: Duration, now: Instant) {
        self.yields_until = now + spent * SHARE;
    }

    /// Adds the cost of a transmission. Returns its duration in milliseconds.
    pub(super) fn count(&mut self, report: Option<&TxReport>) -> u64 {
        let Some(report) = report else { return 0 };
        let took = u64::from(report.ticks) * 10;
        self.radio.airtime_ms += took;
        let beamed = report.route.as_ref().is_some_and(|route| route.beam().is_some());
        self.radio.wakeups += u64::from(beamed);
        took
    }

    /// How long to wait for a report: a second after the acknowledgement, and more for receivers that were woken by a
    /// beam (docs/protocol/timing.md §5). For a node that has been faster, the first tries wait less: asking again
    /// costs one frame, and a late report still counts.
    pub(super) fn report_timeout(&self, failures: u8) -> Duration {
        let beamed = self.node.protocol.is_none_or(|protocol| protocol.beam.is_some());
        let longest = Duration::from_millis(if beamed { 2200 } else { 1500 });
        match self.response_time {
            Some(usual) if failures < 2 => (usual * 4).clamp(Duration::from_millis(1000), longest),
            _ => longest,
        }
    }

    /// The node reported after `took`.
    pub(super) fn reported_after(&mut self, took: Duration) {
        self.response_time = Some(self.response_time.map_or(took, |usual| (usual * 3 + took) / 4));
    }

    fn set_reach(&mut self, reach: Reach) -> bool {
        let news = self.reach != reach;
        self.reach = reach;
        news
    }
}
