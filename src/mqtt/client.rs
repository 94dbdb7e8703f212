//! The connection to the broker. The only file that names `rumqttc`.
//!
//! Two futures share a connection: one polls the library and hands on what comes, the other feeds it with what
//! waits in the mailbox. The poll loop never publishes: the library's queue is bounded, and a full queue that only
//! the poll loop can empty would be waited for by the poll loop itself (rumqttc #1025).
//!
//! Each connection gets a fresh event loop, so nothing of an earlier session can be sent or acknowledged in the
//! next one: what was under way is offered again by the owner of the [outbox](super::outbox).

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rumqttc::mqttbytes::Error as MqttBytesError;
use rumqttc::{
    AsyncClient, ClientError, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS,
    StateError, SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, error, info, warn};

pub use super::settings::{InvalidSettings, Options, Settings};
use super::topic::Message;
use crate::domain::entropy::Entropy;
use crate::domain::ids::EventId;
use crate::domain::tally::{Tallies, Tally};

/// A pulled plug shows as `offline` after 7.5 s (1.5 times this), and a dead link is noticed after at most 10 s
/// (two pings): an event caught by it still has 50 of the 60 s in which automations trust it. A ping costs 4 bytes.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A broker that answers pings and yet acknowledges nothing for this long is left and tried anew.
const ACK_PATIENCE: Duration = Duration::from_secs(20);
/// Payloads above this are not ours to understand, and are dropped.
const MAX_PAYLOAD: usize = 64 * 1024;
/// What one packet may take in memory. The library can only break the connection over a larger one, so this lies
/// well above [`MAX_PAYLOAD`].
const MAX_PACKET: usize = 1024 * 1024;
/// Retained topics that may wait at once: a handful for each of some hundred devices.
const MAX_TOPICS: usize = 4096;
/// Passing messages that wait; older ones go: whoever listens wants to know how things are now.
const MAX_PASSING: usize = 32;
/// Messages that may wait for the bridge. Commands may use all but the last places.
const INBOX: usize = 128;
/// Places of [`INBOX`] kept for acknowledgements and changes of the connection.
const RESERVED: usize = 16;
/// The first pause after a failure; doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// A connection that stood this long makes the next failure a first one.
const STABLE: Duration = Duration::from_secs(10);
/// After a message on our subscriptions that no connection survives, how long we go without them: events still get out.
const DEAF: Duration = Duration::from_secs(3600);
/// How long leaving in good order may take.
const LEAVE: Duration = Duration::from_millis(1500);

/// What goes to the broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ToBroker {
    /// State: retained, the latest per topic wins. Lost with the connection: published anew after each
    /// [`FromBroker::Connected`]. An empty payload takes the topic off the broker.
    Retained(Message),
    /// For whoever listens at this moment: QoS 0, not retained.
    Passing(Message),
    /// An event: QoS 1, never retained, answered by [`FromBroker::Acked`]. One at a time.
    Event { id: EventId, message: Message },
}

/// What comes from the broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FromBroker {
    /// A connection stands, commands reach us, and nothing of an earlier connection is left: publish retained state
    /// and offer the event in flight again.
    Connected,
    /// The connection is gone, or could not be made. Comes once per change, not once per try.
    Disconnected {
        /// What happened and what to do about it.
        why: String,
    },
    /// Whether commands come from the broker. `Err`: not, and why and what to do; events still get out.
    Commands(Result<(), String>),
    /// The broker acknowledged this event.
    Acked(EventId),
    /// A message on one of our subscriptions.
    Inbound {
        topic: String,
        /// Payload, at most 64 KiB.
        payload: Vec<u8>,
        /// It was stored on the broker, from nobody knows when.
        retained: bool,
    },
}

