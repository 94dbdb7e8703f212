//! The link task: drives [`Link`] over a port. It alone writes to the port, and it answers a frame with an ACK before it
//! looks at anything else, so that no disk, broker or browser can delay an ACK (a stick waits 1.5 s).
//!
//! In production it has a thread and a runtime of its own ([`spawn_link_thread`]); under a paused clock it is an ordinary
//! future ([`run`]).

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout};

use super::port::{self, PortError};
use crate::config::SerialPort;
use crate::domain::entropy::Entropy;
use crate::domain::time::Instant;
use crate::serial::{Frame, Link, LinkEvent, SendFailure, SendId};

/// What the owner of the network tells the link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkCommand {
    Send(SendId, Frame),
    /// Close the port and open it again.
    Reopen,
}

/// What the link tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkReport {
    /// The port is open.
    Up,
    /// The port is closed, or went away.
    Down { why: String },
    /// A data frame arrived, at that time.
    Frame(Frame, tokio::time::Instant),
    /// The stick acknowledged a frame.
    Sent(SendId),
    /// A frame was given up.
    Failed(SendId, SendFailure),
    /// The stick answers nothing: it should be reset.
    Unresponsive,
    /// The port can't be opened; the link goes on trying.
    Waiting {
        /// Why, and what to do, for people.
        why: String,
    },
}

/// So many reports may wait for a stalled owner. A stick that talks all the time fills this in minutes.
pub const REPORTS: usize = 4096;
/// So many commands may wait. The network has one frame under way at a time.
pub const COMMANDS: usize = 64;

