//! What can happen in a walk.

use latchkey::domain::entropy::Entropy;
use serde::{Deserialize, Serialize};

/// A walk as data. Numbers that name a person, a lock or a slot count modulo those that are there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Walk {
    pub seed: u64,
    /// Which sorts of locks are drawn, and how the first interviews go. Walks of before have none: 0.
    #[serde(default)]
    pub house: u8,
    pub steps: Vec<Step>,
}

/// Something happens, and then time goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    pub what: What,
    /// Milliseconds.
    pub then: u64,
}

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum What {
    /// Nothing but time.
    Wait,
    /// Somebody new, with a code, on the locks of the mask.
    Add {
        on: u8,
    },
    /// Somebody new wants a code that somebody has.
    AddTwin {
        of: u8,
        on: u8,
    },
    /// Another code.
    NewCode {
        who: u8,
    },
    Enable {
        who: u8,
        on: bool,
    },
    Remove {
        who: u8,
    },
    Grant {
        who: u8,
        lock: u8,
    },
    Revoke {
        who: u8,
        lock: u8,
    },
    /// A bolt by radio.
    Bolt {
        lock: u8,
        locked: bool,
    },
    Check {
        lock: u8,
    },
    /// An automation publishes `LOCK` and `UNLOCK` in turn, every so many milliseconds, for so many seconds.
    Publish {
        lock: u8,
        each: u16,
        seconds: u8,
    },
    /// Somebody types a code they have, or once had.
    Type {
        who: u8,
        code: u8,
        lock: u8,
    },
    /// Somebody comes again and again with their present code, so many milliseconds apart.
    Come {
        who: u8,
        lock: u8,
        times: u8,
        each: u16,
        /// Before each visit a frame in the lock's name asks for a nonce: what the lock says next is sealed anew.
        #[serde(default)]
        called: bool,
    },
    /// A stranger types the code that they programmed.
    TypeForeign {
        lock: u8,
        slot: u8,
    },
    TypeWrong {
        lock: u8,
    },
    /// A bolt by hand.
    Turn {
        lock: u8,
        locked: bool,
    },
    /// A stranger programs a code at the lock.
    Program {
        lock: u8,
        slot: u8,
    },
    /// The same into a slot that has a code: somebody gives themselves another one.
    Overwrite {
        lock: u8,
        slot: u8,
    },
    /// Somebody takes one out there.
    Erase {
        lock: u8,
        slot: u8,
    },
    /// The lock says something odd under its own keys.
    Odd {
        lock: u8,
        report: Odd,
    },
    /// The lock hears and says nothing.
    Gone {
        lock: u8,
        on: bool,
    },
    /// The lock hears, and can't be heard.
    Mute {
        lock: u8,
        on: bool,
    },
    /// For so many seconds the lock is as if it were away, or can't be heard.
    Jam {
        lock: u8,
        both_ways: bool,
        seconds: u8,
    },
    /// For so many seconds the stick says nothing.
    Deaf {
        seconds: u8,
    },
    /// For so many seconds frames from and to the lock come up to so many milliseconds late.
    Delay {
        lock: u8,
        millis: u8,
        reorder: u8,
        seconds: u8,
    },
    /// A frame that the lock did not send, every so many milliseconds, for so many seconds; 0: once.
    Forge {
        lock: u8,
        what: Forged,
        each: u16,
        seconds: u8,
    },
    /// For so many seconds each nonce that the lock is told is spoilt by a frame that is quicker than the lock.
    Burn {
        lock: u8,
        seconds: u8,
    },
    /// Somebody is granted the lock, and at once it is taken away. A neighbour keeps the lock's answers from us, and makes us
    /// believe that it could not open the frame.
    Reversed {
        who: u8,
        lock: u8,
        after: u16,
    },
    /// Another lock joins by SmartStart.
    Join {
        make: u8,
    },
    /// Its batteries are taken out and put in.
    Batteries {
        lock: u8,
    },
    /// Of a hundred frames so many are lost, acknowledgements, doubled.
    Air {
        loss: u8,
        acks: u8,
        twice: u8,
    },
    /// One byte of so many on the cable is changed; 0: none.
    Noise {
        one_in: u16,
    },
    Broker {
        here: bool,
    },
    Stick {
        plugged: bool,
    },
    /// The clock is set, in seconds, forward or back; or put right.
    Clock {
        seconds: i32,
    },
    RightClock,
    Trust {
        trusted: bool,
    },
    /// Commits fail from now on, or work again.
    Disk {
        fails: bool,
    },
    /// The daemon is restarted.
    Restart,
    /// The power goes off before a commit to come, or after it with so many of its effects out.
    Cut {
        commits: u8,
        effects: Option<u8>,
    },
    /// Somebody keeps a copy of the store.
    Copy,
    /// Somebody brings the copy back.
    BringBack,
    /// Everything is mended, and it gets quiet.
    Mend,
}

