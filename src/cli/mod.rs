//! The command line. `run`, `demo`, `simulate`, `config`, `check` and `decode` stand alone; everything else asks the running daemon
//! over its Unix socket, through the same API as any script.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use client::Client;
use failure::{Failure, Outcome};

pub mod audit;
pub mod client;
pub mod decode;
pub mod demo;
pub mod devices;
pub mod events;
pub mod failure;
pub mod import;
pub mod include;
pub mod interview;
pub mod keys;
pub mod names;
pub mod people;
pub mod run;
pub mod secret;
pub mod simulate;
pub mod smartstart;
pub mod status;
pub mod table;
pub mod wait;
pub mod words;

/// Keeps people's access codes true in Z-Wave locks, and tells who came, where and when.
#[derive(Parser, Debug)]
#[command(name = "latchkey", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where the configuration and the daemon are.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Configuration file [default: /etc/latchkey/latchkey.toml, where there is one].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The daemon's Unix socket [default: what the configuration says].
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the daemon in the foreground.
    Run,
    /// Watch a whole hub at work, on simulated locks.
    Demo(demo::DemoArgs),
    /// Serve a simulated stick with locks to any Z-Wave software.
    Simulate(simulate::SimulateArgs),
    /// Print a commented configuration.
    Config,
    /// Say whether the configuration is right.
    Check,
    /// Explain serial frames and command-class payloads.
    Decode(decode::DecodeArgs),
    /// How the daemon, its stick, broker and locks are.
    Status(Json),
    /// People and their codes.
    #[command(subcommand)]
    People(people::People),
    /// Locks.
    #[command(subcommand)]
    Devices(devices::Devices),
    /// Who came, where and when.
    Events(events::Events),
    /// Who did what.
    Audit(audit::Audit),
    /// The Z-Wave network.
    #[command(subcommand)]
    Network(status::Network),
}

/// How an answer is printed.
#[derive(Args, Clone, Copy, Debug)]
pub struct Json {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let Cli { place, command } = Cli::parse();
    let outcome = match command {
        Command::Decode(args) => return decode::run(args),
        Command::Run => run::run(&place),
        Command::Demo(args) => demo::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Config => print(crate::config::TEMPLATE.trim_end()),
        Command::Check => run::check(&place),
        Command::Status(json) => ask(&place, async |client| status::status(&client, json).await),
        Command::People(command) => ask(&place, async |client| command.run(&client).await),
        Command::Devices(command) => ask(&place, async |client| command.run(&client).await),
        Command::Events(command) => ask(&place, async |client| command.run(&client).await),
        Command::Audit(command) => ask(&place, async |client| command.run(&client).await),
        Command::Network(command) => ask(&place, async |client| command.run(&client).await),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.to_string());
            ExitCode::from(&failure)
        }
    }
}

/// Runs a command that needs the daemon.
fn ask(place: &Place, command: impl AsyncFnOnce(Client) -> Outcome) -> Outcome {
    let client = Client::new(run::socket(place)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Refused(format!("can't start: {error}")))?.block_on(command(client))
}

/// Prints a line, or several. Whoever reads may have seen enough: `latchkey events | head`.
fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Refused(format!("can't write the answer: {error}"))),
    }
}

/// Prints JSON, keys in the order of the alphabet.
fn print_json(shown: &impl serde::Serialize) -> Outcome {
    let value = serde_json::to_value(shown).map_err(|error| Failure::Refused(format!("can't print the answer: {error}")))?;
    print(&format!("{value:#}"))
}

/// Says one line to whoever sits there.
fn complain(text: &str) {
    // There is nobody left to tell if this fails.
    let _ = writeln!(io::stderr().lock(), "latchkey: {}", text.replace('\n', " "));
}
