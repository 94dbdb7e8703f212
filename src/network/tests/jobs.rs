use super::*;

fn two_locks() -> Bench {
    Bench::with_known(&[(LOCK, Peer::lock()), (OTHER, Peer::lock())])
}

#[test]
fn a_supervised_write_is_confirmed_with_one_frame() {
    let mut bench = two_locks();
    let job = bench.submit(LOCK, Priority::Write, write_code(3), Completion::Supervised);
    bench.run(3000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
    assert_eq!(bench.sent_to(LOCK).len(), 1);
    let cost = bench.network.radio(LOCK);
    assert_eq!((cost.frames, cost.wakeups, cost.airtime_ms), (1, 1, 1100));
}

#[test]
fn a_read_ends_with_its_own_slot_and_not_with_another() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |_| vec![code_report(9), code_report(4)];
    let job = bench.submit(LOCK, Priority::Background, read_code(4), Completion::Reply);
    bench.run(3000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Reply(code_report(4))));
    assert_eq!(bench.received(), [(LOCK, code_report(9)), (LOCK, code_report(4))]);
}

#[test]
fn a_report_that_comes_before_the_callback_is_not_lost() {
    let mut bench = two_locks();
    let job = bench.submit(LOCK, Priority::Write, read_code(4), Completion::Reply);
    bench.run(500);
    bench.hear(LOCK, &code_report(4));
    assert_eq!(bench.outcome(job), None, "the controller is still sending");
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |_| Vec::new();
    bench.run(700);
    assert_eq!(bench.outcome(job), Some(&Outcome::Reply(code_report(4))));
}

#[test]
fn a_lost_acknowledgement_is_no_failure_when_the_report_came() {
    let mut bench = two_locks();
    bench.controller.results.push_back(Ok(TxStatus::NO_ACK));
    let job = bench.submit(LOCK, Priority::Write, read_code(4), Completion::Reply);
    bench.run(500);
    bench.hear(LOCK, &code_report(4));
    bench.run(1000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Reply(code_report(4))));
    assert_eq!(bench.sent_to(LOCK).len(), 1);
}

#[test]
fn a_late_report_is_not_lost() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().thinks = Duration::from_millis(2300);
    bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    let job = bench.submit(LOCK, Priority::Write, read_code(4), Completion::Reply);
    bench.run(7000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Reply(code_report(4))));
}

#[test]
fn one_lock_thinks_while_another_is_sent_to() {
    let mut bench = two_locks();
    for lock in [LOCK, OTHER] {
        bench.controller.nodes.get_mut(&lock).unwrap().thinks = Duration::from_millis(1000);
    }
    for user in 1..=5 {
        bench.submit(LOCK, Priority::Write, write_code(user), Completion::Supervised);
        bench.submit(OTHER, Priority::Write, write_code(user), Completion::Supervised);
    }
    // Before it is known how long they think, each first one is waited for.
    bench.run(13_000);
    let done = bench.events.iter().filter(|(_, event)| matches!(event, NetworkEvent::JobDone { .. })).count();
    assert_eq!(done, 10, "ten beams of 1.1 s, and no second of thinking between them");
    for lock in [LOCK, OTHER] {
        let sent: Vec<Instant> = bench.sent_to(lock).iter().map(|(at, _)| *at).collect();
        assert!(sent.is_sorted_by(|a, b| b.since(*a) >= Duration::from_millis(2100)), "one thing at a time for each lock");
    }
}

#[test]
fn an_unlock_goes_before_a_roll_out() {
    let mut bench = two_locks();
    for user in 1..=5 {
        bench.submit(LOCK, Priority::Write, write_code(user), Completion::Supervised);
    }
    bench.submit(OTHER, Priority::Background, read_code(1), Completion::Reply);
    let revoke = bench.submit(OTHER, Priority::Revoke, write_code(1), Completion::Supervised);
    let unlock = bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    bench.run(20_000);
    assert_eq!(bench.sent_to(LOCK).len(), 5);
    let unlocked = bench.ended_at(unlock).unwrap();
    assert!(unlocked < bench.ended_at(revoke).unwrap());
    assert!(unlocked.since(Instant::from_millis(3000)) < Duration::from_secs(3), "it waited for one transmission only");
}

