//! One node as the network sees it: what is known for good, and what is known for now (reach, sessions, pacing).

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
/// A sleeper stays awake for ten seconds after the last exchange (docs/protocol/command-classes.md 0x84); the last two
/// are not worth the risk.
const AWAKE: Duration = Duration::from_secs(8);
/// A sleeper with nothing to do is sent to sleep after this (docs/protocol/timing.md §5).
const IDLE: Duration = Duration::from_millis(250);
/// A FLiRS node goes on listening for so long after its last frame (docs/protocol/timing.md §2: some 10 ms up to a
/// second).
const LISTENS_ON: Duration = Duration::from_millis(300);
/// A quick one that thinks about a command has answered by then: a little more, so that its next one goes before another's.
const REPLY_GRACE: Duration = Duration::from_millis(450);
/// For so long others wait for a lock that listens: time for thirty codes.
const HOLDS: Duration = Duration::from_secs(8);
/// A frame with a beam before it takes no less (docs/protocol/timing.md §2).
const BEAM: Duration = Duration::from_millis(250);
/// Silent for so long, it listens no more.
const SLEEPS: Duration = Duration::from_secs(5);
/// A frame that says that a node listens can be forged. It is believed once in this time: a frame or two.
const HINT: Duration = Duration::from_secs(30);
/// A dead node is tried once in this time because of changes, however many there are.
const URGE: Duration = Duration::from_secs(10);
/// A bolt is thrown within this. A lock that says that it takes longer gets a revocation all the same.
const MOVES: Duration = Duration::from_secs(3);
/// A failing node gets one part of the airtime, and the others four.
const SHARE: u32 = 4;

/// A node and its present condition.
#[derive(Debug)]
pub(super) struct NodeState {
    pub(super) node: Node,
    pub(super) reach: Reach,
    pub(super) radio: RadioUse,
    pub(super) sessions: Sessions,
    pub(super) interview: Interview,
    /// A transaction that was acknowledged and whose report has not come yet: at most one for each node.
    pub(super) awaiting_reply: Option<AwaitingReply>,
    /// The last answer to it that was sealed, and when it was acknowledged: should the node say now that it could not open a
    /// frame, it was this one.
    pub(super) last_answer: Option<(Box<Transaction>, Instant)>,
    /// S2 with it, and S0, which begins with the first word.
    pub(super) s2: Session,
    pub(super) s0: Option<Peer>,
    pub(super) resealed: Resealed,
    pub(super) local_resets: LocalResets,
    /// Frames in its name that did not authenticate.
    pub(super) rejected: LastHour,
    /// A command whose nonce was asked for.
    pub(super) nonce: Option<NonceWait>,
    /// This one has the node's nonces to itself: nothing else is sealed before it went.
    pub(super) reserved: Option<JobId>,
    pub(super) told_nonces: Allowance,
    told_while_dead: Allowance,
    /// The datagram it is sending, and the one it is sent.
    pub(super) incoming: Incoming,
    pub(super) datagram: Option<Box<Datagram>>,
    /// Names the datagram it was sent last.
    pub(super) session: SessionId,
    /// It acknowledged nothing for a whole transaction; a ping decides whether it is dead.
    pub(super) suspect: bool,
    /// Nothing but questions and urgent jobs before: the lock stores something and told us nothing about it.
    pub(super) pace_until: Instant,
    /// Others go first until then: the node fails, and had its share of the airtime.
    pub(super) yields_until: Instant,
    /// A sleeper listens until then.
    awake_until: Instant,
    /// A dead node is not tried before.
    retry_at: Instant,
    /// A sleeper was last heard, or acknowledged something.
    active_at: Instant,
    /// Since when it was never silent for longer than it listens on.
    listening_since: Instant,
    /// The last frame to it while it listened began with a beam.
    beamed_awake: bool,
    /// The last frame to it while it slept did not: it listens always, whatever it says of itself.
    unbeamed: bool,
    /// A frame in clear that says it listens is ignored until then.
    hint_at: Instant,
    /// A dead node is not tried for a user's change before.
    urge_at: Instant,
    /// When it would have been tried without that.
    urged_from: Option<Instant>,
    /// How often in a row a dead node was tried in vain.
    attempts: usize,
    /// How long the node took to report lately, smoothed.
    response_time: Option<Duration>,
}