/// What a lock may say that no certified lock says, or that means less than it seems to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Odd {
    /// User Code Report of user 0, status 0, with bytes: a keypad was shown a tag that it does not know.
    UnknownTag,
    /// The same with zeros only.
    AllZero,
    /// User Code Report of a slot with status 0xFE.
    NotAvailable { slot: u8 },
    /// Battery level 0xFE.
    Battery,
    /// Unlocked by hand, with a level in the bytes of version 1.
    Level { level: u8 },
    /// Door Lock Operation Report of mode 0xFE.
    UnknownMode,
}

/// Frames in a lock's name that it did not send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Forged {
    /// Sealed rubbish: the hub calls for the lock's last words.
    Rubbish,
    /// The lock asks for a nonce.
    NonceGet,
    /// The lock tells a nonce: under S2, that it could not open our frame.
    NonceReport,
    /// A frame of the lock, so many before its last one, once more.
    Replay { back: u8 },
    /// What a lock would say, in clear.
    Clear { word: Word, slot: u8 },
    /// The same, sealed under a class below the lock's.
    Lower { word: Word, slot: u8 },
    /// To the lock, in our name: the last frame for it once more, so many back.
    ReplayToLock { back: u8 },
    /// To the lock, in our name: a nonce.
    NonceToLock,
}

/// What a lock could say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Word {
    Used,
    Added,
    Deleted,
    AllDeleted,
    /// A report of the slot: empty.
    Empty,
    /// A report of the slot: another code.
    Other,
    UnknownTag,
    /// A Supervision Report: done.
    Done,
    Locked,
}

impl Walk {
    /// The walk of a seed.
    pub fn drawn(seed: u64, steps: u64) -> Self {
        let mut entropy = Entropy::from_number(seed).child("walk");
        let steps = (0..steps).map(|_| Step { what: What::drawn(&mut entropy), then: pause(&mut entropy) }).collect();
        Self { seed, house: 1, steps }
    }
}

