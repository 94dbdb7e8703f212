//! The dashboard's words: one per grant, and sentences for what a lock refused.

use super::table::printable;
use crate::domain::grant::{OpensNow, Reason, Status};
use crate::view::{GrantView, Open};

/// What counts at the door, in one word.
pub fn standing(grant: &GrantView) -> &'static str {
    let (Some(status), Some(opens)) = (grant.status.known(), grant.opens_now.known()) else { return "Unknown" };
    match (status, opens) {
        (Status::Active, _) => "Works",
        (Status::Unconfirmed, OpensNow::Yes) => "Works",
        (Status::Scheduled, _) => "Outside its hours",
        (Status::Removing | Status::RemovalUnconfirmed, _) => "Still opens!",
        (status, _) if status.needs_somebody() => "Needs you",
        (Status::Removed | Status::Disabled | Status::Expired, OpensNow::No) => "Off",
        (Status::Removed | Status::Disabled | Status::Expired, OpensNow::Yes | OpensNow::Unknown) => "Still opens!",
        _ => "On its way",
    }
}

/// Why a settled grant does not open, and what to do; `None` if all is well.
pub fn failure(grant: &GrantView) -> Option<String> {
    let status = grant.status.known()?;
    let device = or_nothing(grant.device.as_ref());
    let reason = grant.reason.as_ref().and_then(Open::known);
    let why = match status {
        Status::Rejected if reason == Some(Reason::CodeUnreadable) => {
            format!(
                "the code is damaged in the database, and stays as it is in {device}; set a new one with `latchkey people edit`"
            )
        }
        Status::Rejected if reason == Some(Reason::Damaged) => {
            format!("the grant for {device} is damaged in the database; grant it again, or revoke it")
        }
        Status::MissingFromLock | Status::ChangedAtLock if reason == Some(Reason::StoreDoubted) => {
            format!(
                "the database was an older copy or damaged, and {device} does not have this code; tick it again with \
                 `latchkey people grant`, or revoke it"
            )
        }
        Status::Rejected => format!("{device} refused the code: {}", refused(reason)),
        Status::MissingFromLock => format!("the code is gone from {device}; tick it again with `latchkey people grant`"),
        Status::ChangedAtLock => {
            format!("somebody changed the code at {device}; write it again with `latchkey people grant`")
        }
        Status::Scheduled
        | Status::Pending
        | Status::Sending
        | Status::Verifying
        | Status::Active
        | Status::Unconfirmed
        | Status::Unreachable
        | Status::Removing
        | Status::Removed
        | Status::RemovalUnconfirmed
        | Status::Disabled
        | Status::Expired => return None,
    };
    Some(why)
}

fn refused(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::LockFull) => "it has no free slot; remove somebody from it first",
        Some(Reason::Duplicate) => "it holds that code already; choose another",
        Some(Reason::Length) => "it takes codes of another length; choose another",
        Some(Reason::Unsupported) => "it can't do that; look at `latchkey devices show`",
        Some(Reason::Insecure) => "it was included without security; include it again",
        Some(Reason::DeviceGone) => "it left the network; include it again",
        Some(
            Reason::Queue
            | Reason::Interview
            | Reason::StickAbsent
            | Reason::Backoff
            | Reason::NoAnswer
            | Reason::RefusedByLock
            | Reason::Masked
            | Reason::ErasedAtLock
            | Reason::OverwrittenAtLock
            | Reason::PersonDisabled
            | Reason::CodeUnreadable
            | Reason::Damaged
            | Reason::StoreDoubted,
        )
        | None => "it does not say why; choose another code",
    }
}

/// What a grant waits for, for people who wait with it.
pub fn waits_for(grant: &GrantView) -> String {
    let reason = grant.reason.as_ref().map(|reason| format!(" ({})", spaced(reason))).unwrap_or_default();
    format!("{}: {}{reason}", or_nothing(grant.device.as_ref()), spaced(&grant.status))
}

/// A word of the API as people read it.
pub fn spaced(word: &impl ToString) -> String {
    word.to_string().replace('_', " ")
}

/// What is there, or nothing.
pub fn or_nothing(word: Option<&impl ToString>) -> String {
    word.map(ToString::to_string).unwrap_or_default()
}

/// What is there, or `-`.
pub fn or_dash(word: Option<&impl ToString>) -> String {
    word.map_or_else(|| "-".to_owned(), |word| printable(&word.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A grant as it is kept in `tests/data/views`, but for this.
    fn grant(fields: &Value) -> GrantView {
        let mut shape: Value = serde_json::from_str(include_str!("../../tests/data/views/grant.json")).unwrap();
        shape.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(shape).unwrap()
    }

    fn word(status: &str, opens_now: &str) -> &'static str {
        standing(&grant(&json!({ "status": status, "opens_now": opens_now })))
    }

    #[test]
    fn a_code_that_should_be_gone_is_never_called_off_while_it_may_open() {
        assert_eq!(word("removing", "yes"), "Still opens!");
        assert_eq!(word("removal_unconfirmed", "unknown"), "Still opens!");
        assert_eq!(word("expired", "unknown"), "Still opens!");
        assert_eq!(word("expired", "no"), "Off");
    }

    #[test]
    fn what_counts_as_failed_is_not_said_to_be_on_its_way() {
        for status in ["rejected", "unreachable", "missing_from_lock", "changed_at_lock"] {
            assert_eq!(word(status, "unknown"), "Needs you");
        }
        for status in ["pending", "sending", "verifying", "unconfirmed"] {
            assert_eq!(word(status, "unknown"), "On its way");
        }
    }

    #[test]
    fn a_word_of_a_newer_daemon_is_not_taken_for_works() {
        assert_eq!(word("enchanted", "yes"), "Unknown");
        assert_eq!(word("active", "perhaps"), "Unknown");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let why = failure(&grant(&json!({ "device": "front_door", "status": "rejected", "reason": "lock_full" }))).unwrap();
        assert_eq!(why, "front_door refused the code: it has no free slot; remove somebody from it first");
        assert_eq!(failure(&grant(&json!({ "status": "active" }))), None);
    }
}
