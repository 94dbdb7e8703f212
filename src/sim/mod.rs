//! A simulated controller with locks, in memory: `latchkey demo`, `latchkey simulate`, tests in virtual time.
//!
//! | file | what |
//! | --- | --- |
//! | [`world`] | controller, radio channel and locks under one clock, which is an argument, and what people do at the door and at the button |
//! | [`controller`] | what the controller answers the host: reports, inclusion and exclusion, routes, setup, its memory and backups |
//! | [`mod@line`] | the controller's ACK, NAK and CAN |
//! | [`radio`] | one transmission at a time: rates, repeaters, beams, faults from a seed, and a meter of it all |
//! | [`device`] | a device outside any network: its label, learn mode and SmartStart |
//! | [`joiner`] | how a device gets its keys, on its own side: S2, S0, and faults as data |
//! | [`node`] | a node as a list of abilities, with a memory that survives power cuts, in clear or under its keys |
//! | [`chip`], [`model`] | which controller, and which node: what it is for, how old it is, and its quirks, as data |
//! | [`blueprint`] | which world there is to be, as data and as a world file |
//! | [`control`] | the words of the control port, and what they do |
//!
//! # What a person can do
//!
//! The bytes of the serial line go through [`World::bytes_from_host`] and [`World::poll_transmit`]; time through
//! [`World::handle_timeout`] and [`World::poll_deadline`]. A device in SmartStart always has a deadline: it asks
//! without end.
//!
//! | a person | calls | and then |
//! | --- | --- | --- |
//! | buys a lock | [`Device::new`](device::Device::new), [`Device::smart_start`](device::Device::smart_start), `with_fault`, `without_label` | its key pair follows from the seed; which keys it asks for is [`Model::requests`](model::Model::requests) |
//! | puts it into learn mode, or gives it power | [`World::offer`] | for 30 s it joins if the controller adds; with SmartStart it primes after 1 s, then 16 s, 32 s … 512 s later, and asks to be included 4 s after each |
//! | presses its button again | [`World::press`], [`World::leave`] | outside as above; inside, for 30 s, it leaves if the controller removes |
//! | reads the label | [`World::dsk`] | [`Dsk::pin`](crate::security::dsk::Dsk::pin) is what it is asked for |
//! | types our code into it | [`World::type_into`] | the other half of client-side authentication |
//! | looks at it | [`World::node_of`], [`World::device_of`], [`World::device_node`], [`World::node`] | [`Node::joined`](node::Node::joined) says how getting its keys ended, [`Node::class`](node::Node::class) what it has |
//! | breaks or repairs it | [`World::device_mut`], [`World::visit`] with [`Faults`](node::Faults) | what is wrong the next time it joins; what is wrong now |
//! | does something to the controller | [`World::pull_controller`], [`World::plug_controller_in`], [`World::hang_controller`], [`World::controller_memory`], [`World::set_controller_memory`] | its network outlives it all, its settings do not; another controller can take its place |
//! | moves furniture | [`World::set_link`], [`World::set_conditions`], [`World::radio`] | a node has another rate, a repeater, a bad path of its own; what it costs on the air |
//! | moves in where locks are | [`Blueprint::keys`](blueprint::Blueprint::keys) | the locks in [`Blueprint::nodes`](blueprint::Blueprint::nodes) have the keys that they ask for |
//!
//! At a node, by [`World::visit`], which sends what the node has to say of it; what it does later comes by itself:
//!
//! | a person, or chance | calls on [`Node`](node::Node) | and then |
//! | --- | --- | --- |
//! | types a code | [`type_code`](node::Node::type_code) (or [`World::keypad`]) | [`Typed`](node::Typed): opened, jammed, a message, the admin code, wrong, or a dead keypad |
//! | locks or unlocks at the keypad without typing, turns the bolt | [`keypad_lock`](node::Node::keypad_lock), [`keypad_unlock`](node::Node::keypad_unlock), [`turn_bolt`](node::Node::turn_bolt) | an event; a lock that relocks does so after its time |
//! | edits codes at the lock | [`program`](node::Node::program), [`erase_codes`](node::Node::erase_codes), [`program_admin`](node::Node::program_admin) | events, as by radio |
//! | presses a button of a panel's keypad | [`press`](node::Node::press), [`type_keys`](node::Node::type_keys) | the lifeline is told, and judges what was typed |
//! | holds a finger before a lock that learns it | [`present`](node::Node::present) | it is a credential of the user it was asked for |
//! | looks at it | [`memory`](node::Node::memory), [`keypad_mode`](node::Node::keypad_mode), [`time`](node::Node::time), [`relocks_at`](node::Node::relocks_at), [`is_identifying`](node::Node::is_identifying) | codes, bolt, log, battery; what its keypad, its clock and its light do |
//! | breaks or repairs it | [`Faults`](node::Faults): `jammed`, `gone`, `mute`; [`Quirks`](model::Quirks) in [`model`](node::Node::model) | from now on |
//! | takes out the batteries, puts them in | [`power_off`](node::Node::power_off), [`power_on`](node::Node::power_on), [`power_cut`](node::Node::power_cut) | without power a lock turns by hand, and does nothing else |
//! | changes the batteries, or waits | [`change_batteries`](node::Node::change_batteries), [`charge`](node::Node::charge); `memory.battery` is a [`Charge`](node::Charge) | each of the [`wakeups`](node::Node::wakeups) costs [`Model::wakeup_cost`](model::Model::wakeup_cost); the level is told at each tenth and below 15 %; at 0 the node is dead |
//! | resets it to the factory's state | [`factory_reset`](node::Node::factory_reset) | it says so, forgets network, keys and codes a second later, and stands outside the network |
//! | spills water, switches a plug, wakes a sensor | [`sense`](node::Node::sense), [`press_switch`](node::Node::press_switch), [`wake_by_hand`](node::Node::wake_by_hand) | reports to the lifeline; a sensor sleeps again after 10 s |
//!
//! A device that joined in learn mode and got no keys stays, in clear, and does next to nothing. One with SmartStart
//! leaves a second after it failed and asks again; the controller goes on listing the node. After an exclusion keys and
//! lifeline are gone, codes are not. Long Range takes [`Chip::series_800`](chip::Chip::series_800), node ids of two bytes
//! and a SmartStart device with that [`Radio`](device::Radio).
//!
//! Pure: time and randomness come in as arguments. The codecs are the daemon's own, so a mistake in them can hide here:
//! the interop tests run against a peer that nobody here wrote, too.

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
