//! Nodes with keys. The peer has a session of its own, so that real encryption decides whether a frame is accepted.

use super::*;
use crate::command::security::{NonceReport, Security};
use crate::command::security_2::Security2;
use crate::security::keys::KeyMask;
use crate::security::s0::S0Keys;
use crate::security::s0::peer::{Next, Peer as Talk, Said};
use crate::security::s2::{Addressing, FrameKey, Received, S2Context, Sealing, Session};

const OWN: NodeId = NodeId(1);

/// A lock's side of S2 and S0.
pub(crate) struct Far {
    pub(crate) bench: Bench,
    pub(crate) s2: Session,
    s0: Talk,
    pub(crate) keys: NetworkKeys,
    entropy: Entropy,
    /// What the lock could open, and under what.
    pub(crate) opened: Vec<(SecurityClass, Command)>,
    heard: usize,
    pub(crate) granted: SecurityClass,
    /// It hears nothing of this kind.
    deaf_to_nonce_gets: bool,
    /// It waits for a nonce to say this.
    unsaid: Option<Command>,
    /// What it says under S0 after what it is at, and when it asked for a nonce last.
    later: VecDeque<Command>,
    asked_at: Instant,
    /// What it sent last, sealed or not, and when: it seals that again if at once it hears that it did not open.
    last: Option<(Instant, Command)>,
    pub(crate) reseals: bool,
    /// When it did so.
    pub(crate) resealed_at: Vec<Instant>,
    /// Its last frame as transmitted.
    pub(crate) on_air: Option<Command>,
    pub(crate) replies: fn(&Command) -> Vec<Command>,
}

pub(crate) fn keyed(class: ClassId) -> Peer {
    let mut peer = Peer { answers: |_| Vec::new(), airtime: Duration::from_millis(20), thinks: Duration::ZERO, ..Peer::lock() };
    peer.info.flirs_1000ms = false;
    peer.info.listening = true;
    peer.classes.push(class);
    peer
}

impl Far {
    pub(crate) fn granted(class: SecurityClass) -> Self {
        let peer = keyed(if class == SecurityClass::S0 { ClassId::SECURITY } else { ClassId::SECURITY_2 });
        let mut node = known(LOCK, &peer);
        (node.security, node.security_known, node.class_settled) = (class, true, true);
        let mut bench = Bench::new(&[(LOCK, peer)], vec![node], Some(HOME), Options::default());
        bench.start();
        Self::of(bench, class)
    }

    pub(crate) fn of(bench: Bench, granted: SecurityClass) -> Self {
        let mut entropy = Entropy::from_number(99);
        Self {
            bench,
            s2: Session::new(OWN, KeyMask::of(granted), &mut entropy),
            s0: Talk::new(LOCK, OWN).unwrap(),
            keys: keys(),
            entropy,
            opened: Vec::new(),
            heard: 0,
            granted,
            deaf_to_nonce_gets: false,
            unsaid: None,
            later: VecDeque::new(),
            asked_at: Instant::ZERO,
            last: None,
            reseals: false,
            resealed_at: Vec::new(),
            on_air: None,
            replies: lock_answers,
        }
    }

    /// Lets time pass in small steps, in which the lock takes in what it was sent.
    pub(crate) fn run(&mut self, ms: u64) {
        for _ in 0..ms / 5 {
            self.bench.run(5);
            self.take_in();
            if self.s0.is_busy() && self.bench.clock.since(self.asked_at) >= Duration::from_secs(2) {
                self.ask_for_nonce();
            }
        }
    }

    /// Passes over what it was sent so far.
    pub(crate) fn take_in_nothing(&mut self) {
        self.heard = self.bench.sent_to(LOCK).len();
    }

    fn take_in(&mut self) {
        let sent = self.bench.sent_to(LOCK);
        let news: Vec<Command> = sent[self.heard..].iter().map(|(_, command)| command.clone()).collect();
        self.heard = sent.len();
        for command in news {
            match command {
                Command::Security2(said) => self.take_in_s2(said),
                Command::Security(said) => self.take_in_s0(&said),
                other => self.opened.push((SecurityClass::None, other)),
            }
        }
    }

