//! What happens in the demo, told line by line.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::cli::client::Client;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::print;
use crate::cli::words;
use crate::command::entry_control::EventType;
use crate::domain::event::EventType as Happened;
use crate::domain::ids::{NodeId, PersonId, Slug};
use crate::domain::node::InterviewStage;
use crate::mqtt::client::FromBroker;
use crate::run::sim_port::SharedWorld;
use crate::sim::World;
use crate::sim::node::Typed;
use crate::view::{AcceptedView, DeviceView, EventView, GrantView, NetworkView, Page, PersonView};

/// The locks of the simulated house, and what the demo calls them.
const FRONT_DOOR: (NodeId, &str) = (NodeId(2), "Front door");
const GARAGE: (NodeId, &str) = (NodeId(3), "Garage");
const GATE: (NodeId, &str) = (NodeId(4), "Gate");
const KEYPAD: NodeId = NodeId(5);
const NODES: usize = 4;
/// How long it all may take, but for the reader's own time.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often the API is asked how far something is.
const LOOK: Duration = Duration::from_millis(20);
/// Time to read a scene.
const SCENE: Duration = Duration::from_millis(900);

/// The story, and what it is told with.
pub(super) struct Story {
    api: Client,
    events: mpsc::Receiver<FromBroker>,
    world: SharedWorld,
    speed: f32,
    began: Instant,
}

/// Somebody with a code.
struct Guest {
    id: PersonId,
    name: String,
    code: String,
}

/// A lock with its keypad.
struct Door {
    node: NodeId,
    slug: Slug,
}

impl Story {
    /// A story that begins now.
    pub(super) fn new(api: Client, events: mpsc::Receiver<FromBroker>, world: SharedWorld, speed: f32) -> Self {
        Self { api, events, world, speed, began: Instant::now() }
    }

    /// Tells it to the end.
    pub(super) async fn tell(mut self) -> Outcome {
        self.meet_the_nodes().await?;
        let front = self.name(FRONT_DOOR).await?;
        let garage = self.name(GARAGE).await?;
        let gate = self.name(GATE).await?;
        self.pause().await;

        let ada = self.add("Ada", "Lovelace", &[&front, &garage, &gate]).await?;
        let grace = self.add("Grace", "Hopper", &[&front]).await?;
        self.follow(&[(&ada, &front), (&ada, &garage), (&ada, &gate), (&grace, &front)]).await?;
        self.pause().await;

        self.visit(&front, &ada.name, &ada.code).await?;
        self.visit(&gate, &ada.name, &ada.code).await?;
        self.visit(&garage, "Somebody", "0000").await?;
        self.type_at_the_keypad(&ada).await?;

        let grant = format!("/api/people/{}/grants/{}", ada.id, front.slug);
        self.api.call::<AcceptedView>(Method::DELETE, &grant, None).await?;
        self.say("you", &format!("take {} away from {}", front.slug, ada.name))?;
        self.follow(&[(&ada, &front)]).await?;
        self.pause().await;

        self.visit(&front, &ada.name, &ada.code).await?;
        self.visit(&front, &grace.name, &grace.code).await?;
        self.say("", "the end; the demo's files are removed")?;
        print(
            "\nWith a stick and a broker of your own:\n  \
             latchkey config > latchkey.toml        # then set [serial] port and [mqtt] url in it\n  \
             latchkey run --config latchkey.toml\n  \
             latchkey people add --first Ada --last Lovelace --generate --on front_door --wait",
        )
    }

