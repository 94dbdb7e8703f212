//! The shell: clocks, sockets, the loop. Everything that decides is on the floors below; here bytes are moved.
//!
//! The link has a thread of its own (`link`): a commit that takes seconds on a slow card delays no ACK. The loop has one,
//! where a turn is decided, committed and released before the next one begins. Broker and API share a third, so that
//! what is released gets out while the next commit is waited for.

mod adjtimex;
pub mod clock;
pub mod link;
pub mod network_keys;
pub mod no_core;
pub mod port;
pub mod reload;
mod service;
pub mod signals;
pub mod sim_port;
pub mod simulate;
pub mod turns;
pub mod wiping;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};

use self::clock::Clock;
use self::link::{LinkCommand, LinkReport};
use self::network_keys::{Given, KeysError};
use self::port::PortError;
use self::service::Service;
use self::signals::{Signals, Told};
use self::turns::{Turns, moment};
use crate::bridge::ask::Question;
use crate::bridge::{After, BrokerInput, CheckSettings, GivenKeys, Input, MqttSettings, Settings};
use crate::command::codec::hex;
use crate::config::{self, Config};
use crate::domain::actor::Actor;
use crate::domain::batch::Retention;
use crate::domain::entropy::Entropy;
use crate::domain::ids::HubId;
use crate::domain::intent::Refusal;
use crate::domain::time::{BootId, Now};
use crate::mqtt::client::{self, FromBroker, Publisher, ToBroker};
use crate::mqtt::topic::{InvalidPrefix, Topics};
use crate::network;
use crate::store::{OpenError, Place, Store};
use crate::web::api::{Api, Doorstep, Streams};
use crate::web::handle::{Answers, Asked, Handle};
use crate::web::live::Live;
use crate::web::public;
use crate::web::router::router;
use crate::web::server::{self, SocketError};

/// Why the daemon does not start, or stopped. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store can't be used as it is.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The network keys can't be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The broker's settings can't be used.
    #[error(transparent)]
    Mqtt(#[from] client::InvalidSettings),
    /// A topic prefix can't be used.
    #[error(transparent)]
    Topic(#[from] InvalidPrefix),
    /// The API socket can't be opened.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Several sticks, or a port that can never work.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The link's thread can't be started.
    #[error("the thread of the serial link can't be started; raise the limits of the service")]
    Link(#[source] io::Error),
    /// The link's thread is gone.
    #[error("the thread of the serial link ended; this is a defect, please report it with the log")]
    LinkEnded,
    /// The operating system gives no randomness.
    #[error("the operating system gives no random numbers; keys can't be made")]
    Entropy,
}

impl RunError {
    /// Whether somebody has to change the configuration or the files it names: exit code 2, and no restart helps.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Store(error) => error.is_configuration(),
            Self::Keys(_) | Self::Mqtt(_) | Self::Topic(_) | Self::Socket(_) | Self::Port(_) => true,
            Self::Link(_) | Self::LinkEnded | Self::Entropy => false,
        }
    }
}

/// Both ends of the link: what goes to the stick, and what comes from it.
pub type LinkEnds = (mpsc::Sender<LinkCommand>, mpsc::Receiver<LinkReport>);

/// Runs the daemon until it is told to stop, on the configured port.
pub async fn daemon(config: Config, signals: Signals) -> Result<(), RunError> {
    let wanted = config.serial.port.clone();
    if wanted.is_none()
        && let Err(ambiguous @ PortError::SeveralSticks(_)) = port::find_stick()
    {
        return Err(ambiguous.into());
    }
    daemon_on(config, |entropy| link::spawn_link_thread(wanted, entropy), signals).await
}