    fn take_in_s2(&mut self, said: Security2) {
        if self.deaf_to_nonce_gets && matches!(said, Security2::NonceGet(_)) {
            return;
        }
        let (context, now) = (S2Context { home: HOME, own: LOCK, keys: &self.keys }, self.bench.clock);
        match self.s2.receive(&context, said, Addressing::Single, now, &mut self.entropy) {
            Received::Answer { frame, .. } => self.bench.hear(LOCK, &Command::parse(&frame.0).unwrap()),
            Received::Command(opened) => {
                let FrameKey::Class(class) = opened.protection else { panic!("not under a class") };
                let command = Command::parse(&opened.command).unwrap();
                self.did(class, command);
            }
            Received::Nonce => {
                if let Some(command) = self.unsaid.take() {
                    self.say(&command);
                }
            }
            Received::Resync if self.reseals => {
                let soon = |(at, _): &(Instant, Command)| now.since(*at) < Duration::from_millis(900);
                if let Some((_, command)) = self.last.take().filter(soon) {
                    self.say(&command);
                    self.last = None;
                    self.resealed_at.push(now);
                }
            }
            Received::Resync | Received::Duplicate | Received::Ignored(_) | Received::InClear(_) => {}
        }
    }

    fn take_in_s0(&mut self, said: &Security) {
        let (s0, now) = (S0Keys::of(self.keys.network_key(crate::security::keys::KeyId::S0)), self.bench.clock);
        match said {
            Security::NonceGet if self.deaf_to_nonce_gets => {}
            Security::NonceGet => {
                let nonce = self.s0.nonce_asked(now, &mut self.entropy).unwrap();
                self.bench.hear(LOCK, &Command::Security(Security::NonceReport(NonceReport { nonce })));
            }
            Security::NonceReport(report) => {
                // One that another sender asked for.
                if !self.s0.nonce_told(report.nonce.clone(), now) {
                    return;
                }
                if let Next::Send { payload, .. } = self.s0.next(&s0, now, &mut self.entropy) {
                    self.utter(&Command::parse(&payload).unwrap());
                }
                if !self.s0.is_busy()
                    && let Some(command) = self.later.pop_front()
                {
                    self.say(&command);
                }
            }
            Security::CommandEncapsulation(frame) => {
                let Said::Command(command) = self.s0.open(frame, false, &s0, now, &mut self.entropy).said else { return };
                self.did(SecurityClass::S0, Command::parse(&command).unwrap());
            }
            other => panic!("nobody should send {other:?}"),
        }
    }

    fn did(&mut self, class: SecurityClass, command: Command) {
        let probed =
            matches!(command.number(), Some(0x0D | 0x02)) && matches!(command, Command::Security2(_) | Command::Security(_));
        self.opened.push((class, command.clone()));
        if probed {
            let report: &[u8] = if class == SecurityClass::S0 { &[0x98, 0x03, 0, 0x62, 0x63] } else { &[0x9F, 0x0E, 0x62, 0x63] };
            return self.say(&Command::parse(report).unwrap());
        }
        for reply in (self.replies)(&command) {
            self.say(&reply);
        }
    }

    /// The lock says something under the class it was granted.
    pub(crate) fn say(&mut self, command: &Command) {
        let now = self.bench.clock;
        self.last = Some((now, command.clone()));
        if self.granted == SecurityClass::None {
            return self.utter(command);
        }
        if self.granted == SecurityClass::S0 {
            if self.s0.is_busy() {
                return self.later.push_back(command.clone());
            }
            self.s0.begin(&command.write(), 46).unwrap();
            let s0 = S0Keys::of(self.keys.network_key(crate::security::keys::KeyId::S0));
            assert_eq!(self.s0.next(&s0, now, &mut self.entropy), Next::AskNonce);
            return self.ask_for_nonce();
        }
        let context = S2Context { home: HOME, own: LOCK, keys: &self.keys };
        match self.s2.seal(&context, FrameKey::Class(self.granted), &command.write(), now, &mut self.entropy) {
            Sealing::Frame(frame) => self.utter(&Command::parse(&frame.0).unwrap()),
            Sealing::NonceGet(frame) => {
                self.unsaid = Some(command.clone());
                self.bench.hear(LOCK, &Command::parse(&frame.0).unwrap());
            }
            Sealing::Impossible(why) => panic!("{why}"),
        }
    }

    fn ask_for_nonce(&mut self) {
        self.asked_at = self.bench.clock;
        self.bench.hear(LOCK, &Command::Security(Security::NonceGet));
    }

    fn utter(&mut self, frame: &Command) {
        self.on_air = Some(frame.clone());
        self.bench.hear(LOCK, frame);
    }