/// Starts the client on the current runtime. It connects and reconnects until [`Publisher::stop`], or until the
/// receiver is gone. `entropy` spreads the tries of many hubs.
pub fn spawn(options: Options, entropy: Entropy) -> (Publisher, mpsc::Receiver<FromBroker>) {
    let (out, inbox) = mpsc::channel(INBOX);
    let (stop, _) = watch::channel(false);
    let shared = Arc::new(Shared { mailbox: Mutex::default(), wake: Notify::new(), stop, gone: Notify::new() });
    let publisher = Publisher { shared: Arc::clone(&shared) };
    let options = Arc::new(options);
    tokio::spawn(async move {
        tokio::select! {
            () = run(&options, &shared, &out, Backoff::new(entropy)) => {}
            () = out.closed() => {}
        }
        shared.gone.notify_one();
    });
    (publisher, inbox)
}

/// Hands messages to the client.
#[derive(Clone, Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
}

impl Publisher {
    /// Leaves a message for the client. Never blocks.
    pub fn publish(&self, message: ToBroker) {
        self.shared.mailbox().put(message);
        self.shared.wake.notify_one();
    }

    /// Says `offline` and leaves the broker in good order, within 1.5 seconds.
    pub async fn stop(self) {
        self.shared.stop.send_replace(true);
        if timeout(LEAVE, self.shared.gone.notified()).await.is_err() {
            debug!("the broker did not let us leave in good order; it will publish the last will");
        }
    }
}

/// What the caller and the client's task have in common.
#[derive(Debug)]
struct Shared {
    mailbox: Mutex<Mailbox>,
    wake: Notify,
    stop: watch::Sender<bool>,
    gone: Notify,
}

impl Shared {
    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stopping(&self) {
        // An error says that the sender is gone; it is a field of `self`.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

/// What waits for the connection: bounded, because the latest wins.
#[derive(Debug, Default)]
struct Mailbox {
    retained: BTreeMap<String, String>,
    passing: VecDeque<Message>,
    event: Option<(EventId, Message)>,
    in_flight: Option<InFlight>,
}

/// The one event the broker has not acknowledged yet.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    id: EventId,
    /// The packet id, once the library has chosen one.
    packet: Option<u16>,
    since: Instant,
}

impl Mailbox {
    fn put(&mut self, message: ToBroker) {
        match message {
            ToBroker::Event { id, message } => self.event = Some((id, message)),
            ToBroker::Passing(message) => {
                if self.passing.len() >= MAX_PASSING {
                    self.passing.pop_front();
                }
                self.passing.push_back(message);
            }
            ToBroker::Retained(Message { topic, payload }) => {
                if payload.len() > MAX_PAYLOAD || (self.retained.len() >= MAX_TOPICS && !self.retained.contains_key(&topic)) {
                    warn!(topic, bytes = payload.len(), "state not published: too large, or too many topics wait");
                    return;
                }
                self.retained.insert(topic, payload);
            }
        }
    }

    /// The next message. Events go first, each after the acknowledgement of the one before.
    fn take(&mut self) -> Option<ToBroker> {
        if self.in_flight.is_none()
            && let Some((id, message)) = self.event.take()
        {
            self.in_flight = Some(InFlight { id, packet: None, since: Instant::now() });
            return Some(ToBroker::Event { id, message });
        }
        if let Some(message) = self.passing.pop_front() {
            return Some(ToBroker::Passing(message));
        }
        self.retained.pop_first().map(|(topic, payload)| ToBroker::Retained(Message { topic, payload }))
    }

    /// The library sent the event in flight as packet `packet`. It is the only thing we send with QoS 1.
    fn sent(&mut self, packet: u16) {
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.packet = Some(packet);
        }
    }

    /// The broker acknowledged `packet`.
    fn acked(&mut self, packet: u16) -> Option<EventId> {
        let done = self.in_flight.take_if(|in_flight| in_flight.packet == Some(packet))?;
        Some(done.id)
    }
}

