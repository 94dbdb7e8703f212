//! The link task on an in-memory port, under a paused clock.

use std::cell::RefCell;

use tokio::io::{DuplexStream, duplex};

use super::*;
use crate::serial::frame::{ACK, NAK};
use crate::serial::{FunctionId, Request};

/// The far ends: the stick's and the owner's.
struct House {
    commands: mpsc::Sender<LinkCommand>,
    reports: mpsc::Receiver<LinkReport>,
}

/// Runs the link on `ports`, one after the other, then without any; and `test` beside it.
async fn with_link(ports: Vec<DuplexStream>, room: usize, test: impl AsyncFnOnce(House)) {
    let (commands, command_queue) = mpsc::channel(COMMANDS);
    let (report_queue, reports) = mpsc::channel(room);
    let ports = RefCell::new(VecDeque::from(ports));
    let open = async || ports.borrow_mut().pop_front().ok_or_else(|| PortError::Missing("/dev/ttyACM0".into()));
    let link = run(open, command_queue, report_queue, Entropy::from_number(1));
    let test =
        async { timeout(Duration::from_secs(600), test(House { commands, reports })).await.expect("nothing happens any more") };
    tokio::join!(link, test);
}

async fn read(stick: &mut DuplexStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stick.read_exact(&mut bytes).await.unwrap();
    bytes
}