    fn seal(&mut self, command: &Command) -> Option<Command> {
        let context = S2Context { home: HOME, own: LOCK, keys: &self.keys };
        let now = self.bench.clock;
        match self.s2.seal(&context, FrameKey::Class(self.granted), &command.write(), now, &mut self.entropy) {
            Sealing::Frame(frame) => Some(Command::parse(&frame.0).unwrap()),
            Sealing::NonceGet(_) | Sealing::Impossible(_) => None,
        }
    }

    pub(crate) fn in_clear(&self) -> Vec<String> {
        let clear = |(_, command): &(Instant, Command)| !matches!(command, Command::Security2(_) | Command::Security(_));
        self.bench.sent_to(LOCK).iter().filter(|sent| clear(sent)).map(|(_, command)| command.to_string()).collect()
    }

    fn told(&self) -> usize {
        self.bench.events.iter().filter(|(_, event)| matches!(event, NetworkEvent::Received { .. })).count()
    }
}

#[test]
fn a_code_for_a_lock_with_a_key_arrives_sealed_and_confirmed_and_costs_one_frame() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S2Unauthenticated, SecurityClass::S0] {
        let mut far = Far::granted(class);
        let first = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
        far.run(1000);
        assert_eq!(far.bench.outcome(first), Some(&Outcome::Accepted), "{class:?}");
        let before = far.bench.sent_to(LOCK).len();
        let second = far.bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
        far.run(1000);
        assert_eq!(far.bench.outcome(second), Some(&Outcome::Accepted), "{class:?}");
        let cost = far.bench.sent_to(LOCK).len() - before;
        // S0: a nonce for the command, and one for the lock's report.
        assert_eq!(cost, if class == SecurityClass::S0 { 3 } else { 1 }, "{class:?}");
        assert!(far.opened.iter().all(|(send_as, _)| *send_as == class) && far.in_clear().is_empty(), "{:?}", far.opened);
    }
}

#[test]
fn a_lock_whose_battery_was_changed_gets_the_code_all_the_same() {
    let mut far = Far::granted(SecurityClass::S2AccessControl);
    let first = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    far.run(1000);
    assert_eq!(far.bench.outcome(first), Some(&Outcome::Accepted));
    far.s2 = Session::new(OWN, KeyMask::of(SecurityClass::S2AccessControl), &mut far.entropy);
    let second = far.bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    // A Set without a report is only known to have arrived when nobody complains.
    far.run(1000);
    assert_eq!(far.bench.outcome(second), Some(&Outcome::Accepted));
    far.s2 = Session::new(OWN, KeyMask::of(SecurityClass::S2AccessControl), &mut far.entropy);
    let third = far.bench.submit(LOCK, Priority::Write, write_code(3), Completion::Nothing);
    far.run(1000);
    assert_eq!(far.bench.outcome(third), Some(&Outcome::Delivered));
    let codes = far.opened.iter().filter(|(_, command)| command.to_string() == "User Code Set").count();
    assert_eq!(codes, 1, "the third one was opened, too");
}

/// Behind each operation of a flood it would cross with what the lock reports of that, and wait for the next.
#[test]
fn a_revocation_that_could_not_be_opened_does_not_wait_behind_an_operation() {
    let mut far = Far::granted(SecurityClass::S2AccessControl);
    let lock = || Command::parse(&[0x62, 0x01, 0xFF]).unwrap();
    far.bench.submit(LOCK, Priority::Operate, lock(), Completion::Supervised);
    far.run(1000);
    far.opened.clear();
    far.s2 = Session::new(OWN, KeyMask::of(SecurityClass::S2AccessControl), &mut far.entropy);
    far.bench.submit(LOCK, Priority::Revoke, write_code(1), Completion::Supervised);
    far.bench.submit(LOCK, Priority::Operate, lock(), Completion::Supervised);
    far.run(3000);
    let inside = |command: &Command| match command {
        Command::Supervision(Supervision::Get(get)) => get.command.to_string(),
        other => other.to_string(),
    };
    let opened: Vec<String> = far.opened.iter().map(|(_, command)| inside(command)).collect();
    assert_eq!(opened, ["User Code Set", "Door Lock OperationSet"]);
}

