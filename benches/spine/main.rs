//! What the spine of the daemon costs in one process, each figure beside its budget: `cargo bench --bench spine`.
//!
//! Prints, and never fails for being slow: the machine may be busy. Protocol time is virtual, so nothing sleeps; CPU is
//! that of this one thread, the kernel's part included.
#![expect(clippy::expect_used, clippy::panic, reason = "a bench that panics has said what is wrong")]
#![expect(clippy::print_stdout, reason = "the figures are the product")]
#![expect(clippy::cast_precision_loss, clippy::indexing_slicing, reason = "figures for people, of lists made here")]

mod house;
mod household;
mod meter;
mod plan;

use std::hint::black_box;
use std::time::Duration;

use latchkey::domain::time::Instant;
use latchkey::serial::{Link, LinkEvent, Message, NodeIdWidth};

use house::House;
use household::{Template, blueprint, keypad_unlock, node_id, open};
use meter::{Meter, row};
use plan::{PlanAlone, Plans};

fn main() {
    let template = Template::learn();
    plan_of_one_among_many(&template);
    keypad_events(&template);
    flood(&template);
    restart(&template);
}

/// Row "plan for a change on 1 of 40 / 4,000 locks": as dear as the change, not as the house.
fn plan_of_one_among_many(template: &Template) {
    for locks in [40, 4_000] {
        let plans = Plans::of_one_among(template, locks);
        row(&format!("turn that grants 1 of {locks}"), plans.granted, "same within 2x, < 1 ms");
        row(&format!("turn that revokes 1 of {locks}"), plans.revoked, "same within 2x, < 1 ms");
        let alone = PlanAlone::of(template, locks, 10);
        assert_eq!(alone.steps(), 10);
        let meter = Meter::start();
        for _ in 0..1_000 {
            black_box(alone.steps());
        }
        row(&format!("plan alone, 1 of {locks}"), meter.wall() / 1_000, "same within 2x, < 1 ms");
    }
}

/// Row "CPU per secure event, publishing included": frame in, turn, commit, MQTT message out, its acknowledgement in.
fn keypad_events(template: &Template) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, place, events) in [("memory", None, 5_000), ("file, FULL", Some(folder.path()), 2_000)] {
        let mut house = template.settled(10, 30, place);
        let meter = Meter::start();
        for n in 0..events {
            house.now = house.now + Duration::from_secs(1);
            house.hear(&keypad_unlock(node_id(n % 10), slot(n)));
        }
        assert_eq!(house.published, events);
        let count = u32::try_from(events).expect("few");
        row(&format!("CPU per keypad event, store in {name}"), meter.cpu() / count, "0.5 ms");
        row(&format!("wall time of the same, store in {name}"), meter.wall() / count, "none: the disk's");
    }
}

/// One of thirty slots.
fn slot(n: usize) -> u8 {
    u8::try_from(n % 30 + 1).expect("at most 30")
}

/// Row "flood of secure notifications": here in clear, as Security 2 is a layer of its own.
fn flood(template: &Template) {
    const FRAMES: usize = 50_000;
    let per_second = |meter: Meter| FRAMES as f64 / meter.cpu().as_secs_f64();
    let frames: Vec<Vec<u8>> = (0..300).map(|n| keypad_unlock(node_id(n % 10), slot(n / 10))).collect();

    let (mut link, now) = (Link::new(), Instant::ZERO);
    let meter = Meter::start();
    for n in 0..FRAMES {
        link.bytes(&frames[n % frames.len()], now);
        while let Some(LinkEvent::Frame(frame)) = link.poll_event() {
            black_box(Message::parse(&frame, NodeIdWidth::Bits16).expect("a message"));
        }
        black_box(link.poll_transmit(now));
    }
    println!("{:46} {:>10.0} /s   budget >= 20,000/s", "flood: link and message", per_second(meter));

    for (name, store) in [("decided, not committed", false), ("committed to memory", true)] {
        let mut house = template.settled(10, 30, None);
        house.store = house.store.take_if(|_| store);
        let meter = Meter::start();
        for n in 0..FRAMES {
            house.now = house.now + Duration::from_millis(1);
            house.hear(&frames[n % frames.len()]);
        }
        assert_eq!(house.published, FRAMES);
        println!("{:46} {:>10.0} /s   budget >= 20,000/s", format!("flood: {name}"), per_second(meter));
    }
}

/// Row "restart to ready": opens the file store, and sets the simulated stick up.
fn restart(template: &Template) {
    for (locks, budget) in [(10, "0.3 s"), (50, "0.4 s"), (100, "0.6 s")] {
        let folder = tempfile::tempdir().expect("a folder");
        drop(template.stored(locks, 30, Some(folder.path())));
        let meter = Meter::start();
        let (store, snapshot) = open(folder.path());
        let mut house = House::new(snapshot, Some(store), &blueprint(locks));
        house.start();
        let wall = meter.wall();
        row(&format!("CPU of a restart, {locks} locks x 30 codes"), meter.cpu(), budget);
        row(&format!("wall time of the same, {locks} locks"), wall, budget);
        println!("{:46} {:>10} ms   (virtual: the stick's part, its reset included)", "", house.last_sent.as_millis());
    }
}
