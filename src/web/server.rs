//! The Unix socket: who may connect, how many at once, and for how long a peer may dawdle.

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
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service;

use crate::bridge::ask::Actor;

/// Connections served at once; the rest wait in the kernel's queue.
const CONNECTIONS: usize = 64;

/// How long a request's head may take to arrive, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);

/// How long requests under way may take after the daemon was told to stop.
const FAREWELL: Duration = Duration::from_secs(2);

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
        if UnixStream::connect(path).await.is_ok() {
            return Err(SocketError::InUse(path.into()));
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
pub async fn serve(listener: UnixListener, router: Router, shutdown: impl Future<Output = ()>) {
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
                (listener.accept().await, permit)
            } => accepted,
        };
        match accepted {
            (Ok((stream, _)), permit) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                connections.spawn(async move {
                    connection(stream, router, stopping).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, mostly: the listener is fine, and the next try too soon would spin.
            (Err(error), _) => {
                tracing::warn!(%error, "a connection to the API socket could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    drop(stop);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, finished).await.is_err() {
        tracing::debug!("requests under way were cut off");
    }
}

async fn connection(stream: UnixStream, router: Router, mut stopping: watch::Receiver<()>) {
    // The kernel vouches for the peer; without it nobody could be named in the audit.
    let Ok(peer) = stream.peer_cred() else { return };
    let actor = Actor(format!("uid {}", peer.uid()));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(actor.clone());
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
        tracing::debug!(%error, "a connection to the API socket broke off");
    }
}
