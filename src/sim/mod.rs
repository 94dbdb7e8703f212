//! A simulated controller with locks, in memory: `latchkey demo`, `latchkey simulate`, tests in virtual time.
//!
//! | file | what |
//! | --- | --- |
//! | [`world`] | controller, radio channel and locks under one clock, which is an argument; actions of people |
//! | [`controller`] | answers to the host: reports, inclusion and exclusion, routes, set-up, memory and backups |
//! | [`mod@line`] | ACK, NAK and CAN of the controller |
//! | [`radio`] | one transmission at a time: rates, repeaters, beams, faults from a seed, statistics |
//! | [`device`] | a device that is not in a network: label, learn mode and SmartStart |
//! | [`joiner`] | the device's side of a key exchange: S2, S0, and faults as data |
//! | [`node`] | a node as a list of abilities, with memory that survives power cuts |
//! | [`chip`], [`model`] | makes of controllers and nodes: purpose, generation and quirks, as data |
//! | [`blueprint`] | the simulated world, as data and as a world file |
//! | [`control`] | the commands of the control port |
//!
//! # Actions
//!
//! The bytes of the serial line go through [`World::bytes_from_host`] and [`World::poll_transmit`]; time through
//! [`World::handle_timeout`] and [`World::poll_deadline`]. A SmartStart device always has a deadline, since it asks again
//! without end.
//!
//! | action | call | effect |
//! | --- | --- | --- |
//! | make a device | [`Device::new`](device::Device::new), [`Device::smart_start`](device::Device::smart_start), `with_fault`, `without_label` | its key pair depends on the seed; it requests the keys in [`Model::requests`](model::Model::requests) |
//! | switch it on | [`World::offer`] | learn mode for 30 s; with SmartStart it asks after 1 s, then 16 s, 32 s … 512 s later, and sends an inclusion request 4 s after each |
//! | press its button again | [`World::press`], [`World::leave`] | outside the network as above; inside it can be excluded for 30 s |
//! | read its label | [`World::dsk`] | [`Dsk::pin`](crate::security::dsk::Dsk::pin) is the PIN |
//! | type the controller's code into it | [`World::type_into`] | client-side authentication |
//! | inspect it | [`World::node_of`], [`World::device_of`], [`World::device_node`], [`World::node`] | [`Node::joined`](node::Node::joined) is the result of its key exchange, [`Node::class`](node::Node::class) its class |
//! | break or repair it | [`World::device_mut`], [`World::visit`] with [`Faults`](node::Faults) | faults of its next inclusion; faults now |
//! | operate the controller | [`World::pull_controller`], [`World::plug_controller_in`], [`World::hang_controller`], [`World::controller_memory`], [`World::set_controller_memory`] | its network survives, its settings do not; it can be replaced by another controller |
//! | change the radio | [`World::set_link`], [`World::set_conditions`], [`World::radio`] | rate, repeaters and quality of a link; statistics |
//! | start with keys | [`Blueprint::keys`](blueprint::Blueprint::keys) | the locks in [`Blueprint::nodes`](blueprint::Blueprint::nodes) have the keys that they request |
//!
//! Actions at a node go through [`World::visit`], which sends the reports that they cause:
//!
//! | action | call on [`Node`](node::Node) | effect |
//! | --- | --- | --- |
//! | type a code | [`type_code`](node::Node::type_code) (or [`World::keypad`]) | [`Typed`](node::Typed): opened, jammed, messaging code, admin code, wrong, or keypad disabled |
//! | lock or unlock at the keypad without a code, turn the bolt | [`keypad_lock`](node::Node::keypad_lock), [`keypad_unlock`](node::Node::keypad_unlock), [`turn_bolt`](node::Node::turn_bolt) | an event; a lock that relocks does so after its time |
//! | edit codes at the lock | [`program`](node::Node::program), [`erase_codes`](node::Node::erase_codes), [`program_admin`](node::Node::program_admin) | the same events as by radio |
//! | press a button of a panel keypad | [`press`](node::Node::press), [`type_keys`](node::Node::type_keys) | a report to the lifeline |
//! | present a credential to learn | [`present`](node::Node::present) | it belongs to the user that was requested |
//! | inspect it | [`memory`](node::Node::memory), [`keypad_mode`](node::Node::keypad_mode), [`time`](node::Node::time), [`relocks_at`](node::Node::relocks_at), [`is_identifying`](node::Node::is_identifying) | codes, bolt, log, battery; keypad mode, clock, identify light |
//! | break or repair it | [`Faults`](node::Faults): `jammed`, `gone`, `mute`; [`Quirks`](model::Quirks) in [`model`](node::Node::model) | effective at once |
//! | remove or insert the batteries | [`power_off`](node::Node::power_off), [`power_on`](node::Node::power_on), [`power_cut`](node::Node::power_cut) | without power only the bolt can be turned by hand |
//! | change the batteries, or drain them | [`change_batteries`](node::Node::change_batteries), [`charge`](node::Node::charge); `memory.battery` is a [`Charge`](node::Charge) | each of the [`wakeups`](node::Node::wakeups) costs [`Model::wakeup_cost`](model::Model::wakeup_cost); the level is reported at each tenth and below 15 %; at 0 the node is dead |
//! | factory reset | [`factory_reset`](node::Node::factory_reset) | it reports the reset, and a second later forgets network, keys and codes |
//! | wet a sensor, switch a plug, wake a sensor | [`sense`](node::Node::sense), [`press_switch`](node::Node::press_switch), [`wake_by_hand`](node::Node::wake_by_hand) | reports to the lifeline; a sensor sleeps again after 10 s |
//!
//! A device that joined in learn mode and got no keys stays in the network without security. One with SmartStart leaves a
//! second after the failure and asks again; the controller keeps listing the node. After an exclusion keys and lifeline are
//! gone, codes are not. Long Range needs [`Chip::series_800`](chip::Chip::series_800), node ids of two bytes and a SmartStart
//! device with that [`Radio`](device::Radio).
//!
//! Pure: time and randomness are arguments. The codecs are those of the daemon, so an error in them may go unnoticed here;
//! the interoperability tests use a peer with its own codecs.

pub mod blueprint;
pub mod chip;
pub mod control;
pub mod controller;
pub mod device;
pub mod joiner;
pub mod line;
pub mod model;
pub mod node;
pub mod radio;
pub mod world;

pub use blueprint::Blueprint;
pub use world::World;
