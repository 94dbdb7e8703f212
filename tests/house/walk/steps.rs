//! What can happen in a walk.

use latchkey::domain::entropy::Entropy;
use serde::{Deserialize, Serialize};

/// A walk as data. Numbers that name a person, a lock or a slot count modulo those that are there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Walk {
    pub seed: u64,
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
    /// Somebody types a code they have, or once had.
    Type {
        who: u8,
        code: u8,
        lock: u8,
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
    /// Somebody takes one out there.
    Erase {
        lock: u8,
        slot: u8,
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
    /// Everything is mended, and it gets quiet.
    Mend,
}

impl Walk {
    /// The walk of a seed.
    pub fn drawn(seed: u64, steps: u64) -> Self {
        let mut entropy = Entropy::from_number(seed).child("walk");
        let steps = (0..steps).map(|_| Step { what: What::drawn(&mut entropy), then: pause(&mut entropy) }).collect();
        Self { seed, steps }
    }
}

impl What {
    fn drawn(entropy: &mut Entropy) -> Self {
        let mut n = |below: u64| u8::try_from(entropy.below(below)).unwrap();
        let (who, lock) = (n(32), n(8));
        match n(100) {
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
            44..56 => Self::Type { who, code: n(4), lock },
            56..58 => Self::TypeWrong { lock },
            58..60 => Self::Turn { lock, locked: n(2) == 0 },
            60..64 => Self::Program { lock, slot: n(32) },
            64..67 => Self::Erase { lock, slot: n(32) },
            67..70 => Self::Gone { lock, on: n(3) < 2 },
            70..72 => Self::Mute { lock, on: n(3) < 2 },
            72..74 => Self::Batteries { lock },
            74..77 => Self::Air { loss: n(40), acks: n(25), twice: n(20) },
            77..78 => Self::Air { loss: 0, acks: 0, twice: 0 },
            78..79 => Self::Noise { one_in: [0, 0, 50, 200, 1000][usize::from(n(5))] },
            79..82 => Self::Broker { here: n(2) == 0 },
            82..84 => Self::Stick { plugged: n(2) == 0 },
            84..86 => Self::Clock { seconds: i32::try_from(entropy.below(14 * 86_400)).unwrap() - 7 * 86_400 },
            86..87 => Self::RightClock,
            87..88 => Self::Trust { trusted: n(2) == 0 },
            88..90 => Self::Disk { fails: n(3) == 0 },
            90..91 => Self::Restart,
            91..96 => Self::Cut { commits: n(6), effects: (n(3) > 0).then(|| n(4)) },
            _ => Self::Mend,
        }
    }
}

/// Most things follow at once, some after a long while.
fn pause(entropy: &mut Entropy) -> u64 {
    let up_to = [30, 300, 3_000, 3_000, 30_000, 300_000, 3_600_000, 30_000_000];
    let up_to = up_to[usize::try_from(entropy.below(up_to.len() as u64)).unwrap()];
    entropy.below(up_to)
}
