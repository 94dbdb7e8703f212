//! Commands longer than a frame, in both directions: connects [`super::segments`] with nodes and transmissions.

use super::exchange::{Awaits, Ended, Exchange};
use super::jobs::{Answer, Carries, Outcome, Transaction, Transmission};
use super::segments::{self, Outgoing, SendStep};
use super::{Network, Owner};
use crate::command::Command;
use crate::command::transport_service::TransportService;
use crate::domain::ids::NodeId;
use crate::domain::node::SecurityClass;
use crate::serial::Message;

/// Payload of a classic frame with any route (docs/protocol/timing.md §1). Larger limits of some controllers are not
/// used: a code fits, and longer commands are rare.
pub(super) const FRAME: usize = 46;

/// A command that is sent in segments.
#[derive(Debug)]
pub(super) struct Datagram {
    outgoing: Outgoing,
    transaction: Transaction,
    /// The answer of the node, if it arrived before the confirmation of the last segment.
    pub(super) early: Option<Answer>,
}

impl Datagram {
    /// The transaction that is being sent.
    pub(super) fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Gives back the transaction once nothing more is expected.
    pub(super) fn into_transaction(self) -> Transaction {
        self.transaction
    }

    /// When the next segment is due, or its confirmation overdue.
    pub(super) fn deadline(&self) -> Option<crate::domain::time::Deadline> {
        self.outgoing.deadline()
    }
}

impl Network {
    /// Handles a segment, or a confirmation of ours. A complete datagram is handled as any other payload.
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

    /// Requests overdue segments, and ends datagrams without confirmation.
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

    /// Starts sending a command that is longer than a frame.
    pub(super) fn send_in_segments(&mut self, transaction: Transaction, payload: Vec<u8>) {
        let id = transaction.node;
        let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
        let session = state.session.next();
        state.session = session;
        match Outgoing::new(payload, session) {
            Some(outgoing) => state.datagram = Some(Box::new(Datagram { outgoing, transaction, early: None })),
            None => {
                tracing::warn!(node = %id, limit = segments::LONGEST, "a command is too long to be sent");
                return self.finish(transaction, Outcome::Unsupported);
            }
        }
        self.go_on_with_datagram(id);
    }

    /// Passes the next segment of any datagram to the controller, if it is free.
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
                // Any segment may be the last one that the node was missing.
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

    /// The transmission of a segment ended, with any result: the node requests what it misses.
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
        tracing::debug!(node = %transaction.node, ?why, "unknown whether a long command arrived");
        transaction.failures += 1;
        transaction.doubt = Some(Outcome::NoReport);
        if transaction.failures < transaction.tries() {
            self.queue.push_front(transaction);
        } else {
            self.finish(transaction, Outcome::NoReport);
        }
    }
}