/// Connects for ever, with growing pauses.
async fn run(options: &Arc<Options>, shared: &Arc<Shared>, out: &mpsc::Sender<FromBroker>, mut backoff: Backoff) {
    let mut told = None;
    let mut tallies = Tallies::default();
    // Until then there are no subscriptions.
    let mut deaf_until: Option<Instant> = None;
    let mut told_deaf = false;
    loop {
        // A task of its own: should the library panic over what a broker sent, only this connection is lost.
        let mut connection = JoinSet::new();
        connection.spawn(connection_of(Arc::clone(options), Arc::clone(shared), out.clone(), deaf_until, told_deaf));
        let end = match connection.join_next().await {
            Some(Ok(end)) => end,
            Some(Err(_)) | None => {
                if let Some(times) = tallies.hit("panic") {
                    error!(times, "the MQTT library failed over what the broker sent; connecting anew");
                }
                let why = "the broker sent something that can't be understood";
                End { why: why.into(), stood: None, unreadable: Some(why.into()) }
            }
        };
        if *shared.stop.borrow() {
            return;
        }
        if let Some(what) = end.unreadable {
            let why = format!("{what}; commands are tried again within an hour");
            (deaf_until, told_deaf) = (Some(Instant::now() + DEAF), true);
            if let Some(times) = tallies.hit("unreadable") {
                warn!(broker = %options.url, times, "commands over MQTT are off: {why}");
            }
            if out.send(FromBroker::Commands(Err(why))).await.is_err() {
                return;
            }
        } else if deaf_until.is_some_and(|until| until <= Instant::now()) {
            // It was tried again meanwhile, and this connection ended over something else.
            deaf_until = None;
        }
        if end.stood.is_some() {
            told = None;
        }
        if told.as_ref() != Some(&end.why) {
            // The pauses between tries bound these lines.
            warn!(broker = %options.url, "not connected: {}", end.why);
            if out.send(FromBroker::Disconnected { why: end.why.clone() }).await.is_err() {
                return;
            }
            told = Some(end.why);
        }
        if end.stood.is_some_and(|stood| stood >= STABLE) {
            backoff.reset();
        }
        tokio::select! {
            () = sleep(backoff.pause()) => {}
            () = shared.stopping() => return,
        }
    }
}

/// How a connection ended.
struct End {
    why: String,
    /// How long it stood; `None` if it never did.
    stood: Option<Duration>,
    /// The broker sent a message that the library can't take, and would again: what it was, and what to do.
    unreadable: Option<String>,
}

impl End {
    fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), stood: None, unreadable: None }
    }

    fn over(error: &ConnectionError, options: &Options) -> Self {
        let why = explain(error, options);
        // Without subscriptions a broker has nothing to say but acknowledgements.
        let unreadable = match error {
            ConnectionError::MqttState(StateError::Deserialization(MqttBytesError::Io(_))) => None,
            ConnectionError::MqttState(StateError::Deserialization(_)) => Some(why.clone()),
            _ => None,
        };
        Self { why, stood: None, unreadable }
    }
}

/// One connection from the first packet to the last. `deaf_until`: it begins without subscriptions, which are tried then.
/// `told_deaf`: it was said that no commands come.
async fn connection_of(
    options: Arc<Options>,
    shared: Arc<Shared>,
    out: mpsc::Sender<FromBroker>,
    deaf_until: Option<Instant>,
    told_deaf: bool,
) -> End {
    let (client, mut events) = AsyncClient::new(library_options(&options), 16);
    let connected = tokio::select! {
        connected = events.poll() => connected,
        () = shared.stopping() => return End::because("stopping"),
    };
    if let Err(error) = connected {
        return End::over(&error, &options);
    }
    let since = Instant::now();
    info!(broker = %options.url, "connected to the MQTT broker");
    *shared.mailbox() = Mailbox::default();
    if deaf_until.is_some() && out.try_send(FromBroker::Connected).is_err() {
        return End::because(NOT_KEEPING_UP);
    }
    let mut polling = pin!(poll(events, &shared, &out, &options, Told { stands: deaf_until.is_some(), deaf: told_deaf }));
    let end = tokio::select! {
        end = &mut polling => end,
        why = feed(&client, &shared, &options, deaf_until) => End::because(why),
        () = shared.stopping() => {
            // Ends when the library has sent the goodbye; the feeder is gone, so nothing comes after it.
            let goodbye = async {
                client.publish(&options.state_topic, QoS::AtMostOnce, true, "offline").await?;
                client.disconnect().await
            };
            let _ = timeout(LEAVE, async { tokio::join!(&mut polling, goodbye) }).await;
            End::because("stopping")
        }
    };
    End { stood: Some(since.elapsed()), ..end }
}

