//! What the small parts cost, with statistics: `cargo bench --bench micro`, or `-- NAME` for some. Whole turns, with the
//! commit of a keypad event in them, are in the spine's bench; here is what they are made of.
#![expect(clippy::expect_used, clippy::panic, reason = "a bench that panics has said what is wrong")]
#![expect(clippy::indexing_slicing, reason = "lists made here")]
#![expect(clippy::print_stdout, reason = "the spine's figures, not printed here")]

#[path = "../spine/house.rs"]
mod house;
#[expect(dead_code, reason = "the spine uses the rest")]
#[path = "../spine/household.rs"]
mod household;
#[expect(dead_code, reason = "the spine uses the rest")]
#[path = "../spine/meter.rs"]
mod meter;
#[expect(dead_code, reason = "the spine uses the rest")]
#[path = "../spine/plan.rs"]
mod plan;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use latchkey::command::Command;
use latchkey::command::security_2::{NonceGet, Security2, SequenceNumber};
use latchkey::domain::batch::{Batch, Write};
use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::{Action, Event, EventType, Method, PersonAtEvent};
use latchkey::domain::ids::{EventId, HomeId, NodeId};
use latchkey::domain::node::SecurityClass;
use latchkey::domain::time::{Instant, Timestamp};
use latchkey::security::crypto::Key;
use latchkey::security::keys::{KeyMask, NetworkKeys};
use latchkey::security::s2::{Addressing, FrameKey, Received, S2Context, Sealing, Session};
use latchkey::serial::{self, Decoder, Frame};

use household::{Template, WALL, keypad_unlock};
use plan::PlanAlone;

/// User Code Report: slot 7 has 482915.
const USER_CODE_REPORT: &[u8] = &[0x63, 0x03, 0x07, 0x01, 0x34, 0x38, 0x32, 0x39, 0x31, 0x35];
/// Notification Report: Access Control, keypad unlock by slot 7.
const NOTIFICATION_REPORT: &[u8] = &[0x71, 0x05, 0, 0, 0, 0xFF, 0x06, 0x06, 0x04, 0x63, 0x03, 0x07, 0x01];

fn frames(c: &mut Criterion) {
    let bytes = keypad_unlock(NodeId(7), 7);
    let frame = Frame::parse(&bytes).expect("a frame");
    let mut group = c.benchmark_group("serial frame");
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode", |b| b.iter(|| black_box(&frame).encode()));
    let mut decoder = Decoder::new();
    group.bench_function("decode", |b| {
        b.iter(|| {
            decoder.push(black_box(&bytes));
            let Some(serial::Received::Frame(frame)) = decoder.next() else { panic!("no frame") };
            frame
        });
    });
    group.finish();
}

fn commands(c: &mut Criterion) {
    let mut group = c.benchmark_group("command");
    group.throughput(Throughput::Elements(1));
    for (name, payload) in [("User Code Report", USER_CODE_REPORT), ("Notification Report", NOTIFICATION_REPORT)] {
        assert!(!matches!(Command::parse(payload), Ok(Command::Other { .. }) | Err(_)), "{name} is not understood");
        group.bench_function(format!("parse {name}"), |b| b.iter(|| Command::parse(black_box(payload)).expect("a command")));
    }
    group.finish();
}

/// A lock and the controller, which have found together.
struct Pair<'a> {
    lock: Session,
    lock_context: S2Context<'a>,
    controller: Session,
    controller_context: S2Context<'a>,
    entropy: Entropy,
}

impl<'a> Pair<'a> {
    fn new(keys: &'a NetworkKeys) -> Self {
        let context = |own| S2Context { home: HomeId(0xC0FF_EE00), own: NodeId(own), keys };
        let (lock_context, controller_context) = (context(7), context(1));
        let mut entropy = Entropy::from_number(1);
        let mut lock = Session::new(NodeId(1), KeyMask::KNOWN, &mut entropy);
        let mut controller = Session::new(NodeId(7), KeyMask::KNOWN, &mut entropy);
        let ask = Security2::NonceGet(NonceGet { sequence: SequenceNumber(0) });
        let told = controller.receive(&controller_context, ask, Addressing::Single, Instant::ZERO, &mut entropy);
        let Received::Answer { frame, .. } = told else { panic!("{told:?}") };
        let Ok(Command::Security2(report)) = Command::parse(&frame.0) else { panic!("a Nonce Report") };
        lock.receive(&lock_context, report, Addressing::Single, Instant::ZERO, &mut entropy);
        let mut pair = Self { lock, lock_context, controller, controller_context, entropy };
        // The first frame carries the lock's half of the nonce.
        let first = pair.seal();
        pair.open(&first);
        pair
    }

