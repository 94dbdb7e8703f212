use super::super::tests::bytes;
use super::*;
use crate::domain::entropy::Entropy;

const KEY: [u8; 16] = [0x5A; 16];

fn said(payload: &[u8]) -> Security {
    let Ok(Command::Security(said)) = Command::parse(payload) else { panic!("{payload:02x?}") };
    said
}

/// A node that joins, played by hand: what it says to each payload.
struct Node {
    peer: Peer,
    keys: S0Keys,
    key: Option<Key>,
    is_controller: bool,
    entropy: Entropy,
    /// What it says next, once it has a nonce.
    waiting: Vec<Vec<u8>>,
}

impl Node {
    fn new(is_controller: bool) -> Self {
        let peer = Peer::new(NodeId(7), NodeId(1)).unwrap();
        let keys = S0Keys::temporary();
        Self { peer, keys, key: None, is_controller, entropy: Entropy::from_number(2), waiting: Vec::new() }
    }

    fn hears(&mut self, payload: &[u8], now: Instant) -> Vec<Vec<u8>> {
        match said(payload) {
            Security::SchemeGet(_) => vec![vec![0x98, 0x05, 0x00]],
            Security::NonceGet => vec![nonce_report(self.peer.nonce_asked(now, &mut self.entropy).unwrap())],
            Security::NonceReport(report) => {
                assert!(self.peer.nonce_told(report.nonce.clone(), now));
                self.says(now)
            }
            Security::CommandEncapsulation(frame) => {
                let opened = self.peer.open(&frame, false, &self.keys, now, &mut self.entropy);
                let Said::Command(command) = opened.said else { panic!("{opened:?}") };
                self.waiting.push(match Command::parse(&command) {
                    Ok(Command::Security(Security::NetworkKeySet(set))) => {
                        self.keys = S0Keys::of(&set.key);
                        self.key = Some(set.key.clone());
                        vec![0x98, 0x07]
                    }
                    Ok(Command::Security(Security::SchemeInherit(_))) if self.is_controller => vec![0x98, 0x05, 0x00],
                    Ok(Command::Security(Security::CommandsSupportedGet)) => vec![0x98, 0x03, 0x00, 0x62, 0x63, 0xEF, 0x20],
                    other => panic!("{other:?}"),
                });
                self.says(now)
            }
            other => panic!("{other:?}"),
        }
    }

    fn says(&mut self, now: Instant) -> Vec<Vec<u8>> {
        if !self.peer.is_busy() {
            let Some(command) = self.waiting.pop() else { return Vec::new() };
            self.peer.begin(&command, 46).unwrap();
        }
        match self.peer.next(&self.keys, now, &mut self.entropy) {
            Next::AskNonce => vec![vec![0x98, 0x40]],
            Next::Send { payload, .. } => vec![payload],
            Next::Idle => Vec::new(),
        }
    }
}

/// Both sides, and everything that was transmitted.
struct Scene {
    inclusion: Inclusion,
    node: Node,
    entropy: Entropy,
    now: Instant,
    to_node: Vec<Vec<u8>>,
    transmitted: Vec<Vec<u8>>,
    outcome: Option<Result<Granted, NotGranted>>,
}

impl Scene {
    fn new(is_controller: bool) -> Self {
        let now = Instant::from_millis(5_000);
        let key = Key::from_bytes(KEY);
        let (inclusion, first) = Inclusion::begin(NodeId(1), NodeId(7), &key, is_controller, 46, now).unwrap();
        let node = Node::new(is_controller);
        Self {
            inclusion,
            node,
            entropy: Entropy::from_number(3),
            now,
            to_node: vec![first],
            transmitted: Vec::new(),
            outcome: None,
        }
    }

    fn hears(&mut self, answer: &[u8]) {
        let turn = self.inclusion.receive(said(answer), self.now, &mut self.entropy);
        self.take(turn);
    }

    fn take(&mut self, turn: Turn) {
        self.to_node.extend(turn.send);
        self.outcome = self.outcome.take().or(turn.outcome);
    }

