//! Serves a simulated world to any Z-Wave host: on a TCP port or a pseudo terminal, with a control port beside it.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_serial::{SerialPort as _, SerialStream};

use super::sim_port::{SharedWorld, serve, serve_nobody};
use crate::sim::control::{Answer, COMMANDS, Clock, Command, Control, Refused};

/// A line of the control port is not longer than this.
const LONGEST_LINE: u64 = 1_024;
/// So many may use the control port at once; further ones wait.
const MOST_CONTROLLERS: usize = 16;
/// An answer that nobody takes for so long is dropped, and its reader with it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is looked whether a host has opened the terminal.
const LOOK: Duration = Duration::from_millis(25);
/// After a connection that could not be taken.
const BREATHE: Duration = Duration::from_millis(100);

/// Why a world can't be served. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The port can't be had.
    #[error("nobody can listen on {address}; choose another port, or 0 for any that is free")]
    Listen {
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// There is no pseudo terminal to be had.
    #[error("the system gives no pseudo terminal; use --listen tcp://127.0.0.1:0 instead")]
    Pty(#[source] io::Error),
    /// Something else is where the link is to be.
    #[error("{0} is there already, and is no link to a terminal; remove it, or write another path")]
    InTheWay(PathBuf),
    /// The link can't be made.
    #[error("the link {link} can't be made; write a path in a folder that is there and yours")]
    Link {
        link: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Where hosts reach the stick.
pub enum Serial {
    /// Over TCP, as behind a serial server.
    Tcp(TcpListener),
    /// On a pseudo terminal.
    Pty(Pty),
}

impl Serial {
    /// Listens on `address`.
    pub async fn tcp(address: SocketAddr) -> Result<Self, SimulateError> {
        listen(address).await.map(Self::Tcp)
    }

    /// Makes a pseudo terminal, and `link` to it.
    pub fn pty(link: &Path) -> Result<Self, SimulateError> {
        Pty::open(link).map(Self::Pty)
    }

    /// What a host writes to reach it.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|_| String::new(), |address| format!("tcp://{address}")),
            Self::Pty(pty) => pty.link.display().to_string(),
        }
    }

    /// Serves one host after the other, for ever.
    pub async fn serve(self, world: &SharedWorld) {
        match self {
            Self::Tcp(listener) => serve_tcp(&listener, world).await,
            Self::Pty(pty) => pty.serve(world).await,
        }
    }
}

/// Listens on `address`; port 0 takes any that is free.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, SimulateError> {
    TcpListener::bind(address).await.map_err(|source| SimulateError::Listen { address, source })
}

/// There is one cable: a host that connects takes the place of the one before, as with a serial server that lets go of a
/// host whose connection died without a word.
async fn serve_tcp(listener: &TcpListener, world: &SharedWorld) {
    let mut host: Option<TcpStream> = None;
    loop {
        let present = host.take();
        let served = async {
            match present {
                Some(stream) => serve(stream, world).await,
                None => {
                    serve_nobody(world).await;
                    Ok(())
                }
            }
        };
        tokio::select! {
            accepted = listener.accept() => {
                world.visit(|world, _| world.host_left());
                match accepted {
                    Ok((stream, address)) => {
                        tracing::info!(%address, "a host has the stick");
                        // An ACK is one byte, and the host waits for it.
                        host = stream.set_nodelay(true).is_ok().then_some(stream);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a host could not be let in");
                        tokio::time::sleep(BREATHE).await;
                    }
                }
            }
            left = served => match left {
                Ok(()) => tracing::info!("the host has left"),
                Err(error) => tracing::info!(%error, "the host is gone"),
            },
        }
    }
}

/// A pseudo terminal whose other end hosts open by a link. The link goes with it.
pub struct Pty {
    master: SerialStream,
    link: PathBuf,
}

impl Pty {
    fn open(link: &Path) -> Result<Self, SimulateError> {
        let (master, slave) = SerialStream::pair().map_err(|error| SimulateError::Pty(error.into()))?;
        let name = slave.name().ok_or_else(|| SimulateError::Pty(io::ErrorKind::NotFound.into()))?;
        let failed = |source| SimulateError::Link { link: link.to_owned(), source };
        match std::fs::read_link(link) {
            // Of a simulator that was killed.
            Ok(old) if old.starts_with("/dev/pts") => std::fs::remove_file(link).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(_) | Err(_) => return Err(SimulateError::InTheWay(link.to_owned())),
        }
        std::os::unix::fs::symlink(name, link).map_err(failed)?;
        Ok(Self { master, link: link.to_owned() })
    }

