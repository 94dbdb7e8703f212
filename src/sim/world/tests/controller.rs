//! What the controller does for a host besides payloads: functions of docs/protocol/serial-api.md §4, in frames made by
//! hand.

use super::*;
use crate::serial::setup::Region;
use crate::sim::chip::Chip;
use crate::sim::controller::ControllerMemory;
use crate::sim::model::Model;
use crate::sim::radio::Rate;

/// The controller's memory as a 700-series host reads it: open, read to the end, close.
fn backup(host: &mut Host) -> Vec<u8> {
    let opened = host.ask(&[0x00, 0x2E, 0x00]).remove(0);
    assert_eq!(opened[..4], [0x01, 0x2E, 0x00, 0x00]);
    let size = usize::from(u16::from_be_bytes([opened[4], opened[5]]));
    let mut image = Vec::new();
    while image.len() < size {
        let [high, low] = u16::try_from(image.len()).unwrap().to_be_bytes();
        let part = host.ask(&[0x00, 0x2E, 0x01, 0x80, high, low]).remove(0);
        image.extend(&part[6..6 + usize::from(part[3])]);
        let status = if image.len() == size { 0xFF } else { 0x00 };
        assert_eq!(part[2], status, "at {}", image.len());
    }
    assert_eq!(host.ask(&[0x00, 0x2E, 0x03]), [[0x01, 0x2E, 0, 0, 0, 0]]);
    image
}

fn restore(host: &mut Host, image: &[u8]) {
    assert_eq!(host.ask(&[0x00, 0x2E, 0x00])[0][2], 0x00);
    for (n, part) in image.chunks(0x80).enumerate() {
        let [high, low] = u16::try_from(n * 0x80).unwrap().to_be_bytes();
        let body = [&[0x00, 0x2E, 0x02, 0x80, high, low], part].concat();
        let answer = host.ask(&body).remove(0);
        assert!(matches!(answer[2], 0x00 | 0xFF), "{answer:02x?}");
    }
    assert_eq!(host.ask(&[0x00, 0x2E, 0x03])[0][2], 0x00);
}

fn home(host: &mut Host) -> Vec<u8> {
    host.ask(&[0x00, 0x20])[0][2..6].to_vec()
}

/// Whether node 3 answers a Battery Get.
fn answers(host: &mut Host) -> bool {
    !host.tell(3, &[0x80, 0x02]).is_empty()
}

#[test]
fn a_network_that_was_erased_by_mistake_comes_back_from_its_backup() {
    let mut host = Host::new(&Blueprint::two_locks());
    let image = backup(&mut host);
    let before = host.world.controller_memory().clone();
    assert_eq!(host.ask(&[0x00, 0x42, 7]), [[0x00, 0x42, 7]]);
    let erased = home(&mut host);
    assert!(erased != [0xC0, 0xFF, 0xEE, 0x01] && erased[0] >= 0xC0, "{erased:02x?}");
    assert_eq!(host.ask(&[0x00, 0x02])[0][5] & 0x07, 0x01, "the controller is alone");
    assert!(!answers(&mut host), "the lock is of another network now");
    restore(&mut host, &image);
    assert_eq!(home(&mut host), erased, "nothing changes before the reset");
    host.ask(&[0x00, 0x08]);
    assert_eq!(home(&mut host), [0xC0, 0xFF, 0xEE, 0x01]);
    assert_eq!(host.world.controller_memory(), &before);
    assert!(answers(&mut host));
}

#[test]
fn half_a_backup_leaves_a_controller_fresh_from_the_factory_and_no_half_network() {
    let mut host = Host::new(&Blueprint::two_locks());
    let image = backup(&mut host);
    host.ask(&[0x00, 0x42, 7]);
    host.ask(&[0x00, 0x2E, 0x00]);
    // The first record only, and then the power fails.
    host.ask(&[&[0x00, 0x2E, 0x02, 20, 0, 0], &image[..20]].concat());
    host.world.replug(host.now);
    host.settle();
    assert!(home(&mut host) != [0xC0, 0xFF, 0xEE, 0x01]);
    assert!(host.world.controller_memory().nodes.is_empty());
}

