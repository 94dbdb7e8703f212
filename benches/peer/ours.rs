//! Our side: the daemon as it is installed, asked through its socket, so that no command line's start is in the figures.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use hyper::Method;
use latchkey::cli::client::Client;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::{Daemon, Process, Proxy, Setup, let_pass, seconds};

/// A daemon and a connection to it.
pub struct Ours {
    pub daemon: Daemon,
    client: Client,
    runtime: Runtime,
}

impl Ours {
    /// With the lab's keys, in a fresh folder.
    pub fn start(setup: Setup) -> Self {
        let daemon = Daemon::start(setup.lab_keys());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { client: Client::new(daemon.path("latchkey.sock")), daemon, runtime }
    }

    /// At the end of `proxy`, with every lock interviewed and every slot known.
    pub fn knowing(proxy: &Proxy, locks: usize) -> (Self, BTreeMap<u16, String>) {
        let ours = Self::start(Setup::tcp(proxy.port));
        let slugs = ours.wait_known(locks);
        proxy.settle(seconds(2), seconds(60));
        (ours, slugs)
    }

    pub fn get(&self, path: &str) -> Value {
        self.try_get(path).unwrap_or_else(|| panic!("no answer to {path}: {}", self.daemon.log()))
    }

    /// Nothing while it starts.
    pub fn try_get(&self, path: &str) -> Option<Value> {
        self.runtime.block_on(self.client.get(path)).ok()
    }

    fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        self.runtime.block_on(self.client.call(method, path, Some(body))).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Adds a person with a code on these locks; the person's id.
    pub fn add(&self, name: &str, code: &str, on: &[&str]) -> String {
        let person = self.call(Method::POST, "/api/people", &json!({ "first_name": name, "code": code, "on": on }));
        person["person"].as_str().expect("an id").to_owned()
    }

    pub fn change(&self, person: &str, code: &str) {
        self.call(Method::PATCH, &format!("/api/people/{person}"), &json!({ "code": code }));
    }

    /// Every node of `locks` is interviewed.
    pub fn wait_interviewed(&self, locks: usize) {
        looks("every lock is interviewed", seconds(180), || {
            let network = self.get("/api/network");
            let nodes = network["nodes"].as_array().unwrap();
            nodes.iter().filter(|node| node["interview"] == "complete" && !node["device"].is_null()).count() >= locks
        });
    }

    /// Every slot of `locks` was read: node → slug.
    pub fn wait_known(&self, locks: usize) -> BTreeMap<u16, String> {
        looks("every slot is known", seconds(240), || {
            let devices = self.get("/api/devices");
            devices["items"].as_array().unwrap().iter().filter(|device| device["inventory"]["done"] == true).count() >= locks
        });
        let devices = self.get("/api/devices");
        let known = devices["items"].as_array().unwrap().iter().map(|device| {
            let node = device["node"].as_u64().unwrap();
            (u16::try_from(node).unwrap(), device["slug"].as_str().unwrap().to_owned())
        });
        known.collect()
    }

    /// Every code is confirmed; for at most `limit`, as some may never be. How many failed at some moment: those are tried
    /// again.
    pub fn wait_settled(&self, limit: Duration) -> u64 {
        let (end, mut failed) = (Instant::now() + limit, 0);
        loop {
            let status = self.get("/api/status");
            let count = |field: &str| status["locks"].as_array().unwrap().iter().map(|l| l[field].as_u64().unwrap()).sum::<u64>();
            failed = failed.max(count("failed"));
            if count("pending") + count("failed") == 0 || Instant::now() > end {
                return failed;
            }
            let_pass(Duration::from_millis(250));
        }
    }

    /// How many events the journal has.
    pub fn events(&self) -> usize {
        let (mut count, mut page) = (0, self.get("/api/events?limit=500"));
        loop {
            count += page["items"].as_array().unwrap().len();
            let Some(next) = page["next"].as_str() else { return count };
            page = self.get(&format!("/api/events?limit=500&cursor={next}"));
        }
    }

    /// How many grants are confirmed.
    pub fn active(&self) -> usize {
        let people = self.get("/api/people");
        let grants = people["items"].as_array().unwrap().iter().flat_map(|person| person["grants"].as_array().unwrap().clone());
        grants.filter(|grant| grant["status"] == "active").count()
    }
}

/// Looks four times a second: a look costs the daemon something, too.
fn looks(what: &str, limit: Duration, mut there: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !there() {
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        let_pass(Duration::from_millis(250));
    }
}

/// What some work cost.
pub struct Spent {
    pub seconds: f64,
    pub cpu: f64,
    /// Frames to the stick.
    pub frames: f64,
}

/// Measures `work` of `process` at the end of `proxy`.
pub fn spent(process: &Process, proxy: &Proxy, work: impl FnOnce()) -> Spent {
    proxy.mark();
    let (began, cpu) = (Instant::now(), process.cpu());
    work();
    let seconds = began.elapsed().as_secs_f64();
    let cpu = (process.cpu() - cpu).as_secs_f64();
    // What the locks still have to say belongs to it, as on the other side.
    let_pass(Duration::from_millis(200));
    Spent { seconds, cpu, frames: proxy.frames().to_stick as f64 }
}

/// Processor time of the threads that live, in nanoseconds: finer than [`Process::cpu`], for a process that rests.
pub fn fine_cpu(process: &Process) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.pid())).unwrap();
    let nanos = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
