//! A device that is not in a network: its label, and its requests for inclusion. Facts: docs/protocol/security.md B11,
//! B12.

use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::time::{Deadline, Instant};
use crate::security::crypto::x25519::PrivateKey;
use crate::security::dsk::Dsk;
use crate::security::keys::KeyMask;

use super::joiner::{Fault, Wishes};
use super::model::Model;
use super::node::Node;

/// Duration of learn mode after the button was pressed, and the interval of its frames.
const LEARN_MODE: Duration = Duration::from_secs(30);
const CALLS_EACH: Duration = Duration::from_secs(1);
/// Time from power-up to the first SmartStart request.
const FIRST_PRIME: Duration = Duration::from_secs(1);
/// Pause between the first two requests; each later pause is twice as long, up to the maximum.
const PRIMES_EACH: Duration = Duration::from_secs(16);
const LONGEST_PAUSE: Duration = Duration::from_secs(512);
/// Time from a request until the device sends its inclusion request: the host has decided by then.
const ASKS_AFTER: Duration = Duration::from_secs(4);

/// Identifies a device of the world, whether it is included or not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DeviceId(pub u32);

/// How a device asks to be included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// After its button was pressed.
    LearnMode,
    /// By itself when it is switched on.
    SmartStart(Radio),
}

/// The radio of a SmartStart device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Radio {
    Classic,
    /// Can only be included over Long Range.
    LongRange,
    /// Both radios, in turn.
    Both,
}

/// A device as delivered.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its model, including the keys that it requests.
    pub model: Model,
    /// How it asks to be included.
    pub start: Start,
    /// It has no label: the controller's code is typed into it.
    pub client_side_authentication: bool,
    /// A fault during its inclusion.
    pub fault: Option<Fault>,
    private: PrivateKey,
}

impl Device {
    /// A device for learn mode. Its key pair, and so its label, depend on the seed.
    pub fn new(model: Model, seed: u64) -> Self {
        Self::with_key(model, &Entropy::from_number(seed))
    }

    /// The same with SmartStart.
    pub fn smart_start(model: Model, radio: Radio, seed: u64) -> Self {
        Self { start: Start::SmartStart(radio), ..Self::new(model, seed) }
    }

    /// The same device with a fault.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// The same device without a label: client-side authentication.
    #[must_use]
    pub fn without_label(self) -> Self {
        Self { client_side_authentication: true, ..self }
    }

    pub(super) fn with_key(model: Model, entropy: &Entropy) -> Self {
        let private = PrivateKey::from_bytes(entropy.child("sim/device").bytes());
        Self { model, start: Start::LearnMode, client_side_authentication: false, fault: None, private }
    }

    /// The DSK on its label: the first five digits are the PIN.
    pub fn dsk(&self) -> Dsk {
        Dsk::of_public_key(&self.private.public().0)
    }

    /// Whether it leaves a network in which it got no keys.
    pub(super) fn needs_keys(&self) -> bool {
        matches!(self.start, Start::SmartStart(_))
    }

    pub(super) fn wishes(&self, long_range: bool) -> Wishes {
        let possible = if long_range { KeyMask::LONG_RANGE } else { KeyMask::KNOWN };
        Wishes {
            keys: self.model.requests & possible,
            client_side_authentication: self.client_side_authentication && !long_range,
            private: self.private.clone(),
            fault: self.fault,
        }
    }
}

/// A frame of a device outside the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// Node information in learn mode.
    Here,
    /// SmartStart request of a device with this DSK.
    Prime {
        long_range: bool,
    },
    IncludeMe {
        long_range: bool,
    },
}

/// A device outside the network, with its memory.
#[derive(Debug)]
pub(super) struct Outside {
    pub(super) lock: Node,
    calling: Calling,
}

#[derive(Debug)]
enum Calling {
    Silent,
    Here { next: Instant, until: Instant },
    Priming { next: Instant, pause: Duration, long_range: bool, asks_at: Option<Instant> },
}

impl Outside {
    /// A device that is switched on: with SmartStart it starts to send requests.
    pub(super) fn new(lock: Node, device: &Device, now: Instant) -> Self {
        Self { lock, calling: Calling::at_power_up(device, now) }
    }

    /// Its button is pressed.
    pub(super) fn learn(&mut self, now: Instant) {
        self.calling = Calling::Here { next: now, until: now + LEARN_MODE };
    }