/// First and longest wait before a port that broke is opened again.
const REOPEN_WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Longest wait for a port that is not there: a cable that is back is used within a second.
const ABSENT_WAIT: Duration = Duration::from_millis(750);
/// A port that takes no bytes for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts the link on a thread and a runtime of its own. It ends when `commands`' other end is dropped.
pub fn spawn_link_thread(
    wanted: Option<SerialPort>,
    entropy: Entropy,
) -> io::Result<(mpsc::Sender<LinkCommand>, mpsc::Receiver<LinkReport>)> {
    let (commands, command_queue) = mpsc::channel(COMMANDS);
    let (reports, report_queue) = mpsc::channel(REPORTS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let link = async move || run(async || port::open(wanted.as_ref()).await, command_queue, reports, entropy).await;
    std::thread::Builder::new().name("latchkey-link".into()).spawn(move || runtime.block_on(link()))?;
    Ok((commands, report_queue))
}

/// Opens the port with `open`, drives it, and opens it again when it goes away, until the owner is gone.
pub async fn run<P: AsyncRead + AsyncWrite + Unpin>(
    mut open: impl AsyncFnMut() -> Result<P, PortError>,
    mut commands: mpsc::Receiver<LinkCommand>,
    reports: mpsc::Sender<LinkReport>,
    mut entropy: Entropy,
) {
    let mut reports = Reports { to: reports, backlog: VecDeque::new(), dropped: 0 };
    let mut wait = REOPEN_WAIT.0;
    let mut said = String::new();
    while !reports.to.is_closed() {
        match open().await {
            Ok(mut port) => {
                said.clear();
                reports.push(LinkReport::Up);
                let opened = tokio::time::Instant::now();
                let end = drive(&mut port, &mut commands, &mut reports).await;
                let why = match end {
                    End::OwnerGone => return,
                    End::Asked => "closed, to open it again".to_owned(),
                    End::Lost(why) => why,
                };
                // A port that breaks at once, again and again, must not be opened in a tight loop.
                if opened.elapsed() > REOPEN_WAIT.1 {
                    wait = REOPEN_WAIT.0;
                }
                reports.push(LinkReport::Down { why });
            }
            Err(error) => {
                wait = wait.min(ABSENT_WAIT);
                let why = with_cause(&error);
                if said != why {
                    reports.push(LinkReport::Waiting { why: why.clone() });
                    said = why;
                }
            }
        }
        // Up to a quarter more, so that two hubs behind one serial server don't knock in step.
        let quarter = u64::try_from(wait.as_millis() / 4).unwrap_or_default();
        let jitter = Duration::from_millis(entropy.below(quarter));
        if !refuse_commands(&mut commands, &mut reports, wait + jitter).await {
            return;
        }
        wait = (wait * 2).min(REOPEN_WAIT.1);
    }
}

/// How long the stick is given to take what a daemon that ends has still to tell it: to stop looking for devices.
const LAST_WORDS: Duration = Duration::from_millis(400);

/// Why the port is not driven any more.
enum End {
    OwnerGone,
    Asked,
    Lost(String),
}

async fn drive<P: AsyncRead + AsyncWrite + Unpin>(
    port: &mut P,
    commands: &mut mpsc::Receiver<LinkCommand>,
    reports: &mut Reports,
) -> End {
    let began = tokio::time::Instant::now();
    let now = || Instant::from_millis(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let mut link = Link::new();
    let mut buffer = [0; 1024];
    // The owner is gone since then; its last words still go out.
    let mut leaving = None;
    let end = loop {
        link.handle_timeout(now());
        if let Err(why) = write_all(port, &mut link, now).await {
            break End::Lost(why);
        }
        if leaving.is_some_and(|since| link.is_quiet() || now() >= since + LAST_WORDS) {
            break End::OwnerGone;
        }
        while let Some(event) = link.poll_event() {
            reports.push(event.into());
        }
        let gone_at = leaving.map_or(0, |since: Instant| (since + LAST_WORDS).as_millis());
        let due = link.poll_deadline().map(|deadline| began + Duration::from_millis(deadline.at.as_millis()));
        tokio::select! {
            // Bytes first: an ACK must never wait behind a command.
            biased;
            read = port.read(&mut buffer) => match read {
                // The stick was unplugged, or the server hung up: reading on would spin.
                Ok(0) => break End::Lost("the stick was unplugged, or its server hung up".into()),
                Ok(len) => link.bytes(buffer.get(..len).unwrap_or_default(), now()),
                Err(error) => break End::Lost(format!("the port can't be read: {error}")),
            },
            () = sleep_until(due.unwrap_or(began)), if due.is_some() => {}
            () = sleep_until(began + Duration::from_millis(gone_at)), if leaving.is_some() => {}
            command = commands.recv(), if leaving.is_none() => match command {
                Some(LinkCommand::Send(id, frame)) => link.send(id, frame),
                Some(LinkCommand::Reopen) => break End::Asked,
                None => leaving = Some(now()),
            },
            () = reports.hand_over(), if reports.wait() => {}
        }
    };
    link.close();
    while let Some(event) = link.poll_event() {
        reports.push(event.into());
    }
    end
}

/// Writes what the link has to say. Never flushes: on a tty that blocks the thread.
async fn write_all<P: AsyncWrite + Unpin>(port: &mut P, link: &mut Link, now: impl Fn() -> Instant) -> Result<(), String> {
    while let Some(bytes) = link.poll_transmit(now()) {
        match timeout(WRITE_TIMEOUT, port.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("the port can't be written: {error}")),
            Err(_) => return Err("the port takes no bytes: unplug the stick and plug it in again".into()),
        }
    }
    Ok(())
}

/// Waits, and fails what the owner wants to send meanwhile. False when the owner is gone.
async fn refuse_commands(commands: &mut mpsc::Receiver<LinkCommand>, reports: &mut Reports, wait: Duration) -> bool {
    let pause = sleep(wait);
    tokio::pin!(pause);
    loop {
        tokio::select! {
            () = &mut pause => return true,
            command = commands.recv() => match command {
                Some(LinkCommand::Send(id, _)) => reports.push(LinkReport::Failed(id, SendFailure::PortLost)),
                Some(LinkCommand::Reopen) => {}
                None => return false,
            },
            () = reports.hand_over(), if reports.wait() => {}
        }
    }
}

/// The way to the owner. Never waits for it: while the owner stalls (a slow disk), reports pile up here, and beyond
/// [`REPORTS`] data frames are dropped and counted. The few reports about our own frames and the port are kept, as the
/// owner's picture of the line hangs on them.
struct Reports {
    to: mpsc::Sender<LinkReport>,
    backlog: VecDeque<LinkReport>,
    dropped: u64,
}

impl Reports {
    fn push(&mut self, report: LinkReport) {
        if self.backlog.is_empty() {
            match self.to.try_send(report) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(report)) => self.backlog.push_back(report),
            }
            return;
        }
        if self.backlog.len() >= REPORTS && matches!(report, LinkReport::Frame(..)) {
            self.dropped += 1;
            // Powers of two: a stall must not fill the log too.
            if self.dropped.is_power_of_two() {
                tracing::error!(dropped = self.dropped, "the daemon is stalled: frames from the stick are dropped");
            }
            return;
        }
        self.backlog.push_back(report);
    }

    fn wait(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Hands over one waiting report, as soon as there is room.
    async fn hand_over(&mut self) {
        match self.to.reserve().await {
            Ok(permit) => {
                if let Some(report) = self.backlog.pop_front() {
                    permit.send(report);
                }
            }
            // Nobody reads any more: the command queue will say that the owner is gone.
            Err(_) => self.backlog.clear(),
        }
    }
}

impl From<LinkEvent> for LinkReport {
    fn from(event: LinkEvent) -> Self {
        match event {
            LinkEvent::Frame(frame) => Self::Frame(frame, tokio::time::Instant::now()),
            LinkEvent::Sent(id) => Self::Sent(id),
            LinkEvent::Failed(id, why) => Self::Failed(id, why),
            LinkEvent::Unresponsive => Self::Unresponsive,
        }
    }
}

fn with_cause(error: &PortError) -> String {
    use std::error::Error;
    match error.source() {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