const NOT_KEEPING_UP: &str = "the daemon did not keep up with its own messages";

/// What was said already, by this connection or one before.
#[derive(Clone, Copy)]
struct Told {
    /// That this connection stands.
    stands: bool,
    /// That no commands come.
    deaf: bool,
}

/// Hands on what comes. Never waits for anything but the network.
async fn poll(mut events: EventLoop, shared: &Shared, out: &mpsc::Sender<FromBroker>, options: &Options, mut told: Told) -> End {
    let (mut dropped, mut refusals) = (Tally::default(), Tally::default());
    loop {
        let event = match events.poll().await {
            Ok(event) => event,
            Err(error) => return End::over(&error, options),
        };
        match event {
            Event::Outgoing(Outgoing::Publish(packet)) if packet != 0 => shared.mailbox().sent(packet),
            Event::Outgoing(Outgoing::Disconnect) => return End::because("left"),
            Event::Incoming(Packet::PubAck(ack)) => {
                let Some(id) = shared.mailbox().acked(ack.pkid) else { continue };
                if out.try_send(FromBroker::Acked(id)).is_err() {
                    return End::because(NOT_KEEPING_UP);
                }
                shared.wake.notify_one();
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                let refused = ack.return_codes.contains(&SubscribeReasonCode::Failure);
                let mut news = Vec::new();
                // Said once, however often a broker acknowledges what it was asked once.
                if !std::mem::replace(&mut told.stands, true) {
                    news.push(FromBroker::Connected);
                }
                if refused {
                    let why = format!("the broker refused a subscription; allow {:?} there", options.subscriptions);
                    if let Some(times) = refusals.hit() {
                        warn!(times, "no commands will come: {why}");
                        news.push(FromBroker::Commands(Err(why)));
                    }
                } else if std::mem::take(&mut told.deaf) {
                    news.push(FromBroker::Commands(Ok(())));
                }
                if news.into_iter().any(|news| out.try_send(news).is_err()) {
                    return End::because(NOT_KEEPING_UP);
                }
            }
            Event::Incoming(Packet::Publish(message)) => {
                if message.payload.len() > MAX_PAYLOAD || out.capacity() <= RESERVED {
                    if let Some(times) = dropped.hit() {
                        warn!(
                            topic = message.topic,
                            bytes = message.payload.len(),
                            times,
                            "message dropped: too large, or too many at once"
                        );
                    }
                    continue;
                }
                let inbound =
                    FromBroker::Inbound { topic: message.topic, payload: message.payload.to_vec(), retained: message.retain };
                // The places checked above are only ever taken by this task.
                let _ = out.try_send(inbound);
            }
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
    }
}

/// Hands the library what waits in the mailbox. Ends when the connection is of no more use.
async fn feed(client: &AsyncClient, shared: &Shared, options: &Options, deaf_until: Option<Instant>) -> String {
    if let Err(error) = greet(client, options, deaf_until.is_none()).await {
        return error.to_string();
    }
    let mut subscribe_at = deaf_until;
    loop {
        if subscribe_at.take_if(|at| *at <= Instant::now()).is_some()
            && let Err(error) = subscribe(client, options).await
        {
            return error.to_string();
        }
        let taken = shared.mailbox().take();
        let sent = match taken {
            Some(ToBroker::Event { message, .. }) => {
                client.publish(message.topic, QoS::AtLeastOnce, false, message.payload).await
            }
            Some(ToBroker::Passing(message)) => client.publish(message.topic, QoS::AtMostOnce, false, message.payload).await,
            Some(ToBroker::Retained(message)) => client.publish(message.topic, QoS::AtMostOnce, true, message.payload).await,
            None => {
                let overdue = shared.mailbox().in_flight.map(|event| event.since + ACK_PATIENCE);
                let until = overdue.into_iter().chain(subscribe_at).min();
                match until {
                    None => shared.wake.notified().await,
                    Some(until) => {
                        let woken = timeout_at(until, shared.wake.notified()).await;
                        if woken.is_err() && overdue.is_some_and(|overdue| overdue <= Instant::now()) {
                            return "the broker does not acknowledge events; look at its log".into();
                        }
                    }
                }
                Ok(())
            }
        };
        if let Err(error) = sent {
            return error.to_string();
        }
    }
}

/// `online` first, so that nothing is heard of a hub that still looks offline. State goes out with QoS 0: what a
/// connection loses, the next one begins with.
async fn greet(client: &AsyncClient, options: &Options, listens: bool) -> Result<(), ClientError> {
    client.publish(&options.state_topic, QoS::AtMostOnce, true, "online").await?;
    if listens { subscribe(client, options).await } else { Ok(()) }
}

async fn subscribe(client: &AsyncClient, options: &Options) -> Result<(), ClientError> {
    let filters = options.subscriptions.iter().map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
    client.subscribe_many(filters).await
}

fn library_options(options: &Options) -> MqttOptions {
    let mut library = MqttOptions::new(&options.client_id, &options.url.host, options.url.port);
    library.set_clean_session(true).set_keep_alive(KEEP_ALIVE).set_max_packet_size(MAX_PACKET, MAX_PACKET);
    library.set_last_will(LastWill::new(&options.state_topic, "offline", QoS::AtLeastOnce, true));
    if let Some(login) = &options.login {
        library.set_credentials(&login.username, &login.password);
    }
    if let Some(tls) = &options.tls {
        // Never `Simple`: that one reads PEM with an unmaintained crate (RUSTSEC-2025-0134).
        library.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::clone(tls))));
    }
    library
}