    /// The frame that is due.
    pub(super) fn handle_timeout(&mut self, device: &Device, now: Instant) -> Option<Call> {
        match &mut self.calling {
            Calling::Here { until, .. } if *until <= now => {
                self.calling = Calling::at_power_up(device, now);
                None
            }
            Calling::Here { next, .. } if *next <= now => {
                *next = now + CALLS_EACH;
                Some(Call::Here)
            }
            Calling::Priming { asks_at: asks_at @ Some(_), long_range, .. } if asks_at.is_some_and(|at| at <= now) => {
                *asks_at = None;
                let call = Call::IncludeMe { long_range: *long_range };
                if device.start == Start::SmartStart(Radio::Both) {
                    *long_range = !*long_range;
                }
                Some(call)
            }
            Calling::Priming { next, pause, long_range, asks_at } if *next <= now => {
                (*next, *asks_at) = (now + *pause, Some(now + ASKS_AFTER));
                *pause = (*pause * 2).min(LONGEST_PAUSE);
                Some(Call::Prime { long_range: *long_range })
            }
            Calling::Silent | Calling::Here { .. } | Calling::Priming { .. } => None,
        }
    }

    /// When its next frame is due.
    pub(super) fn poll_deadline(&self) -> Option<Deadline> {
        let at = match &self.calling {
            Calling::Silent => return None,
            Calling::Here { next, until } => *next.min(until),
            Calling::Priming { next, asks_at, .. } => asks_at.map_or(*next, |asks| asks.min(*next)),
        };
        Some(Deadline { at, why: "a device asks to be included" })
    }
}

impl Calling {
    fn at_power_up(device: &Device, now: Instant) -> Self {
        match device.start {
            Start::LearnMode => Self::Silent,
            Start::SmartStart(radio) => {
                let long_range = radio != Radio::Classic;
                Self::Priming { next: now + FIRST_PRIME, pause: PRIMES_EACH, long_range, asks_at: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of a device in its first seconds, and when.
    fn calls(device: &Device, seconds: u64) -> Vec<(u64, Call)> {
        let start = Instant::from_millis(0);
        let mut outside = Outside::new(Node::new(device.model.clone()), device, start);
        let mut said = Vec::new();
        while let Some(next) = outside.poll_deadline().filter(|next| next.at <= start + Duration::from_secs(seconds)) {
            let call = outside.handle_timeout(device, next.at);
            said.extend(call.map(|call| (next.at.since(start).as_secs(), call)));
        }
        said
    }

    #[test]
    fn a_waiting_device_asks_ever_more_seldom() {
        let device = Device::smart_start(Model::s2(), Radio::Classic, 1);
        let primes = calls(&device, 3_000).into_iter().filter(|(_, call)| matches!(call, Call::Prime { long_range: false }));
        let primes: Vec<u64> = primes.map(|(at, _)| at).collect();
        let pauses: Vec<u64> = primes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!((primes[0], pauses.as_slice()), (1, &[16, 32, 64, 128, 256, 512, 512, 512, 512][..]));
    }

    #[test]
    fn a_device_with_both_radios_asks_over_one_and_the_other() {
        let said = calls(&Device::smart_start(Model::s2(), Radio::Both, 1), 25);
        let expected = [
            (1, Call::Prime { long_range: true }),
            (5, Call::IncludeMe { long_range: true }),
            (17, Call::Prime { long_range: false }),
            (21, Call::IncludeMe { long_range: false }),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_button_is_good_for_half_a_minute() {
        let device = Device::new(Model::s2(), 1);
        assert_eq!(calls(&device, 1_000), []);
        let mut outside = Outside::new(Node::new(device.model.clone()), &device, Instant::ZERO);
        outside.learn(Instant::ZERO);
        assert_eq!(outside.handle_timeout(&device, Instant::ZERO), Some(Call::Here));
        let end = Instant::ZERO + LEARN_MODE;
        assert_eq!((outside.handle_timeout(&device, end), outside.poll_deadline()), (None, None));
    }

    #[test]
    fn the_label_follows_from_the_seed_and_nothing_of_the_key_shows() {
        let [a, b, c] = [1, 1, 2].map(|seed| Device::new(Model::s2(), seed));
        assert!(a.dsk() == b.dsk() && a.dsk() != c.dsk());
        assert!(format!("{a:?}").contains("PrivateKey(..)"));
    }
}
