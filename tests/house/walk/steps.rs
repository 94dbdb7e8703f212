//! What can happen in a walk.

use latchkey::domain::entropy::Entropy;
use serde::{Deserialize, Serialize};

/// A walk as data. Numbers that name a person, a lock or a slot count modulo those that are there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Walk {
    #[serde(rename = "seed")]
    pub seed: u64,
    /// Which sorts of locks are drawn, and how the first interviews go. Walks of before have none: 0.
    #[serde(default)]
    #[serde(rename = "house")]
    pub house: u8,
    #[serde(rename = "steps")]
    pub steps: Vec<Step>,
}

/// Something happens, and then time goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    #[serde(rename = "what")]
    pub what: What,
    /// Milliseconds.
    #[serde(rename = "then")]
    pub then: u64,
}

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum What {
    /// Nothing but time.
    #[serde(rename = "Wait")]
    Wait,
    /// Somebody new, with a code, on the locks of the mask.
    #[serde(rename = "Add")]
    Add {
        #[serde(rename = "on")]
        on: u8,
    },
    /// Somebody new wants a code that somebody has.
    #[serde(rename = "AddTwin")]
    AddTwin {
        #[serde(rename = "of")]
        of: u8,
        #[serde(rename = "on")]
        on: u8,
    },
    /// Another code.
    #[serde(rename = "NewCode")]
    NewCode {
        #[serde(rename = "who")]
        who: u8,
    },
    #[serde(rename = "Enable")]
    Enable {
        #[serde(rename = "who")]
        who: u8,
        #[serde(rename = "on")]
        on: bool,
    },
    #[serde(rename = "Remove")]
    Remove {
        #[serde(rename = "who")]
        who: u8,
    },
    #[serde(rename = "Grant")]
    Grant {
        #[serde(rename = "who")]
        who: u8,
        #[serde(rename = "lock")]
        lock: u8,
    },
    #[serde(rename = "Revoke")]
    Revoke {
        #[serde(rename = "who")]
        who: u8,
        #[serde(rename = "lock")]
        lock: u8,
    },
    /// A bolt by radio.
    #[serde(rename = "Bolt")]
    Bolt {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "locked")]
        locked: bool,
    },
    #[serde(rename = "Check")]
    Check {
        #[serde(rename = "lock")]
        lock: u8,
    },
    /// An automation publishes `LOCK` and `UNLOCK` in turn, every so many milliseconds, for so many seconds.
    #[serde(rename = "Publish")]
    Publish {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "each")]
        each: u16,
        #[serde(rename = "seconds")]
        seconds: u8,
    },
    /// Somebody types a code they have, or once had.
    #[serde(rename = "Type")]
    Type {
        #[serde(rename = "who")]
        who: u8,
        #[serde(rename = "code")]
        code: u8,
        #[serde(rename = "lock")]
        lock: u8,
    },
    /// Somebody comes again and again with their present code, so many milliseconds apart.
    #[serde(rename = "Come")]
    Come {
        #[serde(rename = "who")]
        who: u8,
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "times")]
        times: u8,
        #[serde(rename = "each")]
        each: u16,
        /// Before each visit a frame in the lock's name asks for a nonce: what the lock says next is sealed anew.
        #[serde(default)]
        #[serde(rename = "called")]
        called: bool,
    },
    /// A stranger types the code that they programmed.
    #[serde(rename = "TypeForeign")]
    TypeForeign {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "slot")]
        slot: u8,
    },
    #[serde(rename = "TypeWrong")]
    TypeWrong {
        #[serde(rename = "lock")]
        lock: u8,
    },
    /// A bolt by hand.
    #[serde(rename = "Turn")]
    Turn {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "locked")]
        locked: bool,
    },
    /// A stranger programs a code at the lock.
    #[serde(rename = "Program")]
    Program {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "slot")]
        slot: u8,
    },
    /// The same into a slot that has a code: somebody gives themselves another one.
    #[serde(rename = "Overwrite")]
    Overwrite {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "slot")]
        slot: u8,
    },
    /// Somebody takes one out there.
    #[serde(rename = "Erase")]
    Erase {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "slot")]
        slot: u8,
    },
    /// The lock says something odd under its own keys.
    #[serde(rename = "Odd")]
    Odd {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "report")]
        report: Odd,
    },
    /// The lock hears and says nothing.
    #[serde(rename = "Gone")]
    Gone {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "on")]
        on: bool,
    },
    /// The lock hears, and can't be heard.
    #[serde(rename = "Mute")]
    Mute {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "on")]
        on: bool,
    },
    /// For so many seconds the lock is as if it were away, or can't be heard.
    #[serde(rename = "Jam")]
    Jam {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "both_ways")]
        both_ways: bool,
        #[serde(rename = "seconds")]
        seconds: u8,
    },
    /// For so many seconds the stick says nothing.
    #[serde(rename = "Deaf")]
    Deaf {
        #[serde(rename = "seconds")]
        seconds: u8,
    },
    /// For so many seconds frames from and to the lock come up to so many milliseconds late.
    #[serde(rename = "Delay")]
    Delay {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "millis")]
        millis: u8,
        #[serde(rename = "reorder")]
        reorder: u8,
        #[serde(rename = "seconds")]
        seconds: u8,
    },
    /// A frame that the lock did not send, every so many milliseconds, for so many seconds; 0: once.
    #[serde(rename = "Forge")]
    Forge {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "what")]
        what: Forged,
        #[serde(rename = "each")]
        each: u16,
        #[serde(rename = "seconds")]
        seconds: u8,
    },
    /// For so many seconds each nonce that the lock is told is spoilt by a frame that is quicker than the lock.
    #[serde(rename = "Burn")]
    Burn {
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "seconds")]
        seconds: u8,
    },
    /// Somebody is granted the lock, and at once it is taken away. A neighbour keeps the lock's answers from us, and makes us
    /// believe that it could not open the frame.
    #[serde(rename = "Reversed")]
    Reversed {
        #[serde(rename = "who")]
        who: u8,
        #[serde(rename = "lock")]
        lock: u8,
        #[serde(rename = "after")]
        after: u16,
    },
    /// Another lock joins by SmartStart.
    #[serde(rename = "Join")]
    Join {
        #[serde(rename = "make")]
        make: u8,
    },
    /// Its batteries are taken out and put in.
    #[serde(rename = "Batteries")]
    Batteries {
        #[serde(rename = "lock")]
        lock: u8,
    },
    /// Of a hundred frames so many are lost, acknowledgements, doubled.
    #[serde(rename = "Air")]
    Air {
        #[serde(rename = "loss")]
        loss: u8,
        #[serde(rename = "acks")]
        acks: u8,
        #[serde(rename = "twice")]
        twice: u8,
    },
    /// One byte of so many on the cable is changed; 0: none.
    #[serde(rename = "Noise")]
    Noise {
        #[serde(rename = "one_in")]
        one_in: u16,
    },
    #[serde(rename = "Broker")]
    Broker {
        #[serde(rename = "here")]
        here: bool,
    },
    #[serde(rename = "Stick")]
    Stick {
        #[serde(rename = "plugged")]
        plugged: bool,
    },
    /// The clock is set, in seconds, forward or back; or put right.
    #[serde(rename = "Clock")]
    Clock {
        #[serde(rename = "seconds")]
        seconds: i32,
    },
    #[serde(rename = "RightClock")]
    RightClock,
    #[serde(rename = "Trust")]
    Trust {
        #[serde(rename = "trusted")]
        trusted: bool,
    },
    /// Commits fail from now on, or work again.
    #[serde(rename = "Disk")]
    Disk {
        #[serde(rename = "fails")]
        fails: bool,
    },
    /// The daemon is restarted.
    #[serde(rename = "Restart")]
    Restart,
    /// The power goes off before a commit to come, or after it with so many of its effects out.
    #[serde(rename = "Cut")]
    Cut {
        #[serde(rename = "commits")]
        commits: u8,
        #[serde(rename = "effects")]
        effects: Option<u8>,
    },
    /// Somebody keeps a copy of the store.
    #[serde(rename = "Copy")]
    Copy,
    /// Somebody brings the copy back.
    #[serde(rename = "BringBack")]
    BringBack,
    /// Everything is mended, and it gets quiet.
    #[serde(rename = "Mend")]
    Mend,
}