#[test]
fn an_old_controller_gives_its_memory_in_its_own_way() {
    let mut host = Host::new(&Blueprint { chip: Chip::series_500(), ..Blueprint::two_locks() });
    let id = host.ask(&[0x00, 0x29]).remove(0);
    let size = 1_usize << id[5];
    let mut image = Vec::new();
    while image.len() < size {
        let offset = u32::try_from(image.len()).unwrap().to_be_bytes();
        image.extend(&host.ask(&[0x00, 0x2A, offset[1], offset[2], offset[3], 0x00, 0xC0])[0][2..]);
    }
    assert_eq!(ControllerMemory::of_image(&image).as_ref(), Some(host.world.controller_memory()));
    host.ask(&[0x00, 0x42, 7]);
    for (n, part) in image.chunks(0x80).enumerate() {
        let offset = u32::try_from(n * 0x80).unwrap().to_be_bytes();
        let body = [&[0x00, 0x2B, offset[1], offset[2], offset[3], 0x00, 0x80], part].concat();
        assert_eq!(host.ask(&body), [[0x01, 0x2B, 1]]);
    }
    assert_eq!(host.ask(&[0x00, 0x2B, 0xFF, 0xFF, 0xFF, 0x00, 0x01, 0x00]), [[0x01, 0x2B, 0]], "beyond the end");
    host.ask(&[0x00, 0x08]);
    assert!(host.tell(3, &[0x80, 0x02]).is_empty(), "no bridge: its commands come as 0x04");
    assert_eq!(home(&mut host), [0xC0, 0xFF, 0xEE, 0x01]);
}

#[test]
fn a_large_memory_is_read_in_four_byte_steps_and_written_from_the_beginning_only() {
    let mut host = Host::new(&Blueprint { chip: Chip::series_800(), ..Blueprint::two_locks() });
    // Size 64 KB, and open, read, write, close.
    assert_eq!(host.ask(&[0x00, 0x3D, 0x00]), [[0x01, 0x3D, 0x00, 1, 0, 1, 0, 0, 0x0F]]);
    let read = host.ask(&[0x00, 0x3D, 0x01, 4, 0, 0, 0, 0]).remove(0);
    assert_eq!(read, b"\x01\x3D\x00\x04\x00\x00\x00\x00LKS1");
    assert_eq!(host.ask(&[0x00, 0x3D, 0x01, 9, 0, 0, 0xFF, 0xFE])[0][2..4], [0xFF, 2], "the last two bytes");
    assert_eq!(host.ask(&[0x00, 0x3D, 0x02, 1, 0, 0, 0, 0, 0x4C])[0][2], 2, "a session reads or writes");
    assert_eq!(host.ask(&[0x00, 0x2E, 0x01, 4, 0, 0])[0][2], 2, "opened by the other function");
    assert_eq!(host.ask(&[0x00, 0x3D, 0x09])[0][2], 4, "no such operation");
    assert_eq!(host.ask(&[0x00, 0x3D, 0x03])[0][2], 0);
    assert_eq!(host.ask(&[0x00, 0x3D, 0x01, 4, 0, 0, 0, 0])[0][2], 2, "closed");
    host.ask(&[0x00, 0x3D, 0x00]);
    assert_eq!(host.ask(&[0x00, 0x3D, 0x02, 1, 0, 0, 0, 5, 0x4C])[0][2], 1, "not from the beginning");
    host.ask(&[0x00, 0x3D, 0x02, 1, 0, 0, 0, 0, 0x00]);
    host.ask(&[0x00, 0x08]);
    assert_eq!(home(&mut host), [0xC0, 0xFF, 0xEE, 0x01], "never closed: never written");
    // In the short form 64 KB don't fit into two bytes.
    assert_eq!(host.ask(&[0x00, 0x2E, 0x00]), [[0x01, 0x2E, 0x00, 0, 0, 0]]);
}

#[test]
fn nothing_is_sent_while_the_memory_is_open() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.ask(&[0x00, 0x2E, 0x00]);
    assert_eq!(host.ask(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]), [[0x01, 0x13, 0]]);
    host.ask(&[0x00, 0x2E, 0x03]);
    assert_eq!(host.ask(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]).len(), 2);
}

