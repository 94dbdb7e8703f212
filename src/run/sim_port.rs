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
/// A host that takes no bytes for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a host is given to answer what it heard while the clock jumps, and how long to read it.
const HOST_THINKS: Duration = Duration::from_millis(20);
const HOST_READS: Duration = Duration::from_secs(2);

/// A world that its stick's port and visitors share. Cheap to clone.
#[derive(Clone)]
pub struct SharedWorld(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    visited: Notify,
}

struct Inner {
    world: World,
    clock: Clock,
}

/// The clock of a world: it may run faster than a real one, and jump.
struct Clock {
    real: tokio::time::Instant,
    then: Instant,
    // Of days in 32 bits, milliseconds are lost.
    speed: f64,
}

impl SharedWorld {
    /// Shares `world`, whose clock starts now.
    pub fn new(world: World) -> Self {
        let clock = Clock { real: tokio::time::Instant::now(), then: Instant::ZERO, speed: 1.0 };
        Self(Arc::new(Shared { inner: Mutex::new(Inner { world, clock }), visited: Notify::new() }))
    }

    /// Does something in the world; the port goes on with what follows from it.
    pub fn visit<T>(&self, act: impl FnOnce(&mut World, Instant) -> T) -> T {
        let result = self.act(act);
        self.0.visited.notify_one();
        result
    }

    /// From now on the world's clock runs so many times as fast as a real one.
    pub fn set_speed(&self, speed: f64) {
        self.with(|inner| {
            inner.clock = Clock { real: tokio::time::Instant::now(), then: inner.clock.now(), speed };
        });
        self.0.visited.notify_one();
    }

    /// How many times as fast as a real one the clock runs.
    pub fn speed(&self) -> f64 {
        self.with(|inner| inner.clock.speed)
    }