/// Otherwise it blocks the channel for a person at another door, each time that it had to make room.
#[test]
fn a_code_that_could_not_be_opened_goes_on_with_its_turn_only_once() {
    const OTHER: NodeId = NodeId(9);
    let (peer, other) = (keyed(ClassId::SECURITY_2), Peer::lock());
    let mut node = known(LOCK, &peer);
    (node.security, node.security_known, node.class_settled) = (SecurityClass::S2AccessControl, true, true);
    let nodes = vec![node, known(OTHER, &other)];
    let mut bench = Bench::new(&[(LOCK, peer), (OTHER, other)], nodes, Some(HOME), Options::default());
    bench.start();
    let mut far = Far::of(bench, SecurityClass::S2AccessControl);
    let first = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    far.run(1000);
    assert_eq!(far.bench.outcome(first), Some(&Outcome::Accepted));
    far.s2 = Session::new(OWN, KeyMask::of(SecurityClass::S2AccessControl), &mut far.entropy);
    // The lock cannot open the code, and what is sealed again gets stuck in the controller.
    far.bench.controller.results = [Ok(TxStatus::OK), Err(Trouble::Stuck)].into();
    far.bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    while !far.bench.controller.results.is_empty() {
        far.take_in();
        far.bench.run(5);
    }
    let before = far.bench.sent_to(LOCK).len();
    let lock = Command::parse(&[0x62, 0x01, 0xFF]).unwrap();
    far.bench.submit(OTHER, Priority::Operate, lock, Completion::Supervised);
    far.bench.run(10_000);
    let (code, operation) = (&far.bench.sent_to(LOCK)[before..], far.bench.sent_to(OTHER));
    let ([(again, _), ..], [(operated, _), ..]) = (code, &operation[..]) else { panic!("{code:?} {operation:?}") };
    assert!(operated < again, "the code went again at {again:?}, before the door at {operated:?}");
}

/// Otherwise the lock repeats its report, and it counts twice.
#[test]
fn an_answer_that_a_lock_could_not_decrypt_is_encrypted_again_once() {
    let mut far = Far::granted(SecurityClass::S2AccessControl);
    let job = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    far.run(1000);
    assert_eq!(far.bench.outcome(job), Some(&Outcome::Accepted));
    far.opened.clear();
    let before = far.bench.sent_to(LOCK).len();
    far.say(&Command::parse(&[0x6C, 0x01, 5, 10, 0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, 1]).unwrap());
    far.s2 = Session::new(OWN, KeyMask::of(SecurityClass::S2AccessControl), &mut far.entropy);
    far.run(1000);
    let answers = far.opened.iter().filter(|(_, command)| matches!(command, Command::Supervision(_))).count();
    assert_eq!(answers, 1, "{:?}", far.opened);
    assert_eq!(far.bench.sent_to(LOCK).len() - before, 2, "the answer, and the answer sealed anew");
}

#[test]
fn a_question_under_s0_waits_for_the_answer_s_own_nonce() {
    let mut far = Far::granted(SecurityClass::S0);
    let job = far.bench.submit(LOCK, Priority::Write, read_code(3), Completion::Reply);
    far.run(2000);
    assert!(matches!(far.bench.outcome(job), Some(Outcome::Reply(_))), "{:?}", far.bench.outcome(job));
}

#[test]
fn half_a_code_does_not_stay_in_memory() {
    let holds_half = |far: &Far| format!("{:?}", far.bench.network.nodes.get(&LOCK).unwrap().s0).contains("first_part: Some");
    let mut far = Far::granted(SecurityClass::S0);
    let codes = [&[0x63, 0x0D, 2][..], b"\x00\x01\x01\x0A4711471147", b"\x00\x02\x01\x0A0815081508", &[0, 0]].concat();
    far.say(&Command::parse(&codes).unwrap());
    // The lock goes out of reach after the first of two parts.
    far.bench.run(100);
    far.take_in();
    assert!(holds_half(&far));
    far.bench.run(9_000);
    assert!(holds_half(&far), "the second part may still come");
    far.bench.run(2_000);
    assert!(!holds_half(&far));
}

#[test]
fn a_lock_that_gives_no_nonce_is_not_taken_for_one_that_has_the_code() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S0] {
        let mut far = Far::granted(class);
        far.deaf_to_nonce_gets = true;
        let job = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
        far.run(60_000);
        assert_eq!(far.bench.outcome(job), Some(&Outcome::NoNonce));
        assert!(far.opened.is_empty());
        // What waits behind it is not held up without end.
        far.deaf_to_nonce_gets = false;
        let next = far.bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
        far.run(5_000);
        assert_eq!(far.bench.outcome(next), Some(&Outcome::Accepted));
    }
}