/// What went wrong, in words that name the remedy. Never holds a password or a payload.
fn explain(error: &ConnectionError, options: &Options) -> String {
    match error {
        ConnectionError::ConnectionRefused(ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized) => {
            match options.login {
                Some(_) => "the broker refused the login; check mqtt.username and mqtt.password_file".into(),
                None => "the broker wants a login; set mqtt.username and mqtt.password_file".into(),
            }
        }
        ConnectionError::ConnectionRefused(code) => format!("the broker refused the connection: {code:?}; look at its log"),
        ConnectionError::Io(error)
        | ConnectionError::Tls(rumqttc::TlsError::Io(error))
        | ConnectionError::MqttState(StateError::Io(error) | StateError::Deserialization(MqttBytesError::Io(error))) => {
            explain_io(error, options)
        }
        ConnectionError::Tls(error) => format!("TLS with {} failed: {error}", options.url),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            format!("{} does not answer; check mqtt.url, the network and the broker", options.url)
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => "the broker stopped answering".into(),
        ConnectionError::MqttState(StateError::ConnectionAborted) => "the broker closed the connection; its log says why".into(),
        ConnectionError::MqttState(StateError::Deserialization(MqttBytesError::PayloadSizeLimitExceeded(size))) => {
            format!("the broker sends a message of {size} bytes under one of {:?}; take it away there", options.subscriptions)
        }
        ConnectionError::MqttState(error) => format!("the connection broke: {error}"),
        ConnectionError::NotConnAck(_) => format!("what listens at {} is no MQTT broker; check mqtt.url", options.url),
        ConnectionError::RequestsDone => "stopped".into(),
    }
}

fn explain_io(error: &std::io::Error, options: &Options) -> String {
    // Under TLS 1.3 a certificate that is missing on our side is complained about only after the handshake.
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return explain_tls(error, options);
    }
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            format!("nothing listens at {}; check mqtt.url, and that the broker runs", options.url)
        }
        _ => format!("the way to {} broke ({error}); check mqtt.url, the network and the broker", options.url),
    }
}

fn explain_tls(error: &rustls::Error, options: &Options) -> String {
    use rustls::{CertificateError, Error};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the broker's certificate is not signed by a trusted authority; set mqtt.ca_file to the one that signed it".into()
        }
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            format!("the broker's certificate is not for {}; write the name it is for in mqtt.url", options.url.host)
        }
        Error::AlertReceived(_) => {
            format!("the broker ended the TLS handshake ({error}); does it want mqtt.client_cert_file and mqtt.client_key_file?")
        }
        _ => format!("TLS with {} failed: {error}", options.url),
    }
}

