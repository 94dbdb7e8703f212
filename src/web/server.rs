//! Who may connect to the Unix socket, and for both kinds of sockets the timeouts for slow peers. [`super::room`] limits how
//! many are connected at once.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::unistd::geteuid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_service::Service;

use super::import::Keyholder;
use super::room::{Admission, Pulse, Read, Room};
use crate::domain::actor::Actor;
use crate::domain::tally::Tallies;

/// How many may wait for a place at once; the rest is rejected.
const WAITING: usize = 32;

/// How often to check whether one became free.
const LOOK: Duration = Duration::from_millis(250);

/// How long a request's head may take to arrive, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);

/// How long requests under way may take after the daemon was told to stop.
const FAREWELL: Duration = Duration::from_millis(1500);

/// The socket can't be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The folder is not there.
    #[error("{} is missing: create it (systemd: RuntimeDirectory=latchkey), or set api.socket", .0.display())]
    NoFolder(PathBuf),
    /// Somebody answers on it.
    #[error("another latchkey answers on {}: stop it first, or set api.socket", .0.display())]
    InUse(PathBuf),
    /// Something else has that name.
    #[error("{} is in the way and is not a socket: move it, or set api.socket", .0.display())]
    InTheWay(PathBuf),
    /// We may not write there.
    #[error("no permission to create {}: run as the user latchkey, or set api.socket", .0.display())]
    Permission(PathBuf),
    #[error("can't listen on {}", .0.display())]
    Other(PathBuf, #[source] io::Error),
}

/// Opens the socket for its owner and group. A socket that a killed daemon left behind is replaced; one that answers is not.
pub async fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            return Err(SocketError::InTheWay(path.into()));
        }
        // Only a refusal says that nobody listens; a daemon too busy to take one more connection still does.
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(SocketError::Permission(path.into())),
            Ok(_) | Err(_) => return Err(SocketError::InUse(path.into())),
        }
        std::fs::remove_file(path).map_err(|error| sort(path, error))?;
    }
    let listener = UnixListener::bind(path).map_err(|error| sort(path, error))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(|error| sort(path, error))?;
    Ok(listener)
}

fn sort(path: &Path, error: io::Error) -> SocketError {
    match error.kind() {
        io::ErrorKind::NotFound => SocketError::NoFolder(path.parent().unwrap_or(path).into()),
        io::ErrorKind::PermissionDenied => SocketError::Permission(path.into()),
        io::ErrorKind::AddrInUse => SocketError::InUse(path.into()),
        _ => SocketError::Other(path.into(), error),
    }
}

/// Serves until `shutdown`; then no new connection is taken, and those under way get a moment to finish.
pub async fn serve<D: Door>(door: D, router: Router, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(());
    let mut hall = Hall { router, stopping, connections: JoinSet::new(), room: Room::default(), waiting: VecDeque::new() };
    let mut tallies = Tallies::default();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = hall.connections.join_next_with_id() => {
                hall.room.leaves(ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            accepted = door.accept() => match accepted {
                Ok((stream, peer)) if hall.waiting.len() < WAITING => {
                    hall.waiting.push_back(Waiting { stream, peer, since: Instant::now() });
                }
                Ok(_) => tell(&mut tallies, "more knock than can wait: their connections are closed"),
                // Out of file descriptors, mostly: the listener is fine, and the next try too soon would spin.
                Err(error) => {
                    if let Some(times) = tallies.hit("a connection could not be taken") {
                        tracing::warn!(%error, times, "a connection could not be taken");
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            () = tokio::time::sleep(LOOK), if !hall.waiting.is_empty() => {}
        }
        hall.let_in(&mut tallies);
    }
    drop(door);
    drop(stop);
    let mut connections = hall.connections;
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, finished).await.is_err() {
        tracing::debug!("requests under way were cut off");
    }
}

fn tell(tallies: &mut Tallies<&'static str>, what: &'static str) {
    if let Some(times) = tallies.hit(what) {
        tracing::warn!(times, "{what}");
    }
}

/// A connection that was not admitted yet.
struct Waiting<S> {
    stream: S,
    peer: Option<Peer>,
    since: Instant,
}

struct Hall<S> {
    router: Router,
    stopping: watch::Receiver<()>,
    connections: JoinSet<()>,
    room: Room,
    waiting: VecDeque<Waiting<S>>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Hall<S> {
    /// Admits those it can. One that has to wait does not block those behind it: root may be there.
    fn let_in(&mut self, tallies: &mut Tallies<&'static str>) {
        let now = Instant::now();
        for Waiting { stream, peer, since } in std::mem::take(&mut self.waiting) {
            match self.room.admit(peer.map(|peer| peer.uid), now) {
                Admission::Welcome => {
                    let pulse = Pulse::new();
                    let serving = connection(stream, peer, pulse.clone(), self.router.clone(), self.stopping.clone());
                    let connection = self.connections.spawn(serving);
                    self.room.seat(peer.map(|peer| peer.uid), pulse, connection);
                }
                Admission::Wait if now.duration_since(since) < HEAD => self.waiting.push_back(Waiting { stream, peer, since }),
                Admission::Wait => tell(tallies, "no room for a connection within 10 s: it is closed"),
                Admission::Refused => tell(tallies, "a user has too many connections: another one is closed"),
            }
        }
    }
}

/// Who is at the other end of a Unix socket, as the kernel says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    pub uid: u32,
}

impl Peer {
    /// Root, or the user the daemon runs as.
    fn is_keyholder(self) -> bool {
        self.uid == 0 || self.uid == geteuid().as_raw()
    }
}

/// Where connections come from.
pub trait Door {
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection, and who is at its other end where that can be known.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<Peer>)>>;
}

impl Door for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Option<Peer>)> {
        let (stream, _) = Self::accept(self).await?;
        // The kernel vouches for the peer; without it nobody could be named in the audit.
        let peer = stream.peer_cred()?;
        Ok((stream, Some(Peer { uid: peer.uid() })))
    }
}