#[test]
fn an_unlock_in_clear_or_under_a_lower_class_than_granted_opens_no_door_on_any_screen() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S0] {
        let mut far = Far::granted(class);
        let job = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
        far.run(1000);
        assert_eq!(far.bench.outcome(job), Some(&Outcome::Accepted));
        far.bench.hear(LOCK, &event());
        let told = far.bench.events.iter().filter_map(|(_, event)| match event {
            NetworkEvent::Received { security, .. } => Some(*security),
            _ => None,
        });
        // Old locks under S0 do report some things in clear: told, with its class, and for the owner to drop.
        assert!(told.into_iter().all(|send_as| send_as == SecurityClass::None && class == SecurityClass::S0));
    }
    let mut far = Far::granted(SecurityClass::S2AccessControl);
    far.granted = SecurityClass::S2Unauthenticated;
    far.s2.grant(KeyMask::of(SecurityClass::S2Unauthenticated));
    let job = far.bench.submit(LOCK, Priority::Background, read_code(1), Completion::Reply);
    far.run(20_000);
    assert!(far.opened.is_empty() && far.told() == 0, "it has another key");
    assert_ne!(far.bench.outcome(job).map(|outcome| matches!(outcome, Outcome::Reply(_))), Some(true));
}

#[test]
fn a_confirmation_that_was_recorded_and_is_played_again_confirms_nothing() {
    let mut far = Far::granted(SecurityClass::S2AccessControl);
    let job = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    far.run(1000);
    assert_eq!(far.bench.outcome(job), Some(&Outcome::Accepted));
    let unlock = far.seal(&event()).unwrap();
    far.bench.hear(LOCK, &unlock);
    assert_eq!(far.told(), 1);
    for _ in 0..3 {
        far.bench.hear(LOCK, &unlock);
        far.run(500);
    }
    assert_eq!(far.told(), 1, "one unlock, however often it is played");
}

#[test]
fn a_modified_frame_is_ignored() {
    let mut far = Far::granted(SecurityClass::S2AccessControl);
    far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    far.run(1000);
    let mut bytes = far.seal(&event()).unwrap().write();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    far.bench.hear(LOCK, &Command::parse(&bytes).unwrap());
    assert_eq!(far.told(), 0);
}

#[test]
fn a_flood_of_questions_for_nonces_fills_no_memory_and_leaves_the_air_to_others() {
    for question in [Command::Security(Security::NonceGet), Command::parse(&[0x9F, 0x01, 7]).unwrap()] {
        let class = if matches!(question, Command::Security(_)) { SecurityClass::S0 } else { SecurityClass::S2AccessControl };
        let mut far = Far::granted(class);
        for n in 0..200_u8 {
            let question = if class == SecurityClass::S0 { question.clone() } else { Command::parse(&[0x9F, 0x01, n]).unwrap() };
            far.bench.hear(LOCK, &question);
        }
        assert!(far.bench.network.queue.iter().count() <= 16, "{}", far.bench.network.queue.iter().count());
    }
}

#[test]
fn the_class_a_lock_was_granted_is_found_out_and_what_it_has_there_is_known() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S2Authenticated, SecurityClass::S0] {
        let mut peer = keyed(ClassId::SECURITY_2);
        peer.classes = vec![ClassId::Z_WAVE_PLUS_INFO, ClassId::SECURITY, ClassId::SECURITY_2, ClassId::SUPERVISION];
        let mut bench = Bench::new(&[(LOCK, peer)], Vec::new(), None, Options::default());
        bench.start();
        let mut far = Far::of(bench, class);
        far.run(90_000);
        let node = far.bench.network.node(LOCK).unwrap();
        assert_eq!((node.security, node.security_known), (class, true));
        assert!(node.classes[&ClassId::USER_CODE].secure && node.is_lock());
        assert!(far.in_clear().is_empty(), "{:?}", far.in_clear());
    }
}

