//! Power cuts: `kill -9` at random moments of a roll-out.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::harness::{Broker, Daemon, Dice, Mock, Proxy, Setup, figure, let_pass, seconds, until};

const KILLS: u64 = 50;
const PEOPLE: u64 = 30;
const FOREIGN: [(u16, &[(u16, &str)]); 2] =
    [(6, &[(2, "2468"), (29, "13579"), (40, "864209")]), (8, &[(1, "9090"), (33, "70707")])];

/// Thirty codes roll out to two locks while the daemon dies fifty times. Whenever all grants are active the locks hold
/// exactly what they should, and everybody gets a new code, so that every kill finds a roll-out under way.
#[test]
fn fifty_power_cuts_lose_no_code_no_event_and_touch_nothing_foreign() {
    let mut dice = Dice::new();
    let (mock, broker) = (Mock::start("6:none:uc1:40,8:none:uc2:40"), Broker::start());
    let proxy = Proxy::to(mock.port);
    for (node, codes) in FOREIGN {
        mock.plant(node, codes);
    }
    let subscriber = broker.subscribe("watch");
    let mut daemon = Daemon::start(Setup::tcp(proxy.port).mqtt(broker.port));
    let locks = daemon.locks(2);
    let code = |round: u64, person: u64| format!("{:06}", 410_000 + round * 1_711 + person * 37);
    daemon.add("Visitor", "775533", &[&locks[&6]], true);
    let visitor = mock.slot_of(6, "775533");

    let mut round = 0;
    let (mut roll_outs, mut seen) = (0, BTreeSet::new());
    for person in 0..PEOPLE {
        daemon.add(&format!("P{person:02}"), &code(round, person), &[&locks[&6], &locks[&8]], false);
    }
    for kill in 0..KILLS {
        if kill % 5 == 0 {
            mock.unlock(6, visitor);
            until("the visit is recorded", seconds(30), || {
                let used = daemon.codes_used();
                let before = seen.len();
                seen.extend(used.iter().map(|e| e["event_id"].as_str().unwrap().to_owned()));
                (seen.len() > before).then_some(())
            });
        }
        let_pass(Duration::from_millis(dice.roll(800)));
        daemon.kill9();
        // Mostly a second goes by, as under systemd; the mock needs it to stop waiting for the dead host's ACK, and a daemon
        // that comes sooner sits out the 65 s in which a real stick would have said how a transmission ended.
        if dice.roll(4) > 0 {
            let_pass(Duration::from_millis(1_200));
        }
        daemon.restart();
        if daemon.statuses().iter().all(|(_, s)| s == "active") {
            locks_hold_exactly(&mock, (0..PEOPLE).map(|p| code(round, p)));
            roll_outs += 1;
            round += 1;
            for person in 0..PEOPLE {
                daemon.ok_with(
                    &["people", "edit", &format!("P{person:02} Test"), "--code", "-"],
                    &format!("{}\n", code(round, person)),
                );
            }
        }
    }
    assert!(roll_outs > 0, "no roll-out ever converged between two power cuts");
    daemon.wait_all_active(seconds(180));
    locks_hold_exactly(&mock, (0..PEOPLE).map(|p| code(round, p)));

    for written in proxy.user_code_commands().into_iter().filter(|c| c.is_write) {
        let foreign = FOREIGN.iter().any(|(node, codes)| *node == written.node && codes.iter().any(|(s, _)| *s == written.slot));
        assert!(!foreign, "wrote to slot {} of lock {}, which is not ours", written.slot, written.node);
    }
    let listed: BTreeSet<_> = daemon.codes_used().iter().map(|e| e["event_id"].as_str().unwrap().to_owned()).collect();
    assert!(seen.is_subset(&listed), "forgot events: {:?}", seen.difference(&listed));
    until("every recorded event on MQTT", seconds(30), || {
        let published: BTreeSet<_> =
            subscriber.codes_used().iter().map(|m| m.payload["event_id"].as_str().unwrap().to_owned()).collect();
        seen.is_subset(&published).then_some(())
    });
    figure(&format!(
        "kill -9: {KILLS} times, {} roll-outs of {PEOPLE} codes to 2 locks converged, {} events kept",
        roll_outs + 1,
        seen.len()
    ));
}

/// The codes of `people`, the visitor's on lock 6, and what others put there: nothing more, nothing less.
fn locks_hold_exactly(mock: &Mock, people: impl Iterator<Item = String> + Clone) {
    for (node, foreign) in FOREIGN {
        let held = mock.codes(node);
        for (slot, code) in foreign {
            assert_eq!(held.get(slot).map(String::as_str), Some(*code), "lock {node} slot {slot} was not ours");
        }
        let visitor = (node == 6).then(|| "775533".to_owned());
        let mut wanted: Vec<_> = people.clone().chain(visitor).chain(foreign.iter().map(|(_, c)| (*c).to_owned())).collect();
        let mut codes: Vec<_> = held.into_values().collect();
        wanted.sort();
        codes.sort();
        assert_eq!(codes, wanted, "lock {node}");
    }
}
