//! Security 0 with locks that nobody here wrote: nonces, encryption and codes are checked by Z-Wave JS's own.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant as Clock};

use latchkey::command::security::{NonceReport, Security};
use latchkey::command::user_code::{self, UserCode, UserId, UserIdStatus};
use latchkey::command::{ClassId, Command};
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::NodeId;
use latchkey::domain::pin::CodeText;
use latchkey::domain::time::Instant;
use latchkey::security::crypto::Key;
use latchkey::security::key_file::KeyFile;
use latchkey::security::keys::KeyId;
use latchkey::security::s0::S0Keys;
use latchkey::security::s0::inclusion::{Granted, Inclusion, NotGranted};
use latchkey::security::s0::peer::{Next, Peer, Said};
use latchkey::serial::transmit::{SendData, TxOptions};
use latchkey::serial::{CallbackId, Decoder, Message, NodeIdWidth, Received, Request};

use crate::harness::{Mock, seconds};

const US: NodeId = NodeId(1);
const LOCK: NodeId = NodeId(3);
/// The longest payload of a classic frame.
const ROOM: usize = 46;

/// A host with just enough to talk to one lock.
struct Host {
    stick: TcpStream,
    decoder: Decoder,
    heard: VecDeque<Vec<u8>>,
    began: Clock,
    entropy: Entropy,
}

impl Host {
    fn on(mock: &Mock) -> Self {
        let stick = TcpStream::connect(("127.0.0.1", mock.port)).unwrap();
        stick.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self { stick, decoder: Decoder::new(), heard: VecDeque::new(), began: Clock::now(), entropy: Entropy::from_number(5) }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.began.elapsed().as_millis()).unwrap())
    }

    /// Sends a payload to the lock, and waits until the stick has told what became of it.
    fn send(&mut self, payload: &[u8]) {
        let data = payload.to_vec().into();
        let request = Request::SendData(SendData { node: LOCK, data, options: TxOptions::NORMAL, callback: CallbackId(1) });
        self.stick.write_all(&request.write(NodeIdWidth::Bits8).unwrap().encode()).unwrap();
        let end = Clock::now() + seconds(5);
        while !self.read_once() {
            assert!(Clock::now() < end, "the stick does not tell what became of a payload");
        }
    }

    /// What the lock said next; `None` if it says nothing for so long.
    fn hear(&mut self, limit: Duration) -> Option<Vec<u8>> {
        let end = Clock::now() + limit;
        while self.heard.is_empty() && Clock::now() < end {
            self.read_once();
        }
        self.heard.pop_front()
    }

    /// Reads for a moment. `true`: a transmission has ended.
    fn read_once(&mut self) -> bool {
        let mut bytes = [0; 256];
        match self.stick.read(&mut bytes) {
            Ok(len) => self.decoder.push(&bytes[..len]),
            Err(error) => assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)),
        }
        let mut ended = false;
        while let Some(received) = self.decoder.next() {
            let Received::Frame(frame) = received else { continue };
            self.stick.write_all(&[0x06]).unwrap();
            match Message::parse(&frame, NodeIdWidth::Bits8).unwrap() {
                Message::ApplicationCommand(command) => self.heard.push_back(command.payload.to_vec()),
                Message::SendDataCallback(_) => ended = true,
                _ => {}
            }
        }
        ended
    }
}

/// The talk with the lock under one key.
struct Talk {
    host: Host,
    peer: Peer,
    keys: S0Keys,
}

impl Talk {
    fn new(host: Host, key: &Key) -> Self {
        Self { host, peer: Peer::new(US, LOCK).unwrap(), keys: S0Keys::of(key) }
    }

    fn say(&mut self, command: &Command) {
        self.peer.begin(&command.write(), ROOM).unwrap();
        loop {
            let now = self.host.now();
            match self.peer.next(&self.keys, now, &mut self.host.entropy) {
                Next::AskNonce => {
                    self.host.send(&[0x98, 0x40]);
                    assert_eq!(self.hear(), None, "a nonce");
                }
                Next::Send { payload, .. } => self.host.send(&payload),
                Next::Idle => return,
            }
        }
    }