/// A transaction between acknowledgement and report.
#[derive(Clone, Debug)]
pub(super) struct AwaitingReply {
    pub(super) transaction: Transaction,
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// The node said that it works on it: asking again would not help.
    pub(super) working: bool,
    /// Nothing is expected but that the node could open it: silence is good news.
    pub(super) verifying: bool,
}

/// A transaction between the question for a nonce and the nonce.
#[derive(Debug)]
pub(super) struct NonceWait {
    pub(super) transaction: Transaction,
    pub(super) until: Instant,
}

impl NodeState {
    pub(super) fn new(mut node: Node, entropy: &mut Entropy) -> Self {
        let keyed = node.possible_classes().next().is_some();
        // Nodes from before their classes were tried out are asked now, and those that answered at none: they may have been
        // out of reach.
        let untold = node.security == SecurityClass::None && !node.class_settled && !node.insecure_allowed;
        if keyed && (!node.security_known || untold) {
            node.stage = node.stage.min(InterviewStage::NodeInfo);
        }
        // Of a node whose classes are not known yet, nothing is certain either.
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
            told_nonces: Allowance::of_the_living(),
            told_while_dead: Allowance::of_the_dead(),
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

    /// The node under other keys, or as somebody else knew it: nothing of the talk so far holds. Returns what was under way.
    pub(super) fn reset(&mut self, node: Node, entropy: &mut Entropy) -> Vec<Transaction> {
        let under_way = self.take_what_is_under_way();
        let (reach, radio) = (self.reach, self.radio);
        let (awake_until, active_at, retry_at, attempts) = (self.awake_until, self.active_at, self.retry_at, self.attempts);
        let (beamed_awake, unbeamed) = (self.beamed_awake, self.unbeamed);
        *self =
            Self { reach, radio, awake_until, active_at, beamed_awake, unbeamed, retry_at, attempts, ..Self::new(node, entropy) };
        under_way
    }

    /// Takes out what was sent, in part or whole, and has no end yet.
    pub(super) fn take_what_is_under_way(&mut self) -> Vec<Transaction> {
        self.incoming = Incoming::default();
        let awaiting_reply = self.awaiting_reply.take().map(|awaiting_reply| awaiting_reply.transaction);
        let datagram = self.datagram.take().map(|datagram| datagram.into_transaction());
        let nonce = self.nonce.take().map(|it| it.transaction);
        self.release();
        awaiting_reply.into_iter().chain(datagram).chain(nonce).collect()
    }

    /// Whether the node sleeps for minutes or hours, so that commands must wait for its Wake Up Notification.
    pub(super) fn sleeps(&self) -> bool {
        self.node.protocol.is_some_and(|protocol| protocol.sleeps())
    }

    /// Whether it listens now, as far as its habits tell.
    pub(super) fn is_awake(&self, now: Instant) -> bool {
        !self.sleeps() || now < self.awake_until
    }

    /// Whether a frame to it may go without a beam, though it needs one in general: it was heard just now. Some controllers
    /// beam all the same.
    pub(super) fn listens_on(&self, now: Instant) -> bool {
        self.is_beamed() && !self.beamed_awake && self.before(now) == Before::Listening
    }

    /// Whether others are not woken yet, because it listens. One that speaks on and on loses that, and while it thinks, one
    /// that is known to think slowly: the others' beam costs less than the wait.
    pub(super) fn holds_channel(&self, now: Instant) -> bool {
        if now >= self.listening_since + HOLDS {
            return false;
        }
        match &self.awaiting_reply {
            None => self.listens_on(now),
            Some(_) if self.response_time.is_some_and(|usual| usual > LISTENS_ON) => false,
            Some(_) => self.is_beamed() && !self.beamed_awake && now < self.active_at + REPLY_GRACE,
        }
    }

    /// When others may be woken for all it has to say.
    pub(super) fn sleeps_at(&self) -> Option<Deadline> {
        let after = if self.awaiting_reply.is_some() { REPLY_GRACE } else { LISTENS_ON };
        self.is_beamed().then_some(Deadline { at: self.active_at + after, why: "another lock may be woken" })
    }

    /// How it is at the moment, before a frame goes to it.
    pub(super) fn before(&self, now: Instant) -> Before {
        match now.since(self.active_at) {
            silent if silent < LISTENS_ON => Before::Listening,
            silent if silent >= SLEEPS || self.active_at == Instant::ZERO => Before::Asleep,
            _ => Before::Unclear,
        }
    }

    /// A frame to it took so long: whether the controller spares a node that listens the beam, or needs none at all.
    pub(super) fn learn_beams(&mut self, before: Before, spent: Duration) {
        match before {
            Before::Listening => self.beamed_awake = spent >= BEAM,
            Before::Asleep => self.unbeamed = spent < BEAM,
            Before::Unclear => {}
        }
    }

    /// Whether a frame to it begins with a beam, which takes the air from everybody for a second.
    pub(super) fn needs_beam(&self, now: Instant) -> bool {
        self.is_beamed() && !self.listens_on(now)
    }

    pub(super) fn is_beamed(&self) -> bool {
        !self.unbeamed && self.node.protocol.is_some_and(|protocol| protocol.beam.is_some())
    }

    /// Whether `transaction` may go to this node now. Answers go to anybody at any time: whoever asked listens.
    pub(super) fn admits(&self, transaction: &Transaction, now: Instant) -> Eligible {
        // Nobody gets between a nonce and the command that it is for.
        let reserved = self.reserved.is_some_and(|id| id != transaction.id) || self.nonce.is_some();
        if reserved && transaction.priority != Priority::Nonce {
            return Eligible::No;
        }
        let urgent = match transaction.priority {
            Priority::Nonce | Priority::Reply => return Eligible::Yes,
            Priority::Operate => true,
            Priority::Revoke | Priority::Awake | Priority::Write | Priority::Background => false,
        };
        // The controller does these; the node need not listen.
        if matches!(transaction.operation, Operation::ProtocolInfo | Operation::RemoveFailed) {
            return Eligible::Yes;
        }
        if self.waits_behind_another(transaction, now) || self.datagram.is_some() {
            return Eligible::No;
        }
        // Whether a node is gone is asked of one that is thought to be.
        if transaction.requester == Requester::LocalReset {
            return Eligible::Yes;
        }
        if !self.is_awake(now) {
            return Eligible::No;
        }
        let waits_for_ping = self.suspect && !(transaction.requester == Requester::Ping);
        // Whether the lock has stored it is asked at once: many have.
        let paced = now < self.pace_until && !transaction.expects_reply();
        if !urgent && (waits_for_ping || self.is_left_alone(now) || paced) {
            return Eligible::No;
        }
        // One that the node could not open goes on with its own turn: behind an operation, each try may cross with its reports.
        if self.reserved == Some(transaction.id) || transaction.goes_on {
            return Eligible::Due;
        }
        if !urgent && now < self.yields_until { Eligible::Yielding } else { Eligible::Yes }
    }

    /// Whether `transaction` has to wait for the node's report on another one.
    fn waits_behind_another(&self, transaction: &Transaction, now: Instant) -> bool {
        let Some(awaiting_reply) = &self.awaiting_reply else { return false };
        let moves_a_bolt = awaiting_reply.working && awaiting_reply.transaction.priority == Priority::Operate;
        let goes_on = transaction.priority == Priority::Revoke && moves_a_bolt && now >= awaiting_reply.since + MOVES;
        !goes_on
    }

    /// Whether the node is dead and was tried lately.
    fn is_left_alone(&self, now: Instant) -> bool {
        self.reach == Reach::Dead && now < self.retry_at
    }

    /// How long a dead node is left alone still.
    pub(super) fn pause_left(&self, now: Instant) -> Duration {
        self.retry_at.since(now)
    }

    /// Whether a dead node is to be tried again.
    pub(super) fn is_worth_a_ping(&self, now: Instant) -> bool {
        self.reach == Reach::Dead && now >= self.retry_at && !self.suspect
    }

    /// Whether the interview may put its next question.
    pub(super) fn may_be_interviewed(&self, now: Instant) -> bool {
        let is_member = self.node.joining == Joining::Done;
        is_member && self.interview.is_open(&self.node) && !self.suspect && !self.is_left_alone(now)
    }

    /// A request to ask it everything once more: now, also where it was left alone.
    pub(super) fn interview_again(&mut self) {
        self.retry_at = Instant::ZERO;
        self.interview.repeat();
    }

    /// Whether the node's class list names `class`. Until it is known, anything may be tried.
    pub(super) fn supports(&self, class: ClassId) -> bool {
        let everywhere = matches!(class, ClassId::NO_OPERATION | ClassId::BASIC);
        everywhere || self.node.stage < InterviewStage::NodeInfo || self.node.classes.contains_key(&class)
    }

    /// Whether a sleeper has been idle for so long that it may be sent to sleep.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.sleeps() && now < self.awake_until && self.awaiting_reply.is_none() && now >= self.active_at + IDLE
    }

