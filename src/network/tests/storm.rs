//! Everything at once, at random, from a seed: whatever happens, the machine goes on and every job ends once.

use super::*;

const SLEEPER: NodeId = NodeId(7);

fn pick<T: Copy>(entropy: &mut Entropy, of: &[T]) -> T {
    of[usize::try_from(entropy.below(of.len() as u64)).unwrap()]
}

fn storm(seed: u64) {
    let mut entropy = Entropy::from_number(seed);
    let peers = [(LOCK, Peer::lock()), (OTHER, Peer::old_lock()), (SLEEPER, Peer::sleeper())];
    // One of the locks is new, so that an interview is under way.
    let nodes = vec![known(OTHER, &peers[1].1), known(SLEEPER, &peers[2].1)];
    let mut bench = Bench::new(&peers, nodes, Some(HOME), Options::default());
    bench.now(Input::LinkUp);
    let all = [LOCK, OTHER, SLEEPER];
    let mut jobs = Vec::new();
    for _ in 0..150 {
        let node = pick(&mut entropy, &all);
        match entropy.below(14) {
            0..=3 => {
                let urgent = [Priority::Operate, Priority::Revoke, Priority::Awake, Priority::Write, Priority::Background];
                let priority = pick(&mut entropy, &urgent);
                let (command, expect) = match entropy.below(3) {
                    0 => (read_code(3), Completion::Reply),
                    1 => (write_code(3), Completion::Supervised),
                    _ => (operate(), Completion::Supervised),
                };
                let deadline = (entropy.below(3) == 0).then(|| bench.clock + Duration::from_millis(entropy.below(5000)));
                let time = bench.time();
                jobs.push(bench.network.submit(Job { node, priority, command, expect, deadline }, time));
                bench.drain();
            }
            4 => bench.hear(node, &envelope::supervise(event(), SessionId::new(entropy.bytes::<1>()[0]))),
            5 => bench.hear(node, &code_report(3)),
            6 => {
                let [function, kind, len] = entropy.bytes::<3>();
                let params: Vec<u8> = (0..len % 40).map(|_| entropy.bytes::<1>()[0]).collect();
                let function = FunctionId(if kind & 2 == 0 { function } else { 0xA8 });
                let frame = if kind & 1 == 0 { Frame::request(function, params) } else { Frame::response(function, params) };
                // A restart nobody expected is a case of its own, below; and no node list is trusted that was not asked
                // for.
                if function != FunctionId::SERIAL_API_STARTED && function != FunctionId::APPLICATION_UPDATE {
                    bench.now(Input::Frame(frame));
                }
            }
            7 => {
                let troubles = [
                    Ok(TxStatus::NO_ACK),
                    Ok(TxStatus::FAIL),
                    Ok(TxStatus::NOT_IDLE),
                    Err(Trouble::NotAccepted),
                    Err(Trouble::ResponseLost),
                    Err(Trouble::Stuck),
                    Err(Trouble::Hung),
                    Err(Trouble::FailedOnAir),
                ];
                bench.controller.results.push_back(pick(&mut entropy, &troubles));
            }
            8 => {
                let peer = bench.controller.nodes.get_mut(&node).unwrap();
                peer.listens = !peer.listens;
            }
            9 => bench.hear(SLEEPER, &Command::WakeUp(crate::command::wake_up::WakeUp::Notification)),
            10 if entropy.below(4) == 0 => bench.replug(),
            11 if entropy.below(4) == 0 => {
                bench.controller.width = NodeIdWidth::Bits8;
                let started = bench.controller.started(9).unwrap();
                bench.now(Input::Frame(started));
            }
            12 if !jobs.is_empty() => {
                let job = pick(&mut entropy, &jobs);
                bench.network.cancel(job);
                bench.drain();
            }
            _ => {}
        }
        let pause = pick(&mut entropy, &[1, 10, 300, 3000, 30_000]);
        bench.run(pause);
        if bench.reopened > 0 {
            bench.reopened = 0;
            bench.replug();
        }
    }
    bench.controller.results.clear();
    bench.controller.nodes.values_mut().for_each(|peer| peer.listens = true);
    for _ in 0..20 {
        bench.run(200_000);
        if bench.reopened > 0 {
            bench.reopened = 0;
            bench.replug();
        }
        bench.hear(SLEEPER, &Command::WakeUp(crate::command::wake_up::WakeUp::Notification));
    }
    bench.run(10_000);
    for job in jobs {
        assert!(bench.outcome(job).is_some(), "seed {seed}: {job:?} never ended");
    }
    assert_eq!(bench.network.queue.iter().count(), 0, "seed {seed}: something waits for ever");
    assert!(matches!(bench.network.controller(), ControllerStatus::Ready(_)), "seed {seed}");
    let stages: Vec<InterviewStage> = bench.network.nodes().map(|node| node.stage).collect();
    assert_eq!(stages, [InterviewStage::Complete; 3], "seed {seed}");
}

#[test]
fn every_job_ends_once_whatever_happens() {
    (0..60).for_each(storm);
}