#[test]
fn a_job_that_ends_while_waiting_for_its_nonce_blocks_no_other() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S0] {
        let mut far = Far::granted(class);
        far.deaf_to_nonce_gets = true;
        // A jammed radio.
        far.bench.controller.results = [Ok(TxStatus::FAIL); 6].into();
        let jammed = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
        far.run(10_000);
        assert_eq!(far.bench.outcome(jammed), Some(&Outcome::ControllerBusy));
        far.deaf_to_nonce_gets = false;
        let next = far.bench.submit(LOCK, Priority::Operate, operate(), Completion::Nothing);
        far.run(5_000);
        assert!(far.bench.outcome(next).is_some_and(Outcome::proves_contact), "{class:?}: {:?}", far.bench.outcome(next));
    }
}

#[test]
fn a_flood_of_nonce_requests_does_not_drain_a_lock() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S0] {
        let mut far = Far::granted(class);
        for n in 0..600_u32 {
            let number = u8::try_from(n % 256).unwrap();
            let question: &[u8] = if class == SecurityClass::S0 { &[0x98, 0x40] } else { &[0x9F, 0x01, number] };
            far.bench.hear(LOCK, &Command::parse(question).unwrap());
            far.bench.run(100);
        }
        let told = far.bench.sent_to(LOCK).len();
        assert!((8..=70).contains(&told), "{class:?}: {told} nonces in a minute");
        let code = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
        far.heard = told;
        far.run(5_000);
        assert_eq!(far.bench.outcome(code), Some(&Outcome::Accepted), "and what is wanted goes on after");
    }
}

#[test]
fn nonce_requests_do_not_extend_a_time_out_without_end() {
    let mut far = Far::granted(SecurityClass::S0);
    far.replies = |_| Vec::new();
    let job = far.bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    far.run(1_000);
    for _ in 0..60 {
        far.bench.hear(LOCK, &Command::Security(Security::NonceGet));
        far.bench.run(1_000);
    }
    assert_eq!(far.bench.outcome(job), Some(&Outcome::NoReport));
}

#[test]
fn a_lock_that_seemed_without_keys_gets_its_class_from_its_next_frame() {
    for class in [SecurityClass::S2AccessControl, SecurityClass::S0] {
        let peer = keyed(if class == SecurityClass::S0 { ClassId::SECURITY } else { ClassId::SECURITY_2 });
        let mut node = known(LOCK, &peer);
        (node.security, node.security_known) = (SecurityClass::None, false);
        let mut far = Far::of(Bench::new(&[(LOCK, peer)], vec![node], Some(HOME), Options::default()), class);
        far.bench.start();
        far.heard = far.bench.sent_to(LOCK).len();
        far.bench.run(120_000);
        far.heard = far.bench.sent_to(LOCK).len();
        assert_eq!(far.bench.network.node(LOCK).unwrap().security, SecurityClass::None, "it answered nothing");
        far.say(&event());
        far.run(3_000);
        assert_eq!(far.bench.network.node(LOCK).unwrap().security, class);
    }
}

#[test]
fn a_late_working_report_does_not_end_another_job() {
    let peer = Peer { answers: |_| Vec::new(), airtime: Duration::from_millis(20), ..Peer::lock() };
    let mut bench = Bench::with_known(&[(LOCK, peer)]);
    let code = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(500);
    let door = bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    bench.run(2_500);
    let Some((_, Command::Supervision(Supervision::Get(get)))) = bench.sent_to(LOCK).first().cloned() else { panic!("bare") };
    bench.hear(LOCK, &supervised(get.session, Status::WORKING));
    bench.run(300_000);
    for job in [code, door] {
        assert!(bench.outcome(job).is_some(), "a job without an end");
    }
}

/// A lock that lists S2 and S0, with nothing known of it.
fn listing_both() -> Peer {
    let mut peer = keyed(ClassId::SECURITY_2);
    peer.classes = vec![ClassId::Z_WAVE_PLUS_INFO, ClassId::SECURITY, ClassId::SECURITY_2, ClassId::SUPERVISION];
    peer
}

impl Far {
    fn unknown(class: SecurityClass) -> Self {
        let mut bench = Bench::new(&[(LOCK, listing_both())], Vec::new(), None, Options::default());
        bench.start();
        Self::of(bench, class)
    }

    /// Time passes in which the lock processes nothing that is sent.
    fn deaf(&mut self, ms: u64) {
        self.bench.run(ms);
        self.heard = self.bench.sent_to(LOCK).len();
    }

    fn node(&self) -> &Node {
        self.bench.network.node(LOCK).unwrap()
    }
}

