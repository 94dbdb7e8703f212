//! Puts a simulated world behind any pair of byte streams: an in-memory duplex, a socket, a pseudo terminal.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

use super::link::{self, LinkCommand, LinkReport};
use crate::domain::entropy::Entropy;
use crate::domain::time::Instant;
use crate::sim::World;

/// Bytes that may wait in the pipe to the stick, each way.
const PIPE: usize = 4096;

/// A world that its stick's port and visitors share. Cheap to clone.
#[derive(Clone)]
pub struct SharedWorld(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    visited: Notify,
    began: tokio::time::Instant,
}

impl SharedWorld {
    /// Shares `world`, whose clock starts now.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Shared { world: Mutex::new(world), visited: Notify::new(), began: tokio::time::Instant::now() }))
    }

    /// Does something in the world; the port goes on with what follows from it.
    pub fn visit<T>(&self, act: impl FnOnce(&mut World, Instant) -> T) -> T {
        let result = self.act(act);
        self.0.visited.notify_one();
        result
    }

    fn act<T>(&self, act: impl FnOnce(&mut World, Instant) -> T) -> T {
        let elapsed = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Whoever panicked before us has left whole values behind: each verb of the world finishes or does nothing.
        let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut world, Instant::from_millis(elapsed))
    }
}

/// Starts a link to the stick of `world` on the current runtime. Each opening of the port is a new pipe to the same stick.
pub fn spawn_link(world: SharedWorld, entropy: Entropy) -> (mpsc::Sender<LinkCommand>, mpsc::Receiver<LinkReport>) {
    let (commands, command_queue) = mpsc::channel(link::COMMANDS);
    let (reports, report_queue) = mpsc::channel(link::REPORTS);
    let open = async move || {
        let (host, stick) = tokio::io::duplex(PIPE);
        tokio::spawn(serve(stick, world.clone()));
        Ok(host)
    };
    tokio::spawn(link::run(open, command_queue, reports, entropy));
    (commands, report_queue)
}

/// Is the stick at the far end of `io` until the host closes it. The world stays as it is: the next host finds the
/// codes the last one wrote.
pub async fn serve(io: impl AsyncRead + AsyncWrite, world: SharedWorld) -> io::Result<()> {
    let (mut from_host, mut to_host) = tokio::io::split(io);
    let mut buffer = [0; 512];
    loop {
        let (transmit, deadline) = world.act(|world, now| {
            world.handle_timeout(now);
            (std::iter::from_fn(|| world.poll_transmit()).collect::<Vec<_>>(), world.poll_deadline())
        });
        for bytes in transmit {
            to_host.write_all(&bytes).await?;
        }
        let due = async {
            match deadline {
                Some(due) => tokio::time::sleep_until(world.0.began + Duration::from_millis(due.at.as_millis())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = from_host.read(&mut buffer) => match read? {
                0 => {
                    world.act(|world, _| world.host_left());
                    return Ok(());
                }
                len => world.act(|world, now| world.bytes_from_host(buffer.get(..len).unwrap_or_default(), now)),
            },
            () = due => {}
            () = world.0.visited.notified() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::NodeId;
    use crate::sim::Blueprint;

    /// Association Set to node 3 (group 1, node 1), then User Code Set of 1234 for user 1, each with callback id 9.
    const ASSOCIATE: [u8; 13] = [0x01, 0x0B, 0x00, 0x13, 3, 4, 0x85, 0x01, 0x01, 0x01, 0x25, 9, 0x48];
    const WRITE: [u8; 17] = [0x01, 0x0F, 0x00, 0x13, 3, 8, 0x63, 0x01, 0x01, 0x01, b'1', b'2', b'3', b'4', 0x25, 9, 0xA2];

    async fn read_until(host: &mut tokio::io::DuplexStream, mut end: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = [0; 64];
        while !end(&all) {
            let len = host.read(&mut buffer).await.expect("the stick stays");
            all.extend_from_slice(&buffer[..len]);
            host.write_all(&[0x06]).await.expect("the stick listens");
        }
        all
    }

    #[tokio::test(start_paused = true)]
    async fn a_visit_reaches_a_host_that_only_listens() {
        let world = SharedWorld::new(World::new(&Blueprint::two_locks(), &Entropy::from_number(1)));
        let (mut host, stick) = tokio::io::duplex(1024);
        let port = tokio::spawn(serve(stick, world.clone()));
        for request in [&ASSOCIATE[..], &WRITE] {
            host.write_all(request).await.unwrap();
            read_until(&mut host, |all| all.windows(4).any(|w| w == [0x00, 0x13, 9, 0x00])).await;
        }
        let opened = world.visit(|world, now| world.keypad(NodeId(3), b"1234", now));
        assert_eq!(opened, Some(crate::sim::node::Typed::Opened(1)));
        // Access Control, keypad unlock, User Code Report of user 1.
        read_until(&mut host, |all| all.windows(5).any(|w| w == [0x06, 0x06, 0x08, 0x63, 0x03])).await;
        drop(host);
        port.await.unwrap().expect("the host closed the port, which is no error");
    }
}
