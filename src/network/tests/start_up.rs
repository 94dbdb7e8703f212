use super::*;

fn fresh(controller: impl FnOnce(&mut Controller)) -> Bench {
    let mut bench = Bench::new(&[(LOCK, Peer::lock())], vec![known(LOCK, &Peer::lock())], Some(HOME), Options::default());
    controller(&mut bench.controller);
    bench
}

fn info(bench: &Bench) -> ControllerInfo {
    match bench.network.controller() {
        ControllerStatus::Ready(info) => info.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_sent_before_the_port_is_open() {
    let mut bench = fresh(|_| {});
    bench.submit(LOCK, Priority::Operate, operate(), Completion::Supervised);
    bench.run(60_000);
    assert!(bench.requests.is_empty());
    bench.now(Input::LinkWaiting { why: "no controller; plug one in".into() });
    assert_eq!(*bench.network.controller(), ControllerStatus::Absent { why: "no controller; plug one in".into() });
}

#[test]
fn version_and_capabilities_come_first_and_the_controller_is_reset_once() {
    let mut bench = fresh(|_| {});
    bench.start();
    assert_eq!(info(&bench).region, Some(Region::EU));
    assert_eq!(bench.controller.width, NodeIdWidth::Bits16);
    bench.now(Input::LinkDown { why: String::new() });
    bench.controller.width = NodeIdWidth::Bits8;
    bench.now(Input::LinkUp);
    bench.run(2000);
    assert_eq!(bench.requests[0].1, Request::GetControllerVersion);
    assert_eq!(bench.requests[1].1, Request::GetCapabilities);
    assert!(!bench.requests.iter().any(|(_, request)| *request == Request::SoftReset));
}

#[test]
fn a_controller_without_serial_api_started_is_polled() {
    let mut bench = fresh(|controller| controller.announces_start = false);
    bench.now(Input::LinkUp);
    bench.run(1000);
    assert!(matches!(bench.network.controller(), ControllerStatus::Starting { .. }));
    bench.run(1000);
    assert_eq!(info(&bench).home, HOME);
}

#[test]
fn a_port_that_drops_at_the_reset_is_awaited() {
    let mut bench = fresh(|controller| controller.announces_start = false);
    bench.now(Input::LinkUp);
    bench.run(10);
    assert_eq!(bench.requests.last().unwrap().1, Request::SoftReset);
    bench.now(Input::LinkDown { why: "gone".into() });
    bench.run(1500);
    bench.now(Input::LinkUp);
    bench.run(100);
    assert_eq!(info(&bench).home, HOME);
    assert_eq!(bench.requests.iter().filter(|(_, request)| *request == Request::SoftReset).count(), 1);
}

#[test]
fn a_reset_can_be_forbidden() {
    let options = Options { soft_reset: SoftReset::Never, ..Options::default() };
    let mut bench = Bench::new(&[(LOCK, Peer::lock())], Vec::new(), None, options);
    bench.now(Input::LinkUp);
    bench.run(100);
    assert_eq!(info(&bench).home, HOME);
    assert!(!bench.requests.iter().any(|(_, request)| *request == Request::SoftReset));
}

#[test]
fn an_old_controller_gets_supported_functions_only() {
    let mut bench = fresh(|controller| {
        controller.library = "Z-Wave 3.95";
        controller.functions = BTreeSet::from([FunctionId::SEND_DATA]);
    });
    bench.now(Input::LinkUp);
    bench.run(100);
    assert_eq!(info(&bench).region, None);
    let job = bench.submit(LOCK, Priority::Write, write_code(1), Completion::Supervised);
    bench.run(3000);
    assert_eq!(bench.outcome(job), Some(&Outcome::Accepted));
    assert!(bench.requests.iter().any(|(_, request)| matches!(request, Request::SendData(_))));
}

#[test]
fn a_setting_that_goes_unanswered_does_not_stop_the_start() {
    let mut bench = fresh(|controller| {
        controller.mute.insert(FunctionId::SERIAL_API_SETUP);
    });
    bench.now(Input::LinkUp);
    bench.run(60_000);
    assert_eq!(info(&bench).home, HOME);
}

#[test]
fn a_controller_without_home_id_is_reopened() {
    let mut bench = fresh(|controller| {
        controller.mute.insert(FunctionId::MEMORY_GET_ID);
    });
    bench.now(Input::LinkUp);
    bench.run(60_000);
    assert!(bench.reopened >= 1);
    assert!(matches!(bench.network.controller(), ControllerStatus::Absent { .. }));
    bench.controller.mute.clear();
    bench.now(Input::LinkUp);
    bench.run(5000);
    assert_eq!(info(&bench).home, HOME);
}

#[test]
fn another_network_s_nodes_are_not_taken_for_ours() {
    let mut bench = fresh(|controller| controller.home = HomeId(0xD00D_0002));
    let job = bench.submit(LOCK, Priority::Revoke, operate(), Completion::Supervised);
    bench.now(Input::LinkUp);
    bench.run(60_000);
    assert!(
        bench.events.iter().any(|(_, event)| *event == NetworkEvent::OtherNetwork { known: HOME, found: HomeId(0xD00D_0002) })
    );
    assert!(matches!(bench.network.controller(), ControllerStatus::Absent { why } if why.contains("0xd00d0002")));
    assert_eq!(bench.outcome(job), None, "nothing is said to this lock: it is another door");
    bench.hear(LOCK, &event());
    bench.run(1000);
    bench.now(Input::LinkDown { why: "unplugged".into() });
    bench.controller.home = HOME;
    bench.now(Input::LinkUp);
    bench.run(60_000);
    assert!(bench.outcome(job).is_some(), "the right controller goes on where it was");
    assert!(bench.received().iter().all(|(_, command)| *command != event()), "a visit at somebody else's door");
}

#[test]
fn nodes_come_and_go_with_the_controller_s_list() {
    let gone = known(OTHER, &Peer::lock());
    let mut bench = Bench::new(&[(LOCK, Peer::lock())], vec![gone], Some(HOME), Options::default());
    bench.controller.long_range.insert(NodeId(300));
    bench.controller.nodes.insert(NodeId(300), Peer::lock());
    bench.now(Input::LinkUp);
    bench.run(310);
    bench.run(50);
    assert_eq!(bench.network.nodes().map(|node| node.id).collect::<Vec<_>>(), [LOCK, NodeId(300)]);
    assert!(bench.events.iter().any(|(_, event)| *event == NetworkEvent::NodeRemoved(OTHER)));
}

#[test]
fn a_key_used_while_the_daemon_starts_is_not_lost() {
    let mut bench = fresh(|_| {});
    bench.now(Input::LinkUp);
    bench.run(1);
    bench.hear(LOCK, &envelope::supervise(event(), SessionId::new(1)));
    assert!(bench.received().is_empty());
    bench.run(3000);
    assert_eq!(bench.received(), [(LOCK, event())]);
    assert_eq!(bench.sent_to(LOCK).len(), 1);
}

#[test]
fn a_controller_left_in_wide_mode_is_understood() {
    let mut bench = fresh(|controller| controller.width = NodeIdWidth::Bits16);
    bench.network = Network::new(
        vec![known(LOCK, &Peer::lock())],
        Some(HOME),
        keys(),
        Options { soft_reset: SoftReset::Never, ..Options::default() },
        Entropy::from_number(1),
    );
    bench.now(Input::LinkUp);
    bench.run(1);
    bench.hear(LOCK, &event());
    bench.run(3000);
    assert_eq!(bench.received(), [(LOCK, event())]);
}
