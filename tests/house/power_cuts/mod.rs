//! The power goes off at every single commit and effect.
//!
//! | file | what |
//! | --- | --- |
//! | `stories` | what happens: a roll-out, a revocation, an inclusion, an import … |
//! | `run` | one telling of a story: the power comes back wherever it went off, and whoever got no answer asks again |
//! | `truth` | what has to hold whenever the daemon speaks, and once it is quiet |
//!
//! A story is told once without a cut, which counts its commits and the effects of each. Then it is told anew from the
//! same seed for each moment: before a commit, and after it with any number of its effects out. However it was told, it
//! has to end as it does without a cut.
//!
//! `LATCHKEY_CUTS=all` tells every moment of every story; without it the long ones are sampled. `LATCHKEY_CUTS_SEED` is
//! another house.

mod run;
mod stories;
mod truth;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use latchkey::domain::entropy::Entropy;

use self::run::{Outage, Plan, Run};
use self::stories::Story;
use crate::support::figures::figure;
use crate::support::house::Cut;

/// So long the power stays away, in turn: the lock still repeats what it said, or does not any more.
const DARK: [Duration; 3] = [Duration::ZERO, Duration::from_secs(4), Duration::from_secs(90)];

fn seed() -> u64 {
    std::env::var("LATCHKEY_CUTS_SEED").map_or(1, |seed| seed.parse().expect("LATCHKEY_CUTS_SEED is a number"))
}

/// One story, cut at every moment: by the power, by the death of the daemon, and twice.
#[expect(clippy::disallowed_methods, reason = "how long the cuts took is the machine's time")]
fn cut_everywhere(story: &Story) {
    let began = std::time::Instant::now();
    let moments = moments(story);
    let all = std::env::var("LATCHKEY_CUTS").is_ok_and(|it| it == "all");
    let most = if all { usize::MAX } else { story.cuts };
    let plans = plans(story, &moments, most);
    let (next, cuts, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let hands = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| {
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match outcome(story, plan) {
                        Ok(made) => drop(cuts.fetch_add(made, Ordering::Relaxed)),
                        Err(why) => {
                            failed.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{plan:?}: {why}"));
                        }
                    }
                }
            });
        }
    });
    let skipped = moments.len().saturating_sub(most);
    let took = began.elapsed().as_secs_f32();
    let cuts = cuts.into_inner();
    figure(&format!(
        "power cuts, {}: {} tellings, {cuts} cuts at {} moments ({skipped} skipped), {took:.1} s",
        story.name,
        plans.len(),
        moments.len(),
    ));
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "{} of {} tellings of {}:\n{}", failed.len(), plans.len(), story.name, failed.join("\n"));
    assert!(cuts >= plans.len(), "{} tellings of {}, and only {cuts} cuts", plans.len(), story.name);
}

/// Every moment at which the power can go off in a story, which has to end well without that.
fn moments(story: &Story) -> Vec<Cut> {
    let mut run = Run::new((story.prepare)(seed()), Plan::default());
    run.house.effects.clear();
    if let Err(why) = (story.tell)(&mut run) {
        panic!("{} without a cut: {why}", story.name);
    }
    let effects = std::mem::take(&mut run.house.effects);
    run.finish().unwrap_or_else(|why| panic!("{} without a cut: {why}", story.name));
    let of = |(n, effects): (usize, usize)| [Cut::Before(n)].into_iter().chain((0..=effects).map(move |k| Cut::After(n, k)));
    effects.into_iter().enumerate().flat_map(of).collect()
}

/// The power goes off at each moment, evenly sampled where there are too many; at every fourth of them the daemon dies
/// instead as well, and at every fourth the power goes off once more while everything comes back.
fn plans(story: &Story, moments: &[Cut], most: usize) -> Vec<Plan> {
    let mut entropy = Entropy::from_number(seed()).child(story.name);
    let taken = moments.len().min(most);
    let mut plans = Vec::new();
    for n in 0..taken {
        let first = moments[n * moments.len() / taken];
        let power = Outage::Power { dark: DARK[n % DARK.len()] };
        plans.push(Plan::of([(first, power)]));
        if n % 4 == 1 {
            plans.push(Plan::of([(first, Outage::Death)]));
        }
        if n % 4 == 3 {
            let (commits, effects) = (entropy.below(8), entropy.below(4));
            let (commits, effects) = (usize::try_from(commits).unwrap(), usize::try_from(effects).unwrap());
            let second = if effects == 0 { Cut::Before(commits) } else { Cut::After(commits, effects - 1) };
            plans.push(Plan::of([(first, power), (second, Outage::Power { dark: Duration::from_secs(1) })]));
        }
    }
    plans
}

/// How many cuts there were in a telling that ended as it has to. A panic of the daemon is a failure like any other.
fn outcome(story: &Story, plan: &Plan) -> Result<usize, String> {
    let telling = || {
        let mut run = Run::new((story.prepare)(seed()), plan.clone());
        (story.tell)(&mut run)?;
        run.finish()
    };
    catch_unwind(AssertUnwindSafe(telling)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    })
}