    fn seal(&mut self) -> Vec<u8> {
        seal(&mut self.lock, &self.lock_context, &mut self.entropy)
    }

    fn open(&mut self, frame: &[u8]) {
        open(&mut self.controller, &self.controller_context, &mut self.entropy, frame);
    }
}

fn seal(lock: &mut Session, context: &S2Context<'_>, entropy: &mut Entropy) -> Vec<u8> {
    let class = FrameKey::Class(SecurityClass::S2AccessControl);
    let Sealing::Frame(frame) = lock.seal(context, class, NOTIFICATION_REPORT, Instant::ZERO, entropy) else {
        panic!("no nonce")
    };
    frame.0
}

/// What the daemon does with it: the outer command is read, then opened.
fn open(controller: &mut Session, context: &S2Context<'_>, entropy: &mut Entropy, frame: &[u8]) {
    let Ok(Command::Security2(sealed)) = Command::parse(frame) else { panic!("not sealed") };
    let opened = controller.receive(context, sealed, Addressing::Single, Instant::ZERO, entropy);
    let Received::Command(opened) = opened else { panic!("{opened:?}") };
    assert_eq!(opened.command[..], *NOTIFICATION_REPORT);
}

fn security_2(c: &mut Criterion) {
    let keys = NetworkKeys::from_fn(|_| Key::from_bytes([0x33; 16]));
    let mut group = c.benchmark_group("Security 2");
    group.throughput(Throughput::Elements(1));
    let mut pair = Pair::new(&keys);
    group.bench_function("seal", |b| b.iter(|| pair.seal()));
    let Pair { mut lock, lock_context, mut controller, controller_context, mut entropy } = Pair::new(&keys);
    let mut fresh = Entropy::from_number(2);
    group.bench_function("open", |b| {
        b.iter_batched(
            || seal(&mut lock, &lock_context, &mut fresh),
            |frame| open(&mut controller, &controller_context, &mut entropy, &frame),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// The lock of the spine has 30 slots; this one has 250, and every code changes.
fn plan_for_one_lock(c: &mut Criterion, template: &Template) {
    let work = PlanAlone::of(template, 1, 250);
    assert_eq!(work.steps(), 250);
    c.bench_function("plan for one lock, 250 slots, all change", |b| b.iter(|| black_box(&work).steps()));
}

/// What a keypad event commits, on disk as the daemon has it. Where the files are matters: `TMPDIR`.
fn journal(c: &mut Criterion, template: &Template) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut store, known) = template.stored(10, 30, Some(folder.path()));
    let (mut entropy, mut at) = (Entropy::from_number(8), WALL.as_millis());
    let person = PersonAtEvent { id: known.people[0].id, name: known.people[0].first_name.clone() };
    c.bench_function("journal, commit of one event on disk", |b| {
        b.iter(|| {
            at += 1;
            let at = Timestamp::from_millis(at);
            let event = Event {
                id: EventId::new(at, &mut entropy),
                kind: EventType::CodeUsed,
                device: known.devices[0].id,
                person: Some(person.clone()),
                action: Some(Action::Unlock),
                method: Some(Method::Keypad),
                slot: Some(7),
                allowed: Some(true),
                reason: None,
                actor: None,
                at,
            };
            let outbox = Write::Outbox(event.id);
            store.apply(&Batch { writes: vec![Write::Event(event), outbox] }).expect("a commit");
        });
    });
}

fn durable(c: &mut Criterion) {
    let template = Template::learn();
    plan_for_one_lock(c, &template);
    journal(c, &template);
}

criterion_group!(benches, frames, commands, security_2, durable);
criterion_main!(benches);
