//! `latchkey demo`: the whole daemon on a simulated stick with a home's locks, and a story in two dozen lines.
//!
//! Only the radio is pretended. The daemon, its database, its API socket and the MQTT broker are those of a real hub;
//! people are added through the API, and events are read from the broker.

mod story;

use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;

use tokio::sync::{mpsc, oneshot};

use self::story::Story;
use super::client::Client;
use super::failure::{Failure, Outcome};
use super::print;
use crate::config::{Config, ConfigError};
use crate::domain::entropy::Entropy;
use crate::mqtt::broker;
use crate::mqtt::client::{self as mqtt, FromBroker, InvalidSettings};
use crate::run;
use crate::run::no_core;
use crate::run::signals::Signals;
use crate::run::sim_port::{SharedWorld, spawn_link};
use crate::security::key_file::KeyFile;
use crate::sim::{Blueprint, World};

/// The home of the demo.
const HOME: &str = include_str!("../../config/worlds/demo.toml");

/// Options of `latchkey demo`.
#[derive(clap::Args, Clone, Debug)]
pub struct DemoArgs {
    /// Seed of the simulated world: the same seed loses the same frames
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 2 is twice as fast, for the radio and for the reader; 0.2 to 20
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f32,
}

fn speed(text: &str) -> Result<f32, &'static str> {
    let speed = text.parse().map_err(|_| "a number, please")?;
    if (0.2..=20.0).contains(&speed) { Ok(speed) } else { Err("between 0.2 and 20") }
}

/// Runs the demo to its end, or until Ctrl-C.
pub fn run(args: &DemoArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| failed("the demo can't start", &error))?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> Outcome {
    no_core::forbid();
    let scratch = Scratch::new().map_err(|error| failed("no place for the demo's files; set TMPDIR", &error))?;
    let port = broker::start().await.map_err(|error| failed("no broker", &error))?;
    let socket = scratch.0.join("latchkey.sock");
    let mut blueprint = Blueprint::parse("the demo's home", HOME).map_err(|error| failed("no home", &error))?;
    blueprint.radio.haste *= args.speed;
    let keys = scratch.0.join("keys.json");
    write_keys(&keys, &blueprint).map_err(|error| failed("the demo's keys can't be written", &error))?;
    let config = configuration(&scratch.0, &socket, &keys, port).map_err(|error| failed("no configuration", &error))?;
    let events = subscribe(port, args.seed).map_err(|error| failed("no listener at the broker", &error))?;

    let world = SharedWorld::new(World::new(&blueprint, &Entropy::from_number(args.seed)));

    let (stop, stopped) = oneshot::channel::<()>();
    let stick = world.clone();
    let ended = Signals::until(async {
        // Nothing is ever sent: the sender is dropped when the story ends.
        let _ = stopped.await;
    });
    let mut daemon = pin!(run::daemon_on(config, |entropy| Ok(spawn_link(stick, entropy)), ended));
    let mut interrupted = Signals::stop_only().map_err(|error| failed("Ctrl-C can't be heard", &error))?;
    print("A hub at work. Only the stick, the radio, three locks and a keypad are simulated, twice as fast as real ones.")?;
    print(&format!("seed {}; files in {} until the end", args.seed, scratch.0.display()))?;
    print(&format!("broker at 127.0.0.1:{port}; watch it with: mosquitto_sub -p {port} -t 'latchkey/#' -v\n"))?;
    let told = tokio::select! {
        told = Story::new(Client::new(socket), events, world, args.speed).tell() => told,
        _ = interrupted.next() => Ok(()),
        ended = &mut daemon => {
            ended.map_err(|error| failed("the daemon can't run", &error))?;
            return Err(Failure::Refused("the daemon stopped before the story ended".into()));
        }
    };
    drop(stop);
    daemon.await.map_err(|error| failed("the daemon did not stop well", &error))?;
    told
}

fn failed(what: &str, why: &impl Display) -> Failure {
    Failure::Refused(format!("{what}: {why}"))
}

/// What a hub's configuration file would say.
fn configuration(scratch: &Path, socket: &Path, keys: &Path, broker: u16) -> Result<Config, ConfigError> {
    let quoted = |path: PathBuf| toml::Value::from(path.display().to_string()).to_string();
    let text = format!(
        "[store]\npath = {}\nkey_file = {}\n[mqtt]\nurl = \"mqtt://127.0.0.1:{broker}\"\n[api]\nsocket = {}\n[web]\nlisten = \"127.0.0.1:0\"\n[zwave]\nkeys_file = {}\n",
        quoted(scratch.join("latchkey.db")),
        quoted(scratch.join("store.key")),
        quoted(socket.to_owned()),
        quoted(keys.to_owned()),
    );
    Config::parse("the demo's configuration", &text, [])
}

/// The keys of the home's network, as a hub that takes one over is given them.
fn write_keys(file: &Path, home: &Blueprint) -> io::Result<()> {
    let Some(keys) = &home.keys else { return Ok(()) };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(KeyFile::write(keys).as_bytes())
}

/// Listens to everything the daemon publishes, over a connection of its own.
fn subscribe(port: u16, seed: u64) -> Result<mpsc::Receiver<FromBroker>, InvalidSettings> {
    let settings = mqtt::Settings {
        url: format!("mqtt://127.0.0.1:{port}"),
        client_id: "latchkey-demo-listener".to_owned(),
        state_topic: "demo/listener".to_owned(),
        subscriptions: vec!["latchkey/#".to_owned()],
        ..mqtt::Settings::default()
    };
    let (_, events) = mqtt::spawn(settings.read()?, Entropy::from_number(seed).child("demo/listener"));
    Ok(events)
}

/// A directory of the demo's own, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("latchkey-demo-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            let _ = writeln!(io::stderr(), "latchkey demo: {} could not be removed: {error}", self.0.display());
        }
    }
}
