//! The radio network on the simulated stick, with nodes that say anything; and the hands that move the simulation.

use std::collections::VecDeque;
use std::time::Duration;

use latchkey::domain::entropy::Entropy;
use latchkey::domain::time::{Deadline, Instant, Now, Timestamp};
use latchkey::network::{ControllerStatus, Input, Network, Options, Output};
use latchkey::security::keys::NetworkKeys;
use latchkey::serial::link::{SendFailure, SendId};
use latchkey::serial::{Decoder, Frame, FunctionId, Received};
use latchkey::sim::control::{Clock, Command, Control};
use latchkey::sim::{Blueprint, World};

use super::Script;

/// So much of a script is played: one run stays short.
const MOST_STEPS: usize = 64;
/// So many moments pass at once, at most.
const MOST_MOMENTS: usize = 200;

/// Lines for the control port, one after the other, in one world.
pub fn control(data: &[u8]) {
    let blueprint = Blueprint::two_locks();
    let (mut world, mut now) = (World::new(&blueprint, &Entropy::from_number(1)), Instant::from_millis(1));
    let mut control = Control::begin(&blueprint, &mut world, now);
    for line in String::from_utf8_lossy(data).lines().take(MOST_STEPS) {
        match Command::parse(line) {
            Ok(Command::World(deed)) => {
                if let Err(refused) = control.carry_out(deed, &mut world, now) {
                    assert!(!refused.0.is_empty());
                }
            }
            Ok(Command::Clock(Clock::Advance(time))) => {
                let end = now + time;
                for _ in 0..MOST_MOMENTS {
                    let Some(next) = world.poll_deadline().filter(|next| next.at <= end) else { break };
                    now = now.max(next.at);
                    world.handle_timeout(now);
                    while world.poll_transmit().is_some() {}
                }
            }
            Ok(Command::Clock(Clock::Speed(speed))) => assert!(speed.is_finite() && speed >= 0.0, "{speed}"),
            Ok(Command::Help | Command::Quit) => {}
            Err(refused) => assert!(!refused.0.is_empty()),
        }
    }
}

/// A network that is ready, and then hears anything from nodes and stick, while time passes.
pub fn network(data: &[u8]) {
    let mut house = House::new();
    while !matches!(house.network.controller(), ControllerStatus::Ready(_)) {
        house.pass();
    }
    let mut script = Script(data);
    for _ in 0..MOST_STEPS {
        if script.is_over() {
            return;
        }
        let step = script.byte();
        match step % 4 {
            0 | 1 => {
                let payload = script.bytes();
                let from = if step & 4 == 0 { 2 } else { 3 };
                let mut params = vec![step >> 3 & 0x0F, from, u8::try_from(payload.len()).unwrap()];
                params.extend_from_slice(payload);
                house.inputs.push_back(Input::Frame(Frame::request(FunctionId::APPLICATION_COMMAND, params)));
            }
            2 => {
                let function = FunctionId(script.byte());
                house.inputs.push_back(Input::Frame(Frame::request(function, script.bytes().to_vec())));
            }
            _ => (0..step >> 2).for_each(|_| house.pass()),
        }
        house.drive();
    }
}

/// A network and a world with a plain line between them.
struct House {
    network: Network,
    world: World,
    now: Instant,
    decoder: Decoder,
    sending: Option<SendId>,
    inputs: VecDeque<Input>,
}

impl House {
    fn new() -> Self {
        let entropy = Entropy::from_number(1);
        let keys = NetworkKeys::generate(&mut entropy.child("keys"));
        let mut house = Self {
            network: Network::new(Vec::new(), None, keys, Options::default(), entropy.child("network")),
            world: World::new(&Blueprint::two_locks(), &entropy),
            now: Instant::from_millis(1),
            decoder: Decoder::new(),
            sending: None,
            inputs: VecDeque::from([Input::LinkUp]),
        };
        house.drive();
        house
    }

    fn now(&self) -> Now {
        Now { mono: self.now, wall: Timestamp::from_millis(0), trusted: true }
    }

    /// Goes to the next moment at which something happens.
    fn pass(&mut self) {
        let next = Deadline::earliest(self.network.poll_deadline(), self.world.poll_deadline());
        let later = self.now + Duration::from_secs(60);
        self.now = next.map_or(later, |next| self.now.max(next.at));
        self.world.handle_timeout(self.now);
        let now = self.now();
        self.network.handle_timeout(now);
        self.drive();
    }

    /// Moves bytes and events until nothing is left to move at this moment.
    fn drive(&mut self) {
        for _ in 0..100_000 {
            if let Some(input) = self.inputs.pop_front() {
                let now = self.now();
                self.network.handle(input, now);
            } else if let Some(output) = self.network.poll_output() {
                match output {
                    Output::Send { id, frame } => {
                        self.sending = Some(id);
                        self.world.bytes_from_host(&frame.encode(), self.now);
                    }
                    Output::Reopen => self.inputs.push_back(Input::LinkUp),
                    Output::Event(event) => drop(format!("{event:?}")),
                }
            } else if let Some(bytes) = self.world.poll_transmit() {
                self.decoder.push(&bytes);
                while let Some(received) = self.decoder.next() {
                    self.inputs.extend(match received {
                        Received::Ack => self.sending.take().map(Input::Sent),
                        Received::Nak | Received::Can => self.sending.take().map(|id| Input::Failed(id, SendFailure::Refused)),
                        Received::Frame(frame) => {
                            self.world.bytes_from_host(&[0x06], self.now);
                            Some(Input::Frame(frame))
                        }
                        Received::BadChecksum | Received::Garbage(_) => None,
                    });
                }
            } else {
                return;
            }
        }
        panic!("network and stick talk for ever at one moment");
    }
}
