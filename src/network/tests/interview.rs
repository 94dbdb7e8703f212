use super::*;

fn newcomer(peer: Peer) -> Bench {
    let mut bench = Bench::new(&[(LOCK, peer)], Vec::new(), None, Options::default());
    bench.start();
    bench
}

fn stage(bench: &Bench) -> InterviewStage {
    bench.network.node(LOCK).unwrap().stage
}

#[test]
fn a_new_lock_can_be_used_after_few_frames_and_no_code_is_touched() {
    let mut bench = newcomer(Peer::lock());
    bench.run(60_000);
    assert_eq!(stage(&bench), InterviewStage::Complete);
    let node = bench.network.node(LOCK).unwrap();
    assert!(node.is_lock() && node.supervises());
    assert_eq!(node.user_code.as_ref().unwrap().users, 30);
    assert_eq!(node.product.unwrap().manufacturer, 0x003B);
    assert_eq!(node.firmware, Some((1, 2)));
    assert_eq!(node.protocol.unwrap().beam, Some(Beam::Ms1000));
    assert!(bench.network.radio(LOCK).frames <= 20, "{}", bench.network.radio(LOCK).frames);
    let classes: Vec<(ClassId, Option<u8>)> =
        bench.sent_to(LOCK).iter().map(|(_, command)| (command.class(), command.number())).collect();
    assert!(!classes.iter().any(|(class, number)| *class == ClassId::USER_CODE && *number != Some(4)), "{classes:?}");
    assert_eq!(bench.events.iter().filter(|(_, event)| *event == NetworkEvent::Interviewed(LOCK)).count(), 1);
    let told: Vec<ClassId> = bench.received().iter().map(|(_, command)| command.class()).collect();
    assert!(told.contains(&ClassId::BATTERY) && told.contains(&ClassId::DOOR_LOCK));
}

#[test]
fn we_join_the_lifeline_once_and_look_whether_it_worked() {
    let mut bench = newcomer(Peer::lock());
    bench.run(60_000);
    let association: Vec<Command> =
        bench.sent_to(LOCK).into_iter().map(|(_, it)| it).filter(|it| it.class() != ClassId::VERSION).collect();
    let written: Vec<Vec<u8>> = association.iter().map(Command::write).collect();
    assert!(written.contains(&vec![0x59, 0x03, 0x40, 0x00]));
    assert_eq!(written.iter().filter(|bytes| bytes.starts_with(&[0x85, 0x02, 1])).count(), 2);
    let joins = written.iter().filter(|bytes| bytes.ends_with(&[0x85, 0x01, 1, 1])).count();
    assert_eq!(joins, 1, "even where the lock does not say that it worked");
}

#[test]
fn a_full_lifeline_makes_room_for_us() {
    let mut peer = Peer::lock();
    peer.answers = |command| match command.write().as_slice() {
        [0x85, 0x02, 1] => vec![Command::parse(&[0x85, 0x03, 1, 1, 0, 9]).unwrap()],
        _ => lock_answers(command),
    };
    let mut bench = newcomer(peer);
    bench.run(60_000);
    let written: Vec<Vec<u8>> = bench.sent_to(LOCK).iter().map(|(_, it)| it.write()).collect();
    let leave = written.iter().position(|bytes| bytes.ends_with(&[0x85, 0x04, 1, 9])).unwrap();
    let join = written.iter().position(|bytes| bytes.ends_with(&[0x85, 0x01, 1, 1])).unwrap();
    assert!(leave < join);
}

#[test]
fn a_lamp_is_asked_nothing_but_what_it_is() {
    let mut lamp = Peer::lock();
    lamp.info = NodeProtocolInfo { listening: true, generic: 0x11, ..NodeProtocolInfo::default() };
    lamp.classes = vec![ClassId::BASIC, ClassId::VERSION, ClassId::ASSOCIATION];
    let mut bench = newcomer(lamp);
    bench.run(60_000);
    assert_eq!(stage(&bench), InterviewStage::Complete);
    assert!(bench.sent_to(LOCK).is_empty());
}

#[test]
fn one_class_that_does_not_answer_stops_no_other() {
    let mut peer = Peer::lock();
    peer.answers = |command| match command.class() {
        ClassId::BATTERY | ClassId::VERSION | ClassId::ASSOCIATION_GROUP_INFORMATION => Vec::new(),
        _ => lock_answers(command),
    };
    let mut bench = newcomer(peer);
    bench.run(120_000);
    assert_eq!(stage(&bench), InterviewStage::Complete);
    let node = bench.network.node(LOCK).unwrap();
    assert_eq!(node.user_code.as_ref().unwrap().users, 30);
    assert_eq!(node.version_of(ClassId::USER_CODE), Some(1));
}

#[test]
fn a_lock_that_does_not_report_its_slots_is_not_a_lock_without_slots() {
    let mut peer = Peer::lock();
    peer.answers = |command| match command.class() {
        ClassId::USER_CODE => Vec::new(),
        _ => lock_answers(command),
    };
    let mut bench = newcomer(peer);
    bench.run(120_000);
    assert_eq!(stage(&bench), InterviewStage::Lifeline);
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = lock_answers;
    bench.run(600_000);
    assert_eq!(stage(&bench), InterviewStage::Complete);
}

#[test]
fn an_interview_of_a_lock_out_of_reach_resumes_when_it_is_heard() {
    let mut peer = Peer::lock();
    peer.listens = false;
    let mut bench = newcomer(peer);
    bench.run(60_000);
    assert_eq!(bench.network.reach(LOCK), Reach::Dead);
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = true;
    bench.run(1000);
    bench.hear(LOCK, &event());
    bench.run(60_000);
    assert_eq!(stage(&bench), InterviewStage::Complete);
}

