//! All filters of repeats together: S0, S2, Supervision, and the two forms of one act. Two visits are two events, and one
//! visit, sealed or repeated any number of times, is one. The lock sends under its own sessions; an attacker without its
//! key forges frames meanwhile.
//!
//! One case has no answer in the bytes: a lock without session numbers that is made to seal a repeat anew so late that the
//! report may be of the next visit. That may be two events, and is never none.

use std::time::Duration;

use crate::bridge::meaning::{self, Meaning};
use crate::bridge::twins::Twins;
use crate::command::Command;
use crate::command::notification::Notification;
use crate::command::supervision::{Get, SessionId, Supervision};
use crate::domain::entropy::Entropy;
use crate::domain::event::EventType;
use crate::domain::ids::DeviceId;
use crate::domain::node::SecurityClass;
use crate::domain::time::Instant;
use crate::network::NetworkEvent;
use crate::network::tests::forged::forgery;
use crate::network::tests::secure::Far;
use crate::network::tests::{Bench, LOCK, Peer};

/// How a lock's reports are wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrapped {
    Bare,
    /// Supervised, each under the next session.
    Numbered,
    /// Supervised, all under one session.
    Unnumbered,
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    class: SecurityClass,
    wrapped: Wrapped,
    /// Alarm version 1, and Notification.
    forms: [bool; 2],
}

const CLASSES: [SecurityClass; 4] =
    [SecurityClass::S2AccessControl, SecurityClass::S2Unauthenticated, SecurityClass::S0, SecurityClass::None];
const WRAPPED: [Wrapped; 3] = [Wrapped::Bare, Wrapped::Numbered, Wrapped::Unnumbered];
/// Repeats are at most so far from the first report of their visit. What is resealed later may be a second event.
const SURELY_A_REPEAT: Duration = Duration::from_secs(2);
const FORMS: [[bool; 2]; 3] = [[false, true], [true, false], [true, true]];

struct Case {
    seed: u64,
    kind: Kind,
    entropy: Entropy,
    far: Far,
    session: u8,
    forged: u64,
    /// An attacker is in range.
    neighbour: bool,
    visits: Vec<Visit>,
}

#[derive(Debug)]
struct Visit {
    user: u8,
    at: Instant,
    /// When each form was reported first.
    forms: Vec<Instant>,
}

fn pick<T: Copy>(entropy: &mut Entropy, of: &[T]) -> T {
    of[usize::try_from(entropy.below(of.len() as u64)).unwrap()]
}