    /// Lets the next payload reach the node, and its answers us.
    fn step(&mut self) {
        let payload = self.to_node.remove(0);
        let answers = self.node.hears(&payload, self.now);
        self.transmitted.push(payload);
        for answer in answers {
            self.transmitted.push(answer.clone());
            self.hears(&answer);
        }
    }

    fn until(&mut self, step: S0Step) {
        while self.inclusion.step != step {
            self.step();
        }
    }

    fn finish(&mut self) {
        while !self.to_node.is_empty() {
            self.step();
        }
    }

    fn time_out(&mut self) {
        let deadline = self.inclusion.poll_deadline().unwrap();
        self.now = deadline.at;
        let turn = self.inclusion.handle_timeout(self.now);
        self.take(turn);
    }
}

fn classes() -> SecureClasses {
    SecureClasses { supported: vec![ClassId::DOOR_LOCK, ClassId::USER_CODE], controlled: vec![ClassId::BASIC] }
}

#[test]
fn a_lock_gets_the_key_and_lists_its_classes() {
    let mut scene = Scene::new(false);
    scene.finish();
    assert_eq!(scene.outcome, Some(Ok(Granted { classes: Some(classes()) })));
    assert_eq!(scene.node.key, Some(Key::from_bytes(KEY)));
    assert_eq!(scene.inclusion.poll_deadline(), None);
    let numbers: Vec<u8> = scene.transmitted.iter().map(|payload| payload[1]).collect();
    assert_eq!(numbers, [0x04, 0x05, 0x40, 0x80, 0x81, 0x40, 0x80, 0x81, 0x40, 0x80, 0x81, 0x40, 0x80, 0x81]);
    assert!(
        !scene.transmitted.iter().any(|payload| payload.windows(16).any(|it| it == KEY)),
        "the key was transmitted unencrypted"
    );
}

#[test]
fn a_controller_inherits_the_scheme_before_it_is_asked() {
    let mut scene = Scene::new(true);
    scene.finish();
    assert_eq!(scene.outcome, Some(Ok(Granted { classes: Some(classes()) })));
    assert_eq!(scene.transmitted.len(), 14 + 6);
}

#[test]
fn each_step_that_is_not_answered_has_its_own_failure() {
    for step in [S0Step::Scheme, S0Step::Key, S0Step::Verify, S0Step::Inherit] {
        let mut scene = Scene::new(true);
        scene.until(step);
        assert_eq!(scene.inclusion.handle_timeout(scene.now), Turn::default(), "too early");
        scene.time_out();
        assert_eq!(scene.outcome, Some(Err(NotGranted::Silent(step))));
        let told = NotGranted::Silent(step).to_string();
        assert!(told.contains("include it again"), "{told}");
        assert_eq!(scene.inclusion.receive(said(&[0x98, 0x05, 0x00]), scene.now, &mut scene.entropy), Turn::default());
    }
}

#[test]
fn a_lock_that_has_the_key_but_no_list_is_not_thrown_out() {
    let mut scene = Scene::new(false);
    scene.until(S0Step::Classes);
    scene.time_out();
    assert_eq!(scene.outcome, Some(Ok(Granted { classes: None })));
}

#[test]
fn a_lost_frame_is_repeated_a_limited_number_of_times() {
    for step in [S0Step::Scheme, S0Step::Key, S0Step::Verify, S0Step::Classes] {
        let mut scene = Scene::new(false);
        scene.until(step);
        for _ in 0..RETRIES {
            scene.to_node.clear();
            let turn = scene.inclusion.not_delivered(scene.now, &mut scene.entropy);
            assert_eq!(turn.send.len(), 1, "{step:?}");
            scene.take(turn);
        }
        let mut given_up = Scene { to_node: scene.to_node.clone(), ..Scene::new(false) };
        std::mem::swap(&mut given_up.inclusion, &mut scene.inclusion);
        let turn = given_up.inclusion.not_delivered(scene.now, &mut scene.entropy);
        let at = if step == S0Step::Verify { S0Step::Key } else { step };
        assert_eq!(turn.outcome, Some(Err(NotGranted::Unreachable(at))));
    }
}

