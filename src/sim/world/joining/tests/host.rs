//! A small host: it sends one frame after the other, and knows the including side of the daemon only.

use super::*;

pub(super) struct Host {
    pub(super) world: World,
    pub(super) now: Instant,
    pub(super) width: NodeIdWidth,
    pub(super) decoder: Decoder,
    /// Everything that the controller said and nobody looked at yet.
    pub(super) heard: VecDeque<Message>,
    /// Payloads for nodes, and the one that is being transmitted.
    pub(super) queue: VecDeque<(NodeId, Vec<u8>)>,
    pub(super) sending: bool,
    pub(super) keys: NetworkKeys,
    pub(super) entropy: Entropy,
}

impl Host {
    pub(super) fn new(blueprint: &Blueprint) -> Self {
        let mut entropy = Entropy::from_number(3);
        Self {
            world: World::new(blueprint, &Entropy::from_number(1)),
            now: Instant::from_millis(10),
            width: NodeIdWidth::Bits8,
            decoder: Decoder::new(),
            heard: VecDeque::new(),
            queue: VecDeque::new(),
            sending: false,
            keys: NetworkKeys::generate(&mut entropy),
            entropy,
        }
    }

    /// A host of a Long Range controller, with node ids of two bytes.
    pub(super) fn far() -> Self {
        let mut host = Self::new(&Blueprint { chip: Chip::series_800(), ..Blueprint::empty() });
        host.ask(&Request::Setup(SetupRequest::SetNodeIdType(NodeIdWidth::Bits16)));
        host.width = NodeIdWidth::Bits16;
        host.pass(Duration::from_secs(1));
        host.heard.clear();
        host
    }

    pub(super) fn ask(&mut self, request: &Request) {
        let frame = request.write(self.width).unwrap();
        self.world.bytes_from_host(&frame.encode(), self.now);
        self.read();
    }

    pub(super) fn read(&mut self) {
        while let Some(bytes) = self.world.poll_transmit() {
            self.decoder.push(&bytes);
            while let Some(received) = self.decoder.next() {
                let OnTheLine::Frame(frame) = received else { continue };
                self.world.bytes_from_host(&[0x06], self.now);
                match Message::parse(&frame, self.width).unwrap() {
                    Message::SendDataCallback(_) => self.sending = false,
                    Message::SendDataResponse(response) => assert!(response.accepted),
                    other => self.heard.push_back(other),
                }
            }
        }
    }