    /// Whether a sleeper went to sleep by itself.
    pub(super) fn dozed_off(&self, now: Instant) -> bool {
        self.sleeps() && self.reach != Reach::Asleep && now >= self.awake_until
    }

    /// Whether something that was sent to it, or begun to be, has no end yet.
    pub(super) fn has_under_way(&self) -> bool {
        self.awaiting_reply.is_some() || self.datagram.is_some() || self.nonce.is_some()
    }

    /// Whether nothing is under way and nothing comes by itself: it is looked at again when somebody changes it.
    pub(super) fn is_at_rest(&self, now: Instant) -> bool {
        let is_busy = self.has_under_way() || self.reserved.is_some() || self.incoming.deadline().is_some();
        let has_time_of_its_own = self.deadlines().chain(self.sleeps_at()).any(|deadline| deadline.at > now);
        let asks_now = self.may_be_interviewed(now) && self.interview.goes_on_at(&self.node) <= now;
        let wants_something = asks_now || self.is_worth_a_ping(now) || self.is_idle(now) || self.dozed_off(now);
        !is_busy && !has_time_of_its_own && !wants_something
    }

    /// When something becomes due by itself.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Deadline> {
        let report =
            self.awaiting_reply.as_ref().map(|awaiting_reply| Deadline { at: awaiting_reply.until, why: "report of a node" });
        let moves = self.awaiting_reply.as_ref().filter(|awaiting_reply| awaiting_reply.working);
        let moves = moves.map(|awaiting_reply| Deadline { at: awaiting_reply.since + MOVES, why: "a bolt takes long" });
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

