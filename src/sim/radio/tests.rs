use super::*;

const LOCK: Receiver = Receiver { beam: Some(Beam::Ms1000), awake_until: Instant::ZERO, deaf: false };
const AWAKE: Receiver = Receiver { beam: None, ..LOCK };
const NODE: NodeId = NodeId(7);
const GET: Sending = Sending { way: Way::To(NODE), bytes: 8, effort: Effort::Search, broken: None };
const REPORT: Sending = Sending { way: Way::From(NODE), ..GET };

fn channel(conditions: Conditions) -> RadioChannel {
    RadioChannel::new(conditions, Entropy::from_number(1))
}

fn perfect() -> RadioChannel {
    channel(Conditions::default())
}

#[test]
fn a_sleeping_lock_costs_a_beam_and_an_awake_one_does_not() {
    let mut channel = perfect();
    let first = channel.transmit(GET, LOCK, Instant::from_millis(1));
    assert_eq!(first.beam, Some(Beam::Ms1000));
    assert!(first.ends.since(first.began) >= Duration::from_millis(1_100));
    let awake = Receiver { awake_until: first.ends + Duration::from_millis(200), ..LOCK };
    let second = channel.transmit(GET, awake, first.ends);
    assert_eq!(second.beam, None);
    assert!(second.ends.since(second.began) < Duration::from_millis(30));
    let counts = channel.statistics(second.ends).nodes[&NODE];
    assert_eq!((counts.beams, counts.wake_ups), (1, 1));
}

#[test]
fn a_lock_that_listens_four_times_a_second_has_a_short_beam() {
    let quick = Receiver { beam: Some(Beam::Ms250), ..LOCK };
    let flight = perfect().transmit(GET, quick, Instant::ZERO);
    let took = flight.ends.since(flight.began);
    assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(330), "{took:?}");
}

#[test]
fn two_transmissions_never_share_the_air() {
    let mut channel = perfect();
    let first = channel.transmit(GET, LOCK, Instant::ZERO);
    let second = channel.transmit(GET, LOCK, Instant::from_millis(5));
    assert_eq!(second.began, first.ends);
}

#[test]
fn a_lost_acknowledgement_leaves_the_sender_wrong_about_a_frame_that_arrived() {
    let flight = channel(Conditions { ack_loss: 100, ..Conditions::default() }).transmit(GET, LOCK, Instant::ZERO);
    assert!(flight.heard.is_some());
    assert!(!flight.acked);
}