    /// The next command under the key. Nonces are given as they are asked for; one that is told ends the waiting.
    fn hear(&mut self) -> Option<Command> {
        let end = Clock::now() + seconds(5);
        while Clock::now() < end {
            let payload = self.host.hear(seconds(5))?;
            let now = self.host.now();
            match Command::parse(&payload).unwrap() {
                Command::Security(Security::NonceGet) => {
                    let nonce = self.peer.nonce_asked(now, &mut self.host.entropy).unwrap();
                    self.host.send(&Command::Security(Security::NonceReport(NonceReport { nonce })).write());
                }
                Command::Security(Security::NonceReport(report)) => {
                    assert!(self.peer.nonce_told(report.nonce.clone(), now));
                    return None;
                }
                Command::Security(Security::CommandEncapsulation(frame)) => {
                    match self.peer.open(&frame, false, &self.keys, now, &mut self.host.entropy).said {
                        Said::Command(command) => return Some(Command::parse(&command).unwrap()),
                        other => panic!("{other:?}"),
                    }
                }
                other => panic!("{other}"),
            }
        }
        None
    }

    /// The code the lock tells of a slot.
    fn code_in(&mut self, slot: u16) -> CodeText {
        let get = user_code::Get { user_id: slot.try_into().unwrap() };
        self.say(&Command::UserCode(UserCode::Get(get)));
        match self.hear() {
            Some(Command::UserCode(UserCode::Report(report))) => report.code,
            other => panic!("{other:?}"),
        }
    }
}

fn lab_key() -> Key {
    KeyFile::parse(include_str!("../lab/keys.json")).unwrap().get(KeyId::S0).unwrap().clone()
}

#[test]
fn a_code_is_written_and_read_under_s0() {
    let mock = Mock::start("3:s0:uc1:5");
    mock.plant(LOCK.0, &[(4, "8305")]);
    let mut talk = Talk::new(Host::on(&mock), &lab_key());
    assert_eq!(talk.code_in(4).reveal(), b"8305");

    let set = UserCode::write_code(UserId::new(2).unwrap(), UserIdStatus::ENABLED, CodeText::new("472913"), 1).unwrap();
    talk.say(&Command::UserCode(set));
    assert_eq!(talk.code_in(2).reveal(), b"472913");
    assert_eq!(mock.slot_of(LOCK.0, "472913"), 2);

    // Unasked: somebody comes home. The mock answers once the lock got its word out, for which we give the nonce.
    let told = std::thread::scope(|scope| {
        scope.spawn(|| mock.unlock(LOCK.0, 4));
        talk.hear().expect("the keypad unlock")
    });
    assert_eq!(told.class(), ClassId::NOTIFICATION);
    assert_eq!(mock.complaints(), Vec::<String>::new());
}

#[test]
fn a_lock_gets_the_key_of_this_network_and_uses_it() {
    let mock = Mock::start("3:s0:uc1:5");
    mock.plant(LOCK.0, &[(4, "8305")]);
    let mut host = Host::on(&mock);
    let key = Key::from_bytes([0x5A; 16]);
    let (mut inclusion, first) = Inclusion::begin(US, LOCK, &key, false, ROOM, host.now()).unwrap();
    let mut send = VecDeque::from([first]);
    let outcome: Result<Granted, NotGranted> = loop {
        while let Some(payload) = send.pop_front() {
            host.send(&payload);
        }
        let heard = host.hear(Duration::from_millis(200));
        let now = host.now();
        let turn = match heard.map(|payload| Command::parse(&payload)) {
            Some(Ok(Command::Security(said))) => inclusion.receive(said, now, &mut host.entropy),
            Some(_) => continue,
            None => inclusion.handle_timeout(now),
        };
        send.extend(turn.send);
        if let Some(outcome) = turn.outcome {
            break outcome;
        }
    };
    let classes = outcome.unwrap().classes.expect("it tells its classes");
    assert!(classes.supported.contains(&ClassId::USER_CODE) && classes.supported.contains(&ClassId::DOOR_LOCK), "{classes:?}");

    let mut talk = Talk::new(host, &key);
    assert_eq!(talk.code_in(4).reveal(), b"8305");
    assert_eq!(mock.complaints(), Vec::<String>::new());
}
