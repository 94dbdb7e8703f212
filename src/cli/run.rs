//! The configuration as the command line finds it, and the daemon itself.

use std::io;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

use super::failure::{Failure, Outcome};
use super::{Place, print};
use crate::config::{Config, DEFAULT_FILE};
use crate::run;

/// `latchkey run`.
pub fn run(place: &Place) -> Outcome {
    let mut config = load(place)?;
    if let Some(socket) = &place.socket {
        config.api.socket.clone_from(socket);
    }
    log_to_stderr();
    daemon(config)
}

/// One thread for the loop; the link has its own. Ends in good order on SIGTERM and SIGINT.
fn daemon(config: Config) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Refused(format!("the runtime can't be started: {error}")))?;
    runtime.block_on(async {
        let shutdown = run::stop_signal().map_err(|error| Failure::Refused(format!("signals can't be caught: {error}")))?;
        run::daemon(config, shutdown).await.map_err(|error| {
            let line = with_causes(&error);
            if error.is_configuration() { Failure::Usage(line) } else { Failure::Refused(line) }
        })
    })
}

/// The error and what is behind it, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

/// `latchkey check`.
pub fn check(place: &Place) -> Outcome {
    load(place)?;
    print(&format!("{} is right", file(place).display()))
}

/// The socket of the daemon that a command asks.
pub fn socket(place: &Place) -> Result<PathBuf, Failure> {
    match &place.socket {
        Some(socket) => Ok(socket.clone()),
        None => Ok(load(place)?.api.socket),
    }
}

/// The configuration. Without `--config`, a file that is not there means the defaults.
pub fn load(place: &Place) -> Result<Config, Failure> {
    let file = file(place);
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && place.config.is_none() => String::new(),
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "`latchkey config` prints one to begin with",
                io::ErrorKind::PermissionDenied => "ask as root, or name the daemon's --socket",
                io::ErrorKind::InvalidData => "write it as UTF-8 text",
                _ => "name another with --config",
            };
            return Err(Failure::Usage(format!("{}: {error}; {remedy}", file.display())));
        }
    };
    let env = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::parse(&file.display().to_string(), &text, env).map_err(|error| Failure::Usage(error.to_string()))
}

fn file(place: &Place) -> &Path {
    place.config.as_deref().unwrap_or_else(|| Path::new(DEFAULT_FILE))
}

/// Log lines go to standard error; `LATCHKEY_LOG` says which (`debug`, `latchkey::network=trace`). Under systemd the
/// journal stamps them itself.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("LATCHKEY_LOG").unwrap_or_else(|_| EnvFilter::new("info,rumqttc=off,rumqttd=off"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).with_ansi(false);
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        log.without_time().init();
    } else {
        log.init();
    }
}
