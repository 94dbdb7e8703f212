//! Latchkey as a service: the unit, its user, its folders and the stick's names, by systemd's own tools; and the life of the
//! service under a real systemd in a machine of its own (`machine.sh`), which needs root and nothing else.
//!
//! A part that is missing on this machine fails the test and says how to get it: `tests/run` installs everything.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is the verdict")]
#![expect(clippy::disallowed_methods, reason = "these tests watch real processes in real time")]
#![expect(clippy::print_stderr, reason = "the test runner shows it beside a failure")]

mod machine;
#[path = "../interop/harness/process.rs"]
#[expect(dead_code, reason = "the interop tests measure processes too")]
mod process;
mod unit_file;

mod files;
mod install;
mod life;
mod sandbox;
mod sticks;
mod unit;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// A file of `systemd/`.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

/// Runs a tool, whatever it answers; panics if there is no such tool.
fn run(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|e| panic!("{name} does not start ({e}); tests/run installs it"))
}

/// Everything a tool said.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Looks until there is an answer; panics with `what` when `limit` has passed.
fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