    /// Whether it has keys, so that what comes in clear in its name proves nothing.
    pub(super) fn has_keys(&self) -> bool {
        self.node.security > SecurityClass::None
    }

    /// Something was heard in its name. Only who listens on, and needs no beam, is guessed from that.
    pub(super) fn sounds(&mut self, now: Instant) {
        if now >= self.active_at + LISTENS_ON {
            self.listening_since = now;
        }
        self.active_at = now;
    }

    /// A frame in clear says that this node, which has keys, listens now. A sleeper is sent what waits for it, and a dead one a
    /// ping: only its acknowledgement shows that it is alive.
    pub(super) fn hint(&mut self, now: Instant) {
        if now < self.hint_at {
            return;
        }
        self.hint_at = now + HINT;
        if self.reach == Reach::Dead {
            self.retry_at = now;
        }
        if self.sleeps() {
            self.awake_until = now + AWAKE;
        }
    }

    /// A user changed what this node should hold: one that is taken for dead is tried now. It may be back, and a code that was
    /// taken away must not stay for an hour.
    pub(super) fn urge(&mut self, now: Instant) {
        if self.reach == Reach::Dead && now >= self.urge_at {
            self.urge_at = now + URGE;
            if now < self.retry_at {
                self.urged_from = Some(std::mem::replace(&mut self.retry_at, now));
            }
        }
    }

