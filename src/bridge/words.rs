//! What goes into a turn, what comes out of it, and what is configured about it.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::sync::CheckSettings;
use crate::domain::batch::{Batch, Retention};
use crate::domain::event::{Event, PublishNames};
use crate::domain::ids::{EventId, Slug};
use crate::domain::time::BootId;
use crate::mqtt::topic::{Message, Topics};
use crate::mqtt::url::UnlockRefused;
use crate::network;
use crate::security::keys::KeyId;
use crate::serial::Frame;
use crate::serial::link::SendId;
use crate::view::CurrentChange;

/// What a turn can be about. A question makes a turn, too: [`Bridge::ask`](super::Bridge::ask).
#[derive(Debug)]
pub enum Input {
    /// Something happened on the serial side.
    Radio(network::Input),
    /// Something happened at the broker.
    Broker(BrokerInput),
    /// `poll_deadline` has come.
    Timeout,
    /// The daemon ends after this turn.
    Stopping,
}

/// What can happen at the broker.
#[derive(Clone, Debug)]
pub enum BrokerInput {
    /// A connection stands: retained state is said anew, and the outbox goes on.
    Connected,
    Disconnected {
        /// What the client said.
        why: String,
    },
    /// Whether commands come from it; `Err`: why not, and what to do. Events get out all the same.
    Commands(Result<(), String>),
    /// The broker has this event.
    Acked(EventId),
    /// Somebody published to one of our topics.
    Message {
        topic: String,
        payload: Vec<u8>,
        /// It was a retained message.
        retained: bool,
    },
}

/// What a turn decided. `after` is released only when `batch` is on the disk.
#[derive(Debug, Default)]
pub struct Turn {
    /// To commit, as one transaction. Empty: nothing is written.
    pub batch: Batch,
    /// To release after the commit, in order.
    pub after: Vec<After>,
}

/// Something others can see.
#[derive(Debug)]
pub enum After {
    /// A frame for the stick.
    Send(SendId, Frame),
    /// Close the port and open it again.
    Reopen,
    Retained(Message),
    /// An event for the broker; `BrokerInput::Acked` answers.
    Publish(EventId, Message),
    /// A message that is not kept, and not answered: whoever listens at this moment has it.
    Passing(Message),
    /// An event for live listeners, and what its device is called.
    Live(Event, Slug),
    /// How far a change of who is in the network got, for live listeners.
    Change(Box<CurrentChange>),
}

/// What is configured about the bridge.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Zone of stamps that people read.
    pub zone: TimeZone,
    /// Topics and names, if there is a broker.
    pub mqtt: Option<MqttSettings>,
    /// How often locks are checked by themselves.
    pub check: CheckSettings,
    /// How the radio network is started.
    pub network: network::Options,
    /// Who can read the codes with this card in hand: a sentence for `status`.
    pub seal: &'static str,
    /// How much of the past is kept.
    pub keep: Retention,
    /// The boot the kernel names: whether the power was off since the last commit.
    pub boot: Option<BootId>,
    /// Network keys that somebody brought: they go before those in the store.
    pub given_keys: Option<GivenKeys>,
}

/// Which network keys come from outside the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenKeys {
    /// The setting that names their file or credential.
    pub setting: &'static str,
    /// Those that are in it.
    pub keys: BTreeSet<KeyId>,
}

/// What is configured about MQTT.
#[derive(Clone, Debug)]
pub struct MqttSettings {
    pub topics: Topics,
    /// How much of a person an event tells.
    pub names: PublishNames,
    /// Whether the broker is trusted to unlock; if not, which key would make it so.
    pub unlock: Result<(), UnlockRefused>,
}
