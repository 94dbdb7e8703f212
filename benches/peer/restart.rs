//! The host starts again and knows its locks. One lock is interviewed; both hosts' files are then given more of its kind.

use std::path::Path;
use std::time::Instant;

use latchkey::domain::batch::{Batch, Write};
use latchkey::domain::device::Device;
use latchkey::domain::entropy::Entropy;
use latchkey::domain::ids::{DeviceId, NodeId};
use latchkey::domain::node::Node;
use latchkey::domain::slot::{Slot, SlotKey};
use latchkey::domain::time::{Instant as Mono, Now};
use latchkey::store::{Place, Store};

use crate::harness::{Mock, Setup, free_port, seconds, until};
use crate::household::WALL;
use crate::ours::Ours;
use crate::peer::{run, tasks_in};
use crate::table::{Peer, Row};

/// Row "restart to ready", once for each size.
pub fn restart() -> Vec<Row> {
    let cache = tempfile::tempdir().unwrap();
    let mock = Mock::start("2:s2:uc1:30");
    tasks_in(cache.path(), &mock, None, &["ready"]);
    let mut ours = Ours::start(Setup::tcp(mock.port));
    ours.wait_known(1);
    drop(mock);
    let budgets = ["<= 0.3 s after the stick answers", "<= 0.4 s", "<= 0.6 s"];
    let sizes = [(10, 3, 0.3), (50, 12, 0.4), (100, 52, 0.6)];
    let rows = sizes.into_iter().zip(budgets).map(|((locks, first, limit), budget)| {
        assert!(ours.daemon.stop().success());
        let last = locks + 1;
        run("clone.mjs", &[cache.path().to_str().unwrap(), "2", &first.to_string(), &last.to_string()]);
        multiply(ours.daemon.dir.path(), first..=last);
        let all: Vec<_> = (2..=last).map(|node| format!("{node}:s2:uc1:30")).collect();
        let mock = Mock::start(&all.join(","));
        let there = tasks_in(cache.path(), &mock, None, &["ready"]).remove(0);

        let config = Setup::tcp(mock.port).lab_keys().config(ours.daemon.dir.path(), free_port());
        std::fs::write(ours.daemon.path("latchkey.toml"), config).unwrap();
        let began = Instant::now();
        ours.daemon.relaunch();
        until("the stick is ready", seconds(60), || {
            let status = ours.try_get("/api/status")?;
            (status["stick"]["state"] == "ready").then_some(())
        });
        let took = began.elapsed().as_secs_f64();
        let known = ours.get("/api/devices")["items"].as_array().unwrap().len();
        assert_eq!(known, usize::from(locks), "it forgot locks");
        Row {
            work: format!("restart to ready, {locks} locks (from the start of the process)"),
            peer: Peer::Measured(format!(
                "{:.1} s, driver ready at {:.1} s",
                there.seconds(),
                there.number("driver_ready_ms") / 1000.0
            )),
            here: format!("{took:.2} s"),
            ratio: Some(took / there.seconds()),
            budget,
            met: took <= limit,
        }
    });
    rows.collect()
}

/// Gives the store of a daemon that is not running more locks like the one that it has.
fn multiply(folder: &Path, nodes: std::ops::RangeInclusive<u16>) {
    let place = Place { database: folder.join("latchkey.db"), key_file: folder.join("store.key"), credentials: None };
    let now = Now { mono: Mono::ZERO, wall: WALL, trusted: false };
    let mut entropy = Entropy::from_number((*nodes.start()).into());
    let (mut store, known) = Store::open(&place, now, &entropy).expect("the daemon's store");
    let node = known.nodes.iter().find(|node| node.id == NodeId(2)).expect("the lock");
    let device = known.devices.iter().find(|device| device.node == Some(node.id)).expect("the lock");
    let mut batch = Batch::default();
    for id in nodes {
        let device = Device {
            id: DeviceId::new(&mut entropy),
            slug: format!("copy_{id}").parse().expect("a slug"),
            node: Some(NodeId(id)),
            ..device.clone()
        };
        batch.writes.push(Write::PutNode(Node { id: NodeId(id), ..node.clone() }));
        for slot in known.slots.iter().filter(|slot| Some(slot.key.device) == known.devices.first().map(|d| d.id)) {
            batch.writes.push(Write::PutSlot(Slot { key: SlotKey { device: device.id, ..slot.key }, ..slot.clone() }));
        }
        batch.writes.push(Write::PutDevice(device));
    }
    store.apply(&batch).expect("a commit");
}
