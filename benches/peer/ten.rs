//! A house of ten S2 locks: it is interviewed, 300 codes go in, it rests.

use crate::harness::{Mock, Proxy, Setup, let_pass, seconds};
use crate::ours::{Ours, fine_cpu, spent};
use crate::peer::Host;
use crate::roll_out::{add_people, six_digits};
use crate::table::{Peer, Row};

/// What is watched of ten idle minutes.
const IDLE: u64 = 60;
/// Of all ten locks.
const SLOTS: u64 = 301;
/// Node and slot of a code that is not ours.
const FOREIGN: (u16, u16) = (5, 7);

/// Rows "first interview", "300 codes" and "idle".
pub fn ten_locks() -> Vec<Row> {
    // One has a code of somebody else.
    let locks: Vec<_> = (2..=11).map(|node| format!("{node}:s2:uc1:{}", if node == FOREIGN.0 { 31 } else { 30 })).collect();
    let locks = locks.join(",");
    let (their_mock, our_mock) = (Mock::start(&locks), Mock::start(&locks));
    let (their_proxy, our_proxy) = (Proxy::to(their_mock.port), Proxy::to(our_mock.port));
    our_mock.plant(FOREIGN.0, &[(FOREIGN.1, "2468")]);
    let is_untouched = || our_mock.codes(FOREIGN.0).get(&FOREIGN.1).is_some_and(|code| code == "2468");

    let cache = tempfile::tempdir().unwrap();
    let nodes = "2,3,4,5,6,7,8,9,10,11";
    let work = ["ready", &format!("set {nodes} 30 1 6"), &format!("set {nodes} 30 2 6 read"), "stay"];
    let mut host = Host::start(&their_mock, Some(&their_proxy), cache.path(), &work);
    let there = host.wait(3);

    let ours = Ours::start(Setup::tcp(our_proxy.port));
    let process = &ours.daemon.process;
    let began = std::time::Instant::now();
    let slugs = ours.wait_known(10);
    let (known, known_cpu) = (began.elapsed().as_secs_f64(), process.cpu().as_secs_f64());
    let known_frames = our_proxy.frames().to_stick;
    // A slot is read by one frame.
    let interview_frames = known_frames - SLOTS;
    our_proxy.settle(seconds(2), seconds(60));
    assert!(is_untouched(), "the interview touched a code");

    let codes = spent(process, &our_proxy, || {
        add_people(&ours, &slugs, 30, six_digits);
        ours.wait_settled(seconds(120));
    });
    assert_eq!(ours.active(), 300);
    assert!(is_untouched(), "the roll-out touched a code that is not ours");

    // Both rest at the same time.
    our_proxy.settle(seconds(5), seconds(60));
    our_proxy.mark();
    let before = (fine_cpu(&host.process), fine_cpu(process));
    their_proxy.mark();
    let_pass(seconds(IDLE));
    let scale = 600.0 / IDLE as f64;
    let idle = |process, before| (fine_cpu(process).saturating_sub(before)).as_secs_f64() * scale;
    let (their_cpu, our_cpu) = (idle(&host.process, before.0), idle(process, before.1));
    let (their_frames, our_frames) = (their_proxy.frames().to_stick, our_proxy.frames().to_stick);
    let (their_memory, (our_memory, anonymous)) = (host.process.memory_mb().0, process.memory_mb());

    vec![
        Row {
            work: "first interview of 10 S2 locks, 301 slots".into(),
            peer: Peer::Measured(format!(
                "{:.1} s, {:.0} frames, CPU {:.2} s; clears all codes, reads none",
                there[0].seconds(),
                there[0].frames(),
                there[0].cpu()
            )),
            here: format!(
                "{interview_frames} frames and {SLOTS} that read slots, {known:.1} s, CPU {known_cpu:.2} s; clears none"
            ),
            ratio: Some(interview_frames as f64 / there[0].frames()),
            budget: "<= 300 frames, CPU <= 0.3 s, no code touched",
            met: interview_frames <= 300 && known_cpu <= 0.3,
        },
        Row {
            work: "300 codes on 10 S2 locks".into(),
            peer: Peer::Measured(format!(
                "{:.1} s set, {:.1} s with read-back; CPU {:.2} / {:.2} s",
                there[1].seconds(),
                there[2].seconds(),
                there[1].cpu(),
                there[2].cpu()
            )),
            here: format!("{:.1} s, {:.0} frames, CPU {:.2} s", codes.seconds, codes.frames, codes.cpu),
            ratio: Some(codes.seconds / there[1].seconds()),
            budget: "<= 0.6 of the peer's set time, CPU <= 0.15 s",
            met: codes.seconds <= 0.6 * there[1].seconds() && codes.cpu <= 0.15,
        },
        Row {
            work: format!("idle, 10 locks: memory / CPU in 10 min ({IDLE} s watched) / frames"),
            peer: Peer::Measured(format!("{their_memory:.0} MB / {their_cpu:.2} s / {their_frames}")),
            here: format!("{our_memory:.1} MB ({anonymous:.1} its own, the rest its binary) / {our_cpu:.2} s / {our_frames}"),
            ratio: Some(our_memory / their_memory),
            budget: "<= 12 MB / <= 0.1 s / 0",
            met: our_memory <= 12.0 && our_cpu <= 0.1 && our_frames == 0,
        },
    ]
}