    /// Waits until the daemon has found the stick and asked the nodes what they can do.
    async fn meet_the_nodes(&self) -> Outcome {
        self.say("daemon", "starts, finds the stick, and asks the locks and the keypad on its network what they can do")?;
        let mut met = Vec::new();
        while met.len() < NODES {
            self.in_time("the interviews")?;
            // The socket opens a moment after the daemon started.
            let Ok(network) = self.api.get::<NetworkView>("/api/network").await else {
                sleep(LOOK).await;
                continue;
            };
            for node in network.nodes {
                let (id, how) = (node.node, node.security);
                if node.interview == InterviewStage::Complete && !met.contains(&id) {
                    met.push(id);
                    let what = if id == KEYPAD { "keypad, which holds no codes," } else { "lock" };
                    self.say("daemon", &format!("knows the {what} at node {id}, included with security: {how}"))?;
                }
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Gives a lock a name, as its owner would.
    async fn name(&self, (node, name): (NodeId, &str)) -> Result<Door, Failure> {
        let path = loop {
            self.in_time("the way of a lock into the list of devices")?;
            let devices: Page<DeviceView> = self.api.get("/api/devices").await?;
            if let Some(device) = devices.items.iter().find(|device| device.node == Some(node)) {
                break format!("/api/devices/{}", device.id);
            }
            sleep(LOOK).await;
        };
        self.api.call::<AcceptedView>(Method::PATCH, &path, Some(&json!({ "name": name }))).await?;
        let device: DeviceView = self.api.get(&path).await?;
        let door = Door { node, slug: device.slug };
        let slots = device.slots.total;
        self.say("you", &format!("call the lock at node {node} `{}`; it has room for {slots} codes", door.slug))?;
        Ok(door)
    }

    /// Adds a person with a generated code.
    async fn add(&self, first: &str, last: &str, doors: &[&Door]) -> Result<Guest, Failure> {
        let on: Vec<&str> = doors.iter().map(|door| door.slug.as_str()).collect();
        let body = json!({ "first_name": first, "last_name": last, "generate": true, "on": on });
        let accepted: AcceptedView = self.api.call(Method::POST, "/api/people", Some(&body)).await?;
        let (Some(id), Some(code)) = (accepted.person, accepted.code) else {
            return Err(Failure::Refused(format!("{first} was added without a code")));
        };
        let guest = Guest { id, name: format!("{first} {last}"), code: code.reveal().to_owned() };
        self.say("you", &format!("add {}, who may open {}; the generated code is {}", guest.name, on.join(" and "), guest.code))?;
        Ok(guest)
    }

    /// Says every change of these grants until all are settled or gone.
    async fn follow(&self, grants: &[(&Guest, &Door)]) -> Outcome {
        let mut said = BTreeMap::new();
        loop {
            self.in_time("the way of a code into its lock")?;
            let people: Page<PersonView> = self.api.get("/api/people").await?;
            let mut settled = true;
            for (guest, door) in grants {
                let grants = people.items.iter().filter(|person| person.id == guest.id).flat_map(|person| &person.grants);
                let grant = grants.into_iter().find(|grant| grant.device.as_ref() == Some(&door.slug));
                settled &= grant.is_none_or(|grant| grant.settled);
                let line =
                    format!("{}: {}", guest.name, grant.map_or_else(|| "removed: the code is out of the lock".into(), standing));
                let before = said.insert((guest.id, &door.slug), line.clone());
                if before.as_ref() != Some(&line) {
                    self.say(door.slug.as_str(), &line)?;
                }
            }
            if settled {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    /// Somebody types a code at a door: what the door does, and what the broker's listeners hear of it.
    async fn visit(&mut self, door: &Door, who: &str, code: &str) -> Outcome {
        let typed = self.world.visit(|world, now| world.keypad(door.node, code.as_bytes(), now));
        let (does, event) = match typed {
            Some(Typed::Opened(slot)) => (format!("it opens, by the code in slot {slot}"), Happened::CodeUsed),
            Some(Typed::Jammed(_)) => ("the bolt is stuck".to_owned(), Happened::Jammed),
            Some(Typed::Wrong | Typed::Denied(_) | Typed::Message(_) | Typed::Admin) => {
                ("it stays shut".to_owned(), Happened::CodeDenied)
            }
            Some(Typed::KeypadDead) => ("the keypad is dead for a while".to_owned(), Happened::KeypadLockedOut),
            None => return Err(Failure::Refused(format!("there is no lock at node {}", door.node))),
        };
        self.say(door.slug.as_str(), &format!("{who} types {code}: {does}"))?;
        let topic = format!("latchkey/device/{}/event", door.slug);
        match timeout(PATIENCE, self.heard(&topic, event)).await {
            Ok(Some(event)) => self.say("broker", &format!("{topic}\n{:21}{event}", ""))?,
            Ok(None) | Err(_) => return Err(too_slow("the event of a visit")),
        }
        self.pause().await;
        Ok(())
    }

    /// Somebody types a code at the keypad and presses "disarm": the keypad asks, under its key, and keeps nothing.
    async fn type_at_the_keypad(&self, guest: &Guest) -> Outcome {
        let told = |world: &World, now| world.radio(now).nodes.get(&KEYPAD).map_or(0, |counts| counts.frames);
        let before = self.world.visit(|world, now| {
            world.visit(KEYPAD, |keypad| keypad.press(EventType::DISARM_ALL, guest.code.as_bytes(), now));
            told(world, now)
        });
        self.say("keypad", &format!("{} types {} and presses disarm", guest.name, guest.code))?;
        while self.world.visit(|world, now| told(world, now)) == before {
            self.in_time("the word of the keypad")?;
            sleep(LOOK).await;
        }
        self.say("daemon", "is asked by the keypad, and says nothing on: no alarm panel is set up that it could disarm")?;
        self.pause().await;
        Ok(())
    }

    /// The next event of that type on that topic; `None` once the listener is gone.
    async fn heard(&mut self, topic: &str, event_type: Happened) -> Option<String> {
        loop {
            let FromBroker::Inbound { topic: on, payload, retained: false } = self.events.recv().await? else { continue };
            if on != topic {
                continue;
            }
            let event = serde_json::from_slice::<EventView>(&payload);
            if event.is_ok_and(|event| event.event_type == event_type) {
                return String::from_utf8(payload).ok();
            }
        }
    }

    fn say(&self, who: &str, what: &str) -> Outcome {
        print(&format!("{:5.1} s  {who:10}  {what}", self.began.elapsed().as_secs_f64()))
    }

    fn in_time(&self, what: &str) -> Outcome {
        if self.began.elapsed() > PATIENCE { Err(too_slow(what)) } else { Ok(()) }
    }

    /// Time to read.
    async fn pause(&self) {
        sleep(SCENE.div_f32(self.speed)).await;
    }
}

/// A grant in the API's words and in the dashboard's.
fn standing(grant: &GrantView) -> String {
    let by = grant.confirmed_by.as_ref().map(|by| format!(", confirmed by {by}")).unwrap_or_default();
    format!("{}{by} ({})", grant.status, words::standing(grant))
}

fn too_slow(what: &str) -> Failure {
    Failure::Refused(format!("{what} took longer than three minutes; try again on a machine with less to do"))
}