#[test]
fn a_network_moves_to_another_controller_with_its_memory() {
    let mut host = Host::new(&Blueprint::two_locks());
    let memory = host.world.controller_memory().clone();
    host.ask(&[0x00, 0x42, 7]);
    assert!(!answers(&mut host));
    host.world.set_controller_memory(memory, host.now);
    host.settle();
    assert!(answers(&mut host));
}

#[test]
fn a_lock_of_a_lost_network_can_be_excluded() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.ask(&[0x00, 0x42, 7]);
    host.ask(&[0x00, 0x4B, 0x81, 8]);
    let device = host.world.device_of(NodeId(3)).unwrap();
    host.world.leave(NodeId(3), host.now);
    host.settle();
    let last = host.got.last().unwrap();
    assert_eq!(last[..5], [0x00, 0x4B, 8, 6, 0]);
    assert_eq!(host.world.node_of(device), None);
}

#[test]
fn an_unplugged_controller_receives_nothing_and_reports_its_start() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.tell(3, &[0x85, 0x01, 0x01, 0x01]);
    host.got.clear();
    host.world.pull_controller(host.now);
    host.world.keypad(LOCK_1, b"4711", host.now);
    host.send(&framed(&[0x00, 0x20]));
    host.settle();
    assert_eq!(host.got, Vec::<Vec<u8>>::new(), "not even an answer");
    host.world.plug_controller_in(host.now);
    host.settle();
    assert_eq!(host.got[0][..3], [0x00, 0x0A, 5], "power up");
    assert!(answers(&mut host));
}

#[test]
fn a_hanging_controller_comes_back_by_its_watchdog_and_not_without() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.world.hang_controller(host.now);
    assert_eq!(host.ask(&[0x00, 0x20]), Vec::<Vec<u8>>::new());
    host.world.replug(host.now);
    host.settle();
    host.ask(&[0x00, 0xD2]);
    host.world.hang_controller(host.now);
    let got = host.ask(&[0x00, 0x20]);
    assert_eq!(got[0][..4], [0x00, 0x0A, 3, 0], "by the watchdog, which is off again");
}

#[test]
fn node_information_set_by_the_host_is_in_serial_api_started() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.ask(&[0x00, 0x03, 0x01, 0x02, 0x07, 2, 0x5E, 0x98]);
    assert_eq!(host.ask(&[0x00, 0x08]), [[0x00, 0x0A, 7, 0, 1, 0x02, 0x07, 2, 0x5E, 0x98, 0]]);
}

#[test]
fn a_controller_that_was_shut_down_is_quiet_until_it_gets_power() {
    let mut host = Host::new(&Blueprint::two_locks());
    assert_eq!(host.ask(&[0x00, 0xD9]), [[0x01, 0xD9, 1]]);
    assert_eq!(host.ask(&[0x00, 0x20]), Vec::<Vec<u8>>::new());
    host.world.replug(host.now);
    host.settle();
    assert_eq!(home(&mut host), [0xC0, 0xFF, 0xEE, 0x01]);
}

#[test]
fn random_bytes_are_as_many_as_wanted_and_never_the_same() {
    let mut host = Host::new(&Blueprint::two_locks());
    let (a, b) = (host.ask(&[0x00, 0x1C, 32]).remove(0), host.ask(&[0x00, 0x1C, 32]).remove(0));
    assert!(a[..4] == [0x01, 0x1C, 1, 32] && a.len() == 36 && a != b);
    assert_eq!(host.ask(&[0x00, 0x1C, 33]), [[0x01, 0x1C, 0, 0]]);
}

