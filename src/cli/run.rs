//! The configuration as the command line finds it, and the daemon itself.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use zeroize::Zeroizing;

use super::failure::{Failure, Outcome};
use super::{Place, complain, print};
use crate::config::{Config, DEFAULT_FILE, NetworkKeys};
use crate::files;
use crate::run;
use crate::run::clock;
use crate::run::network_keys::{self, Given, KeysError};
use crate::run::signals::Signals;

/// `latchkey run`.
pub fn run(place: &Place) -> Outcome {
    let config = load_for_daemon(place)?;
    log();
    run::no_core::forbid();
    let place = place.clone();
    daemon(config, move || load_for_daemon(&place).map_err(|failure| failure.to_string()))
}

fn load_for_daemon(place: &Place) -> Result<Config, Failure> {
    let mut config = load(place)?;
    if let Some(socket) = &place.socket {
        config.api.socket.clone_from(socket);
    }
    Ok(config)
}

/// This thread is the loop's, the runtime's one worker serves broker and API, and the link has its own. Ends in good order on SIGTERM and SIGINT; SIGHUP reads the configuration
/// again.
fn daemon(config: Config, reread: impl FnMut() -> Result<Config, String> + 'static) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Refused(format!("the runtime can't be started: {error}")))?;
    runtime.block_on(async {
        let signals = Signals::of_this_process(reread);
        let signals = signals.map_err(|error| Failure::Refused(format!("signals can't be caught: {error}")))?;
        run::daemon(config, signals).await.map_err(|error| {
            let line = with_causes(&error);
            if error.is_configuration() { Failure::Usage(line) } else { Failure::Refused(line) }
        })
    })
}

/// The error and what is behind it, on one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

/// `latchkey check`.
pub fn check(place: &Place) -> Outcome {
    let config = load(place)?;
    // Credentials are there for the service only, and the keys may be readable by its user only.
    if let Some(keys @ NetworkKeys::File(_)) = &config.zwave.keys {
        match network_keys::given(Some(keys), None) {
            Err(KeysError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(Failure::Usage(with_causes(&error))),
            Ok(Given { exposed, .. }) => {
                if let Some(exposed) = exposed {
                    complain(&exposed.to_string());
                }
            }
        }
    }
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
    let text = match files::read_text(file, files::SMALL) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && place.config.is_none() => Zeroizing::default(),
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "`latchkey config` prints one to begin with",
                io::ErrorKind::PermissionDenied => "ask as root, or name the daemon's --socket",
                io::ErrorKind::InvalidData => "write it as UTF-8 text",
                io::ErrorKind::FileTooLarge => "that is no configuration",
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

/// Under systemd log lines go to the journal with their fields (`LATCHKEY_NODE`, `LATCHKEY_DEVICE`, `LATCHKEY_PERSON`),
/// else to standard error. `LATCHKEY_LOG` says which (`debug`, `latchkey::network=trace`).
pub(super) fn log() {
    let filter = EnvFilter::try_from_env("LATCHKEY_LOG").unwrap_or_else(|_| EnvFilter::new("info,rumqttc=off,rumqttd=off"));
    let registry = tracing_subscriber::registry().with(filter);
    if stderr_is_the_journal()
        && let Ok(journal) = tracing_journald::layer()
    {
        let journal = journal.with_field_prefix(Some("LATCHKEY".into())).with_syslog_identifier("latchkey".into());
        registry.with(journal).init();
        return;
    }
    let lines = tracing_subscriber::fmt::layer().with_timer(Stamp).with_writer(io::stderr).with_target(false).with_ansi(false);
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        // Something stamps them itself.
        registry.with(lines.without_time()).init();
    } else {
        registry.with(lines).init();
    }
}

/// Milliseconds are fine enough to follow a lock, and have no four digits in a row that could pass for a code.
struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, line: &mut Writer<'_>) -> std::fmt::Result {
        line.write_str(&clock::wall().rfc3339(&jiff::tz::TimeZone::UTC))
    }
}

/// systemd names the stream that it connected to the journal by device and inode (systemd.exec(5), `$JOURNAL_STREAM`):
/// redirected elsewhere, lines belong there.
fn stderr_is_the_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = std::fs::metadata("/proc/self/fd/2");
    stderr.is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}