/// Runs the daemon on any link: the demo and tests bring their own stick.
pub async fn daemon_on(
    config: Config,
    link: impl FnOnce(Entropy) -> io::Result<LinkEnds>,
    signals: Signals,
) -> Result<(), RunError> {
    let entropy = os_entropy()?;
    let mut clock = Clock::start(config.home.clock);
    let asking = tokio::spawn(clock.ask_elsewhere());
    let place = Place {
        database: config.store.path.clone(),
        key_file: config.store.key_file.clone(),
        credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
    };
    let Given { keys, exposed } = network_keys::given(config.zwave.keys.as_ref(), place.credentials.as_deref())?;
    if let Some(exposed) = exposed {
        tracing::warn!("{exposed}");
    }
    let (mut store, mut snapshot) = Store::open(&place, clock.now(), &entropy.child("store"))?;
    snapshot.network_keys = keys.or(&snapshot.network_keys);
    let given = config.zwave.keys.as_ref().map(|from| GivenKeys { setting: from.setting(), keys: keys.ids().collect() });
    store.prefer_network_keys(keys);
    let (hub, seal) = (snapshot.hub, store.seal_report().sentence());
    let (mqtt, broker) = match &config.mqtt {
        Some(mqtt) => {
            let (settings, options) = broker_settings(mqtt, hub)?;
            (Some(settings), Some(client::spawn(options, entropy.child("mqtt"))))
        }
        None => (None, None),
    };
    let runtime = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
    let boot = clock::boot_id(runtime.as_deref(), &hex(&entropy.child("boot").bytes::<16>()));
    let settings = settings(&config, mqtt, seal, boot, given);
    // Last of what can refuse to start, so that a refusal leaves no socket behind.
    let listener = server::bind(&config.api.socket).await?;
    let (link, reports) = link(entropy.child("link")).map_err(RunError::Link)?;
    let (handle, asks) = Handle::new();
    let live = Live::new();
    let (zone, zone_now) = watch::channel(settings.zone.clone());
    let (doorstep, doorstep_now) = watch::channel(Doorstep::Closed { why: "not opened yet".into() });
    let api = Api {
        handle,
        reader: store.reader(),
        live: live.clone(),
        zone: zone_now,
        doorstep: doorstep_now,
        streams: Streams::default(),
    };
    let (stop_serving, stopping) = watch::channel(false);
    let stopped = async |mut stopping: watch::Receiver<bool>| {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let public = public::router(api.clone(), config.web.metrics);
    let serving = [
        tokio::spawn(server::serve(listener, router(api), stopped(stopping.clone()))),
        tokio::spawn(public::serve(config.web.listen, public, doorstep, stopped(stopping))),
    ];
    tracing::info!(socket = %config.api.socket.display(), "latchkey is running");

    let (publisher, from_broker) = match broker {
        Some((publisher, inbox)) => (Some(publisher), inbox),
        None => (None, mpsc::channel(1).1),
    };
    let socket = config.api.socket.clone();
    let turns = Turns::new(with_test_hooks(store), snapshot, settings, entropy.child("bridge"));
    let mut outside = Outside { link: Some(link), publisher, live, zone, config, hub, seal, entropy, reloads: 0 };
    let ended = turn_after_turn(turns, &mut outside, clock, Inlets { reports, from_broker, asks, signals }).await;

    tracing::info!("latchkey is stopping");
    let _ = stop_serving.send(true);
    let served = async {
        for serving in serving {
            let _ = serving.await;
        }
    };
    let left = async {
        if let Some(publisher) = outside.publisher.take() {
            publisher.stop().await;
        }
    };
    asking.abort();
    // Both at once, since each may take a moment and the whole is to end within two seconds.
    tokio::join!(served, left);
    let _ = std::fs::remove_file(&socket);
    ended
}

/// Everything that can start a turn, or change how the next ones go.
struct Inlets {
    reports: mpsc::Receiver<LinkReport>,
    from_broker: mpsc::Receiver<FromBroker>,
    asks: mpsc::Receiver<Asked>,
    signals: Signals,
}

/// The port is closed within this, or left to itself.
const HANG_UP: Duration = Duration::from_millis(500);

async fn turn_after_turn(mut turns: Turns, outside: &mut Outside, mut clock: Clock, mut inlets: Inlets) -> Result<(), RunError> {
    let mut service = Service::of_this_process();
    service.ready();
    let ended = loop {
        service.turned(clock.mono(), || turns.headline(clock.now()));
        let due = moment(&clock, turns.poll_deadline()).min(clock.at(service.due()));
        // Each source gets its turn. A burst of frames on a slow disk must not keep the acknowledgement waiting that lets
        // the next event out; and whoever floods us has one voice among others.
        let input = tokio::select! {
            told = inlets.signals.next() => match told {
                Told::Stop => break Ok(()),
                Told::Reload(config) => {
                    service.reloading();
                    if let Some(inbox) = outside.reload(config, &mut turns, &mut clock) {
                        inlets.from_broker = inbox;
                    }
                    service.ready();
                    continue;
                }
            },
            report = inlets.reports.recv() => match report {
                Some(report) => Input::Radio(radio_input(report, &clock)),
                // Without its thread the daemon would go on, deaf. Whoever started it starts it again.
                None => break Err(RunError::LinkEnded),
            },
            Some(message) = inlets.from_broker.recv() => Input::Broker(broker_input(message)),
            Some(asked) = inlets.asks.recv() => {
                let mut answering = Answering { turns: &mut turns, now: clock.now(), effects: Vec::new() };
                asked.answer(&mut answering);
                answering.effects.into_iter().for_each(|effect| outside.release(effect));
                continue;
            }
            () = tokio::time::sleep_until(due) => Input::Timeout,
        };
        for after in turns.take(input, clock.now()) {
            outside.release(after);
        }
    };
    service.stopping();
    for after in turns.take(Input::Stopping, clock.now()) {
        outside.release(after);
    }
    // The stick takes the last word, or is too slow for that.
    outside.link = None;
    let hung_up = async { while inlets.reports.recv().await.is_some() {} };
    let _ = tokio::time::timeout(HANG_UP, hung_up).await;
    ended
}

/// Answers a question by a turn.
struct Answering<'a> {
    turns: &'a mut Turns,
    now: Now,
    /// What others can see of that turn.
    effects: Vec<After>,
}

