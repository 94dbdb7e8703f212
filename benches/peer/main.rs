//! What the work costs here and what it costs Z-Wave JS, on the same mock locks in the same run, beside the budget:
//! `cargo bench --bench peer` (a quarter of an hour), or `cargo bench --bench peer -- ROW…` with names of [`EXPERIMENTS`].
//!
//! Needs what `tests/run` installs. Absolute times are the machine's: what counts are frames, and ratios within one run. It
//! prints, and fails only if something could not be measured.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic ends one experiment"
)]
#![expect(clippy::disallowed_methods, reason = "a bench watches real processes in real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures are the product")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[expect(dead_code, unused_imports, reason = "the interop tests use the rest")]
#[path = "../../tests/interop/harness/mod.rs"]
mod harness;
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

mod events;
mod ours;
mod peer;
mod restart;
mod roll_out;
mod still;
mod table;
mod ten;
mod trouble;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

use table::Row;

type Experiment = fn() -> Vec<Row>;

/// What can be run alone, by its name.
const EXPERIMENTS: &[(&str, Experiment)] = &[
    ("code", roll_out::one_lock),
    ("bulk", roll_out::bulk),
    ("ten", ten::ten_locks),
    ("slow", roll_out::slow),
    ("loss", roll_out::loss),
    ("event", events::latency),
    ("flood", events::flood),
    ("restart", restart::restart),
    ("kill", trouble::kill),
    ("cable", trouble::cable),
    ("plan", still::plan_of_one),
    ("size", still::size),
];

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|name| !EXPERIMENTS.iter().any(|(known, _)| known == name)) {
        let known: Vec<_> = EXPERIMENTS.iter().map(|(name, _)| *name).collect();
        eprintln!("no row is called {unknown}; there are: {}", known.join(" "));
        return ExitCode::from(2);
    }
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (name, experiment) in EXPERIMENTS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        let began = Instant::now();
        match catch_unwind(experiment) {
            Ok(measured) => rows.extend(measured),
            Err(_) => failed.push(*name),
        }
        eprintln!("{name}: {:.0} s", began.elapsed().as_secs_f64());
    }
    table::print(&rows);
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nnot measured, see above: {}", failed.join(" "));
    ExitCode::FAILURE
}
