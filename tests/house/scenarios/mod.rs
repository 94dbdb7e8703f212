//! What users of other tools suffered, one file a symptom: nobody here may meet it again.
//!
//! The names of the first group come from the scenarios of Z-Wave JS; the rest from what people write in public threads.

mod a_bolt_moved_while_the_daemon_was_away;
mod a_changed_name_is_not_guessed;
mod a_code_erased_at_the_lock;
mod a_code_refused_for_good;
mod a_code_that_opens_after_it_was_taken_away;
mod a_dead_lock_and_the_others;
mod a_full_disk;
mod a_hung_stick;
mod a_lock_that_slept_through_its_interview;
mod a_lossy_link;
mod a_lost_acknowledgement_then_duplicate;
mod a_lost_callback;
mod a_lost_response;
mod a_nonce_while_a_dead_lock_is_called;
mod a_removal_at_a_dead_lock;
mod a_repeated_report;
mod a_restart_that_writes;
mod a_revoked_code_while_bolts_are_moved;
mod a_slot_read_too_early;
mod a_taken_code;
mod a_visit_nobody_could_be_told_of;
mod an_answer_before_its_callback;
mod an_edit_at_the_keypad;
mod an_empty_code_that_opens;
mod codes_in_what_is_told;
mod flat_batteries;
mod new_batteries;
mod stars_taken_for_a_wrong_code;
mod two_who_speak_at_once;
mod wrong_codes;

use std::time::Duration;

use latchkey::domain::entropy::Entropy;
use latchkey::domain::event::{Event, EventType};
use latchkey::domain::ids::NodeId;
use latchkey::security::keys::NetworkKeys;
use latchkey::serial::{Frame, FunctionId, NodeIdWidth, Request};
use latchkey::sim::Blueprint;
use latchkey::sim::model::Model;
use latchkey::view::GrantView;

use crate::support::house::House;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A lock with S2.
const S2: NodeId = NodeId(2);
/// An older one with S0: it can't confirm, and refuses a code that another slot has.
const S0: NodeId = NodeId(3);
/// One without security.
const PLAIN: NodeId = NodeId(4);
/// An older one without security.
const OLD: NodeId = NodeId(5);
const ALL: [&str; 4] = ["lock_2", "lock_3", "lock_4", "lock_5"];

fn blueprint() -> Blueprint {
    let models = [(S2, Model::s2()), (S0, Model::s0()), (PLAIN, Model::version_2()), (OLD, Model::version_1())];
    Blueprint {
        nodes: models.map(|(node, model)| (node, Model { slots: 8, ..model })).into(),
        keys: Some(NetworkKeys::generate(&mut Entropy::from_number(50))),
        ..Blueprint::two_locks()
    }
}

/// Four locks, each looked through.
fn house(seed: u64) -> House {
    settled(&blueprint(), seed)
}

fn settled(blueprint: &Blueprint, seed: u64) -> House {
    let mut house = House::new(blueprint, seed);
    house.run_for(HOUR);
    house
}

/// `status reason opens_now code_in_lock` of somebody's grant on a device; `None`: there is none.
fn grant(house: &mut House, name: &str, slug: &str) -> Option<String> {
    let grants = house.grants().expect("a view");
    let is_theirs =
        |person: &str, grant: &GrantView| person == name && grant.device.as_ref().is_some_and(|it| it.as_str() == slug);
    let (_, grant) = grants.into_iter().find(|(person, grant)| is_theirs(person, grant))?;
    let reason = grant.reason.map_or_else(|| "-".to_owned(), |reason| reason.to_string());
    Some(format!("{} {reason} {} {}", grant.status, grant.opens_now, grant.code_in_lock))
}

const ACTIVE: &str = "active - yes current";

fn is_active(house: &mut House, name: &str, slug: &str) -> bool {
    grant(house, name, slug).as_deref() == Some(ACTIVE)
}

/// The events of one kind that the journal has.
fn told(house: &House, kind: EventType) -> Vec<Event> {
    house.journal().into_iter().filter(|event| event.kind == kind).collect()
}

/// Who came, by the journal.
fn who_came(house: &House) -> Vec<Option<String>> {
    told(house, EventType::CodeUsed).into_iter().map(|event| event.person.map(|person| person.name)).collect()
}

/// What a frame carries to a node.
fn to_node(frame: &Frame) -> Option<(NodeId, Vec<u8>)> {
    if ![FunctionId::SEND_DATA, FunctionId::SEND_DATA_BRIDGE].contains(&frame.function) {
        return None;
    }
    let width = if frame.params.first() == Some(&0) { NodeIdWidth::Bits16 } else { NodeIdWidth::Bits8 };
    match Request::parse(frame, width) {
        Ok(Request::SendData(send) | Request::SendDataBridge { send, .. }) => Some((send.node, send.data.to_vec())),
        _ => None,
    }
}

/// Frames to a node since the `from`th frame to the stick.
fn frames(house: &House, node: NodeId, from: usize) -> usize {
    let sent = house.sent.iter().skip(from).filter(|frame| to_node(frame).is_some_and(|(to, _)| to == node));
    sent.count()
}

/// Writes and clears of codes in clear to a node since then (User Code Set, Extended User Code Set).
fn writes(house: &House, node: NodeId, from: usize) -> usize {
    let changes = |data: &[u8]| data.windows(2).any(|pair| matches!(pair, [0x63, 0x01 | 0x0B]));
    let sent = house.sent.iter().skip(from).filter_map(to_node).filter(|(to, data)| *to == node && changes(data));
    sent.count()
}