    /// Nobody is told when a terminal is opened or closed: while it is closed, reading fails.
    async fn serve(mut self, world: &SharedWorld) {
        loop {
            let first = tokio::select! {
                first = opened(&mut self.master) => first,
                () = serve_nobody(world) => continue,
            };
            tracing::info!("a host has the stick");
            world.visit(|world, now| world.bytes_from_host(&first, now));
            // A closed terminal is an error of the system, and no trouble here.
            let _ = serve(&mut self.master, world).await;
            tracing::info!("the host has left");
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.link) {
            tracing::warn!(link = %self.link.display(), %error, "the link could not be removed");
        }
    }
}

/// Waits until somebody opens the terminal; what was said meanwhile.
async fn opened(master: &mut SerialStream) -> Vec<u8> {
    let mut buffer = vec![0; 512];
    loop {
        match master.try_read(&mut buffer) {
            Ok(len @ 1..) => {
                buffer.truncate(len);
                return buffer;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Vec::new(),
            Ok(0) | Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// The control port: whoever connects writes lines and reads answers.
pub struct ControlPort {
    world: SharedWorld,
    control: Mutex<Control>,
    ended: Notify,
}

/// One line of the port: `{"ok":true,…}`, or `{"ok":false,"error":…}`.
#[derive(Serialize)]
struct Reply {
    ok: bool,
    #[serde(flatten)]
    said: Said,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Said {
    World(Answer),
    Now { now_ms: u64 },
    Speed { speed: f64 },
    Help { commands: Vec<String> },
    Refused { error: String },
}

impl ControlPort {
    /// Hands for `world`.
    pub fn new(world: SharedWorld, control: Control) -> Arc<Self> {
        Arc::new(Self { world, control: Mutex::new(control), ended: Notify::new() })
    }

    /// Serves whoever comes, until somebody says `quit`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let seats = Arc::new(Semaphore::new(MOST_CONTROLLERS));
        loop {
            let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
            tokio::select! {
                () = self.ended.notified() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let port = Arc::clone(&self);
                        tokio::spawn(async move {
                            // Whoever stops reading has left.
                            let _ = port.converse(stream).await;
                            drop(seat);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the control port could not let somebody in");
                        tokio::time::sleep(BREATHE).await;
                    }
                },
            }
        }
    }

    async fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        let (from, mut to) = stream.split();
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            let length = (&mut from).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
            let whole = line.ends_with(b"\n");
            if length == 0 || !whole && length < usize::try_from(LONGEST_LINE).unwrap_or(usize::MAX) {
                return Ok(());
            }
            let answer = if whole {
                self.answer(&String::from_utf8_lossy(&line)).await
            } else {
                Err(Refused("the line is too long; send help for the commands".to_owned()))
            };
            let reply = match answer {
                Ok(said) => Reply { ok: true, said },
                Err(Refused(error)) => Reply { ok: false, said: Said::Refused { error } },
            };
            let text = format!("{}\n", serde_json::to_string(&reply)?);
            tokio::time::timeout(ANSWER_TIMEOUT, to.write_all(text.as_bytes())).await.map_err(|_| io::ErrorKind::TimedOut)??;
            if !whole {
                // Where the next line begins is not known.
                return Ok(());
            }
        }
    }

    async fn answer(&self, line: &str) -> Result<Said, Refused> {
        match Command::parse(line)? {
            Command::World(deed) => {
                // A hand that panicked has finished its deed or not begun it.
                let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
                self.world.visit(|world, now| control.carry_out(deed, world, now)).map(Said::World)
            }
            Command::Clock(Clock::Advance(time)) => {
                self.world.advance(time).await;
                Ok(Said::Now { now_ms: self.world.visit(|_, now| now.as_millis()) })
            }
            Command::Clock(Clock::Speed(speed)) => {
                self.world.set_speed(speed);
                Ok(Said::Speed { speed })
            }
            Command::Help => {
                Ok(Said::Help { commands: COMMANDS.iter().map(|(usage, what)| format!("{usage}: {what}")).collect() })
            }
            Command::Quit => {
                self.ended.notify_one();
                Ok(Said::World(Answer::Done {}))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::time::Instant;
    use crate::run::port::{self, Port};
    use crate::sim::{Blueprint, World};

    /// Get Version, and the first bytes of ACK and answer (docs/protocol/serial-api.md §1).
    const GET_VERSION: [u8; 5] = [0x01, 0x03, 0x00, 0x15, 0xE9];
    const ANSWER: [u8; 5] = [0x06, 0x01, 0x10, 0x01, 0x15];

    fn world() -> (SharedWorld, Arc<ControlPort>) {
        let blueprint = Blueprint::two_locks();
        let mut world = World::new(&blueprint, &Entropy::from_number(1));
        let control = Control::begin(&blueprint, &mut world, Instant::ZERO);
        let world = SharedWorld::new(world);
        (world.clone(), ControlPort::new(world, control))
    }

    async fn open(link: &Path) -> Port {
        port::open(Some(&crate::config::SerialPort::Path(link.to_owned()))).await.expect("the terminal opens")
    }

    async fn answered(host: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) {
        host.write_all(&GET_VERSION).await.expect("the stick listens");
        let mut answer = [0; 5];
        host.read_exact(&mut answer).await.expect("the stick answers");
        assert_eq!(answer, ANSWER);
    }

    #[tokio::test]
    async fn a_terminal_can_be_opened_again_and_nothing_of_the_last_host_is_left_in_it() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("stick");
        let serial = Serial::pty(&link).expect("there are pseudo terminals");
        assert_eq!(serial.address(), link.display().to_string());
        let (world, _) = world();
        let served = tokio::spawn(async move { serial.serve(&world).await });
        for _ in 0..3 {
            let mut host = open(&link).await;
            // It goes without a word in the middle of the answer.
            answered(&mut host).await;
            drop(host);
            // A terminal that was closed has to be seen closed: nobody is told.
            tokio::time::sleep(2 * LOOK).await;
        }
        served.abort();
        let _ = served.await;
        assert!(std::fs::symlink_metadata(&link).is_err(), "the link is left behind");
    }

    #[tokio::test]
    async fn a_stale_link_is_replaced_and_a_file_is_not() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("stick");
        std::os::unix::fs::symlink("/dev/pts/99999", &link).unwrap();
        drop(Serial::pty(&link).expect("the stale link is replaced"));
        std::fs::write(&link, "precious").unwrap();
        assert!(matches!(Serial::pty(&link), Err(SimulateError::InTheWay(_))));
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "precious");
        let nowhere = place.path().join("no/folder");
        assert!(matches!(Serial::pty(&nowhere), Err(SimulateError::Link { .. })));
    }

    #[tokio::test]
    async fn every_line_has_one_answer_and_a_line_without_an_end_is_let_go() {
        let (_, port) = world();
        let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(port.serve(listener));
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        stream.write_all(b"setcode 3 1 4711 quiet\r\ntype 3 4711\n\nhelp\nadvance 1d\nspeed 2\n").await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..6 {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            answers.push(serde_json::from_str::<Value>(&line).expect("JSON"));
        }
        let ok: Vec<bool> = answers.iter().map(|answer| answer["ok"] == true).collect();
        assert_eq!(ok, [true, true, false, true, true, true], "{answers:?}");
        assert_eq!(answers[1]["user"], 1);
        assert_eq!(answers[3]["commands"].as_array().map(Vec::len), Some(COMMANDS.len()));
        assert!(answers[4]["now_ms"].as_u64() >= Some(86_400_000), "{answers:?}");

        let mut endless = BufReader::new(TcpStream::connect(address).await.unwrap());
        endless.write_all(&[b'x'; 4_000]).await.unwrap();
        let mut line = String::new();
        endless.read_line(&mut line).await.unwrap();
        assert!(line.contains("too long"), "{line}");
        stream.write_all(b"quit\n").await.unwrap();
        served.await.expect("it ends");
    }
}
