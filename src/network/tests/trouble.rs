use super::*;

fn one_lock() -> Bench {
    Bench::with_known(&[(LOCK, Peer::lock()), (OTHER, Peer::lock())])
}

#[test]
fn a_controller_that_drops_a_transmission_costs_ten_seconds_and_not_a_minute() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::lock())]);
    bench.start();
    bench.controller.mute = BTreeSet::from([FunctionId::SEND_DATA, FunctionId::SEND_DATA_BRIDGE]);
    let job = bench.submit(LOCK, Priority::Write, write_code(3), Completion::Supervised);
    bench.run(11_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::ControllerGone), "whether it arrived is unknown: the owner looks");
    assert_eq!(bench.reopened, 1);
}

#[test]
fn a_lost_response_still_waits_for_the_callback() {
    let mut bench = one_lock();
    bench.controller.results.push_back(Err(Trouble::ResponseLost));
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(3000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
    assert_eq!(bench.sent_to(LOCK).len(), 1);
}

#[test]
fn a_full_controller_is_tried_again_and_not_held_against_the_lock() {
    let mut bench = one_lock();
    bench.controller.results.extend([Err(Trouble::NotAccepted); 2]);
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(3000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
    let sent = bench.sent_to(LOCK);
    assert!(sent[1].0.since(sent[0].0) >= Duration::from_millis(100));
}

#[test]
fn a_jammed_radio_is_waited_out_and_then_reported_as_such() {
    let mut bench = one_lock();
    bench.controller.results.extend([Ok(TxStatus::FAIL); 3]);
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(15_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
    assert_eq!(bench.sent_to(LOCK).len(), 4);

    bench.controller.results.extend([Ok(TxStatus::FAIL); 6]);
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(30_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::ControllerBusy));
    assert_eq!(bench.reaches(LOCK), [Reach::Alive], "a jammed radio says nothing about a lock");
}

#[test]
fn a_write_that_failed_on_the_air_is_not_reported_as_unsent() {
    let mut bench = one_lock();
    bench.controller.results.extend([Err(Trouble::FailedOnAir); 6]);
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(30_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::ControllerGone));
}

#[test]
fn a_dead_lock_is_pinged_left_alone_and_back_when_it_is_heard() {
    let mut bench = one_lock();
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(10_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::NoAck));
    assert_eq!(bench.network.reach(LOCK), Reach::Dead);
    let sent: Vec<Command> = bench.sent_to(LOCK).into_iter().map(|(_, command)| command).collect();
    assert_eq!(sent.len(), 4);
    assert_eq!(sent[3], Command::NoOperation);

    let waiting = bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    bench.run(10_000);
    assert_eq!(bench.sent_to(LOCK).len(), 4, "it is left alone");
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = true;
    bench.hear(LOCK, &event());
    bench.run(3000);
    assert_eq!(bench.network.reach(LOCK), Reach::Alive);
    assert_eq!(bench.outcome(waiting), Some(&Outcome::Accepted));
}

#[test]
fn a_dead_lock_is_tried_ever_more_rarely() {
    let mut bench = one_lock();
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(6 * 3_600_000);
    let sent: Vec<Instant> = bench.sent_to(LOCK).into_iter().map(|(at, _)| at).collect();
    assert!((10..=12).contains(&sent.len()), "{} frames in six hours", sent.len());
    let pauses: Vec<u64> = sent[3..].windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert!(pauses.is_sorted_by(|a, b| *b + 400 > *a) && pauses[0] < 40 && *pauses.last().unwrap() >= 3600, "{pauses:?}");
    assert_eq!(bench.reaches(LOCK), [Reach::Dead], "said once");
}

#[test]
fn an_unlock_is_tried_on_a_dead_lock_at_once() {
    let mut bench = one_lock();
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(10_000);
    let unlock = bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    bench.run(1500);
    assert_eq!(bench.outcome(unlock), Some(&Outcome::NoAck));
}

