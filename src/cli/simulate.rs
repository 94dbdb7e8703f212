//! `latchkey simulate`: a stick with locks for any Z-Wave software.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::json;
use zeroize::Zeroizing;

use super::failure::{Failure, Outcome};
use super::{print, run};
use crate::domain::entropy::Entropy;
use crate::files;
use crate::run::signals::Signals;
use crate::run::sim_port::SharedWorld;
use crate::run::simulate::{ControlPort, Serial, listen};
use crate::sim::blueprint::{BUILT_IN, PRESETS, QUIRKS};
use crate::sim::control::{COMMANDS, Control};
use crate::sim::{Blueprint, World};

/// What `--help` says beside the options.
static HELP: LazyLock<String> = LazyLock::new(help);

/// Options of `latchkey simulate`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = HELP.as_str())]
#[command(group = clap::ArgGroup::new("stick").required(true).args(["listen", "pty"]))]
pub struct SimulateArgs {
    /// Serve the stick over TCP, as ser2net would; port 0 takes any that is free
    #[arg(long, value_name = "tcp://ADDR:PORT", value_parser = tcp)]
    listen: Option<SocketAddr>,
    /// Serve the stick on a pseudo terminal, with a link to it at this path
    #[arg(long, value_name = "LINK")]
    pty: Option<PathBuf>,
    /// The world: a file, or one of those that come along (home, house-40, building-200, demo)
    #[arg(long, value_name = "FILE.toml", default_value = BUILT_IN[0].0)]
    world: PathBuf,
    /// What is random in the world follows from this number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The control port: one command a line, one JSON answer a line. Whoever reaches it sees all codes; port 0 takes any
    #[arg(long, value_name = "ADDR:PORT")]
    control: Option<SocketAddr>,
}

fn tcp(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text.strip_prefix("tcp://").and_then(|address| address.parse().ok());
    address.ok_or("write an address and a port, as in tcp://127.0.0.1:5555")
}

/// Serves the world until it is told to stop.
pub fn run(args: &SimulateArgs) -> Outcome {
    let blueprint = world(args)?;
    run::log();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Refused(format!("the simulator can't start: {error}")))?;
    runtime.block_on(simulate(args, &blueprint))
}

/// The world of the file, or of that name.
fn world(args: &SimulateArgs) -> Result<Blueprint, Failure> {
    let name = args.world.display().to_string();
    let built_in = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    let text = match built_in {
        Some((_, text)) => Zeroizing::new((*text).to_owned()),
        None => files::read_text(&args.world, files::SMALL).map_err(|error| {
            let names = BUILT_IN.map(|(name, _)| name).join(", ");
            Failure::Usage(format!("{name} can't be read: {error}; write the path of a world file, or one of {names}"))
        })?,
    };
    Blueprint::parse(&name, &text).map_err(|error| Failure::Usage(error.to_string()))
}

async fn simulate(args: &SimulateArgs, blueprint: &Blueprint) -> Outcome {
    let refused = |error: &dyn std::error::Error| Failure::Refused(run::with_causes(error));
    let serial = match (&args.listen, &args.pty) {
        (Some(address), _) => Serial::tcp(*address).await,
        (None, Some(link)) => Serial::pty(link),
        (None, None) => return Err(Failure::Usage("say where the stick is: --listen or --pty".to_owned())),
    };
    let serial = serial.map_err(|error| refused(&error))?;
    let control = match args.control {
        Some(address) => Some(listen(address).await.map_err(|error| refused(&error))?),
        None => None,
    };
    let mut signals = Signals::stop_only().map_err(|error| refused(&error))?;

    let mut world = World::new(blueprint, &Entropy::from_number(args.seed));
    let hands = Control::begin(blueprint, &mut world, crate::domain::time::Instant::ZERO);
    let world = SharedWorld::new(world);
    let control_at = control.as_ref().and_then(|listener| listener.local_addr().ok());
    print(&format!(r#"{{"ready":true,"listen":{},"control":{}}}"#, json!(serial.address()), json!(control_at)))?;

    let controlled = async {
        match control {
            Some(listener) => ControlPort::new(world.clone(), hands).serve(listener).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = serial.serve(&world) => {}
        () = controlled => {}
        _ = signals.next() => {}
    }
    Ok(())
}

/// The world file and the control port, for those who write one and use the other.
fn help() -> String {
    let rows = |rows: &mut dyn Iterator<Item = (&'static str, &'static str)>| {
        rows.map(|(name, what)| format!("  {name:30} {what}\n")).collect::<String>()
    };
    format!(
        "A simulated Z-Wave stick with locks around it, to test Z-Wave software on: Z-Wave JS, Home Assistant, Latchkey, \
         your own. It speaks the serial API of a real stick, S0 and S2, and wakes its locks with beams. When it serves it \
         prints one line of JSON: {{\"ready\":true,\"listen\":…,\"control\":…}}.\n\n\
         One host at a time: a host that connects takes the place of the one before. The network and what is in the locks \
         last until the simulator ends.\n\n\
         Models:\n{}\n\
         Quirks:\n{}\n\
         Commands of the control port, one a line, each answered by one line of JSON, {{\"ok\":true,…}} or \
         {{\"ok\":false,\"error\":…}}; N is a node:\n{}\n\
         The default world, which says what a world file may contain:\n\n{}",
        rows(&mut PRESETS.iter().map(|preset| (preset.name, preset.what))),
        rows(&mut QUIRKS.iter().map(|quirk| (quirk.name, quirk.what))),
        rows(&mut COMMANDS.iter().copied()),
        BUILT_IN[0].1.trim_end()
    )
}
