//! The one owner of state. A turn takes one input and returns what to commit and what others may see after.
//!
//! In the order in which a turn goes through them:
//!
//! | file | what |
//! | --- | --- |
//! | [`words`] | what goes into a turn and comes out of it, and the settings |
//! | [`ask`] | what people and programs ask, and the answers |
//! | [`turn`] | [`Bridge`]: one input in, one batch and its consequences out; the order of a turn |
//! | [`context`] | what the mechanisms share during a turn |
//! | [`mechanisms`] | one struct for each mechanism; changes |
//! | `problem` | something that is wrong, and what to do about it |
//! | `commands` | what a message from the broker asks for |
//! | [`state`] | everything that outlives a turn, and the batch |
//! | `deferred` | rows that wait for the next commit |
//! | [`clock`] | whether the wall clock is to be believed |
//! | [`intents`] | changes that people want: checked, and written down |
//! | `network_events` | what the network tells, taken to whom it concerns |
//! | `import` | a whole network, taken over from another controller |
//! | `actors` | who had a bolt moved |
//! | [`bolts`], `operations` | bolts: moved, and asked for; which one goes when |
//! | [`inbound`] | what a lock says, as events, states and beliefs about its slots |
//! | [`meaning`] | what its notifications mean, in our words |
//! | [`twins`] | one act in two forms is one act |
//! | [`dialect`] | how its slots are addressed |
//! | [`sync`] | brings each lock to what is wanted, one step at a time |
//! | `standing` | the status of each grant |
//! | [`membership`] | who comes into the network and goes |
//! | [`announce`] | what the broker is told |
//! | `look` | what views are made from |
//! | [`view`] | what people and scripts are shown |
//! | `damage` | an older copy of the database, and what can't be read in it |
//! | [`vitals`] | how the daemon is, and what is wrong |

mod actors;
pub mod announce;
pub mod ask;
pub mod bolts;
pub mod clock;
mod commands;
pub mod context;
mod damage;
mod deferred;
pub mod dialect;
mod holders;
mod import;
pub mod inbound;
pub mod intents;
mod look;
pub mod meaning;
pub mod mechanisms;
pub mod membership;
mod network_events;
mod operations;
pub mod problem;
mod standing;
pub mod state;
pub mod sync;
pub mod turn;
pub mod twins;
pub mod view;
pub mod vitals;
pub mod words;

pub use sync::CheckSettings;
pub use turn::Bridge;
pub use words::{After, BrokerInput, GivenKeys, Input, MqttSettings, Settings, Turn};

#[cfg(test)]
pub(crate) mod tests;