#[test]
fn a_lock_that_misses_one_beam_is_not_suspected() {
    let mut bench = one_lock();
    bench.controller.results.extend([Ok(TxStatus::NO_ACK); 2]);
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(10_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
    assert_eq!(bench.reaches(LOCK), [Reach::Alive]);
}

#[test]
fn a_failing_lock_does_not_hold_up_the_others() {
    let mut bench = one_lock();
    let dead = bench.controller.nodes.get_mut(&LOCK).unwrap();
    dead.listens = false;
    dead.airtime = Duration::from_secs(6);
    for user in 1..=10 {
        bench.submit(LOCK, Priority::Write, write_code(user), Completion::Supervised);
        bench.submit(OTHER, Priority::Write, write_code(user), Completion::Supervised);
    }
    bench.run(24_000);
    let done = bench
        .events
        .iter()
        .filter(|(_, event)| matches!(event, NetworkEvent::JobDone { node: OTHER, outcome: Outcome::Accepted, .. }));
    assert_eq!(done.count(), 10);
}

#[test]
fn an_answer_does_not_wait_behind_a_stuck_transmission() {
    let mut bench = one_lock();
    bench.controller.results.push_back(Err(Trouble::Stuck));
    let stuck = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(200);
    bench.hear(OTHER, &envelope::supervise(event(), SessionId::new(3)));
    bench.run(1800);
    assert!(bench.requests.iter().any(|(_, request)| *request == Request::SendDataAbort));
    assert_eq!(bench.sent_to(OTHER).len(), 1, "answered");
    bench.run(5000);
    assert_eq!(bench.outcome(stuck), Some(&Outcome::Accepted), "and the other one went again");
    let Command::Supervision(Supervision::Get(_)) = bench.sent_to(LOCK)[1].1 else { panic!("the same command again") };
}

#[test]
fn a_transmission_that_never_ends_is_aborted_after_twenty_seconds() {
    let mut bench = one_lock();
    bench.controller.results.push_back(Err(Trouble::Stuck));
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(19_900);
    assert!(!bench.requests.iter().any(|(_, request)| *request == Request::SendDataAbort));
    bench.run(10_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
}

#[test]
fn a_hung_controller_is_reopened_and_reported() {
    let mut bench = one_lock();
    bench.controller.results.push_back(Err(Trouble::Hung));
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    let next = bench.submit(LOCK, Priority::Write, write_code(2), Completion::Supervised);
    bench.run(66_000);
    assert_eq!(bench.outcome(job), Some(&Outcome::ControllerGone));
    assert_eq!(bench.reopened, 1);
    bench.now(Input::LinkUp);
    bench.run(5000);
    assert!(bench.requests.iter().any(|(_, request)| *request == Request::SoftReset), "a hung controller is reset");
    assert_eq!(bench.outcome(next), Some(&Outcome::Accepted), "what waited goes on");
}

#[test]
fn an_unplugged_controller_loses_no_get_and_reports_writes_in_doubt() {
    let mut bench = one_lock();
    bench.controller.nodes.get_mut(&LOCK).unwrap().thinks = Duration::from_millis(1000);
    let write = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(1200);
    let read = bench.submit(OTHER, Priority::Write, read_code(1), Completion::Reply);
    bench.run(100);
    bench.now(Input::LinkDown { why: "unplugged".into() });
    assert_eq!(bench.outcome(write), Some(&Outcome::ControllerGone));
    assert_eq!(*bench.network.controller(), ControllerStatus::Absent { why: "unplugged".into() });
    bench.run(20_000);
    bench.requests.clear();
    bench.controller.width = NodeIdWidth::Bits8;
    bench.now(Input::LinkUp);
    bench.run(3000);
    assert_eq!(bench.outcome(read), Some(&Outcome::Reply(code_report(1))));
    assert!(
        !bench.requests.iter().any(|(_, request)| *request == Request::SoftReset),
        "a controller that was unplugged is fresh"
    );
}

#[test]
fn a_controller_that_restarts_by_itself_is_set_up_again() {
    let mut bench = one_lock();
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(100);
    bench.controller.width = NodeIdWidth::Bits8;
    let started = bench.controller.started(3).unwrap();
    bench.now(Input::Frame(started));
    assert_eq!(bench.outcome(job), Some(&Outcome::ControllerGone));
    bench.run(1000);
    assert!(matches!(bench.network.controller(), ControllerStatus::Ready(_)));
    assert_eq!(bench.controller.width, NodeIdWidth::Bits16, "wide ids are back");
    let again = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(3000);
    assert_eq!(bench.outcome(again), Some(&Outcome::Accepted));
}

#[test]
fn a_callback_of_a_transmission_long_given_up_ends_nothing() {
    let mut bench = one_lock();
    bench.now(Input::Frame(Frame::request(FunctionId::SEND_DATA_BRIDGE, vec![42, 0])));
    bench.now(Input::Frame(Frame::response(FunctionId::SEND_DATA_BRIDGE, vec![0])));
    bench.now(Input::Frame(Frame::request(FunctionId::BRIDGE_APPLICATION_COMMAND, vec![0])));
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.now(Input::Frame(Frame::request(FunctionId::SEND_DATA_BRIDGE, vec![42, 1])));
    bench.run(3000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
}

#[test]
fn a_sleeper_gets_its_commands_when_it_wakes_and_is_sent_back_to_sleep() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::sleeper())]);
    let job = bench.submit(LOCK, Priority::Awake, write_code(1), Completion::Supervised);
    bench.run(60_000);
    assert_eq!(bench.sent_to(LOCK).len(), 0);
    bench.hear(LOCK, &Command::WakeUp(crate::command::wake_up::WakeUp::Notification));
    bench.run(2000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
    let last = bench.sent_to(LOCK).last().unwrap().1.clone();
    assert_eq!(last, Command::WakeUp(crate::command::wake_up::WakeUp::NoMoreInformation));
    assert_eq!(bench.reaches(LOCK).last(), Some(&Reach::Asleep));
    assert!(!bench.reaches(LOCK).contains(&Reach::Dead));
}