#[test]
fn an_interview_resumes_at_its_stage_after_a_restart() {
    let mut node = known(LOCK, &Peer::lock());
    node.stage = InterviewStage::Lifeline;
    let mut bench = Bench::new(&[(LOCK, Peer::lock())], vec![node], Some(HOME), Options::default());
    bench.now(Input::LinkUp);
    bench.run(60_000);
    assert_eq!(stage(&bench), InterviewStage::Complete);
    let classes: Vec<ClassId> = bench.sent_to(LOCK).iter().map(|(_, command)| command.class()).collect();
    assert!(!classes.contains(&ClassId::VERSION) && classes.contains(&ClassId::DOOR_LOCK), "{classes:?}");
}

#[test]
fn a_sleeper_is_interviewed_when_it_wakes_and_calls_us_from_then_on() {
    let mut bench = newcomer(Peer::sleeper());
    bench.run(60_000);
    assert_eq!(stage(&bench), InterviewStage::Protocol);
    assert_eq!(bench.network.reach(LOCK), Reach::Asleep);
    for _ in 0..5 {
        bench.hear(LOCK, &Command::WakeUp(crate::command::wake_up::WakeUp::Notification));
        bench.run(60_000);
    }
    assert_eq!(stage(&bench), InterviewStage::Complete);
}

#[test]
fn a_door_opens_while_a_new_lock_is_interviewed() {
    let mut bench = Bench::new(
        &[(LOCK, Peer::lock()), (OTHER, Peer::lock())],
        vec![known(OTHER, &Peer::lock())],
        Some(HOME),
        Options::default(),
    );
    bench.start();
    bench.run(3000);
    let before = bench.clock;
    let unlock = bench.submit(OTHER, Priority::Operate, operate(), Completion::Supervised);
    bench.run(5000);
    assert!(bench.ended_at(unlock).unwrap().since(before) < Duration::from_millis(2700));
}

#[test]
fn a_node_information_frame_that_comes_after_the_controller_gave_up_still_counts() {
    let mut peer = Peer::lock();
    peer.listens = false;
    let mut bench = newcomer(peer);
    bench.run(1500);
    let info = NodeInformation { basic: 4, generic: 0x40, specific: 3, supported: Peer::lock().classes, controlled: Vec::new() };
    let status = UpdateStatus::NODE_INFO_RECEIVED;
    let update = ApplicationUpdate { status, node: LOCK, smart_start: None, info: Some(info) };
    bench.controller.nodes.get_mut(&LOCK).unwrap().listens = true;
    bench.now(Input::Frame(Message::ApplicationUpdate(update).write(bench.controller.width)));
    assert!(stage(&bench) >= InterviewStage::NodeInfo);
    bench.requests.clear();
    bench.run(60_000);
    assert_eq!(stage(&bench), InterviewStage::Complete);
    assert!(!bench.requests.iter().any(|(_, request)| matches!(request, Request::RequestNodeInfo { .. })));
}

#[test]
fn a_node_without_node_information_is_not_asked_all_day() {
    let mut bench = newcomer(Peer::lock());
    bench.controller.mute.insert(FunctionId::REQUEST_NODE_INFO);
    let mut bench =
        Bench { network: Network::new(Vec::new(), None, keys(), Options::default(), Entropy::from_number(1)), ..bench };
    bench.controller.width = NodeIdWidth::Bits8;
    bench.now(Input::LinkUp);
    bench.run(24 * 3_600_000);
    let asked = bench.requests.iter().filter(|(_, it)| matches!(it, Request::RequestNodeInfo { .. })).count();
    assert!(asked < 80, "{asked} requests in a day");
}

#[test]
fn the_first_of_many_new_locks_can_be_used_soon() {
    let peers: Vec<(NodeId, Peer)> = (10..20).map(|id| (NodeId(id), Peer::lock())).collect();
    let mut bench = Bench::new(&peers, Vec::new(), None, Options::default());
    // One that cannot be reached holds up nobody.
    bench.controller.nodes.get_mut(&NodeId(10)).unwrap().listens = false;
    bench.start();
    bench.run(600_000);
    let done: Vec<Instant> =
        bench.events.iter().filter(|(_, event)| matches!(event, NetworkEvent::Interviewed(_))).map(|(at, _)| *at).collect();
    assert_eq!(done.len(), 9);
    assert!(done[0] < Instant::from_millis(60_000) && done[8] > Instant::from_millis(120_000), "{done:?}");
}

#[test]
fn answers_that_bad_air_took_from_an_interview_are_asked_for_again() {
    let mut peer = Peer::lock();
    peer.answers = |command| match command.class() {
        ClassId::VERSION | ClassId::MANUFACTURER_SPECIFIC | ClassId::ASSOCIATION | ClassId::ASSOCIATION_GROUP_INFORMATION => {
            Vec::new()
        }
        _ => lock_answers(command),
    };
    let mut bench = newcomer(peer);
    bench.run(120_000);
    assert_eq!((stage(&bench), bench.network.node(LOCK).unwrap().product), (InterviewStage::Complete, None));
    bench.controller.nodes.get_mut(&LOCK).unwrap().answers = lock_answers;
    bench.run(700_000);
    let node = bench.network.node(LOCK).unwrap();
    assert!(node.product.is_some() && node.firmware == Some((1, 2)), "{node:?}");
    let joins = bench.sent_to(LOCK).iter().filter(|(_, it)| it.write().ends_with(&[0x85, 0x01, 1, 1])).count();
    assert_eq!(joins, 1, "its reports lead nowhere");
    // One that never answers is not asked forever.
    let sent = bench.sent_to(LOCK).len();
    bench.run(24 * 3_600_000);
    assert_eq!(bench.sent_to(LOCK).len(), sent);
}
