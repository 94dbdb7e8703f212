//! Somebody nearby with a radio. They hear everything, and speak in the locks' names and in ours; they have no key of a lock,
//! but may have the one of a class below its own. In a lock without keys they program nothing.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use latchkey::command::Command;
use latchkey::command::security::Security;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::{HomeId, NodeId};
use latchkey::domain::node::SecurityClass;
use latchkey::domain::time::Instant;
use latchkey::security::keys::{KeyId, KeyMask, NetworkKeys};
use latchkey::security::s0::S0Keys;
use latchkey::security::s0::peer::{Next, Peer};
use latchkey::security::s2::{Addressing, FrameKey, Received, S2Context, Sealing, Session};
use latchkey::serial::{Frame, FunctionId, NodeIdWidth, Request};

use super::agenda::Later;
use super::stage::Stage;
use super::steps::{Forged, Word};

const CONTROLLER: NodeId = NodeId(1);
/// So many frames of each way are remembered.
const REMEMBERED: usize = 16;
/// A lock that was told a wrong nonce under S0 says what it has to say in vain, and its next words may come after this.
const SPOILT: Duration = Duration::from_secs(10);

/// What they know, and what they wait for.
pub struct Neighbour {
    home: HomeId,
    /// Of these, only those of classes below a lock's own are used.
    keys: NetworkKeys,
    entropy: Entropy,
    /// The last frames for each lock, the newest first.
    to: BTreeMap<NodeId, VecDeque<Vec<u8>>>,
    /// The last frames of each lock.
    from: BTreeMap<NodeId, VecDeque<Vec<u8>>>,
    burning: BTreeMap<NodeId, Instant>,
    spoilt: BTreeMap<NodeId, Instant>,
    /// What waits for a nonce, to be said in a lock's name under a lower class.
    lower: BTreeMap<NodeId, Lower>,
    trap: Option<Trap>,
}

/// Something to be said under a class below the lock's.
enum Lower {
    S2(Box<Session>, Vec<u8>),
    S0(Box<Peer>),
}

/// Waits for a code on its way to a lock.
struct Trap {
    node: NodeId,
    /// It keeps our stick busy meanwhile.
    other: NodeId,
    name: String,
    after: u16,
}

impl Neighbour {
    pub fn new(home: HomeId, keys: NetworkKeys, entropy: Entropy) -> Self {
        Self {
            home,
            keys,
            entropy,
            to: BTreeMap::new(),
            from: BTreeMap::new(),
            burning: BTreeMap::new(),
            spoilt: BTreeMap::new(),
            lower: BTreeMap::new(),
            trap: None,
        }
    }

    pub fn burn(&mut self, node: NodeId, until: Instant) {
        self.burning.insert(node, until);
    }

    pub fn trap(&mut self, node: NodeId, other: NodeId, name: String, after: u16) {
        self.trap = Some(Trap { node, other, name, after });
    }

    /// Whether a lock speaks in vain because of them, as it would in jammed air: no hub could help that.
    pub fn spoils(&self, node: NodeId, now: Instant) -> bool {
        self.spoilt.get(&node).is_some_and(|until| now < *until)
    }

    /// What a lock says now may be lost, until then.
    pub fn spoil(&mut self, node: NodeId, until: Instant) {
        self.spoilt.insert(node, until);
    }

    pub fn rests(&mut self) {
        self.burning.clear();
        self.lower.clear();
        self.trap = None;
    }

    fn note(frames: &mut BTreeMap<NodeId, VecDeque<Vec<u8>>>, node: NodeId, payload: &[u8]) {
        let frames = frames.entry(node).or_default();
        frames.push_front(payload.to_vec());
        frames.truncate(REMEMBERED);
    }

    fn earlier(frames: &BTreeMap<NodeId, VecDeque<Vec<u8>>>, node: NodeId, back: u8) -> Option<Vec<u8>> {
        let frames = frames.get(&node)?;
        frames.get(usize::from(back) % frames.len().max(1)).cloned()
    }

    fn bytes<const N: usize>(&mut self) -> Vec<u8> {
        self.entropy.bytes::<N>().to_vec()
    }
}