#[test]
fn a_sleeper_that_dozed_off_keeps_its_commands_and_is_not_called_dead() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::sleeper())]);
    let job = bench.submit(LOCK, Priority::Awake, write_code(1), Completion::Supervised);
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = false;
    bench.hear(LOCK, &Command::WakeUp(crate::command::wake_up::WakeUp::Notification));
    bench.run(60_000);
    assert_eq!(bench.sent_to(LOCK).len(), 1);
    assert_eq!(bench.reaches(LOCK), [Reach::Asleep, Reach::Alive, Reach::Asleep]);
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = true;
    bench.hear(LOCK, &Command::WakeUp(crate::command::wake_up::WakeUp::Notification));
    bench.run(2000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
}

#[test]
fn a_sleeping_keypad_still_gets_its_answer() {
    let mut bench = Bench::with_known(&[(LOCK, Peer::sleeper())]);
    bench.hear(LOCK, &envelope::supervise(event(), SessionId::new(3)));
    bench.run(1000);
    assert_eq!(bench.sent_to(LOCK).len(), 1);
    assert_eq!(bench.sent_to(LOCK)[0].1, supervised(SessionId::new(3), Status::SUCCESS));
}

#[test]
fn a_write_that_left_is_never_called_unsent() {
    let mut bench = one_lock();
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = |_| Vec::new();
    let job = |deadline_ms: u64, clock: Instant| Job {
        node: LOCK,
        priority: Priority::Write,
        command: write_code(1),
        expect: Completion::Supervised,
        deadline: Some(clock + Duration::from_millis(deadline_ms)),
    };
    let time = bench.time();
    // The report is given up at 3.3 s; the next try waits behind another lock's transmission.
    let job = bench.network.submit(job(3500, time.mono), time);
    bench.run(3000);
    bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    bench.run(5000);
    assert_eq!(bench.sent_to(LOCK).len(), 1);
    assert_eq!(bench.outcome(job), Some(&Outcome::NoReport));
}

#[test]
fn a_frame_the_link_gave_up_does_not_stop_the_machine() {
    let mut bench = one_lock();
    let unlock = bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    let read = bench.submit(OTHER, Priority::Write, read_code(1), Completion::Reply);
    // Before the controller's own answers: they are planned for the next milliseconds.
    bench.now(Input::Failed(SendId(bench.network.last_send), SendFailure::NoAck));
    assert_eq!(bench.outcome(unlock), Some(&Outcome::ControllerGone), "nobody unlocks a door a minute later");
    bench.run(5000);
    assert_eq!(bench.outcome(read), Some(&Outcome::Reply(code_report(1))));

    bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.now(Input::Failed(SendId(bench.network.last_send), SendFailure::Refused));
    bench.run(5000);
    assert_eq!(bench.sent_to(LOCK).len(), 3, "a refused frame goes again");
}

#[test]
fn a_controller_that_dies_of_its_reset_is_not_reset_again_at_once() {
    let mut bench = one_lock();
    bench.network =
        Network::new(vec![known(LOCK, &Peer::lock())], Some(HOME), keys(), Options::default(), Entropy::from_number(1));
    bench.controller.width = NodeIdWidth::Bits8;
    bench.controller.mute = BTreeSet::from([FunctionId::MEMORY_GET_ID]);
    bench.now(Input::LinkUp);
    bench.run(60_000);
    assert_eq!(bench.reopened, 1);
    bench.controller.mute.clear();
    bench.requests.clear();
    bench.now(Input::LinkUp);
    bench.run(1000);
    assert!(matches!(bench.network.controller(), ControllerStatus::Ready(_)));
    assert!(!bench.requests.iter().any(|(_, request)| *request == Request::SoftReset));
}

#[test]
fn an_unresponsive_controller_is_opened_afresh_once() {
    let mut bench = one_lock();
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.now(Input::Unresponsive);
    assert_eq!((bench.reopened, bench.outcome(job)), (1, Some(&Outcome::ControllerGone)));
    assert!(matches!(bench.network.controller(), ControllerStatus::Absent { .. }));
    bench.replug();
    bench.run(2000);
    assert!(matches!(bench.network.controller(), ControllerStatus::Ready(_)));
}

#[test]
fn an_unlock_does_not_wait_while_the_controller_looks_for_another_lock() {
    let mut bench = one_lock();
    bench.controller.results.push_back(Err(Trouble::Stuck));
    let stuck = bench.submit(LOCK, Priority::Background, read_code(1), Completion::Reply);
    bench.run(4000);
    let before = bench.clock;
    let unlock = bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    bench.run(10_000);
    assert!(bench.ended_at(unlock).unwrap().since(before) < Duration::from_millis(3000));
    assert_eq!(bench.outcome(stuck), Some(&Outcome::Reply(code_report(1))), "and that one goes again");

    bench.requests.clear();
    bench.submit(LOCK, Priority::Background, read_code(1), Completion::Reply);
    bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    bench.run(10_000);
    let aborted = bench.requests.iter().any(|(_, request)| *request == Request::SendDataAbort);
    assert!(!aborted, "a beam of a second is no reason");
}
