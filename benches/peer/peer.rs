//! The peer's side: `host.mjs` does the tasks, and says what each cost.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Mock, Process, Proxy, node, seconds, until};

/// What one task cost.
pub struct Task(Value);

impl Task {
    pub fn number(&self, field: &str) -> f64 {
        self.0[field].as_f64().unwrap_or_else(|| panic!("no {field}: {}", self.0))
    }

    pub fn seconds(&self) -> f64 {
        self.number("ms") / 1000.0
    }

    pub fn cpu(&self) -> f64 {
        self.number("cpu_ms") / 1000.0
    }

    /// Frames to the stick.
    pub fn frames(&self) -> f64 {
        self.number("to_stick")
    }

    pub fn field(&self, field: &str) -> &Value {
        &self.0[field]
    }
}

/// Z-Wave JS at work.
pub struct Host {
    pub process: Process,
}

impl Host {
    /// Starts it at `port`; it keeps its network in `cache`, and ends after the last task.
    pub fn start(mock: &Mock, proxy: Option<&Proxy>, cache: &Path, tasks: &[&str]) -> Self {
        let port = proxy.map_or(mock.port, |proxy| proxy.port);
        let mut args = vec![format!("127.0.0.1:{port}"), cache.display().to_string()];
        args.extend(["--mock".into(), mock.control.to_string()]);
        if let Some(proxy) = proxy {
            args.extend(["--proxy".into(), proxy.control.to_string()]);
        }
        args.extend(tasks.iter().map(ToString::to_string));
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        Self { process: node(script("host.mjs").to_str().unwrap(), &args) }
    }

    /// What the tasks so far cost.
    pub fn done(&self) -> Vec<Task> {
        self.process.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).map(Task).collect()
    }

    /// Waits until so many tasks are done.
    pub fn wait(&mut self, tasks: usize) -> Vec<Task> {
        until("Z-Wave JS does its tasks", seconds(300), || {
            let done = self.done();
            assert!(done.len() >= tasks || self.process.is_running(), "Z-Wave JS ended: {}", self.process.stderr());
            (done.len() >= tasks).then_some(done)
        })
    }
}

/// All of it: starts, does the tasks, ends.
pub fn tasks(mock: &Mock, proxy: Option<&Proxy>, tasks: &[&str]) -> Vec<Task> {
    tasks_in(tempfile::tempdir().unwrap().path(), mock, proxy, tasks)
}

/// The same, with what it knows in `cache`.
pub fn tasks_in(cache: &Path, mock: &Mock, proxy: Option<&Proxy>, tasks: &[&str]) -> Vec<Task> {
    let mut host = Host::start(mock, proxy, cache, tasks);
    let done = host.wait(tasks.len());
    host.process.wait(seconds(30));
    done
}

/// A script beside this file.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer").join(name)
}

/// Runs such a script to its end; what it printed.
pub fn run(name: &str, args: &[&str]) -> String {
    let mut process = node(script(name).to_str().unwrap(), args);
    assert!(process.wait(seconds(120)).success(), "{name}: {}", process.stderr());
    process.stdout()
}