fn used(user: u8, v1: bool) -> Command {
    let report: &[u8] = if v1 { &[0x71, 0x05, 0x13, user] } else { &[0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, user] };
    Command::parse(report).unwrap()
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut entropy = Entropy::from_number(seed);
        let (class, wrapped, forms) = (pick(&mut entropy, &CLASSES), pick(&mut entropy, &WRAPPED), pick(&mut entropy, &FORMS));
        let mut far = match class {
            SecurityClass::None => Far::of(Bench::with_known(&[(LOCK, Peer::lock())]), class),
            class => Far::granted(class),
        };
        far.reseals = true;
        // A forged frame in clear is as good as one of a lock without keys.
        let neighbour = class != SecurityClass::None && entropy.below(2) == 0;
        let mut case = Self {
            seed,
            kind: Kind { class, wrapped, forms },
            far,
            session: 3,
            forged: 0,
            neighbour,
            visits: Vec::new(),
            entropy,
        };
        if wrapped == Wrapped::Numbered {
            // That it counts up shows with its second report.
            let locked = case.wrap(Command::parse(&[0x71, 0x05, 0, 0, 0, 0xFF, 6, 1, 0]).unwrap());
            case.far.say(&locked);
            case.run(3_000);
        }
        case
    }

    /// Lets time pass, in which forged frames may come.
    fn run(&mut self, millis: u64) {
        let end = self.far.bench.clock + Duration::from_millis(millis);
        while self.far.bench.clock < end {
            let left = u64::try_from(end.since(self.far.bench.clock).as_millis()).unwrap();
            let step = (5 + 5 * self.entropy.below(60)).min(left.next_multiple_of(5));
            self.far.run(step);
            if self.neighbour && self.entropy.below(3) == 0 {
                self.forged += 1;
                self.far.bench.hear(LOCK, &forgery(self.forged));
            }
        }
    }

    fn wrap(&self, report: Command) -> Command {
        let session = SessionId::new(self.session);
        match self.kind.wrapped {
            Wrapped::Bare => report,
            Wrapped::Numbered | Wrapped::Unnumbered => {
                Command::Supervision(Supervision::Get(Get { status_updates: false, session, command: Box::new(report) }))
            }
        }
    }

    /// A person comes. Where the lock can, it repeats its report, at most two seconds apart.
    fn visit(&mut self, user: u8) {
        let [v1, notification] = self.kind.forms;
        let mut visit = Visit { user, at: self.far.bench.clock, forms: Vec::new() };
        for form in [true, false] {
            if !(if form { v1 } else { notification }) {
                continue;
            }
            if self.kind.wrapped == Wrapped::Numbered {
                self.session += 1;
            }
            let said = self.wrap(used(user, form));
            visit.forms.push(self.far.bench.clock);
            self.far.say(&said);
            self.run(40);
            let began = self.far.bench.clock;
            for _ in 0..self.entropy.below(4) {
                let gap = 50 + self.entropy.below(1_900);
                let all = u64::try_from(self.far.bench.clock.since(began).as_millis()).unwrap() + gap;
                // The second form is said within two seconds, and what an answered lock says later is news.
                let longest = if self.kind.forms == [true, true] || self.kind.wrapped == Wrapped::Bare { 900 } else { 1_900 };
                let may_go_on = self.kind.wrapped == Wrapped::Numbered && self.kind.forms != [true, true] && all < 8_000;
                if all > longest && !may_go_on {
                    break;
                }
                self.run(gap);
                match self.far.on_air.clone() {
                    // The air doubles a frame that nothing came after.
                    Some(frame) if self.kind.class != SecurityClass::None && self.entropy.below(2) == 0 => {
                        self.far.bench.hear(LOCK, &frame);
                    }
                    _ if self.kind.wrapped != Wrapped::Bare => self.far.say(&said),
                    _ => {}
                }
                self.run(20);
            }
        }
        self.visits.push(visit);
    }

    /// The events that become of what was heard: when, and whose code.
    fn events(&self) -> Vec<(Instant, Option<u16>)> {
        let mut twins = Twins::default();
        let device = DeviceId::new(&mut Entropy::from_number(1));
        let heard = self.far.bench.events.iter();
        heard.filter_map(|(at, event)| Some((*at, visitor(*at, event, self.kind.class, device, &mut twins)?))).collect()
    }

    /// How many extra events a visit may have: what the lock resealed so late that it was no repeat for sure any more.
    /// A session number identifies it for longer.
    fn may_be_told_again(&self, visit: &Visit, until: Instant) -> usize {
        if self.kind.wrapped == Wrapped::Numbered {
            return 0;
        }
        let of_this = self.far.resealed_at.iter().filter(|at| (visit.at..until).contains(at));
        let late = of_this.filter(|at| {
            let form = visit.forms.iter().rev().find(|form| form <= at);
            form.is_some_and(|form| at.since(*form) > SURELY_A_REPEAT)
        });
        late.count()
    }

    fn check(&self) {
        let events = self.events();
        let ends = self.visits.iter().skip(1).map(|next| next.at).chain([self.far.bench.clock + Duration::from_millis(1)]);
        for (visit, until) in self.visits.iter().zip(ends) {
            let told: Vec<_> = events.iter().filter(|(at, _)| (visit.at..until).contains(at)).collect();
            let most = 1 + self.may_be_told_again(visit, until);
            let case = format!("seed {}, {:?}, neighbour: {}", self.seed, self.kind, self.neighbour);
            assert!((1..=most).contains(&told.len()), "{told:?}, where 1 to {most} events are right: {visit:?}, {case}");
            assert!(told.iter().all(|(_, slot)| *slot == Some(visit.user.into())), "{told:?}: {visit:?}, {case}");
        }
    }
}

/// Whose code was used, if the report says so for the first time.
fn visitor(
    at: Instant,
    event: &NetworkEvent,
    granted: SecurityClass,
    device: DeviceId,
    twins: &mut Twins,
) -> Option<Option<u16>> {
    let NetworkEvent::Received { command: Command::Notification(Notification::Report(report)), security, .. } = event else {
        return None;
    };
    if *security < granted {
        return None;
    }
    let (meaning, form) = meaning::report(report);
    let v1 = form == meaning::Form::AlarmV1;
    match meaning {
        Meaning::Happened(happening) if happening.kind == EventType::CodeUsed => {
            (!twins.is_twin(device, happening, v1, at)).then_some(happening.slot)
        }
        _ => None,
    }
}

fn run(seed: u64) {
    let mut case = Case::new(seed);
    for _ in 0..=case.entropy.below(4) {
        let user = 1 + case.entropy.below(2).to_le_bytes()[0];
        case.visit(user);
        let pause = 3_000 + case.entropy.below(3_000);
        case.run(pause);
    }
    case.check();
}

#[test]
fn two_visits_are_two_events_and_one_visit_said_again_is_one() {
    let cases = std::env::var("LATCHKEY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let from = std::env::var("LATCHKEY_FIRST_CASE").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    (from..from + cases).for_each(run);
}