#[test]
fn a_region_holds_from_the_next_reset_on_and_takes_long_range_along() {
    let mut blueprint = Blueprint { chip: Chip::series_800(), ..Blueprint::two_locks() };
    blueprint.nodes.insert(NodeId(256), Model::version_2());
    let mut host = Host::new(&blueprint);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x20]), [[0x01, 0x0B, 0x20, 0x0B]]);
    let regions = host.ask(&[0x00, 0x0B, 0x15]).remove(0);
    assert!(regions[4..].contains(&0x0B) && regions[4..].contains(&0x01) && usize::from(regions[3]) == regions.len() - 4);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x16, 0x0B]), [[0x01, 0x0B, 0x16, 0x0B, 3, 0]]);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x40, 0x77]), [[0x01, 0x0B, 0x40, 0]], "no such region");
    let far = [0x00, 0x13, 0x01, 0x00, 1, 0x00, 0x25, 9];
    host.ask(&[0x00, 0x0B, 0x80, 2]);
    assert_eq!(host.ask(&far)[1], [0x00, 0x13, 9, 0x00]);
    assert_eq!(host.ask(&[0x00, 0xDB]), [[0x01, 0xDB, 1, 0x10]]);
    assert_eq!(host.ask(&[0x00, 0xDC, 0xFF]), [[0x01, 0xDC, 1]]);
    assert_eq!(host.ask(&[0x00, 0xDB]), [[0x01, 0xDB, 0xFF, 0x30]]);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x40, 0x00]), [[0x01, 0x0B, 0x40, 1]]);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x20]), [[0x01, 0x0B, 0x20, 0x0B]], "not yet");
    host.ask(&[0x00, 0x08]);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x20]), [[0x01, 0x0B, 0x20, 0x00]]);
    host.ask(&[0x00, 0x0B, 0x80, 2]);
    assert_eq!(host.ask(&far), [[0x01, 0x13, 0]], "there is no radio for it");
    assert_eq!(host.ask(&[0x00, 0xDB]), [[0x01, 0xDB, 0]]);
    host.world.replug(host.now);
    host.settle();
    assert_eq!(host.world.controller_memory().region, Region::EU, "kept without power");
}

#[test]
fn a_power_that_was_set_is_in_the_report_of_each_transmission() {
    let mut host = Host::new(&Blueprint { chip: Chip::series_800(), ..Blueprint::two_locks() });
    assert_eq!(host.ask(&[0x00, 0x0B, 0x12, 0xFF, 0xCE, 0x00, 0x0A]), [[0x01, 0x0B, 0x12, 1]]);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x13]), [[0x01, 0x0B, 0x13, 0xFF, 0xCE, 0x00, 0x0A]]);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x12, 0x01, 0x00, 0x00, 0x00]), [[0x01, 0x0B, 0x12, 0]], "25.6 dBm are too many");
    assert_eq!(host.ask(&[0x00, 0x0B, 0x03, 0x00, 0xC9]), [[0x01, 0x0B, 0x03, 0]]);
    assert_eq!(host.ask(&[0x00, 0x0B, 0x05]), [[0x01, 0x0B, 0x05, 0x00, 0x8C]]);
    host.ask(&[0x00, 0x0B, 0x02, 0xFF]);
    let report = host.ask(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]).remove(1);
    assert_eq!(report[4 + 19].cast_signed(), -5);
}

#[test]
fn a_report_names_the_repeaters_the_rate_and_the_link_that_failed() {
    let mut blueprint = Blueprint::two_locks();
    blueprint.nodes.insert(NodeId(9), Model { beam: None, ..Model::version_2() });
    let mut host = Host::new(&blueprint);
    host.world.set_link(LOCK_2, Link { rate: Rate::R9_6, ..Link::over([NodeId(9)]) });
    host.ask(&[0x00, 0x0B, 0x02, 0xFF]);
    let got = host.ask(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]);
    let report = &got[1][4..];
    assert_eq!((report[2], report[10], &report[11..15]), (1, 3, &[9, 0, 0, 0][..]));
    assert_eq!((report[15], report[16], &report[17..19]), (0x40 | 1, 1, &[0, 0][..]));
    assert_eq!(host.ask(&[0x00, 0x92, 2]), [[0x01, 0x92, 2, 1, 9, 0, 0, 0, 1]], "the way that worked last");
    host.world.visit(NodeId(9), |lock| lock.faults.gone = true);
    let later = host.now + Duration::from_secs(2);
    host.now = later;
    let failed = host.ask(&[0x00, 0x13, 2, 1, 0x00, 0x25, 9]).remove(1);
    assert_eq!(failed[3], 1, "the repeater is gone, and the lock with it");
    assert_eq!((failed[4 + 16], &failed[4 + 17..4 + 19]), (3, &[1, 9][..]));
    let statistics = host.world.radio(host.now);
    assert_eq!((statistics.nodes[&LOCK_2].wake_ups, statistics.controller.beams), (1, 0), "the repeater beams");
}