impl Door for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<Peer>)> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, None))
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Option<Peer>,
    pulse: Pulse,
    router: Router,
    mut stopping: watch::Receiver<()>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let about = request.extensions_mut();
        about.insert(pulse.clone());
        if let Some(peer) = peer {
            about.insert(Actor::Uid(peer.uid));
            if peer.is_keyholder() {
                about.insert(Keyholder);
            }
        }
        // A router is ready at any time: it has no `poll_ready` to wait for.
        router.clone().call(request)
    });
    let stream = TokioIo::new(Read::by_peer(stream));
    let connection = http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD).serve_connection(stream, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_owner_and_group_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _listener = bind(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_send_half_a_request_do_not_keep_a_monitor_out_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/healthz", get(async || "well"));
        let serving = tokio::spawn(serve(listener, router, std::future::pending()));
        let mut held = Vec::new();
        for _ in 0..80 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").await.unwrap();
            held.push(stream);
        }
        // More than fit: they wait for one of them to be too old.
        let mut monitor = TcpStream::connect(address).await.unwrap();
        monitor.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let (mut answer, since) = (String::new(), Instant::now());
        monitor.read_to_string(&mut answer).await.unwrap();
        assert!(since.elapsed() < HEAD, "{:?}", since.elapsed());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        serving.abort();
    }

    #[tokio::test]
    async fn a_socket_left_by_a_killed_daemon_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(bind(&path).await.unwrap());
        assert!(path.exists(), "a dropped listener leaves its file, as kill -9 does");
        let _listener = bind(&path).await.unwrap();
        assert!(matches!(bind(&path).await, Err(SocketError::InUse(_))));
    }

    #[tokio::test]
    async fn a_file_in_the_way_is_not_deleted_and_a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        std::fs::write(&path, "letters").unwrap();
        assert!(matches!(bind(&path).await, Err(SocketError::InTheWay(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "letters");
        let error = bind(&folder.path().join("run/s")).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("{} is missing: create it", folder.path().join("run").display())));
    }

    #[tokio::test]
    async fn the_kernel_says_who_asks_and_a_stop_lets_the_answer_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = bind(&path).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (entered, entering) = oneshot::channel::<()>();
        let entered = Arc::new(std::sync::Mutex::new(Some(entered)));
        let router = Router::new().route(
            "/who",
            get(async move |axum::Extension(actor): axum::Extension<Actor>| {
                let entered = entered.lock().unwrap().take();
                entered.unwrap().send(()).unwrap();
                tokio::task::yield_now().await;
                actor.to_string()
            }),
        );
        let serving = tokio::spawn(serve(listener, router, async move { stopped.await.unwrap_or_default() }));
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let uid = stream.peer_cred().unwrap().uid();
        stream.write_all(b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        entering.await.unwrap();
        stop.send(()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&format!("uid {uid}")), "{answer}");
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_somebody_who_only_holds_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = bind(&path).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(listener, Router::new(), async move { stopped.await.unwrap_or_default() }));
        let _idle = UnixStream::connect(&path).await.unwrap();
        stop.send(()).unwrap();
        tokio::time::timeout(FAREWELL * 2, serving).await.unwrap().unwrap();
    }
}
