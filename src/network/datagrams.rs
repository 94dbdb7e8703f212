//! Commands longer than a frame, both ways: [`super::segments`] between the nodes and the air.

use super::exchange::{Awaits, Ended, Exchange};
use super::jobs::{Answer, Carries, Outcome, Transaction, Transmission};
use super::segments::{self, Outgoing, SendStep};
use super::{Network, Owner};
use crate::command::Command;
use crate::command::transport_service::TransportService;
use crate::domain::ids::NodeId;
use crate::domain::node::SecurityClass;
use crate::serial::Message;

/// What a classic frame carries, whatever its route (docs/protocol/timing.md §1). Controllers that allow more are not asked
/// for it: a code fits, and a longer command is rare.
pub(super) const FRAME: usize = 46;

/// A command that goes to its node in segments.
#[derive(Debug)]
pub(super) struct Datagram {
    outgoing: Outgoing,
    transaction: Transaction,
    /// The node's answer, where it came before its confirmation of the last segment.
    pub(super) early: Option<Answer>,
}

impl Datagram {
    /// What is on its way.
    pub(super) fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The same, when nothing more will be heard of it.
    pub(super) fn into_transaction(self) -> Transaction {
        self.transaction
    }

    /// When the next segment is due, or its confirmation overdue.
    pub(super) fn deadline(&self) -> Option<crate::domain::time::Deadline> {
        self.outgoing.deadline()
    }
}

impl Network {
    /// A segment, or what a node says of ours. A whole datagram is a payload as any other.
    pub(super) fn segment_heard(&mut self, id: NodeId, said: &TransportService) {
        let now = self.clock;
        let Some(state) = self.nodes.get_mut(&id) else { return };
        if let Some(datagram) = &mut state.datagram {
            datagram.outgoing.hear(said, now);
        }
        let heard = state.incoming.hear(said, now);
        if let Some(reply) = heard.reply {
            self.answer(id, SecurityClass::None, Command::TransportService(reply));
        }
        if let Some(datagram) = heard.datagram {
            self.outermost(id, &datagram.0, false);
        }
        self.go_on_with_datagram(id);
    }

    /// Asks for segments that are overdue, and ends datagrams that nobody confirmed.
    pub(super) fn check_datagrams(&mut self) {
        let now = self.clock;
        let mut requests: Vec<(NodeId, TransportService)> = Vec::new();
        self.nodes.for_each_active(|state| {
            requests.extend(state.incoming.handle_timeout(now).map(|request| (state.node.id, request)));
        });
        for (id, request) in requests {
            self.answer(id, SecurityClass::None, Command::TransportService(request));
        }
    }

    /// Begins to send a command that is longer than a frame.
    pub(super) fn send_in_segments(&mut self, transaction: Transaction, payload: Vec<u8>) {
        let id = transaction.node;
        let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
        let session = state.session.next();
        state.session = session;
        match Outgoing::new(payload, session) {
            Some(outgoing) => state.datagram = Some(Box::new(Datagram { outgoing, transaction, early: None })),
            None => {
                tracing::warn!(node = %id, limit = segments::LONGEST, "a command is too long to be sent at all");
                return self.finish(transaction, Outcome::Unsupported);
            }
        }
        self.go_on_with_datagram(id);
    }

    /// Gives the controller the next segment of any datagram, if it is free.
    pub(super) fn transmit_next_segment(&mut self) {
        let sending: Vec<NodeId> =
            self.nodes.active().filter(|state| state.datagram.is_some()).map(|state| state.node.id).collect();
        for id in sending {
            self.go_on_with_datagram(id);
        }
    }

    fn go_on_with_datagram(&mut self, id: NodeId) {
        if self.exchange.is_some() || self.clock < self.hold_until {
            return;
        }
        let now = self.clock;
        let Some(state) = self.nodes.get_mut(&id) else { return };
        let Some(datagram) = &mut state.datagram else { return };
        match datagram.outgoing.poll(now) {
            None => {}
            Some(SendStep::Send(segment)) => {
                // Which segment is the last that the node needs is not known here.
                datagram.transaction.leaves(Outcome::ControllerGone);
                let priority = datagram.transaction.priority;
                self.last_callback = self.last_callback.next();
                let callback = self.last_callback;
                let request = self.send_data(id, Command::TransportService(segment).write(), priority, callback);
                let Ok(frame) = request.write(self.width) else { return };
                let function = frame.function;
                let send = self.send(frame);
                if let Some(state) = self.nodes.get_mut(&id) {
                    state.radio.frames += 1;
                }
                self.exchange = Some((Exchange::new(send, function, Awaits::Callback(callback), now), Owner::Segment(id)));
            }
            Some(SendStep::Ended(ended)) => {
                let Some(datagram) = state.datagram.take() else { return };
                let Datagram { transaction, early, .. } = *datagram;
                match ended {
                    segments::Ended::Complete => {
                        self.acknowledged(Transmission { early, ..Transmission::of(transaction, Carries::Command) });
                    }
                    segments::Ended::Failed(why) => self.datagram_failed(transaction, why),
                }
            }
        }
    }

    /// The controller's half of a segment ended, however: a node asks again for what it misses.
    pub(super) fn segment_went(&mut self, id: NodeId, ended: &Ended) {
        let now = self.clock;
        let Some(state) = self.nodes.get_mut(&id) else { return };
        if let Ended::Answered(Some(frame)) = ended
            && let Ok(Message::SendDataCallback(callback)) = Message::parse(frame, self.width)
        {
            let took = state.count(callback.report.as_ref());
            self.airtime.add(took, now);
        }
        if let Some(datagram) = &mut state.datagram {
            datagram.outgoing.sent(now);
        }
    }

    fn datagram_failed(&mut self, mut transaction: Transaction, why: segments::Failure) {
        tracing::debug!(node = %transaction.node, ?why, "nobody knows whether a long command arrived");
        transaction.failures += 1;
        transaction.doubt = Some(Outcome::NoReport);
        if transaction.failures < transaction.tries() {
            self.queue.push_front(transaction);
        } else {
            self.finish(transaction, Outcome::NoReport);
        }
    }
}