    /// Lets `time` pass at once: from one deadline to the next, so that all that is due happens in order. A host at the
    /// port is given real time to hear of it and to answer. The port has to be served meanwhile.
    pub async fn advance(&self, time: Duration) {
        let end = self.act(|_, now| now + time);
        loop {
            let (arrived, quiet) = self.with(|inner| {
                let next = inner.world.poll_deadline().map_or(end, |next| next.at);
                inner.clock.jump(next.max(inner.clock.now() + Duration::from_millis(1)).min(end));
                let now = inner.clock.now();
                inner.world.handle_timeout(now);
                (now >= end, inner.world.is_heard_out())
            });
            self.0.visited.notify_one();
            if !quiet {
                self.heard_out().await;
                tokio::time::sleep(HOST_THINKS).await;
            }
            if arrived {
                return;
            }
            // Without a pause the port would not get its turn.
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the host has read what is for it, if it is going to.
    async fn heard_out(&self) {
        let quiet = async {
            while !self.act(|world, _| world.is_heard_out()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(HOST_READS, quiet).await;
    }

    fn act<T>(&self, act: impl FnOnce(&mut World, Instant) -> T) -> T {
        self.with(|inner| act(&mut inner.world, inner.clock.now()))
    }

    /// What the stick says, and when there is something to do next.
    fn turn(&self) -> (Vec<Vec<u8>>, Option<tokio::time::Instant>) {
        self.with(|inner| {
            inner.world.handle_timeout(inner.clock.now());
            let said = std::iter::from_fn(|| inner.world.poll_transmit()).collect();
            (said, inner.world.poll_deadline().map(|due| inner.clock.real(due.at)))
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        // Whoever panicked before us has left whole values behind: each verb of the world finishes or does nothing.
        act(&mut self.0.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something is due, or somebody did something.
    async fn awakened(&self, due: Option<tokio::time::Instant>) {
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = self.0.visited.notified() => {}
        }
    }
}

impl Clock {
    fn now(&self) -> Instant {
        self.then + self.real.elapsed().mul_f64(self.speed)
    }

    fn real(&self, at: Instant) -> tokio::time::Instant {
        self.real + at.since(self.then).div_f64(self.speed)
    }

    fn jump(&mut self, to: Instant) {
        *self = Self { real: tokio::time::Instant::now(), then: to.max(self.now()), speed: self.speed };
    }
}

/// Starts a link to the stick of `world` on the current runtime. Each opening of the port is a new pipe to the same stick.
pub fn spawn_link(world: SharedWorld, entropy: Entropy) -> (mpsc::Sender<LinkCommand>, mpsc::Receiver<LinkReport>) {
    let (commands, command_queue) = mpsc::channel(link::COMMANDS);
    let (reports, report_queue) = mpsc::channel(link::REPORTS);
    let open = async move || {
        let (host, stick) = tokio::io::duplex(PIPE);
        let world = world.clone();
        tokio::spawn(async move { serve(stick, &world).await });
        Ok(host)
    };
    tokio::spawn(link::run(open, command_queue, reports, entropy));
    (commands, report_queue)
}

/// Is the stick at the far end of `io` until the host closes it. The world stays as it is: the next host finds the
/// codes the last one wrote.
pub async fn serve(io: impl AsyncRead + AsyncWrite, world: &SharedWorld) -> io::Result<()> {
    let served = serve_until_gone(io, world).await;
    world.act(|world, _| world.host_left());
    served
}

async fn serve_until_gone(io: impl AsyncRead + AsyncWrite, world: &SharedWorld) -> io::Result<()> {
    let (mut from_host, mut to_host) = tokio::io::split(io);
    let mut buffer = [0; 512];
    loop {
        let (said, due) = world.turn();
        for bytes in said {
            tokio::time::timeout(WRITE_TIMEOUT, to_host.write_all(&bytes)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        }
        tokio::select! {
            read = from_host.read(&mut buffer) => match read? {
                0 => return Ok(()),
                len => world.act(|world, now| world.bytes_from_host(buffer.get(..len).unwrap_or_default(), now)),
            },
            () = world.awakened(due) => {}
        }
    }
}

/// Lets the world go on while no host listens: what its stick says is lost, as on a cable that leads nowhere.
pub async fn serve_nobody(world: &SharedWorld) {
    loop {
        let (_, due) = world.turn();
        world.act(|world, _| world.host_left());
        world.awakened(due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::NodeId;
    use crate::serial::frame::{ACK, Decoder, Received};
    use crate::serial::request::AddNode;
    use crate::serial::{CallbackId, FunctionId, NodeIdWidth, Request};
    use crate::sim::Blueprint;
    use crate::sim::device::{Device, Radio};
    use crate::sim::model::Model;
    use crate::sim::node::Typed;

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
        let served = world.clone();
        let port = tokio::spawn(async move { serve(stick, &served).await });
        for request in [&ASSOCIATE[..], &WRITE] {
            host.write_all(request).await.unwrap();
            read_until(&mut host, |all| all.windows(4).any(|w| w == [0x00, 0x13, 9, 0x00])).await;
        }
        let opened = world.visit(|world, now| world.keypad(NodeId(3), b"1234", now));
        assert_eq!(opened, Some(Typed::Opened(1)));
        // Access Control, keypad unlock, User Code Report of user 1.
        read_until(&mut host, |all| all.windows(5).any(|w| w == [0x06, 0x06, 0x08, 0x63, 0x03])).await;
        drop(host);
        port.await.unwrap().expect("the host closed the port, which is no error");
    }

    /// A world whose lock (node 3) takes no codes for half a minute.
    fn with_a_dead_keypad() -> SharedWorld {
        let world = SharedWorld::new(World::new(&Blueprint::two_locks(), &Entropy::from_number(1)));
        while typed(&world) != Some(Typed::KeypadDead) {}
        world
    }

    fn typed(world: &SharedWorld) -> Option<Typed> {
        world.visit(|world, now| world.keypad(NodeId(3), b"0000", now))
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_or_runs_fast_brings_what_is_due_sooner() {
        let world = with_a_dead_keypad();
        world.advance(Duration::from_secs(29)).await;
        assert_eq!(typed(&world), Some(Typed::KeypadDead));
        world.advance(Duration::from_secs(2)).await;
        assert_eq!(typed(&world), Some(Typed::Wrong));

        let world = with_a_dead_keypad();
        world.set_speed(10.0);
        tokio::time::sleep(Duration::from_millis(3_100)).await;
        assert_eq!(typed(&world), Some(Typed::Wrong));
    }

    /// SmartStart devices prime for ever: a host that is there hears each of their calls once, whatever is skipped.
    #[tokio::test(start_paused = true)]
    async fn a_host_hears_every_call_of_the_days_that_are_skipped_and_none_twice() {
        let mut inside = World::new(&Blueprint::empty(), &Entropy::from_number(1));
        inside.offer(Device::smart_start(Model::s2(), Radio::Classic, 1), Instant::ZERO);
        let world = SharedWorld::new(inside);
        let (mut host, stick) = tokio::io::duplex(1024);
        let served = world.clone();
        let port = tokio::spawn(async move { serve(stick, &served).await });
        let heard = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&heard);
        tokio::spawn(async move {
            let listen = AddNode { mode: 0x49, callback: CallbackId::NONE, smart_start: None };
            host.write_all(&Request::AddNode(listen).write(NodeIdWidth::Bits8).unwrap().encode()).await.unwrap();
            let (mut decoder, mut buffer) = (Decoder::default(), [0; 64]);
            while let Ok(len @ 1..) = host.read(&mut buffer).await {
                decoder.push(&buffer[..len]);
                while let Some(received) = decoder.next() {
                    if let Received::Frame(frame) = received {
                        *counted.lock().unwrap() += usize::from(frame.function == FunctionId::APPLICATION_UPDATE);
                        host.write_all(&[ACK]).await.unwrap();
                    }
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        world.advance(Duration::from_secs(1_100)).await;
        // It primes after 1, 17, 49, 113, 241, 497 and 1009 s.
        assert_eq!(*heard.lock().unwrap(), 7);
        port.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_read_is_let_go() {
        let world = SharedWorld::new(World::new(&Blueprint::two_locks(), &Entropy::from_number(1)));
        let (mut host, stick) = tokio::io::duplex(16);
        let served = world.clone();
        let port = tokio::spawn(async move { serve(stick, &served).await });
        // Get Serial API Capabilities: the answer does not fit into what nobody reads.
        host.write_all(&[0x01, 0x03, 0x00, 0x07, 0xFB]).await.unwrap();
        let gone = port.await.unwrap().expect_err("it has left");
        assert_eq!(gone.kind(), io::ErrorKind::TimedOut);
        assert!(world.visit(|world, _| world.is_heard_out()));
    }
}