#[test]
fn a_key_that_did_not_arrive_at_first_still_arrives() {
    let mut scene = Scene::new(false);
    scene.until(S0Step::Verify);
    let began = scene.inclusion.poll_deadline().unwrap().at;
    scene.to_node.clear();
    scene.now = scene.now + Duration::from_secs(2);
    let turn = scene.inclusion.not_delivered(scene.now, &mut scene.entropy);
    scene.take(turn);
    scene.until(S0Step::Verify);
    assert_eq!(scene.inclusion.poll_deadline().unwrap().at, began, "retries do not make a step longer");
    scene.finish();
    assert!(matches!(scene.outcome, Some(Ok(_))), "{:?}", scene.outcome);
}

#[test]
fn a_verification_under_the_zero_key_grants_nothing() {
    let mut scene = Scene::new(false);
    scene.until(S0Step::Verify);
    // The node takes the key and goes on with the one everybody knows.
    let key_set = scene.to_node.remove(0);
    scene.node.hears(&key_set, scene.now);
    scene.node.keys = S0Keys::temporary();
    scene.hears(&[0x98, 0x40]);
    scene.step();
    assert_eq!((scene.inclusion.step, &scene.outcome), (S0Step::Verify, &None));
    scene.time_out();
    assert_eq!(scene.outcome, Some(Err(NotGranted::WrongKey)));
}

#[test]
fn unencrypted_commands_grant_nothing() {
    let mut scene = Scene::new(false);
    scene.until(S0Step::Verify);
    for forged in [&[0x98, 0x07][..], &[0x98, 0x05, 0x00], &[0x98, 0x03, 0x00, 0x62]] {
        assert_eq!(scene.inclusion.receive(said(forged), scene.now, &mut scene.entropy), Turn::default());
    }
    assert_eq!(scene.inclusion.step, S0Step::Verify);
}

#[test]
fn long_range_and_short_frames_are_refused_beforehand() {
    let key = Key::from_bytes(KEY);
    let begin = |node, room| Inclusion::begin(NodeId(1), NodeId(node), &key, false, room, Instant::ZERO);
    assert_eq!(begin(256, 46).unwrap_err(), NotGranted::LongRange);
    let (mut inclusion, _) = begin(7, 24).unwrap();
    let turn = inclusion.receive(said(&[0x98, 0x05, 0x00]), Instant::ZERO, &mut Entropy::from_number(1));
    assert_eq!(turn.outcome, Some(Err(NotGranted::NoRoom { needed: 18 })));
}

#[test]
fn the_key_shows_in_no_log() {
    let mut scene = Scene::new(false);
    let mut said = String::new();
    while !scene.to_node.is_empty() {
        scene.step();
        said += &format!("{:?}", scene.inclusion);
    }
    assert!(!said.contains("5a5a") && !said.contains("90, 90"), "{said}");
}

/// The beginning of a real inclusion: the lock's Scheme Report makes us ask for a nonce.
#[test]
fn a_recorded_scheme_report_is_understood() {
    let dialogue = include_str!("../../../../tests/data/frames/sequences/kwikset910_s0_scheme_then_secure_timeout.jsonl");
    let key = Key::from_bytes(KEY);
    let (mut inclusion, first) = Inclusion::begin(NodeId(1), NodeId(37), &key, false, 46, Instant::ZERO).unwrap();
    let lines: Vec<serde_json::Value> = dialogue.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Send Data: node, length, payload …; ApplicationCommand: status, node, length, payload.
    let frame = |n: usize| bytes(&lines[n]["hex"]);
    assert_eq!(frame(0)[6..9], first);
    let turn = inclusion.receive(said(&frame(2)[7..10]), Instant::from_millis(4_000), &mut Entropy::from_number(1));
    assert_eq!(turn.send, [[0x98, 0x40]]);
    assert_eq!(inclusion.step, S0Step::Key);
}