impl Answers for Answering<'_> {
    fn answer<Q: Question>(&mut self, actor: &Actor, question: Q) -> Result<Q::Answer, Refusal> {
        let (answer, effects) = self.turns.ask(actor, question, self.now);
        self.effects.extend(effects);
        answer
    }
}

/// Where the consequences of a turn go.
struct Outside {
    /// None when the daemon ends.
    link: Option<mpsc::Sender<LinkCommand>>,
    publisher: Option<Publisher>,
    live: Live,
    zone: watch::Sender<TimeZone>,
    config: Config,
    hub: HubId,
    seal: &'static str,
    entropy: Entropy,
    reloads: u64,
}

impl Outside {
    /// Takes over what changed in the configuration, and says what waits for the next start. Returns the new way from the
    /// broker, if it is connected to anew. What can't be read or used changes nothing.
    fn reload(
        &mut self,
        config: Result<Box<Config>, String>,
        turns: &mut Turns,
        clock: &mut Clock,
    ) -> Option<mpsc::Receiver<FromBroker>> {
        let new = match config {
            Ok(config) => *config,
            Err(why) => {
                tracing::error!(why, "the configuration stays as it was");
                return None;
            }
        };
        let changes = reload::compare(&self.config, &new);
        if !changes.later.is_empty() {
            tracing::warn!(keys = changes.later.join(", "), "these need a restart: systemctl restart latchkey");
        }
        let merged = reload::merge(&self.config, new);
        let broker = match merged.mqtt.as_ref().map(|mqtt| broker_settings(mqtt, self.hub)).transpose() {
            Ok(broker) => broker,
            Err(error) => {
                tracing::error!(%error, "the configuration stays as it was");
                return None;
            }
        };
        let (mqtt, options) = broker.unzip();
        self.config = merged;
        clock.trust(self.config.home.clock);
        let settings = settings(&self.config, mqtt, self.seal, turns.boot(), turns.given_keys());
        self.zone.send_replace(settings.zone.clone());
        turns.configure(settings);
        tracing::info!(changed = changes.now.join(", "), "the configuration was read again");
        // Files with passwords and certificates may have changed although their names did not.
        let logs_in = self.config.mqtt.as_ref().is_some_and(|mqtt| mqtt.password_file.is_some() || mqtt.url.tls);
        let moved = changes.now.iter().any(|key| key.starts_with("mqtt.") && *key != "mqtt.publish_names");
        let options = options.filter(|_| logs_in || moved)?;
        self.reloads += 1;
        let (publisher, inbox) = client::spawn(options, self.entropy.child(&format!("mqtt {}", self.reloads)));
        // The old connection ends with its inbox; the broker takes the new one in its place.
        self.publisher = Some(publisher);
        Some(inbox)
    }

    fn release(&self, after: After) {
        match after {
            After::Send(id, frame) => self.command(LinkCommand::Send(id, frame)),
            After::Reopen => self.command(LinkCommand::Reopen),
            After::Retained(message) => self.publish(ToBroker::Retained(message)),
            After::Publish(id, message) => self.publish(ToBroker::Event { id, message }),
            After::Passing(message) => self.publish(ToBroker::Passing(message)),
            After::Change(change) => self.live.tell_change(*change),
            After::Live(event, device) => self.live.tell(event, device),
        }
    }

