//! What the hub shows of itself: the JSON of the API, of the command line and of messages that carry it, as plain values.
//!
//! `bridge::view` makes them, web and MQTT serialise them, the command line reads them back and renders from them. So a key
//! that is renamed here no longer compiles there.
//!
//! - Keys and words are public: they are kept in `tests/data/views`.
//! - A time is text already, in the home's zone ([`Stamp`]).
//! - A word that a later version may add to is [`Open`]: an older reader keeps its text.
//! - No view holds a code, but for [`AcceptedView::code`], once.

mod accepted;
mod audit;
mod change;
mod device;
mod event;
mod grant;
mod network;
mod open;
mod page;
mod people;
mod problem;
mod provisioning;
mod stamp;
mod status;

pub use accepted::{AcceptedView, GeneratedCode, TakenOverView};
pub use audit::{AuditActor, AuditRow};
pub use change::{ChangeBegun, ChangeKind, ChangeState, ChangeView, CurrentChange, InterviewBegun, QuestionView};
pub use device::{DeviceView, InventoryView, RadioView, ReachView, SlotsView, SyncView};
pub use event::{EventReasonView, EventView, PersonAtEventView};
pub use grant::{GrantView, ScheduleKind, ScheduleView};
pub use network::{ControllerView, NetworkView, NodeView};
pub use open::Open;
pub use page::Page;
pub use people::{ContactsView, PersonView};
pub use problem::ProblemDocument;
pub use provisioning::{ProvisionedState, ProvisionedView};
pub use stamp::Stamp;
pub use status::{
    AirtimeView, BrokerState, BrokerView, ClockView, HealthView, LockStatusView, OutboxView, ProblemView, RunningView, Severity,
    StatusView, StickState, StickView, StoreView, WebView,
};
