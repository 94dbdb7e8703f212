//! A hand-made host: frames by docs/protocol/serial-api.md, and no codec of ours.

use super::*;

const ACK: u8 = 0x06;

/// A host that acknowledges everything and writes down what it gets.
pub(super) struct Host {
    pub(super) world: World,
    pub(super) now: Instant,
    pub(super) got: Vec<Vec<u8>>,
}

impl Host {
    pub(super) fn new(blueprint: &Blueprint) -> Self {
        Self { world: World::new(blueprint, &Entropy::from_number(1)), now: Instant::from_millis(5), got: Vec::new() }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.world.bytes_from_host(bytes, self.now);
        self.read();
    }

    /// Data frames from the controller are acknowledged and kept without framing: type, function, parameters.
    pub(super) fn read(&mut self) {
        while let Some(bytes) = self.world.poll_transmit() {
            if let [0x01, _, body @ .., _] = &bytes[..] {
                self.got.push(body.to_vec());
                self.world.bytes_from_host(&[ACK], self.now);
            }
        }
    }

    /// Lets time pass until nothing more happens.
    pub(super) fn settle(&mut self) {
        while let Some(deadline) = self.world.poll_deadline() {
            self.now = self.now.max(deadline.at);
            self.world.handle_timeout(self.now);
            self.read();
        }
    }

    /// Sends a request, lets everything happen that follows, and gives what came.
    pub(super) fn ask(&mut self, body: &[u8]) -> Vec<Vec<u8>> {
        self.got.clear();
        self.send(&framed(body));
        self.settle();
        std::mem::take(&mut self.got)
    }

    /// Sends a payload to a node with callback id 9 and gives the payloads that came back.
    pub(super) fn tell(&mut self, node: u8, payload: &[u8]) -> Vec<Vec<u8>> {
        let mut body = vec![0x00, 0x13, node, u8::try_from(payload.len()).unwrap()];
        body.extend(payload);
        body.extend([0x25, 9]);
        // Function 0xA8: type, function, status, destination, source, length, payload, mask length, rssi.
        let commands = self.ask(&body).into_iter().filter(|it| it[1] == 0xA8 && it[4] == node);
        commands.map(|it| it[6..6 + usize::from(it[5])].to_vec()).collect()
    }
}

/// SOF, length and checksum around type, function and parameters (docs/protocol/serial-api.md §1).
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x01, u8::try_from(body.len() + 1).unwrap()];
    bytes.extend(body);
    bytes.push(bytes[1..].iter().fold(0xFF, |sum, byte| sum ^ byte));
    bytes
}