#[test]
fn a_lock_without_supervision_is_sent_bare_commands_and_time_to_store_them() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::old_lock())]);
    let first = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    let second = bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    bench.run(5000);
    assert_eq!(bench.outcome(first), Some(&Outcome::Delivered));
    assert_eq!(bench.outcome(second), Some(&Outcome::Delivered));
    let sent = bench.sent_to(LOCK);
    assert_eq!(sent[0].1, write_code(1));
    assert!(sent[1].0.since(sent[0].0) >= Duration::from_millis(2100));
}

#[test]
fn a_node_that_refuses_supervision_is_asked_once_and_then_sent_bare_commands() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |command| match command {
        Command::Supervision(Supervision::Get(get)) => vec![supervised(get.session, Status::NO_SUPPORT)],
        _ => Vec::new(),
    };
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(5000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Delivered));
    assert!(bench.network.node(LOCK).unwrap().supervision_refused);
    assert!(bench.events.iter().any(|(_, event)| *event == NetworkEvent::NodeChanged(LOCK)), "it is kept");
    bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    bench.run(5000);
    assert_eq!(bench.sent_to(LOCK)[1..].iter().map(|(_, it)| it.clone()).collect::<Vec<_>>(), [write_code(1), write_code(2)]);
}

#[test]
fn a_lock_that_is_working_is_waited_for() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |command| match command {
        Command::Supervision(Supervision::Get(get)) => {
            let report = supervision::Report {
                more_updates: true,
                duration: crate::command::codec::Transition(4),
                ..supervision::Report::final_of(get.session, Status::WORKING)
            };
            vec![Command::Supervision(Supervision::Report(report))]
        }
        _ => Vec::new(),
    };
    let job = bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    bench.run(5000);
    assert_eq!(bench.outcome(job), None);
    let (_, Command::Supervision(Supervision::Get(get))) = bench.sent_to(LOCK)[0].clone() else { panic!("supervised") };
    bench.hear(LOCK, &supervised(get.session, Status::SUCCESS));
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));

    let silent = bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    bench.run(30_000);
    assert_eq!(bench.outcome(silent), Some(&Outcome::NoReport));
    assert_eq!(bench.sent_to(LOCK).len(), 2, "a lock that said it works is not told twice");
}

#[test]
fn a_refusal_is_distinguished_from_silence() {
    let mut bench = two_locks();
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |command| match command {
        Command::Supervision(Supervision::Get(get)) => vec![supervised(get.session, Status::FAIL)],
        _ => Vec::new(),
    };
    let refused = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(5000);
    assert_eq!(bench.outcome(refused), Some(&Outcome::Refused));

    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |_| Vec::new();
    let silent = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(20_000);
    assert_eq!(bench.outcome(silent), Some(&Outcome::NoReport));
    let sessions: Vec<_> = bench.sent_to(LOCK)[1..].iter().map(|(_, command)| command.clone()).collect();
    assert_eq!(sessions.len(), 3);
    assert!(sessions.iter().all(|command| *command == sessions[0]), "retransmissions keep the session");
}

#[test]
fn a_class_the_node_lacks_costs_no_frame() {
    let mut bench = two_locks();
    let job =
        bench.submit(LOCK, Priority::Write, Command::WakeUp(crate::command::wake_up::WakeUp::IntervalGet), Completion::Reply);
    assert_eq!(bench.outcome(job), Some(&Outcome::Unsupported));
    assert!(bench.sent_to(LOCK).is_empty());
}

#[test]
fn a_job_that_is_too_old_or_taken_back_does_not_leave() {
    let mut bench = two_locks();
    bench.submit(OTHER, Priority::Write, write_code(1), Completion::Supervised);
    let time = bench.time();
    let deadline = Some(bench.clock + Duration::from_millis(500));
    let job = Job { node: LOCK, priority: Priority::Operate, command: operate(), expect: Completion::Supervised, deadline };
    let stale = bench.network.submit(job, time);
    let unwanted = bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    bench.network.cancel(unwanted);
    bench.run(10_000);
    assert_eq!(bench.outcome(stale), Some(&Outcome::Expired));
    assert_eq!(bench.outcome(unwanted), Some(&Outcome::Cancelled));
    assert!(bench.sent_to(LOCK).is_empty());
}