#[test]
fn routes_are_assigned_to_classic_nodes_only() {
    let mut blueprint = Blueprint { chip: Chip::series_800(), ..Blueprint::two_locks() };
    blueprint.nodes.insert(NodeId(256), Model::version_2());
    let mut host = Host::new(&blueprint);
    for (body, function) in [
        (vec![2, 3, 7], 0x46),
        (vec![2, 7], 0x47),
        (vec![2, 7], 0x51),
        (vec![2, 7], 0x55),
        (vec![2, 3, 3, 0, 0, 0, 2, 7], 0x4F),
        (vec![2, 3, 0, 0, 0, 2, 7], 0x58),
    ] {
        let got = host.ask(&[&[0x00, function], &body[..]].concat());
        assert_eq!(got, [vec![0x01, function, 1], vec![0x00, function, 7, 0]], "0x{function:02x}");
    }
    for refused in
        [&[0x46, 2, 99, 7][..], &[0x46, 2, 2, 7], &[0x47, 99, 7], &[0x58, 2, 99, 0, 0, 0, 2, 7], &[0x58, 2, 3, 0, 0, 0, 9, 7]]
    {
        assert_eq!(host.ask(&[&[0x00], refused].concat()), [[0x01, refused[0], 0]], "{refused:02x?}");
    }
    host.ask(&[0x00, 0x0B, 0x80, 2]);
    assert_eq!(host.ask(&[0x00, 0x51, 1, 0, 7]), [[0x01, 0x51, 0]], "Long Range is a star");
    assert_eq!(host.ask(&[0x00, 0x51, 0, 2, 7]), [vec![0x01, 0x51, 1], vec![0x00, 0x51, 7, 0]]);
    assert_eq!(host.ask(&[0x00, 0x93, 0, 2, 3, 0, 0, 0, 3]), [[0x01, 0x93, 0, 2, 1]]);
    assert_eq!(host.ask(&[0x00, 0x92, 0, 2]), [[0x01, 0x92, 0, 2, 0x10, 3, 0, 0, 0, 3]]);
    assert_eq!(host.ask(&[0x00, 0x93, 0, 2]), [[0x01, 0x93, 0, 2, 1]]);
    assert_eq!(host.ask(&[0x00, 0x93, 1, 0, 3, 0, 0, 0, 3]), [[0x01, 0x93, 1, 0, 0]]);
}

#[test]
fn neighbours_follow_from_who_repeats_for_whom() {
    let mut blueprint = Blueprint::two_locks();
    blueprint.nodes.insert(NodeId(9), Model { beam: None, ..Model::version_2() });
    let mut host = Host::new(&blueprint);
    host.world.set_link(LOCK_2, Link::over([NodeId(9)]));
    let of = |host: &mut Host, node: u8, options: u8| host.ask(&[0x00, 0x80, node, options, 0])[0][2..4].to_vec();
    // Bits: node 1 is 0x01, 2 is 0x02, 3 is 0x04, 9 is the first of the second byte.
    assert_eq!(of(&mut host, 1, 0), [0x04, 0x01]);
    assert_eq!(of(&mut host, 2, 0), [0x00, 0x01]);
    assert_eq!(of(&mut host, 9, 0), [0x07, 0x00]);
    assert_eq!(of(&mut host, 1, 0x40), [0x00, 0x01], "locks repeat nothing");
    assert_eq!(of(&mut host, 77, 0), [0x00, 0x00]);
    assert_eq!(host.ask(&[0x00, 0x48, 3, 7]), [[0x00, 0x48, 7, 0x21], [0x00, 0x48, 7, 0x22]]);
    assert_eq!(host.ask(&[0x00, 0x48, 77, 7]), [[0x00, 0x48, 7, 0x23]]);
    host.world.visit(LOCK_1, |lock| lock.faults.gone = true);
    host.now = host.now + Duration::from_secs(2);
    assert_eq!(host.ask(&[0x00, 0x48, 3, 7]), [[0x00, 0x48, 7, 0x21], [0x00, 0x48, 7, 0x23]]);
}