    /// Goes on to what happens next, if it happens before `end`.
    pub(super) fn step(&mut self, end: Instant, other: Option<Deadline>) -> bool {
        if let Some((node, payload)) = self.queue.pop_front_if(|_| !self.sending) {
            self.sending = true;
            let options = TxOptions(0x25);
            self.ask(&Request::SendData(SendData { node, data: payload.into(), options, callback: CallbackId(9) }));
        }
        let next = Deadline::earliest(self.world.poll_deadline(), other).map_or(end, |next| next.at);
        if next >= end {
            self.now = end;
            return false;
        }
        self.now = self.now.max(next);
        self.world.handle_timeout(self.now);
        self.read();
        true
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end, None) {}
    }

    /// The next message that `pick` takes, within that many seconds.
    pub(super) fn wait<T>(&mut self, seconds: u64, pick: impl Fn(&Message) -> Option<T>) -> Option<T> {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            while let Some(message) = self.heard.pop_front() {
                if let Some(picked) = pick(&message) {
                    return Some(picked);
                }
            }
            if !self.step(end, None) && self.heard.is_empty() {
                return None;
            }
        }
    }

    /// Starts adding and brings the protocol's part to its end: the node, and the statuses that the controller told.
    pub(super) fn add(&mut self, mode: u8, smart_start: Option<SmartStartIds>) -> (NodeId, Vec<u8>) {
        self.ask(&Request::AddNode(AddNode { mode: mode | 0xC0, callback: CallbackId(5), smart_start }));
        let mut statuses = Vec::new();
        loop {
            let told = self.wait(40, inclusion(FunctionId::ADD_NODE_TO_NETWORK));
            let Some((callback, status, node)) = told else { return (NodeId(0), statuses) };
            statuses.push(status.0);
            match status {
                InclusionStatus::PROTOCOL_DONE => {
                    assert_eq!(callback, CallbackId(5));
                    self.stop(CallbackId(6));
                }
                InclusionStatus::DONE => {
                    assert_eq!(callback, CallbackId(6), "of the stop");
                    self.stop(CallbackId::NONE);
                    return (node, statuses);
                }
                InclusionStatus::FAILED => return (node, statuses),
                _ => {}
            }
        }
    }

    pub(super) fn stop(&mut self, callback: CallbackId) {
        self.ask(&Request::AddNode(AddNode { mode: AddNode::STOP, callback, smart_start: None }));
    }

    /// Listens for a SmartStart device, and adds it.
    pub(super) fn add_smart_start(&mut self, device: DeviceId, far: bool) -> (NodeId, Vec<u8>) {
        let dsk = self.world.dsk(device).unwrap();
        self.ask(&Request::AddNode(AddNode { mode: 0x49, callback: CallbackId::NONE, smart_start: None }));
        let status = if far { UpdateStatus::SMART_START_PRIME_LONG_RANGE } else { UpdateStatus::SMART_START_PRIME };
        let prime = self.wait(60, |message| match message {
            Message::ApplicationUpdate(update @ ApplicationUpdate { smart_start: Some(_), .. }) => Some(update.clone()),
            _ => None,
        });
        let prime = prime.expect("a prime");
        assert_eq!((prime.status, prime.node), (status, NodeId(0)));
        assert_eq!(prime.smart_start.map(|it| it.nwi_home_id), Some(dsk.nwi_home_id()));
        let ids = SmartStartIds { nwi_home_id: dsk.nwi_home_id(), auth_home_id: dsk.auth_home_id() };
        self.add(AddNode::SMART_START_HOME_ID | if far { AddNode::LONG_RANGE } else { 0 }, Some(ids))
    }

    pub(super) fn home(&self) -> crate::domain::ids::HomeId {
        self.world.controller.home()
    }

    /// Gives a node its keys under S2, with `pin` where it is asked for.
    pub(super) fn bootstrap(
        &mut self,
        node: NodeId,
        known: Option<Known>,
        pin: &DskPin,
        device: DeviceId,
    ) -> Result<(KeyMask, Session), Failure> {
        let mut exchange = KeyExchange::begin(node, known, self.now, &mut self.entropy);
        let home = self.home();
        loop {
            while let Some(output) = exchange.poll_output() {
                match output {
                    Output::Answer(frame) => self.queue.push_front((node, frame.0)),
                    Output::Send(frame) => self.queue.push_back((node, frame.0)),
                    Output::Ask(KeyQuestion::Grant { requested, client_side_authentication }) => {
                        exchange.grant(Grant { keys: requested, client_side_authentication }, self.now).unwrap();
                    }
                    Output::Ask(KeyQuestion::Pin { .. }) => exchange.pin(pin, self.now).unwrap(),
                    Output::Ask(KeyQuestion::TypeIntoDevice { code }) => {
                        // A person takes a while.
                        self.pass(Duration::from_secs(20));
                        assert!(self.world.type_into(device, code, self.now));
                    }
                    Output::Ended(Ok(granted)) => return Ok((granted.keys, exchange.into_session())),
                    Output::Ended(Err(why)) => {
                        self.pass(Duration::from_secs(20));
                        return Err(why);
                    }
                }
            }
            if let Some(message) = self.heard.pop_front() {
                let Message::ApplicationCommand(command) = message else { continue };
                let Ok(Command::Security2(frame)) = Command::parse(&command.payload) else { continue };
                let context = S2Context { home, own: US, keys: &self.keys };
                exchange.receive(&context, frame, self.now, &mut self.entropy);
                continue;
            }
            let end = self.now + Duration::from_secs(300);
            self.step(end, exchange.poll_deadline());
            let context = S2Context { home, own: US, keys: &self.keys };
            exchange.handle_timeout(&context, self.now, &mut self.entropy);
        }
    }

    /// Says a command under a class of S2, and gives what the node says under its keys within three seconds.
    pub(super) fn tell(&mut self, session: &mut Session, class: SecurityClass, command: &[u8]) -> Vec<Opened> {
        let (node, home) = (session.peer(), self.home());
        let mut opened = Vec::new();
        let end = self.now + Duration::from_secs(3);
        let (mut waits, mut resealed) = (true, false);
        loop {
            let context = S2Context { home, own: US, keys: &self.keys };
            if std::mem::take(&mut waits) {
                match session.seal(&context, FrameKey::Class(class), command, self.now, &mut self.entropy) {
                    Sealing::Frame(frame) | Sealing::NonceGet(frame) => self.queue.push_back((node, frame.0)),
                    Sealing::Impossible(why) => panic!("{why}"),
                }
            }
            while let Some(message) = self.heard.pop_front() {
                let Message::ApplicationCommand(said) = message else { continue };
                let Ok(Command::Security2(frame)) = Command::parse(&said.payload) else { continue };
                match session.receive(&context, frame, Addressing::Single, self.now, &mut self.entropy) {
                    Received::Command(command) => opened.push(command),
                    Received::Answer { frame, .. } => self.queue.push_front((node, frame.0)),
                    Received::Nonce => waits = true,
                    Received::Resync => waits |= !std::mem::replace(&mut resealed, true),
                    Received::InClear(_) | Received::Duplicate | Received::Ignored(_) => {}
                }
            }
            if !waits && !self.step(end, None) {
                return opened;
            }
        }
    }

    pub(super) fn is_listed(&mut self, node: NodeId) -> bool {
        self.heard.clear();
        if node.is_long_range() {
            self.ask(&Request::GetLongRangeNodes { segment: 0 });
        } else {
            self.ask(&Request::GetSerialApiInitData);
        }
        let nodes = self.wait(1, |message| match message {
            Message::LongRangeNodes(nodes) => Some(nodes.nodes.clone()),
            Message::InitData(data) => Some(data.nodes.clone()),
            _ => None,
        });
        nodes.expect("a list").contains(&node)
    }

    /// Asks for a node's removal or replacement: the flags of the response, and the statuses of the callbacks.
    pub(super) fn failed(&mut self, request: &Request) -> (u8, Vec<u8>) {
        self.heard.clear();
        self.ask(request);
        let flags = self.wait(1, |message| match message {
            Message::FailedNodeResponse { flags, .. } => Some(*flags),
            _ => None,
        });
        let mut statuses = Vec::new();
        while let Some(status) = self.wait(20, |message| match message {
            Message::Callback { status, callback: CallbackId(7), .. } => *status,
            _ => None,
        }) {
            statuses.push(status);
        }
        (flags.expect("a response"), statuses)
    }

    pub(super) fn ping(&mut self, node: NodeId) {
        self.queue.push_back((node, vec![0x00]));
        self.pass(Duration::from_secs(10));
    }
}