impl Stage {
    /// A frame in a lock's name, or to the lock in ours.
    pub fn forge(&mut self, node: NodeId, what: Forged) {
        let (now, class) = (self.house.now(), self.house.node(node).class());
        let s2 = class > SecurityClass::S0;
        self.figures.forged += 1;
        self.listen_in();
        let payload = match what {
            Forged::Rubbish if s2 => {
                [vec![0x9F, 0x03, self.neighbour.entropy.bytes::<1>()[0], 0x00], self.neighbour.bytes::<20>()].concat()
            }
            Forged::Rubbish => [vec![0x98, 0x81], self.neighbour.bytes::<30>()].concat(),
            Forged::NonceGet if s2 => vec![0x9F, 0x01, self.neighbour.entropy.bytes::<1>()[0]],
            Forged::NonceGet => vec![0x98, 0x40],
            Forged::NonceReport => self.nonce_report(s2),
            Forged::Replay { back } => match Neighbour::earlier(&self.neighbour.from, node, back) {
                Some(frame) => frame,
                None => return,
            },
            Forged::Clear { word, slot } => self.word(node, word, slot),
            Forged::Lower { word, slot } => return self.seal_lower(node, word, slot),
            // What was a code for a lock without keys would be one again.
            Forged::ReplayToLock { .. } | Forged::NonceToLock if class == SecurityClass::None => return,
            Forged::ReplayToLock { back } => {
                if let Some(frame) = Neighbour::earlier(&self.neighbour.to, node, back) {
                    self.reach_lock(node, &frame);
                }
                return;
            }
            Forged::NonceToLock => {
                let frame = self.nonce_report(s2);
                if !s2 {
                    self.neighbour.spoil(node, now + SPOILT);
                }
                self.reach_lock(node, &frame);
                return;
            }
        };
        self.inject(node, payload);
    }

    fn inject(&mut self, node: NodeId, payload: Vec<u8>) {
        let now = self.house.now();
        let open = self.house.node(node).class() == SecurityClass::None;
        let lock = self.model.lock(node);
        lock.attacked_at = Some(now);
        // As good as the lock's own word.
        lock.hearsay |= open;
        if open {
            lock.ours.extend(1..=30);
            lock.strangers.values_mut().for_each(|stranger| stranger.would_stay &= stranger.stays);
        }
        self.house.forge(node, payload);
        self.watch();
    }

    fn reach_lock(&mut self, node: NodeId, payload: &[u8]) {
        let now = self.house.now();
        self.model.lock(node).attacked_at = Some(now);
        self.house.trace(|| format!("~~ forged to node {node}: {payload:02x?}"));
        self.house.visit(node, |lock| {
            if !lock.is_gone() {
                lock.receive(payload, now);
            }
        });
        self.watch();
    }

    fn nonce_report(&mut self, s2: bool) -> Vec<u8> {
        if s2 {
            let head = vec![0x9F, 0x02, self.neighbour.entropy.bytes::<1>()[0], 0x01];
            return [head, self.neighbour.bytes::<16>()].concat();
        }
        [vec![0x98, 0x80], self.neighbour.bytes::<8>()].concat()
    }

    /// A word of a lock, in clear.
    fn word(&self, node: NodeId, word: Word, slot: u8) -> Vec<u8> {
        let slot = u8::try_from(u16::from(slot) % self.house.node(node).model.slots + 1).unwrap_or(1);
        let event = |event: u8| vec![0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, event, 0x04, 0x63, 0x03, slot, 0x01];
        match word {
            Word::Used => event(0x06),
            Word::Added => event(0x0E),
            Word::Deleted => event(0x0D),
            Word::AllDeleted => vec![0x71, 0x05, 0x00, 0x00, 0x00, 0xFF, 0x06, 0x0C, 0x00],
            Word::Empty => vec![0x63, 0x03, slot, 0x00, 0x00, 0x00, 0x00, 0x00],
            Word::Other => vec![0x63, 0x03, slot, 0x01, 0x39, 0x38, 0x30, 0x37],
            Word::UnknownTag => vec![0x63, 0x03, 0x00, 0x00, 0x04, 0xA1, 0x9B, 0x77],
            Word::Done => vec![0x6C, 0x02, slot, 0xFF, 0x00],
            Word::Locked => vec![0x62, 0x03, 0xFF, 0x00, 0x02, 0xFE, 0xFE],
        }
    }

    /// Begins to say a word under a class below the lock's: S0, or S2 without authentication. It needs a nonce first, which
    /// is asked for in the lock's name and overheard.
    fn seal_lower(&mut self, node: NodeId, word: Word, slot: u8) {
        let said = self.word(node, word, slot);
        if self.house.node(node).class() <= SecurityClass::S0 {
            return self.inject(node, said);
        }
        let now = self.house.now();
        let Neighbour { home, keys, entropy, lower, .. } = &mut self.neighbour;
        let question = if slot.is_multiple_of(2) {
            let Some(mut peer) = Peer::new(node, CONTROLLER) else { return };
            if peer.begin(&said, 46).is_err() {
                return;
            }
            peer.next(&S0Keys::of(keys.network_key(KeyId::S0)), now, entropy);
            lower.insert(node, Lower::S0(Box::new(peer)));
            vec![0x98, 0x40]
        } else {
            let class = SecurityClass::S2Unauthenticated;
            let mut session = Session::new(CONTROLLER, KeyMask::of(class), entropy);
            let context = S2Context { home: *home, own: node, keys };
            let Sealing::NonceGet(question) = session.seal(&context, FrameKey::Class(class), &said, now, entropy) else { return };
            lower.insert(node, Lower::S2(Box::new(session), said));
            question.0
        };
        self.inject(node, question);
    }