#[test]
fn a_controller_reports_no_suc_until_it_is_made_suc() {
    let mut host = Host::new(&Blueprint::two_locks());
    host.ask(&[0x00, 0x42, 7]);
    assert_eq!(host.ask(&[0x00, 0x56]), [[0x01, 0x56, 0]]);
    assert_eq!(host.ask(&[0x00, 0x05]), [[0x01, 0x05, 0x28]], "primary, alone");
    assert_eq!(host.ask(&[0x00, 0x54, 1, 1, 0, 1, 7]), [[0x01, 0x54, 1]], "itself: no callback");
    assert_eq!(host.ask(&[0x00, 0x54, 2, 1, 0, 1, 7]), [[0x01, 0x54, 0]], "a lock can't be it");
    assert_eq!(host.ask(&[0x00, 0x05]), [[0x01, 0x05, 0x3C]]);
}

#[test]
fn a_primary_with_nodes_joins_no_other_network() {
    let mut host = Host::new(&Blueprint::two_locks());
    assert_eq!(host.ask(&[0x00, 0x50, 1, 7])[0][..4], [0x00, 0x50, 7, 7]);
    let mut alone = Host::new(&Blueprint::empty());
    assert_eq!(alone.ask(&[0x00, 0x50, 1, 7])[0][..4], [0x00, 0x50, 7, 1]);
    assert_eq!(alone.ask(&[0x00, 0x4A, 0x81, 8])[0][..4], [0x00, 0x4A, 8, 7], "one thing at a time");
    assert_eq!(alone.ask(&[0x00, 0x50, 0, 7])[0][..4], [0x00, 0x50, 7, 6]);
}

#[test]
fn one_frame_for_several_nodes_is_acted_on_by_those_who_are_awake() {
    let mut blueprint = Blueprint::two_locks();
    for node in [4, 5] {
        blueprint.nodes.insert(NodeId(node), Model { beam: None, ..Model::version_1() });
    }
    let mut host = Host::new(&blueprint);
    let code = b"\x63\x01\x01\x011234";
    let got = host.ask(&[&[0x00, 0x14, 3, 3, 4, 5, 8], &code[..], &[0x00, 7]].concat());
    assert_eq!(got, [vec![0x01, 0x14, 1], vec![0x00, 0x14, 7, 0]]);
    let codes = |host: &Host, node| host.world.node(NodeId(node)).map(|lock| lock.memory.codes.entries().count());
    assert_eq!([3, 4, 5].map(|node| codes(&host, node)), [Some(0), Some(1), Some(1)]);
    let statistics = host.world.radio(host.now);
    assert_eq!((statistics.controller.frames, statistics.controller.beams), (1, 0));
    // To everybody, and the bridge's form of the same.
    let code = b"\x63\x01\x02\x015678";
    host.ask(&[&[0x00, 0x13, 0xFF, 8], &code[..], &[0x00, 7]].concat());
    host.ask(&[&[0x00, 0xAB, 1, 1, 5, 8], &b"\x63\x01\x03\x019999"[..], &[0x00, 7]].concat());
    assert_eq!([3, 4, 5].map(|node| codes(&host, node)), [Some(0), Some(2), Some(3)]);
    assert_eq!(host.ask(&[0x00, 0x12, 0xFF, 0x00, 7]), [vec![0x01, 0x12, 1], vec![0x00, 0x12, 7, 0]]);
    assert_eq!(host.ask(&[0x00, 0x12, 3, 0x25, 7]), [vec![0x01, 0x12, 1], vec![0x00, 0x12, 7, 0]]);
}

