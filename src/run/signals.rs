//! What the operating system tells the daemon from outside.

use std::future::Future;
use std::pin::Pin;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;

/// Reads the configuration anew.
type Reread = Box<dyn FnMut() -> Result<Config, String>>;

/// Signals, or what stands for them in a test.
pub struct Signals {
    stop: Pin<Box<dyn Future<Output = ()>>>,
    reload: Option<(Signal, Reread)>,
}

#[derive(Debug)]
pub enum Told {
    /// End in good order.
    Stop,
    /// Take over what changed in the configuration; an error says why it can't be read.
    Reload(Result<Box<Config>, String>),
}

impl Signals {
    /// SIGTERM and SIGINT end the daemon, SIGHUP makes it call `reread`.
    pub fn of_this_process(reread: impl FnMut() -> Result<Config, String> + 'static) -> std::io::Result<Self> {
        let mut signals = Self::stop_only()?;
        signals.reload = Some((signal(SignalKind::hangup())?, Box::new(reread)));
        Ok(signals)
    }

    /// SIGTERM and SIGINT end the daemon.
    pub fn stop_only() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(Self::until(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }))
    }

    /// The daemon runs until `stop` completes.
    pub fn until(stop: impl Future<Output = ()> + 'static) -> Self {
        Self { stop: Box::pin(stop), reload: None }
    }

    /// The next thing told. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Told {
        let Some((hangup, reread)) = &mut self.reload else {
            self.stop.as_mut().await;
            return Told::Stop;
        };
        tokio::select! {
            () = self.stop.as_mut() => Told::Stop,
            _ = hangup.recv() => Told::Reload(reread().map(Box::new)),
        }
    }
}