fn version() -> Frame {
    Request::GetControllerVersion.write(Default::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_port_is_opened_with_a_nak_and_a_frame_comes_back_acknowledged() {
    let (near, mut stick) = duplex(1024);
    with_link(vec![near], REPORTS, async |mut house| {
        assert_eq!(house.reports.recv().await, Some(LinkReport::Up));
        assert_eq!(read(&mut stick, 1).await, [NAK]);
        house.commands.send(LinkCommand::Send(SendId(7), version())).await.unwrap();
        assert_eq!(read(&mut stick, 5).await, version().encode());
        stick.write_all(&[ACK]).await.unwrap();
        assert_eq!(house.reports.recv().await, Some(LinkReport::Sent(SendId(7))));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_owner_delays_no_ack_and_loses_no_report() {
    let (near, mut stick) = duplex(1 << 16);
    let frames: Vec<_> =
        (0..100).map(|n| Frame::request(FunctionId::APPLICATION_COMMAND, vec![0, 5, 2, 0x20, 0x01, n])).collect();
    with_link(vec![near], 4, async |mut house| {
        assert_eq!(read(&mut stick, 1).await, [NAK]);
        for frame in &frames {
            let sent = tokio::time::Instant::now();
            stick.write_all(&frame.encode()).await.unwrap();
            assert_eq!(read(&mut stick, 1).await, [ACK]);
            assert_eq!(sent.elapsed(), Duration::ZERO);
        }
        // The owner wakes up.
        assert_eq!(house.reports.recv().await, Some(LinkReport::Up));
        for frame in &frames {
            let report = house.reports.recv().await;
            assert!(matches!(report, Some(LinkReport::Frame(told, _)) if told == *frame));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unplugged_stick_fails_what_was_under_way_and_is_waited_for() {
    let (near, mut stick) = duplex(1024);
    let (near_again, mut stick_again) = duplex(1024);
    with_link(vec![near, near_again], REPORTS, async |mut house| {
        assert_eq!(house.reports.recv().await, Some(LinkReport::Up));
        house.commands.send(LinkCommand::Send(SendId(1), version())).await.unwrap();
        assert_eq!(read(&mut stick, 6).await[1..], version().encode());
        drop(stick);
        assert_eq!(house.reports.recv().await, Some(LinkReport::Failed(SendId(1), SendFailure::PortLost)));
        assert!(matches!(house.reports.recv().await, Some(LinkReport::Down { .. })));
        // While there is no port, nothing hangs.
        house.commands.send(LinkCommand::Send(SendId(2), version())).await.unwrap();
        assert_eq!(house.reports.recv().await, Some(LinkReport::Failed(SendId(2), SendFailure::PortLost)));
        assert_eq!(house.reports.recv().await, Some(LinkReport::Up));
        assert_eq!(read(&mut stick_again, 1).await, [NAK], "the frame of before is not sent to the stick by itself");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_stick_is_told_once_and_tried_for_ever() {
    with_link(Vec::new(), REPORTS, async |mut house| {
        let Some(LinkReport::Waiting { why }) = house.reports.recv().await else { panic!("no word about the missing stick") };
        assert!(why.contains("/dev/ttyACM0") && why.contains("plug the stick in"), "{why}");
        let quiet = timeout(Duration::from_secs(300), house.reports.recv()).await;
        assert!(quiet.is_err(), "the same trouble again is no news: {quiet:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_port_that_breaks_at_once_is_not_opened_in_a_tight_loop() {
    let (ports, far_ends): (Vec<_>, Vec<_>) = (0..20).map(|_| duplex(64)).unzip();
    drop(far_ends);
    let began = tokio::time::Instant::now();
    with_link(ports, REPORTS, async |mut house| {
        let mut ups = 0;
        while ups < 20 {
            ups += usize::from(house.reports.recv().await == Some(LinkReport::Up));
        }
        // 0.2, 0.4, 0.8, 1.6, 3.2 and then 5 s each.
        assert!(began.elapsed() > Duration::from_secs(70), "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn reopening_on_request_gives_a_fresh_line() {
    let (near, mut stick) = duplex(1024);
    let (near_again, mut stick_again) = duplex(1024);
    with_link(vec![near, near_again], REPORTS, async |mut house| {
        assert_eq!(house.reports.recv().await, Some(LinkReport::Up));
        assert_eq!(read(&mut stick, 1).await, [NAK]);
        house.commands.send(LinkCommand::Reopen).await.unwrap();
        assert!(matches!(house.reports.recv().await, Some(LinkReport::Down { .. })));
        assert_eq!(house.reports.recv().await, Some(LinkReport::Up));
        assert_eq!(read(&mut stick_again, 1).await, [NAK]);
    })
    .await;
}

/// Takes no bytes, and says nothing.
struct Stuck;

impl AsyncRead for Stuck {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Pending
    }
}

impl AsyncWrite for Stuck {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::task::Poll::Pending
    }

    fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        panic!("a port must never be flushed")
    }

    fn poll_shutdown(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_takes_no_bytes_is_given_up() {
    let (commands, command_queue) = mpsc::channel(COMMANDS);
    let (report_queue, mut reports) = mpsc::channel(REPORTS);
    let link = run(async || Ok::<_, PortError>(Stuck), command_queue, report_queue, Entropy::from_number(1));
    let test = async move {
        assert_eq!(reports.recv().await, Some(LinkReport::Up));
        let Some(LinkReport::Down { why }) = reports.recv().await else { panic!("still waiting for the port") };
        assert!(why.contains("unplug"), "{why}");
        drop(commands);
    };
    tokio::join!(link, test);
}

#[tokio::test(start_paused = true)]
async fn what_a_daemon_says_last_still_reaches_the_stick() {
    let (near, mut stick) = duplex(1024);
    with_link(vec![near], REPORTS, async |mut house| {
        assert_eq!(house.reports.recv().await, Some(LinkReport::Up));
        assert_eq!(read(&mut stick, 1).await, [NAK]);
        house.commands.send(LinkCommand::Send(SendId(1), version())).await.unwrap();
        house.commands.send(LinkCommand::Send(SendId(2), version())).await.unwrap();
        drop(house.commands);
        // The second waits for the acknowledgement of the first.
        assert_eq!(read(&mut stick, 5).await, version().encode());
        stick.write_all(&[ACK]).await.unwrap();
        assert_eq!(read(&mut stick, 5).await, version().encode());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stick_that_acknowledges_nothing_does_not_keep_the_daemon_from_ending() {
    let (near, stick) = duplex(1024);
    let began = tokio::time::Instant::now();
    with_link(vec![near], REPORTS, async |mut house| {
        assert_eq!(house.reports.recv().await, Some(LinkReport::Up));
        house.commands.send(LinkCommand::Send(SendId(1), version())).await.unwrap();
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    drop(stick);
}
