//! The network between the daemon and the broker: it can fall silent without anybody being told.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::free_port;

/// Bytes pass both ways.
const PASSES: u8 = 0;
/// As behind a firewall that drops: what is under way stays under way, new connections get no answer, nobody is told.
const SILENT: u8 = 1;
/// Every connection is refused.
const CLOSED: u8 = 2;

/// A way to a port of this machine. It ends with its test.
pub struct Wire {
    pub port: u16,
    state: Arc<State>,
}

struct State {
    target: u16,
    mode: AtomicU8,
    /// Connections of an earlier age are dead.
    age: AtomicU32,
    open: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

impl Wire {
    pub fn to(target: u16) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let state = State {
            target,
            mode: AtomicU8::new(PASSES),
            age: AtomicU32::new(0),
            open: Mutex::default(),
            over: AtomicBool::new(false),
        };
        let state = Arc::new(state);
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if served.over.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&served);
                thread::spawn(move || state.connect(near));
            }
        });
        Self { port, state }
    }

    /// Nothing passes any more, and no end is told.
    pub fn fall_silent(&self) {
        self.state.mode.store(SILENT, Ordering::SeqCst);
    }

    /// What was under way goes on, as TCP's retransmissions would; connections begun in the silence are dead.
    pub fn heal(&self) {
        self.state.mode.store(PASSES, Ordering::SeqCst);
    }

    /// Every connection breaks, and new ones are refused.
    pub fn close(&self) {
        self.state.mode.store(CLOSED, Ordering::SeqCst);
        self.state.break_all();
    }

    /// New connections pass again.
    pub fn open(&self) {
        self.heal();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.close();
        self.state.over.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn is(&self, mode: u8) -> bool {
        self.mode.load(Ordering::SeqCst) == mode
    }

    fn break_all(&self) {
        self.age.fetch_add(1, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn connect(self: Arc<Self>, near: TcpStream) {
        let age = self.age.load(Ordering::SeqCst);
        if self.is(SILENT) {
            // Held, and never answered; a healed network knows nothing of it.
            self.wait_while(SILENT, age);
            return;
        }
        if self.is(CLOSED) {
            return;
        }
        let Ok(far) = TcpStream::connect(("127.0.0.1", self.target)) else { return };
        for stream in [&near, &far] {
            stream.set_nodelay(true).unwrap();
            self.open.lock().unwrap().push(stream.try_clone().unwrap());
        }
        let (back_from, back_to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
        let back = Arc::clone(&self);
        thread::spawn(move || back.pump(back_from, back_to, age));
        self.pump(near, far, age);
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, age: u32) {
        let mut buffer = [0; 4096];
        loop {
            let read = from.read(&mut buffer);
            self.wait_while(SILENT, age);
            match read {
                Ok(n @ 1..) if self.age.load(Ordering::SeqCst) == age && to.write_all(&buffer[..n]).is_ok() => {}
                _ => break,
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    fn wait_while(&self, mode: u8, age: u32) {
        while self.is(mode) && self.age.load(Ordering::SeqCst) == age {
            thread::sleep(Duration::from_millis(5));
        }
    }
}
