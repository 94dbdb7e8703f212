//! A random walk: people, locks, radio, broker, clock, disk and power do what they can, and after each step the daemon's
//! words are held against a [`Model`] that knows the truth.
//!
//! | file | what |
//! | --- | --- |
//! | `steps` | what can happen, drawn from a seed; plain data, so that a failing walk can be cut down and kept |
//! | `model` | the truth beside the daemon: who has which code where, what was done at the locks, and how long each may take |
//! | `stage` | a house with its model: takes steps; `agenda`: what goes on meanwhile |
//! | `people`, `hands` | what people want of the daemon, and what they do at the locks |
//! | `neighbour` | somebody with a radio, who has no key or a lower one |
//! | `join` | a lock that joins, and an older copy of the store |
//! | `watch` | the locks' memories and the daemon's events, from moment to moment |
//! | `check` | what has to hold after each step, and once it is quiet |
//! | `shrink` | makes a failing walk short |
//!
//! When a check applies follows from the simulated locks, stick, air, disk and broker, and from virtual time; the daemon is
//! never asked. A daemon that says of itself that it is not ready, or that a code is on its way, is not excused by that.
//!
//! `tests/walk SEEDS STEPS [FIRST]` walks longer. A failing walk is printed and lies in `target/tmp/walk-SEED.json`; put it
//! into `tests/data/walks/`, named after its symptom, and it is walked for ever. `LATCHKEY_WALK_AS_IS=1` does not cut it
//! down. `tests/planted/run` plants known faults and expects the walk to find each.

mod agenda;
mod check;
mod hands;
mod join;
mod model;
mod neighbour;
mod people;
mod shrink;
mod spelling;
mod stage;
mod steps;
mod watch;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::support::figures::figure;

use self::stage::{Figures, Stage};
use self::steps::Walk;

/// Walks one walk to its end.
fn walk(walk: &Walk) -> Result<Figures, String> {
    let mut stage = Stage::new(walk)?;
    for (n, step) in walk.steps.iter().enumerate() {
        stage.take(step).map_err(|why| format!("step {n}, {step:?}: {why}"))?;
    }
    stage.finish()
}

/// The same; a panic of the daemon is a failure like any other.
fn outcome(it: &Walk) -> Result<Figures, String> {
    catch_unwind(AssertUnwindSafe(|| walk(it))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    })
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

#[expect(clippy::disallowed_methods, reason = "how long the walks took, and when to stop, is the machine's time")]
#[test]
fn nothing_that_happens_makes_the_daemon_say_what_is_not() {
    let (first, seeds) = (number("LATCHKEY_WALK_FIRST", 1), number("LATCHKEY_WALK_SEEDS", 40));
    let (steps, limit) = (number("LATCHKEY_WALK_STEPS", 200), number("LATCHKEY_WALK_SECONDS", u64::MAX));
    let goes_on = std::env::var_os("LATCHKEY_WALK_GOES_ON").is_some();
    let began = std::time::Instant::now();
    let next = AtomicU64::new(first);
    let (sum, failed) = (Mutex::new(Figures::default()), Mutex::new(BTreeMap::new()));
    let hands = std::thread::available_parallelism().map_or(1, usize::from);
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let stop = !goes_on && !failed.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
                    if seed >= first + seeds || stop || began.elapsed().as_secs() >= limit {
                        break;
                    }
                    match outcome(&Walk::drawn(seed, steps)) {
                        Ok(figures) => *sum.lock().unwrap_or_else(PoisonError::into_inner) += figures,
                        Err(why) => {
                            println!("seed {seed}: {why}");
                            failed.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, why);
                        }
                    }
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let figures = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let took = began.elapsed().as_secs_f32();
    figure(&format!("walk: {figures}, {took:.1} s"));
    if let Some((seed, why)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner).pop_first() {
        assert!(std::env::var_os("LATCHKEY_WALK_AS_IS").is_none(), "seed {seed}: {why}");
        panic!("seed {seed}: {why}\n{}", tell(seed, steps, &why));
    }
    assert!(figures.steps > 0, "nothing was walked");
}

/// `LATCHKEY_WALK_FILE=FILE` walks what a failing walk left.
#[test]
fn walks_that_failed_once_hold() {
    if let Some(path) = std::env::var_os("LATCHKEY_WALK_FILE") {
        let kept: Walk = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        walk(&kept).unwrap();
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/walks");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kept: Walk = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        if let Err(why) = outcome(&kept) {
            panic!("{}: {why}", path.display());
        }
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let walk = Walk::drawn(seed, 60);
        let mut stage = Stage::new(&walk).unwrap();
        for step in &walk.steps {
            stage.take(step).unwrap();
        }
        stage.log()
    };
    let [a, b, other] = [7, 7, 8].map(story);
    assert!(!a.is_empty());
    assert_eq!(a, b, "byte for byte");
    assert_ne!(a, other);
}

/// Makes a failing walk short, writes it down, and says how it goes.
fn tell(seed: u64, steps: u64, why: &str) -> String {
    let short =
        shrink::shrink(Walk::drawn(seed, steps), |walk| outcome(walk).is_err_and(|other| symptom(&other) == symptom(why)));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("walk-{seed}.json"));
    std::fs::write(&path, serde_json::to_string_pretty(&short).unwrap()).unwrap();
    let mut story = format!("shrunk to {} steps, in {}:\n", short.steps.len(), path.display());
    for step in &short.steps {
        writeln!(story, "  {step:?}").unwrap();
    }
    writeln!(story, "which ends in: {}", outcome(&short).err().unwrap_or_default()).unwrap();
    story
}

/// What sort of failure it is: a walk is not cut down to another one.
fn symptom(why: &str) -> String {
    let what = why.rsplit("}: ").next().unwrap_or_default();
    what.trim_start_matches("at the end: ").chars().take(16).collect()
}
