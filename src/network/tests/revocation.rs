//! A code that must stop working goes, whatever else is asked for.

use super::*;

fn two_locks() -> Bench {
    Bench::with_known(&[(LOCK, Peer::lock()), (OTHER, Peer::lock())])
}

#[test]
fn a_revocation_does_not_wait_for_a_bolt_that_can_t_be_reached() {
    let mut bench = two_locks();
    let dead = bench.controller.nodes.get_mut(&LOCK).unwrap();
    (dead.listens, dead.airtime) = (false, Duration::from_secs(15));
    bench.controller.results.push_back(Err(Trouble::Stuck));
    let unlock = bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    bench.run(100);
    let began = bench.clock;
    let revoke = bench.submit(OTHER, Priority::Revoke, write_code(1), Completion::Supervised);
    bench.run(6_000);
    assert_eq!(bench.outcome(revoke), Some(&Outcome::Accepted));
    assert!(bench.ended_at(revoke).unwrap().since(began) < Duration::from_secs(5));
    bench.run(120_000);
    assert!(bench.outcome(unlock).is_some());
}

#[test]
fn a_revocation_does_not_wait_for_a_write_that_can_t_be_sent() {
    let mut bench = two_locks();
    bench.controller.results.push_back(Err(Trouble::Stuck));
    bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(100);
    let began = bench.clock;
    let revoke = bench.submit(OTHER, Priority::Revoke, write_code(1), Completion::Supervised);
    bench.run(5_000);
    assert!(bench.ended_at(revoke).unwrap().since(began) < Duration::from_secs(4));
}

#[test]
fn an_unlock_does_not_stop_a_revocation_on_the_air() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().airtime = Duration::from_secs(4);
    let revoke = bench.submit(LOCK, Priority::Revoke, write_code(1), Completion::Supervised);
    bench.run(100);
    let unlock = bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    bench.run(10_000);
    assert_eq!(bench.outcome(revoke), Some(&Outcome::Accepted));
    assert_eq!(bench.sent_to(LOCK).len(), 1, "it was not stopped");
    assert_eq!(bench.outcome(unlock), Some(&Outcome::Accepted));
}

#[test]
fn a_slow_lock_is_operated_although_codes_are_being_revoked() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().airtime = Duration::from_millis(3_500);
    let unlock = bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    for user in 1..=10 {
        bench.submit(OTHER, Priority::Revoke, write_code(user), Completion::Supervised);
    }
    bench.run(20_000);
    assert_eq!(bench.outcome(unlock), Some(&Outcome::Accepted));
}

#[test]
fn a_write_that_was_stopped_on_the_air_is_not_taken_back_as_unsent() {
    let mut bench = two_locks();
    bench.controller.results.push_back(Err(Trouble::Stuck));
    let write = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(100);
    bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    bench.run(1_800);
    assert_eq!(bench.network.queued(LOCK), 1, "it made room");
    bench.network.cancel(write);
    bench.drain();
    assert_eq!(bench.outcome(write), Some(&Outcome::ControllerGone));
}

#[test]
fn a_write_that_the_lock_was_too_busy_for_is_not_taken_back_as_unsent() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |command| match command {
        Command::Supervision(Supervision::Get(get)) => vec![supervised(get.session, Status::BUSY)],
        _ => Vec::new(),
    };
    let write = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(1_500);
    assert_eq!(bench.network.queued(LOCK), 1);
    bench.network.cancel(write);
    bench.drain();
    assert_eq!(bench.outcome(write), Some(&Outcome::NoReport));
}

#[test]
fn a_write_whose_node_is_removed_while_it_is_on_the_air_is_not_unsent() {
    let mut bench = two_locks();
    let write = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(500);
    bench.network.remove_node(LOCK);
    bench.run(5_000);
    assert!(matches!(bench.outcome(write), Some(Outcome::NoReport | Outcome::ControllerGone)), "{:?}", bench.outcome(write));
}

#[test]
fn a_revocation_does_not_wait_for_a_bolt_that_moves_for_a_minute() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |command| match command {
        Command::Supervision(Supervision::Get(get)) if matches!(*get.command, Command::DoorLock(_)) => {
            let working = supervision::Report {
                more_updates: true,
                duration: crate::command::codec::Transition(60),
                ..supervision::Report::final_of(get.session, Status::WORKING)
            };
            vec![Command::Supervision(Supervision::Report(working))]
        }
        other => lock_answers(other),
    };
    let lock = bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    bench.run(1_500);
    let began = bench.clock;
    let revoke = bench.submit(LOCK, Priority::Revoke, write_code(1), Completion::Supervised);
    bench.run(10_000);
    assert_eq!(bench.outcome(revoke), Some(&Outcome::Accepted));
    assert!(bench.ended_at(revoke).unwrap().since(began) < Duration::from_secs(5));
    // The end of the bolt's way is heard all the same.
    let (_, Command::Supervision(Supervision::Get(get))) = bench.sent_to(LOCK)[0].clone() else { panic!("supervised") };
    bench.hear(LOCK, &supervised(get.session, Status::SUCCESS));
    assert_eq!(bench.outcome(lock), Some(&Outcome::Accepted));
}

#[test]
fn operating_an_old_lock_again_and_again_does_not_hold_up_its_revocation() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::old_lock()), (OTHER, Peer::old_lock())]);
    for _ in 0..20 {
        bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
        bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    }
    bench.run(3_000);
    let began = bench.clock;
    let revoke = bench.submit(LOCK, Priority::Revoke, write_code(1), Completion::Supervised);
    bench.run(10_000);
    assert!(bench.ended_at(revoke).unwrap().since(began) < Duration::from_secs(5));
}