    /// A frame of ours is on the air.
    pub fn overhear(&mut self, node: NodeId, payload: &[u8]) {
        if !self.nodes.contains(&node) {
            return;
        }
        Neighbour::note(&mut self.neighbour.to, node, payload);
        let now = self.house.now();
        let burns = self.neighbour.burning.get(&node).is_some_and(|until| now < *until);
        if let [0x98, 0x80, id, ..] = payload
            && burns
        {
            let rubbish = [vec![0x98, 0x81], self.neighbour.bytes::<20>(), vec![*id], self.neighbour.bytes::<8>()].concat();
            self.figures.forged += 1;
            self.inject(node, rubbish);
        }
        self.go_on_lower(node, payload);
        self.spring(node, payload);
    }

    fn go_on_lower(&mut self, node: NodeId, payload: &[u8]) {
        if !matches!(payload, [0x98, 0x80, ..] | [0x9F, 0x02, ..]) {
            return;
        }
        let (Some(lower), Ok(command)) = (self.neighbour.lower.remove(&node), Command::parse(payload)) else { return };
        let now = self.house.now();
        let Neighbour { home, keys, entropy, .. } = &mut self.neighbour;
        let sealed = match (lower, command) {
            (Lower::S0(mut peer), Command::Security(Security::NonceReport(report))) => {
                peer.nonce_told(report.nonce, now);
                match peer.next(&S0Keys::of(keys.network_key(KeyId::S0)), now, entropy) {
                    Next::Send { payload, .. } => payload,
                    Next::AskNonce | Next::Idle => return,
                }
            }
            (Lower::S2(mut session, said), Command::Security2(report)) => {
                let context = S2Context { home: *home, own: node, keys };
                let class = FrameKey::Class(SecurityClass::S2Unauthenticated);
                let Received::Nonce = session.receive(&context, report, Addressing::Single, now, entropy) else { return };
                let Sealing::Frame(frame) = session.seal(&context, class, &said, now, entropy) else { return };
                frame.0
            }
            _ => return,
        };
        self.inject(node, sealed);
    }

    /// The code that was waited for is on the air: the lock's answers are kept away, the stick is kept busy, and then the
    /// lock seems to say that it could not open the frame.
    fn spring(&mut self, node: NodeId, payload: &[u8]) {
        let is_code = matches!(payload, [0x9F, 0x03, ..] | [0x98, 0x81, ..] | [0x63, 0x01 | 0x0B, ..] | [0x6C, 0x01, ..]);
        let Some(trap) = self.neighbour.trap.take_if(|trap| trap.node == node && is_code) else { return };
        let now = self.house.now();
        let later = |millis: u64| now + Duration::from_millis(millis);
        self.house.visit(node, |lock| lock.faults.mute = true);
        self.model.lock(node).attacked_at = Some(now);
        // The beam goes first, then the lock stores the code.
        self.agenda.at(later(1_500), Later::Occupy(trap.other));
        self.agenda.at(later(1_700), Later::Forge { node, what: Forged::NonceReport, each: 0, until: now });
        self.agenda.at(later(1_400 + u64::from(trap.after)), Later::TakeAway { name: trap.name });
        self.agenda.at(later(20_000), Later::Unjam(node));
    }

    /// What the locks said lately.
    fn listen_in(&mut self) {
        for (node, payload) in std::mem::take(&mut self.house.heard) {
            Neighbour::note(&mut self.neighbour.from, node, &payload);
        }
    }
}

/// What a frame for the stick carries to a node.
pub fn carried(frame: &Frame) -> Option<(NodeId, Vec<u8>)> {
    if ![FunctionId::SEND_DATA, FunctionId::SEND_DATA_BRIDGE].contains(&frame.function) {
        return None;
    }
    // No node has the number 0: where the first byte is one, ids are two bytes wide.
    let width = if frame.params.first() == Some(&0) { NodeIdWidth::Bits16 } else { NodeIdWidth::Bits8 };
    match Request::parse(frame, width) {
        Ok(Request::SendData(send) | Request::SendDataBridge { send, .. }) => Some((send.node, send.data.to_vec())),
        _ => None,
    }
}
