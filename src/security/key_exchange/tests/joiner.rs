//! A joining node, for tests of the including side.

use super::*;

/// A joining node, as honest as its fields.
pub(crate) struct Joiner {
    pub(crate) own: NodeId,
    pub(crate) home: HomeId,
    session: Session,
    entropy: Entropy,
    pub(crate) private: PrivateKey,
    pub(crate) report: KexReport,
    pub(crate) heard: Option<KexSet>,
    /// What it asks for, in this order.
    pub(crate) wants: Vec<KeyMask>,
    pub(crate) learnt: BTreeMap<KeyId, Key>,
    last: Option<(FrameKey, Security2)>,
    /// What it says instead of its echo.
    pub(crate) echo: Option<KexSet>,
    pub(crate) failed: Option<FailType>,
    is_member: bool,
}

impl Joiner {
    pub(crate) fn new(own: NodeId, requested: KeyMask) -> Self {
        let mut entropy = Entropy::from_number(7);
        Self {
            own,
            home: HOME,
            session: Session::new(US, KeyMask::NONE, &mut entropy),
            private: PrivateKey::from_bytes(entropy.fresh()),
            entropy,
            report: KexReport {
                flags: KexFlags(0),
                schemes: Schemes::SCHEME_1,
                curves: Curves::CURVE25519,
                requested_keys: requested,
            },
            heard: None,
            wants: Vec::new(),
            learnt: BTreeMap::new(),
            last: None,
            echo: None,
            failed: None,
            is_member: false,
        }
    }

    /// It said that it is done, and keeps what it was granted.
    pub(crate) fn joined(&mut self) {
        self.is_member = true;
        self.session.grant(self.heard.map_or(KeyMask::NONE, |set| set.granted_keys));
    }

    pub(crate) fn dsk(&self) -> [u8; DSK] {
        self.private.public().0[..DSK].try_into().unwrap()
    }

    pub(crate) fn pin(&self) -> DskPin {
        let [first, second, ..] = self.dsk();
        DskPin::new(u16::from_be_bytes([first, second]))
    }

    /// The keys it has.
    fn keys(&self) -> NetworkKeys {
        NetworkKeys::from_fn(|id| self.learnt.get(&id).cloned().unwrap_or_else(|| Key::from_bytes([0; 16])))
    }

    pub(crate) fn seal(&mut self, protection: FrameKey, command: Security2, now: Instant) -> Vec<Vec<u8>> {
        self.last = Some((protection, command));
        self.say_again(now)
    }

    pub(crate) fn say_again(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let Some((protection, command)) = self.last.clone() else { return Vec::new() };
        let keys = self.keys();
        let context = S2Context { home: self.home, own: self.own, keys: &keys };
        match self.session.seal(&context, protection, &Command::Security2(command).write(), now, &mut self.entropy) {
            Sealing::Frame(frame) | Sealing::NonceGet(frame) => vec![frame.0],
            Sealing::Impossible(why) => panic!("{why}"),
        }
    }

    pub(crate) fn hear(&mut self, frame: &[u8], now: Instant) -> Vec<Vec<u8>> {
        let Ok(Command::Security2(frame)) = Command::parse(frame) else { return Vec::new() };
        let keys = self.keys();
        let context = S2Context { home: self.home, own: self.own, keys: &keys };
        match self.session.receive(&context, frame, Addressing::Single, now, &mut self.entropy) {
            Received::InClear(command) => self.in_clear(command, now),
            Received::Command(opened) => match Command::parse(&opened.command) {
                Ok(Command::Security2(command)) if opened.protection == FrameKey::Temporary => self.sealed(command, now),
                Ok(Command::Security2(Security2::CommandsSupportedGet)) if self.is_member => {
                    let report = CommandsSupportedReport { supported: Vec::new(), controlled: Vec::new() };
                    self.seal(opened.protection, Security2::CommandsSupportedReport(report), now)
                }
                // What comes after the exchange.
                Ok(_) if opened.protection != FrameKey::Temporary => Vec::new(),
                other => panic!("{other:?}"),
            },
            Received::Answer { frame, .. } => vec![frame.0],
            Received::Nonce | Received::Resync => self.say_again(now),
            Received::Duplicate | Received::Ignored(_) => Vec::new(),
        }
    }

    pub(crate) fn in_clear(&mut self, command: Security2, now: Instant) -> Vec<Vec<u8>> {
        let say = |command| vec![Command::Security2(command).write()];
        match command {
            Security2::KEXGet => say(Security2::KEXReport(self.report)),
            Security2::KEXSet(set) => {
                self.heard = Some(set);
                self.wants = (0..8).map(|bit| KeyMask(1 << bit)).filter(|key| set.granted_keys.contains(*key)).collect();
                let mut public_key = self.private.public();
                let blanked = !(set.granted_keys & KeyMask::AUTHENTICATED).is_empty();
                if blanked && !set.flags.client_side_authentication() {
                    public_key.0[..2].fill(0);
                }
                say(Security2::PublicKeyReport(PublicKeyReport { including_node: false, public_key }))
            }
            Security2::PublicKeyReport(report) => self.agree(report.public_key, now),
            Security2::KEXFail(fail) => {
                self.failed = Some(fail.fail_type);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn agree(&mut self, theirs: PublicKey, now: Instant) -> Vec<Vec<u8>> {
        let shared = self.private.agree(&theirs).unwrap();
        let prk = TempPrk::extract(&shared, &theirs, &self.private.public());
        self.session.set_temporary(ExpandedKey::temporary(&prk));
        let set = self.heard.unwrap();
        let echo = self.echo.unwrap_or_else(|| KexSet { flags: set.flags.echoed(), ..set });
        self.seal(FrameKey::Temporary, Security2::KEXSet(echo), now)
    }

    pub(crate) fn sealed(&mut self, command: Security2, now: Instant) -> Vec<Vec<u8>> {
        match (command, self.last.clone()) {
            (Security2::KEXReport(report), Some((_, Security2::KEXSet(_)))) => {
                if report != (KexReport { flags: self.report.flags.echoed(), ..self.report }) {
                    let fail = KexFail { fail_type: FailType::AUTH };
                    return self.seal(FrameKey::Temporary, Security2::KEXFail(fail), now);
                }
                self.next_key(now)
            }
            (Security2::NetworkKeyReport(report), Some((_, Security2::NetworkKeyGet(_)))) => {
                let class = report.granted_key.single().unwrap();
                self.learnt.insert(KeyId::of(class, self.own).unwrap(), report.network_key);
                self.session.expect(Some(class));
                self.seal(FrameKey::Class(class), Security2::NetworkKeyVerify, now)
            }
            (Security2::TransferEnd(TransferEnd::VERIFIED), Some((_, Security2::NetworkKeyVerify))) => {
                self.wants.remove(0);
                self.next_key(now)
            }
            (Security2::KEXFail(fail), _) => {
                self.failed = Some(fail.fail_type);
                Vec::new()
            }
            // What it heard before.
            _ => Vec::new(),
        }
    }

    pub(crate) fn next_key(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let command = match self.wants.first() {
            Some(key) => Security2::NetworkKeyGet(NetworkKeyGet { requested_key: *key }),
            None => Security2::TransferEnd(TransferEnd::COMPLETE),
        };
        self.seal(FrameKey::Temporary, command, now)
    }
}