#[test]
fn a_node_that_answers_at_no_class_is_not_taken_for_one_without_keys() {
    let mut far = Far::unknown(SecurityClass::S2AccessControl);
    far.deaf(200_000);
    let node = far.node();
    assert!(node.stage < InterviewStage::Security && !node.class_settled, "{node:?}");
    assert_eq!(far.bench.network.interview_trouble(LOCK), Some(InterviewTrouble::NoClassAnswers));
    assert!(far.in_clear().is_empty(), "{:?}", far.in_clear());
    // It hears again, without a user's action.
    far.run(700_000);
    assert_eq!((far.node().security, far.node().stage), (SecurityClass::S2AccessControl, InterviewStage::Complete));
    assert_eq!(far.bench.network.interview_trouble(LOCK), None);
}

#[test]
fn a_lock_that_has_only_s0_though_it_lists_s2_is_used_and_asked_for_more_ever_more_rarely() {
    let mut far = Far::unknown(SecurityClass::S0);
    far.run(120_000);
    let node = far.node();
    assert_eq!((node.security, node.stage, node.class_settled), (SecurityClass::S0, InterviewStage::Complete, false));
    let before = far.bench.sent_to(LOCK).len();
    for _ in 0..(3 * 24) {
        far.run(20_000);
        far.deaf(3_580_000);
    }
    let asked = far.bench.sent_to(LOCK).len() - before;
    assert!((3..=60).contains(&asked), "{asked} frames in three days");
    assert_eq!(far.node().security, SecurityClass::S0);
}

#[test]
fn a_class_that_an_older_release_settled_on_silence_is_asked_for_again() {
    for (was, stage) in [
        (SecurityClass::S2Authenticated, InterviewStage::Complete),
        (SecurityClass::S0, InterviewStage::Complete),
        (SecurityClass::None, InterviewStage::Complete),
    ] {
        let peer = listing_both();
        let row = Node { security: was, security_known: true, stage, ..known(LOCK, &peer) };
        let mut far =
            Far::of(Bench::new(&[(LOCK, peer)], vec![row], Some(HOME), Options::default()), SecurityClass::S2AccessControl);
        far.bench.start();
        far.heard = far.bench.sent_to(LOCK).len();
        far.run(120_000);
        let node = far.node();
        assert_eq!((node.security, node.stage), (SecurityClass::S2AccessControl, InterviewStage::Complete), "{was:?}");
        assert!(node.class_settled && node.is_lock(), "{was:?}: {node:?}");
    }
}

#[test]
fn data_from_the_inclusion_are_not_read_again() {
    let peer = listing_both();
    let row = Node {
        security: SecurityClass::S0,
        security_known: true,
        class_settled: true,
        stage: InterviewStage::Complete,
        ..known(LOCK, &peer)
    };
    let mut bench = Bench::new(&[(LOCK, peer)], vec![row], Some(HOME), Options::default());
    bench.start();
    bench.run(3_600_000);
    assert!(bench.sent_to(LOCK).is_empty(), "{:?}", bench.sent_to(LOCK));
}

#[test]
fn a_requested_interview_keeps_known_data_and_reports_its_result() {
    let mut far = Far::unknown(SecurityClass::S2AccessControl);
    far.run(60_000);
    let before = far.node().clone();
    assert_eq!(before.stage, InterviewStage::Complete);

    let again = |far: &mut Far| {
        let time = far.bench.time();
        far.bench.network.interview_again(LOCK, time).unwrap();
        far.bench.drain();
        assert_eq!(far.bench.network.interviewing(LOCK), Interviewing::UnderWay);
    };
    let sent = far.bench.sent_to(LOCK).len();
    again(&mut far);
    far.run(60_000);
    assert_eq!(far.bench.network.interviewing(LOCK), Interviewing::Idle);
    assert_eq!(*far.node(), before, "and nothing was lost");
    assert!(far.bench.sent_to(LOCK).len() > sent, "it was asked");

    // With a bad radio link it fails, and known data stay in use.
    again(&mut far);
    for _ in 0..120 {
        far.deaf(1_000);
        assert_eq!((far.node().stage, far.node().security), (before.stage, before.security));
    }
    assert_eq!(far.bench.network.interviewing(LOCK), Interviewing::Failed(InterviewTrouble::NoClassAnswers));
    assert_eq!(far.bench.network.interview_again(OTHER, far.bench.time()), Err(CannotInterview::UnknownNode(OTHER)));
}