    fn command(&self, command: LinkCommand) {
        // The network has one frame under way: a queue of many is full only if the link's thread is gone.
        if let Some(Err(error)) = self.link.as_ref().map(|link| link.try_send(command)) {
            tracing::error!(%error, "the serial link takes nothing any more");
        }
    }

    fn publish(&self, message: ToBroker) {
        if let Some(publisher) = &self.publisher {
            publisher.publish(message);
        }
    }
}

fn radio_input(report: LinkReport, clock: &Clock) -> network::Input {
    match report {
        LinkReport::Up => network::Input::LinkUp,
        LinkReport::Down { why } => network::Input::LinkDown { why },
        LinkReport::Waiting { why } => network::Input::LinkWaiting { why },
        LinkReport::Frame(frame, at) => network::Input::Waited { frame, since: clock.of(at) },
        LinkReport::Sent(id) => network::Input::Sent(id),
        LinkReport::Failed(id, why) => network::Input::Failed(id, why),
        LinkReport::Unresponsive => network::Input::Unresponsive,
    }
}

fn broker_input(message: FromBroker) -> BrokerInput {
    match message {
        FromBroker::Connected => BrokerInput::Connected,
        FromBroker::Disconnected { why } => BrokerInput::Disconnected { why },
        FromBroker::Commands(commands) => BrokerInput::Commands(commands),
        FromBroker::Acked(id) => BrokerInput::Acked(id),
        FromBroker::Inbound { topic, payload, retained } => BrokerInput::Message { topic, payload, retained },
    }
}

fn broker_settings(mqtt: &config::Mqtt, hub: HubId) -> Result<(MqttSettings, client::Options), RunError> {
    let topics = Topics::new(&mqtt.base, &mqtt.discovery_prefix)?;
    let options = client::Settings {
        url: mqtt.url.to_string(),
        username: mqtt.username.clone(),
        password_file: mqtt.password_file.clone(),
        ca_file: mqtt.ca_file.clone(),
        client_cert_file: mqtt.client_cert_file.clone(),
        client_key_file: mqtt.client_key_file.clone(),
        client_id: format!("latchkey-{hub}"),
        state_topic: topics.bridge_state(),
        subscriptions: topics.subscriptions(),
    }
    .read()?;
    let unlock = options.remote_unlock();
    Ok((MqttSettings { topics, names: mqtt.publish_names, unlock }, options))
}

/// What the bridge is told of the configuration.
fn settings(
    config: &Config,
    mqtt: Option<MqttSettings>,
    seal: &'static str,
    boot: Option<BootId>,
    given_keys: Option<GivenKeys>,
) -> Settings {
    Settings {
        zone: config.home.time_zone.clone(),
        mqtt,
        check: CheckSettings { interval: config.zwave.check_interval, frames: config.zwave.frame_budget_per_day },
        network: network::Options { soft_reset: soft_reset(config.serial.soft_reset), zone: config.home.time_zone.clone() },
        seal,
        keep: Retention { age: config.store.keep, events: config.store.keep_events },
        boot,
        given_keys,
    }
}

fn soft_reset(configured: config::SoftReset) -> network::SoftReset {
    match configured {
        config::SoftReset::Auto => network::SoftReset::Auto,
        config::SoftReset::Never => network::SoftReset::Never,
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the operating system's randomness enters")]
fn os_entropy() -> Result<Entropy, RunError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| RunError::Entropy)?;
    Ok(Entropy::from_seed(seed))
}

/// In test builds, `LATCHKEY_TEST_STALL_COMMIT_MS` makes every commit take so long, as a worn card would.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "the stall has to block the loop: that is what it tests")]
fn with_test_hooks(mut store: Store) -> Store {
    let stall = std::env::var("LATCHKEY_TEST_STALL_COMMIT_MS").ok().and_then(|text| text.parse().ok());
    if let Some(millis) = stall {
        store.before_commit(move || {
            std::thread::sleep(std::time::Duration::from_millis(millis));
            Ok(())
        });
    }
    store
}

#[cfg(not(debug_assertions))]
fn with_test_hooks(store: Store) -> Store {
    store
}