#[test]
fn the_same_seed_loses_the_same_frames() {
    let conditions = Conditions {
        loss: 40,
        ack_loss: 20,
        duplication: 10,
        reordering: 10,
        delay: Duration::from_millis(50),
        ..Conditions::default()
    };
    let run = |seed| {
        let mut channel = RadioChannel::new(conditions, Entropy::from_number(seed));
        channel.set_link(NODE, Link::over([NodeId(2), NodeId(3)]));
        let flights: Vec<_> = (0..50).map(|_| channel.transmit(GET, LOCK, Instant::ZERO)).collect();
        (flights, channel.statistics(Instant::ZERO))
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn an_old_device_takes_several_times_as_long_as_a_new_one() {
    let took = |rate| {
        let mut channel = perfect();
        channel.set_link(NODE, Link::at(rate));
        let flight = channel.transmit(Sending { bytes: 46, ..GET }, AWAKE, Instant::ZERO);
        assert_eq!(flight.rate, rate);
        flight.ends.since(flight.began).as_millis()
    };
    // Frame and acknowledgement of docs/protocol/timing.md §1, and 1 ms between.
    assert_eq!([Rate::R9_6, Rate::R40, Rate::R100].map(took), [74, 22, 13]);
}

#[test]
fn long_range_has_its_own_rate_and_no_repeaters() {
    let far = NodeId(256);
    let mut channel = perfect();
    channel.set_link(far, Link::over([NodeId(2)]));
    let flight = channel.transmit(Sending { way: Way::To(far), ..GET }, AWAKE, Instant::ZERO);
    assert_eq!((flight.rate, flight.repeaters), (Rate::LongRange, [0; 4]));
}

#[test]
fn each_repeater_sends_again_and_is_counted_for_itself() {
    let mut channel = perfect();
    let direct = channel.transmit(GET, AWAKE, Instant::ZERO);
    channel.set_link(NODE, Link::over([NodeId(2), NodeId(3)]));
    let before = channel.statistics(direct.ends);
    let routed = channel.transmit(GET, AWAKE, direct.ends);
    let after = channel.statistics(routed.ends);
    assert_eq!(routed.repeaters, [2, 3, 0, 0]);
    assert!(routed.ends.since(routed.began) > 3 * direct.ends.since(direct.began));
    // 8 bytes and 5 of the route, at 40 kbit/s: 44 bytes there and 36 back, by each of the two.
    let of_a_repeater = after.nodes[&NodeId(2)];
    assert_eq!(of_a_repeater, after.nodes[&NodeId(3)]);
    assert_eq!((of_a_repeater.frames, of_a_repeater.airtime_us), (1, (44 + 36) * 200));
    assert_eq!(after.controller.airtime_us - before.controller.airtime_us, 44 * 200);
}

#[test]
fn a_missing_repeater_cuts_off_only_the_nodes_behind_it() {
    let mut channel = perfect();
    channel.set_link(NODE, Link::over([NodeId(2), NodeId(3)]));
    let cut = Sending { broken: Some(NodeId(3)), ..GET };
    let flight = channel.transmit(cut, LOCK, Instant::ZERO);
    assert_eq!((flight.heard, flight.acked, flight.beam), (None, false, None));
    assert_eq!(flight.failed_link, Some((Party::Node(NodeId(2)), Party::Node(NodeId(3)))));
    let other = channel.transmit(Sending { way: Way::To(NodeId(8)), ..cut }, LOCK, flight.ends);
    assert!(other.acked);
}

#[test]
fn a_bad_path_is_bad_for_one_lock_only() {
    let mut channel = perfect();
    channel.set_link(NODE, Link::default().with(Conditions { loss: 100, ..Conditions::default() }));
    assert_eq!(channel.transmit(GET, LOCK, Instant::ZERO).heard, None);
    assert!(channel.transmit(Sending { way: Way::To(NodeId(8)), ..GET }, LOCK, Instant::ZERO).acked);
    channel.set_conditions(Conditions { loss: 100, ..Conditions::default() });
    channel.set_link(NODE, Link::default().with(Conditions::default()));
    assert!(channel.transmit(GET, LOCK, Instant::ZERO).acked);
}

#[test]
fn delay_keeps_the_order_and_reordering_does_not() {
    let arrivals = |conditions| {
        let mut channel = channel(conditions);
        (0..200).filter_map(|n| channel.transmit(REPORT, AWAKE, Instant::from_millis(n * 20)).heard).collect::<Vec<_>>()
    };
    let late = Conditions { delay: Duration::from_millis(80), ..Conditions::default() };
    let (on_time, delayed) = (arrivals(Conditions::default()), arrivals(late));
    assert!(delayed.is_sorted());
    let lateness = |heard: &[Instant]| heard.iter().zip(&on_time).map(|(at, due)| at.since(*due)).max();
    assert!(lateness(&delayed) > Some(Duration::from_millis(40)) && lateness(&delayed) <= Some(Duration::from_millis(80)));
    let shuffled = arrivals(Conditions { reordering: 20, ..Conditions::default() });
    assert!(!shuffled.is_sorted() && shuffled.len() == 200);
}

#[test]
fn a_frame_without_acknowledgement_is_sent_once() {
    let deaf = Receiver { deaf: true, ..AWAKE };
    let mut channel = perfect();
    let flight = channel.transmit(Sending { effort: Effort::Once, ..GET }, deaf, Instant::ZERO);
    assert_eq!(flight.ends.since(flight.began), Duration::from_millis(7));
    assert_eq!(channel.statistics(flight.ends).total.frames, 1);
    let tried = channel.transmit(Sending { effort: Effort::Repeat, ..GET }, deaf, flight.ends);
    assert!(tried.ends.since(tried.began) < Duration::from_millis(30), "no search for a route");
    assert_eq!((tried.attempts, channel.statistics(tried.ends).total.retransmissions), (3, 2));
}

#[test]
fn thirty_three_wake_ups_in_an_hour_are_too_many() {
    // docs/protocol/timing.md §4: a beam is 3 % of what an hour allows, about 32 wake-ups.
    let mut channel = perfect();
    let minute = |n: u64| Instant::from_millis(n * 60_000);
    for n in 0..32 {
        channel.transmit(GET, LOCK, minute(n));
    }
    let statistics = channel.statistics(minute(32));
    assert!(!statistics.is_over_limit(), "{}", statistics.duty_cycle());
    assert_eq!((statistics.controller.beams, statistics.controller.frames), (32, 32));
    channel.transmit(GET, LOCK, minute(32));
    assert!(channel.statistics(minute(33)).is_over_limit());
    assert!(!channel.statistics(minute(62)).is_over_limit(), "an hour later the first are forgiven");
    assert_eq!(channel.statistics(minute(200)).last_hour_us, 0);
}

#[test]
fn at_a_hundred_kilobits_nothing_counts_against_the_duty_cycle() {
    let mut channel = perfect();
    channel.set_link(NODE, Link::at(Rate::R100));
    let flight = channel.transmit(GET, AWAKE, Instant::ZERO);
    let statistics = channel.statistics(flight.ends);
    assert!(statistics.controller.airtime_us > 0);
    assert_eq!(statistics.last_hour_us, 0);
}

#[test]
fn an_aborted_beam_counts_for_as_long_as_it_went_on() {
    let mut channel = perfect();
    channel.transmit(GET, LOCK, Instant::ZERO);
    let stopped = Instant::from_millis(300);
    channel.abort(stopped);
    let statistics = channel.statistics(stopped);
    assert_eq!((statistics.total.airtime_us, statistics.last_hour_us), (300_000, 300_000));
    assert_eq!((statistics.total.beams, statistics.total.frames), (1, 0));
}
