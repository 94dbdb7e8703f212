//! Who may be connected at the same time: a client that only holds connections must not keep others out.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{AbortHandle, Id};
use tokio::time::{Instant, Sleep, sleep};

const CONNECTIONS: usize = 64;
/// More of them that only root gets, so that an operator can always connect.
const FOR_ROOT: usize = 8;
/// Connections of one user other than root.
const PER_USER: usize = 32;
/// A connection that is older than this has to go when others want in: what people and monitors ask is answered long before,
/// and who comes often can come again.
const STALE: Duration = Duration::from_secs(5);
/// How long a peer may leave unread what it asked for.
const UNREAD: Duration = Duration::from_secs(10);

/// How old a connection is, and whether it may grow old.
#[derive(Clone, Debug)]
pub struct Pulse {
    opened: Instant,
    streams: Arc<AtomicBool>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { opened: Instant::now(), streams: Arc::default() }
    }

    /// It is a live stream from now on, which is long by nature. (They have a bound of their own.)
    pub fn streams(&self) {
        self.streams.store(true, Ordering::Relaxed);
    }

    /// `None` for a stream.
    fn age(&self, now: Instant) -> Option<Duration> {
        (!self.streams.load(Ordering::Relaxed)).then(|| now.saturating_duration_since(self.opened))
    }
}

#[derive(Debug, Default)]
pub(super) struct Room {
    seats: BTreeMap<Id, Seat>,
}

#[derive(Debug)]
struct Seat {
    uid: Option<u32>,
    pulse: Pulse,
    connection: AbortHandle,
}

/// What becomes of a new connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    Welcome,
    /// There is no room at this moment.
    Wait,
    /// The user has too many.
    Refused,
}

impl Room {
    /// Whether one more of `uid` (`None`: not known) may connect. When full, the oldest connection may
    /// be closed for it.
    pub(super) fn admit(&mut self, uid: Option<u32>, now: Instant) -> Admission {
        let is_root = uid == Some(0);
        let is_own = |seat: &Seat| seat.uid == uid;
        if uid.is_some() && !is_root && self.seats.values().filter(|seat| is_own(seat)).count() >= PER_USER {
            return if self.send_away(now, is_own) { Admission::Welcome } else { Admission::Refused };
        }
        let places = if is_root { CONNECTIONS + FOR_ROOT } else { CONNECTIONS };
        if self.seats.len() < places || self.send_away(now, |_| true) { Admission::Welcome } else { Admission::Wait }
    }

    pub(super) fn seat(&mut self, uid: Option<u32>, pulse: Pulse, connection: AbortHandle) {
        self.seats.insert(connection.id(), Seat { uid, pulse, connection });
    }

    pub(super) fn leaves(&mut self, connection: Id) {
        self.seats.remove(&connection);
    }

    fn send_away(&mut self, now: Instant, among: impl Fn(&Seat) -> bool) -> bool {
        let ages = self.seats.iter().filter(|(_, seat)| among(seat)).filter_map(|(id, seat)| Some((seat.pulse.age(now)?, *id)));
        let Some((_, oldest)) = ages.max_by_key(|(age, _)| *age).filter(|(age, _)| *age >= STALE) else { return false };
        if let Some(seat) = self.seats.remove(&oldest) {
            seat.connection.abort();
        }
        true
    }
}

/// A stream whose peer has to read what it is sent.
#[derive(Debug)]
pub(super) struct Read<S> {
    stream: S,
    unread: Option<Pin<Box<Sleep>>>,
}

impl<S> Read<S> {
    pub(super) fn by_peer(stream: S) -> Self {
        Self { stream, unread: None }
    }

    /// Passes on what a write came to, unless the peer has left everything unread for too long.
    fn watched<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let timer = self.unread.get_or_insert_with(|| Box::pin(sleep(UNREAD)));
        timer.as_mut().poll(context).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Read<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Read<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watched(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watched(closed, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.watched(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// A room with a connection of each of these users.
    fn room(users: impl IntoIterator<Item = Option<u32>>) -> Room {
        let mut room = Room::default();
        for uid in users {
            let connection = tokio::spawn(std::future::pending::<()>()).abort_handle();
            room.seat(uid, Pulse::new(), connection);
        }
        room
    }

    #[tokio::test(start_paused = true)]
    async fn one_user_does_not_keep_the_others_out_and_root_always_gets_in() {
        let mut room = room((0..PER_USER).map(|_| Some(1000)));
        assert_eq!(room.admit(Some(1000), Instant::now()), Admission::Refused);
        assert_eq!(room.admit(Some(1001), Instant::now()), Admission::Welcome);
        let mut full = self::room((0..CONNECTIONS).map(|n| Some(1000 + u32::try_from(n).unwrap())));
        assert_eq!(full.admit(Some(2000), Instant::now()), Admission::Wait);
        assert_eq!(full.admit(Some(0), Instant::now()), Admission::Welcome);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_holds_the_line_for_long_makes_room_and_a_live_stream_does_not() {
        let mut room = room((0..CONNECTIONS).map(|_| None));
        room.seats.values_mut().next().unwrap().pulse.streams();
        tokio::time::advance(STALE).await;
        room.seats.values_mut().nth(1).unwrap().pulse = Pulse::new();
        for n in 0..CONNECTIONS - 2 {
            assert_eq!(room.admit(None, Instant::now()), Admission::Welcome, "after {n}");
            let connection = tokio::spawn(std::future::pending::<()>()).abort_handle();
            room.seat(None, Pulse::new(), connection);
        }
        assert_eq!(room.admit(None, Instant::now()), Admission::Wait, "the stream and whoever just came stay");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_is_cut_off_and_a_slow_one_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut ours = Read::by_peer(ours);
        let reader = tokio::spawn(async move {
            for _ in 0..8 {
                sleep(UNREAD / 2).await;
                tokio::io::AsyncReadExt::read(&mut theirs, &mut [0; 16]).await.unwrap();
            }
            std::future::pending::<()>().await;
        });
        ours.write_all(&[0; 128]).await.unwrap();
        let error = ours.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        reader.abort();
    }
}