    /// Whether it may be sent one more nonce.
    pub(super) fn may_be_told_a_nonce(&mut self, now: Instant) -> bool {
        if self.reach == Reach::Dead {
            return self.told_while_dead.take(now);
        }
        // A node that owes us an answer has good reason to ask. One that works on it may take a minute.
        let owes = self.awaiting_reply.as_ref().is_some_and(|awaiting_reply| !awaiting_reply.working);
        owes || self.told_nonces.take(now)
    }

    /// The node was heard, or acknowledged something. True if that is news.
    pub(super) fn alive(&mut self, now: Instant) -> bool {
        if self.reach == Reach::Dead {
            self.interview.resume();
        }
        self.sounds(now);
        self.suspect = false;
        (self.attempts, self.urged_from) = (0, None);
        self.yields_until = Instant::ZERO;
        if self.sleeps() && now >= self.awake_until {
            // It spoke in its sleep (a report goes out without listening for long).
            return self.set_reach(Reach::Asleep);
        }
        if self.sleeps() {
            self.awake_until = now + AWAKE;
        }
        self.set_reach(Reach::Alive)
    }

    /// A sleeper said that it listens now. True if that is news.
    pub(super) fn woke(&mut self, now: Instant) -> bool {
        self.awake_until = now + AWAKE;
        self.alive(now)
    }

    /// A sleeper was sent to sleep, or did not acknowledge. True if that is news.
    pub(super) fn fell_asleep(&mut self) -> bool {
        self.awake_until = Instant::ZERO;
        self.suspect = false;
        self.set_reach(Reach::Asleep)
    }

    /// The node acknowledged nothing, not even the ping. True if that is news.
    pub(super) fn died(&mut self, now: Instant, entropy: &mut Entropy) -> bool {
        // A try for a user's change is one more, and puts off none.
        if let Some(at) = self.urged_from.take() {
            (self.retry_at, self.suspect) = (at.max(now + URGE), false);
            return self.set_reach(Reach::Dead);
        }
        let pause = BACK_OFF.get(self.attempts).or(BACK_OFF.last()).copied().unwrap_or_default();
        // Up to a tenth of jitter: locks that died together (power cut of a repeater) are not all tried at once.
        let jitter = entropy.below(u64::try_from(pause.as_millis()).unwrap_or_default() / 10);
        self.retry_at = now + pause + Duration::from_millis(jitter);
        self.attempts += 1;
        self.suspect = false;
        self.set_reach(Reach::Dead)
    }

    /// A transmission of `spent` failed: the others may use four times that before this node's next.
    pub(super) fn failed(&mut self, spent: Duration, now: Instant) {
        self.yields_until = now + spent * SHARE;
    }

    /// Adds what a transmission cost, and tells how many milliseconds it took.
    pub(super) fn count(&mut self, report: Option<&TxReport>) -> u64 {
        let Some(report) = report else { return 0 };
        let took = u64::from(report.ticks) * 10;
        self.radio.airtime_ms += took;
        let beamed = report.route.as_ref().is_some_and(|route| route.beam().is_some());
        self.radio.wakeups += u64::from(beamed);
        took
    }

    /// How long to wait for a report. Reports are due a second after the acknowledgement, more from receivers that a
    /// beam woke (docs/protocol/timing.md §5). A node that proved quicker is given less on its first tries: asking
    /// again early costs a frame, and a late report still counts.
    pub(super) fn patience(&self, failures: u8) -> Duration {
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