#[test]
fn what_no_frame_can_carry_is_refused() {
    let mut host = Host::new(&Blueprint::two_locks());
    let send = |host: &mut Host, node: u8, len: u8| {
        let body = [&[0x00, 0x13, node, len][..], &vec![0x20; len.into()], &[0x25, 9]].concat();
        host.ask(&body)[0].clone()
    };
    assert_eq!(send(&mut host, 2, 54), [0x01, 0x13, 1]);
    assert_eq!(send(&mut host, 2, 55), [0x01, 0x13, 0]);
    assert_eq!(send(&mut host, 2, 0), [0x01, 0x13, 0]);
    assert_eq!(send(&mut host, 1, 1), [0x01, 0x13, 0], "to itself");
    assert_eq!(host.ask(&[0x00, 0x60, 1]), [[0x01, 0x60, 0]]);
    // Lengths that contradict each other are acknowledged, no more.
    assert_eq!(host.ask(&[0x00, 0x13, 2, 9, 0x20, 0x25, 9]), Vec::<Vec<u8>>::new());
}

#[test]
fn a_deaf_radio_hears_no_node() {
    let mut host = Host::new(&Blueprint::two_locks());
    assert_eq!(host.ask(&[0x00, 0x10, 0]), [[0x01, 0x10, 1]]);
    assert!(!answers(&mut host));
    host.ask(&[0x00, 0x10, 1]);
    assert!(answers(&mut host));
}

#[test]
fn a_host_is_given_the_time_it_asked_for_before_a_frame_is_repeated() {
    let mut host = Host::new(&Blueprint::two_locks());
    assert_eq!(host.ask(&[0x00, 0x06, 20, 15]), [[0x01, 0x06, 150, 15]]);
    assert_eq!(host.ask(&[0x00, 0x06, 20, 15]), [[0x01, 0x06, 20, 15]]);
    host.world.bytes_from_host(&framed(&[0x00, 0x20]), host.now);
    let due = host.world.poll_deadline().expect("the host acknowledges").at;
    assert_eq!(due.since(host.now), Duration::from_millis(200));
}

#[test]
fn every_function_that_a_controller_lists_is_answered_or_has_no_answer() {
    const NO_ANSWER: [u8; 9] = [0x03, 0x08, 0x16, 0xD2, 0xD3, 0x04, 0x0A, 0x49, 0xA8];
    // Parameters that make sense to each function, with node 2 and callback 7.
    let params = |function: u8| match function {
        0x06 => vec![150, 15],
        0x0B => vec![0x01],
        0x10 => vec![1],
        0x12 => vec![2, 0x25, 7],
        0x13 => vec![2, 1, 0x00, 0x25, 7],
        0x14 => vec![1, 2, 1, 0x00, 0x25, 7],
        0x1C => vec![8],
        0x2A => vec![0, 0, 0, 0, 8],
        0x2B => vec![0, 0, 0, 0, 1, 0x4C],
        0x2E | 0x3D | 0xDA => vec![0],
        0x41 | 0x60 | 0x62 | 0x92 => vec![2],
        0x42 => vec![7],
        0x46 => vec![2, 3, 7],
        0x47 | 0x48 | 0x51 | 0x55 | 0x61 | 0x63 => vec![2, 7],
        0x4A | 0x4B | 0x50 => vec![1, 7],
        0x4F => vec![2, 3, 0, 0, 0, 0, 2, 7],
        0x54 => vec![1, 1, 0, 1, 7],
        0x58 => vec![2, 0, 0, 0, 0, 2, 7],
        0x80 => vec![2, 0, 0],
        0x93 => vec![2, 0, 0, 0, 0, 2],
        0xA9 => vec![1, 2, 1, 0x00, 0x25, 0, 0, 0, 0, 7],
        0xAB => vec![1, 1, 2, 1, 0x00, 0x25, 7],
        0xDC => vec![1],
        _ => vec![],
    };
    for chip in [Chip::series_500(), Chip::series_700(), Chip::series_800()] {
        for function in chip.functions.iter().map(|it| it.0).filter(|it| !NO_ANSWER.contains(it)) {
            let mut host = Host::new(&Blueprint { chip: chip.clone(), ..Blueprint::two_locks() });
            let got = host.ask(&[&[0x00, function], &params(function)[..]].concat());
            assert!(got.first().is_some_and(|it| it[1] == function), "{}: 0x{function:02x}: {got:02x?}", chip.version);
        }
        let bridge = [0xA8, 0xA9, 0xAB, 0xA5].map(crate::serial::FunctionId);
        assert!(bridge.iter().all(|function| chip.functions.contains(function) == chip.bridge));
    }
}