#[test]
fn a_supervised_report_is_answered_and_its_repeat_does_not_happen_twice() {
    let mut bench = two_locks();
    let session = SessionId::new(9);
    let report = envelope::supervise(event(), session);
    bench.hear(LOCK, &report);
    bench.run(1200);
    bench.hear(LOCK, &report);
    bench.run(1200);
    assert_eq!(bench.received(), [(LOCK, event())]);
    let answers: Vec<Command> = bench.sent_to(LOCK).into_iter().map(|(_, command)| command).collect();
    assert_eq!(answers, [supervised(session, Status::SUCCESS), supervised(session, Status::SUCCESS)]);

    bench.run(60_000);
    bench.hear(LOCK, &report);
    assert_eq!(bench.received().len(), 2, "some locks have one session id for everything");
}

#[test]
fn a_multicast_is_heard_and_never_answered() {
    let mut bench = two_locks();
    bench.hear_with(LOCK, &envelope::supervise(event(), SessionId::new(1)), RxStatus(0x08));
    bench.run(3000);
    assert_eq!(bench.received().len(), 1);
    assert!(bench.sent_to(LOCK).is_empty());
}

#[test]
fn a_stranger_and_a_foreign_home_are_not_heard() {
    let mut bench = two_locks();
    bench.hear(NodeId(77), &event());
    bench.hear_with(LOCK, &event(), RxStatus(0x80));
    assert!(bench.received().is_empty());
}

#[test]
fn a_node_with_s2_is_never_downgraded_to_clear() {
    let mut node = known(LOCK, &Peer::lock());
    (node.security, node.security_known) = (SecurityClass::S2AccessControl, true);
    let mut bench = Bench::new(&[(LOCK, Peer::lock())], vec![node], Some(HOME), Options::default());
    bench.start();
    bench.hear(LOCK, &event());
    bench.hear(LOCK, &envelope::supervise(event(), SessionId::new(1)));
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(5000);
    assert!(bench.received().is_empty());
    let in_clear: Vec<_> = bench.sent_to(LOCK).iter().map(|(_, command)| command.to_string()).collect();
    assert!(!in_clear.is_empty() && in_clear.iter().all(|said| said == "Security 2 NonceGet"), "{in_clear:?}");
    bench.run(60_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::NoNonce), "without a nonce the code never went out");
}

#[test]
fn a_flood_of_supervised_reports_fills_no_memory() {
    let mut bench = two_locks();
    for session in 0..60 {
        bench.hear(LOCK, &envelope::supervise(event(), SessionId::new(session)));
    }
    assert_eq!(bench.received().len(), 60);
    assert!(bench.network.queue.iter().count() <= 8);
}

#[test]
fn a_lock_that_confirms_nothing_is_asked_at_once_and_written_to_when_it_has_answered() {
    let quick = Peer { airtime: Duration::from_millis(20), thinks: Duration::from_millis(20), ..Peer::old_lock() };
    let mut bench = Bench::with_known(&[(LOCK, quick)]);
    let write = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    let read = bench.submit(LOCK, Priority::Write, read_code(1), Completion::Reply);
    let next = bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    bench.run(500);
    assert_eq!(bench.outcome(write), Some(&Outcome::Delivered));
    assert!(matches!(bench.outcome(read), Some(Outcome::Reply(_))), "the answer is waited for without need");
    assert_eq!(bench.outcome(next), Some(&Outcome::Delivered), "the lock answered, so it has time");

    // Without a question in between it is left alone.
    let after = bench.submit(LOCK, Priority::Write, write_code(3), Completion::Supervised);
    bench.run(500);
    assert_eq!(bench.outcome(after), None);
    bench.run(1_000);
    assert_eq!(bench.outcome(after), Some(&Outcome::Delivered));
}
