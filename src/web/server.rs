//! Who may connect to the Unix socket, and for both kinds of sockets: how many at once, and for how long a peer may dawdle.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service;

use crate::bridge::ask::Actor;

/// Connections served at once; the rest wait in the kernel's queue.
const CONNECTIONS: usize = 64;

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
    /// Anything else.
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
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = async {
                let permit = Arc::clone(&room).acquire_owned().await;
                (door.accept().await, permit)
            } => accepted,
        };
        match accepted {
            (Ok((stream, actor)), permit) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                connections.spawn(async move {
                    connection(stream, actor, router, stopping).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, mostly: the listener is fine, and the next try too soon would spin.
            (Err(error), _) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(door);
    drop(stop);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, finished).await.is_err() {
        tracing::debug!("requests under way were cut off");
    }
}

/// Where connections come from.
pub trait Door {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection, and who is at its other end where that can be known.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<Actor>)>>;
}

impl Door for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Option<Actor>)> {
        let (stream, _) = Self::accept(self).await?;
        // The kernel vouches for the peer; without it nobody could be named in the audit.
        let peer = stream.peer_cred()?;
        Ok((stream, Some(Actor(format!("uid {}", peer.uid())))))
    }
}

impl Door for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<Actor>)> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, None))
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    actor: Option<Actor>,
    router: Router,
    mut stopping: watch::Receiver<()>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(actor) = &actor {
            request.extensions_mut().insert(actor.clone());
        }
        // A router is ready at any time: it has no `poll_ready` to wait for.
        router.clone().call(request)
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD).serve_connection(TokioIo::new(stream), service);
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
                actor.0
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