/// Pauses between tries: doubling, spread over the upper half so that a fleet does not knock in step.
struct Backoff {
    entropy: Entropy,
    failures: u32,
}

impl Backoff {
    fn new(entropy: Entropy) -> Self {
        Self { entropy, failures: 0 }
    }

    fn reset(&mut self) {
        self.failures = 0;
    }

    fn pause(&mut self) -> Duration {
        let pause = MIN_PAUSE.saturating_mul(1 << self.failures.min(16)).min(MAX_PAUSE);
        self.failures += 1;
        let half = pause / 2;
        half + Duration::from_millis(self.entropy.below(u64::try_from(half.as_millis()).unwrap_or_default() + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn state(topic: &str, payload: &str) -> ToBroker {
        ToBroker::Retained(Message { topic: topic.into(), payload: payload.into() })
    }

    fn event(n: i64) -> (EventId, ToBroker) {
        let id = EventId::new(Timestamp::from_millis(n), &mut Entropy::from_number(1));
        (id, ToBroker::Event { id, message: Message { topic: "e".into(), payload: n.to_string() } })
    }

    #[tokio::test]
    async fn a_slow_broker_gets_the_latest_state_once() {
        let mut mailbox = Mailbox::default();
        for payload in ["1", "2", "3"] {
            mailbox.put(state("a", payload));
        }
        assert_eq!(mailbox.take(), Some(state("a", "3")));
        assert_eq!(mailbox.take(), None);
    }

    #[tokio::test]
    async fn only_the_acknowledgement_of_its_own_packet_frees_the_way_for_the_next_event() {
        let mut mailbox = Mailbox::default();
        let (first, put) = event(1);
        mailbox.put(put.clone());
        assert_eq!(mailbox.take(), Some(put));
        let (_, next) = event(2);
        mailbox.put(next.clone());
        assert_eq!(mailbox.acked(1), None, "not even sent");
        mailbox.sent(7);
        assert_eq!(mailbox.acked(6), None);
        assert_eq!(mailbox.take(), None);
        assert_eq!(mailbox.acked(7), Some(first));
        assert_eq!(mailbox.take(), Some(next));
    }

    #[tokio::test]
    async fn a_flood_of_topics_is_bounded() {
        let mut mailbox = Mailbox::default();
        for n in 0..=MAX_TOPICS {
            mailbox.put(state(&n.to_string(), "x"));
        }
        mailbox.put(state("0", "y"));
        mailbox.put(state("1", &"x".repeat(MAX_PAYLOAD + 1)));
        assert_eq!(mailbox.retained.len(), MAX_TOPICS);
        assert_eq!(mailbox.retained["0"], "y", "known topics still change");
        assert_eq!(mailbox.retained["1"], "x");
    }

    #[test]
    fn steps_that_nobody_could_be_told_do_not_pile_up_and_go_in_order() {
        let mut mailbox = Mailbox::default();
        let step = |n: usize| ToBroker::Passing(Message { topic: "c".into(), payload: n.to_string() });
        mailbox.put(state("a", "1"));
        for n in 0..=MAX_PASSING {
            mailbox.put(step(n));
        }
        let steps: Vec<ToBroker> = std::iter::from_fn(|| mailbox.take()).collect();
        let expected: Vec<ToBroker> = (1..=MAX_PASSING).map(step).chain([state("a", "1")]).collect();
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_dead_broker_is_tried_ever_more_rarely_and_never_in_step() {
        let mut backoff = Backoff::new(Entropy::from_number(1));
        let pauses: Vec<_> = (0..12).map(|_| backoff.pause()).collect();
        assert!((125..=250).contains(&pauses[0].as_millis()));
        assert!((250..=500).contains(&pauses[1].as_millis()));
        assert!(pauses[8..].iter().all(|pause| (15_000..=30_000).contains(&pause.as_millis())));
        assert_ne!(pauses[10], pauses[11]);
        backoff.reset();
        assert!(backoff.pause() <= MIN_PAUSE);
    }
}