impl What {
    fn drawn(entropy: &mut Entropy) -> Self {
        let mut n = |below: u64| u8::try_from(entropy.below(below)).unwrap();
        let (who, lock) = (n(32), n(8));
        match n(128) {
            0..4 => Self::Wait,
            4..14 => Self::Add { on: n(8) },
            14..15 => Self::AddTwin { of: who, on: n(8) },
            15..22 => Self::NewCode { who },
            22..26 => Self::Enable { who, on: n(2) == 0 },
            26..29 => Self::Remove { who },
            29..35 => Self::Grant { who, lock },
            35..40 => Self::Revoke { who, lock },
            40..43 => Self::Bolt { lock, locked: n(2) == 0 },
            43..44 => Self::Check { lock },
            44..52 => Self::Type { who, code: n(4), lock },
            52..57 => {
                let (times, each) = (2 + n(3), n(100));
                Self::Come { who, lock, times, each: 3_000 + u16::from(each) * 50, called: each % 3 == 0 }
            }
            57..58 => Self::TypeForeign { lock, slot: n(32) },
            58..60 => Self::TypeWrong { lock },
            60..61 => Self::Turn { lock, locked: n(2) == 0 },
            61..63 => Self::Program { lock, slot: n(32) },
            63..67 => Self::Overwrite { lock, slot: n(32) },
            67..70 => Self::Erase { lock, slot: n(32) },
            70..73 => Self::Odd { lock, report: Odd::drawn(&mut n) },
            73..76 => Self::Gone { lock, on: n(3) < 2 },
            76..78 => Self::Mute { lock, on: n(3) < 2 },
            78..80 => Self::Jam { lock, both_ways: n(2) == 0, seconds: n(60) },
            80..81 => Self::Deaf { seconds: n(31) },
            81..82 => Self::Delay { lock, millis: n(200), reorder: n(3) * 20, seconds: n(90) },
            82..91 => {
                let (what, often) = (Forged::drawn(&mut n), n(2) == 0);
                let (each, seconds) = if often { (500 + u16::from(n(200)) * 20, n(60)) } else { (0, 0) };
                Self::Forge { lock, what, each, seconds }
            }
            91..93 => Self::Burn { lock, seconds: n(60) },
            93..94 => Self::Reversed { who, lock, after: 300 + u16::from(n(100)) * 20 },
            94..95 => Self::Join { make: n(8) },
            95..97 => Self::Publish { lock, each: 50 + u16::from(n(200)) * 25, seconds: n(30) },
            97..99 => Self::Batteries { lock },
            99..102 => Self::Air { loss: n(40), acks: n(25), twice: n(20) },
            102..103 => Self::Air { loss: 0, acks: 0, twice: n(2) * 20 },
            103..104 => Self::Noise { one_in: [0, 0, 50, 200, 1000][usize::from(n(5))] },
            104..107 => Self::Broker { here: n(2) == 0 },
            107..109 => Self::Stick { plugged: n(2) == 0 },
            109..111 => Self::Clock { seconds: i32::try_from(entropy.below(14 * 86_400)).unwrap() - 7 * 86_400 },
            111..112 => Self::RightClock,
            112..113 => Self::Trust { trusted: n(2) == 0 },
            113..115 => Self::Disk { fails: n(3) == 0 },
            115..117 => Self::Restart,
            117..122 => Self::Cut { commits: n(6), effects: (n(3) > 0).then(|| n(4)) },
            122..123 => match n(3) {
                0 => Self::BringBack,
                _ => Self::Copy,
            },
            _ => Self::Mend,
        }
    }
}

impl Odd {
    fn drawn(n: &mut impl FnMut(u64) -> u8) -> Self {
        match n(6) {
            0 => Self::UnknownTag,
            1 => Self::AllZero,
            2 => Self::NotAvailable { slot: n(32) },
            3 => Self::Battery,
            4 => Self::Level { level: n(32) },
            _ => Self::UnknownMode,
        }
    }
}

impl Forged {
    fn drawn(n: &mut impl FnMut(u64) -> u8) -> Self {
        match n(16) {
            0..5 => Self::Rubbish,
            5 => Self::NonceGet,
            6..8 => Self::NonceReport,
            8..10 => Self::Replay { back: n(8) },
            10..13 => Self::Clear { word: Word::drawn(n), slot: n(32) },
            13 => Self::Lower { word: Word::drawn(n), slot: n(32) },
            14 => Self::ReplayToLock { back: n(8) },
            _ => Self::NonceToLock,
        }
    }
}

impl Word {
    fn drawn(n: &mut impl FnMut(u64) -> u8) -> Self {
        let words = [
            Self::Used,
            Self::Added,
            Self::Deleted,
            Self::AllDeleted,
            Self::Empty,
            Self::Other,
            Self::UnknownTag,
            Self::Done,
            Self::Locked,
        ];
        words[usize::from(n(words.len() as u64))]
    }
}

/// Most things follow at once, some after a long while.
fn pause(entropy: &mut Entropy) -> u64 {
    let up_to = [30, 300, 3_000, 3_000, 30_000, 300_000, 3_600_000, 30_000_000];
    let up_to = up_to[usize::try_from(entropy.below(up_to.len() as u64)).unwrap()];
    entropy.below(up_to)
}