/// What a lock may say that no certified lock says, or that means less than it seems to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Odd {
    /// User Code Report of user 0, status 0, with bytes: a keypad was shown a tag that it does not know.
    #[serde(rename = "UnknownTag")]
    UnknownTag,
    /// The same with zeros only.
    #[serde(rename = "AllZero")]
    AllZero,
    /// User Code Report of a slot with status 0xFE.
    #[serde(rename = "NotAvailable")]
    NotAvailable {
        #[serde(rename = "slot")]
        slot: u8,
    },
    /// Battery level 0xFE.
    #[serde(rename = "Battery")]
    Battery,
    /// Unlocked by hand, with a level in the bytes of version 1.
    #[serde(rename = "Level")]
    Level {
        #[serde(rename = "level")]
        level: u8,
    },
    /// Door Lock Operation Report of mode 0xFE.
    #[serde(rename = "UnknownMode")]
    UnknownMode,
}

/// Frames in a lock's name that it did not send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Forged {
    /// Sealed rubbish: the hub calls for the lock's last words.
    #[serde(rename = "Rubbish")]
    Rubbish,
    /// The lock asks for a nonce.
    #[serde(rename = "NonceGet")]
    NonceGet,
    /// The lock tells a nonce: under S2, that it could not open our frame.
    #[serde(rename = "NonceReport")]
    NonceReport,
    /// A frame of the lock, so many before its last one, once more.
    #[serde(rename = "Replay")]
    Replay {
        #[serde(rename = "back")]
        back: u8,
    },
    /// What a lock would say, in clear.
    #[serde(rename = "Clear")]
    Clear {
        #[serde(rename = "word")]
        word: Word,
        #[serde(rename = "slot")]
        slot: u8,
    },
    /// The same, sealed under a class below the lock's.
    #[serde(rename = "Lower")]
    Lower {
        #[serde(rename = "word")]
        word: Word,
        #[serde(rename = "slot")]
        slot: u8,
    },
    /// To the lock, in our name: the last frame for it once more, so many back.
    #[serde(rename = "ReplayToLock")]
    ReplayToLock {
        #[serde(rename = "back")]
        back: u8,
    },
    /// To the lock, in our name: a nonce.
    #[serde(rename = "NonceToLock")]
    NonceToLock,
}

/// What a lock could say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Word {
    #[serde(rename = "Used")]
    Used,
    #[serde(rename = "Added")]
    Added,
    #[serde(rename = "Deleted")]
    Deleted,
    #[serde(rename = "AllDeleted")]
    AllDeleted,
    /// A report of the slot: empty.
    #[serde(rename = "Empty")]
    Empty,
    /// A report of the slot: another code.
    #[serde(rename = "Other")]
    Other,
    #[serde(rename = "UnknownTag")]
    UnknownTag,
    /// A Supervision Report: done.
    #[serde(rename = "Done")]
    Done,
    #[serde(rename = "Locked")]
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
