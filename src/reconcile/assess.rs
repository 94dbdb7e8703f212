//! Where a grant stands, in the contract's words: derived from what is believed of its slot, never set by hand.

use crate::domain::grant::{CodeInLock, Confirmation, OpensNow, Reason, Status};
use crate::domain::pin::Fingerprint;
use crate::domain::slot::{ConfirmedBy, Content, Progress, Slot};
use crate::domain::time::Timestamp;

/// What stops or slows a lock at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hindrance {
    /// The stick is not there.
    StickAbsent,
    /// The lock is still being asked what it can do.
    Interview,
    /// The lock did not answer; it is tried again then.
    Unreachable { next_try: Timestamp },
    /// The device left the network.
    DeviceGone,
    /// The lock has no security although it could: it is told no codes.
    Insecure,
}

/// Everything a grant's standing depends on.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The grant was not taken away.
    pub wanted: bool,
    /// The person is enabled.
    pub enabled: bool,
    /// The code that is wanted.
    pub code: Option<Fingerprint>,
    /// Its slot, if it has one.
    pub slot: Option<&'a Slot>,
    /// No slot is left for it.
    pub no_slot: bool,
    /// Why nothing is written until somebody decides.
    pub held: Option<(Status, Reason)>,
    /// What stops the lock.
    pub hindrance: Option<Hindrance>,
    /// Failed tries, and when this slot is tried again.
    pub retry: Option<Timestamp>,
    /// The lock told something of this slot that may be about another time: a look at it is on its way.
    pub looked_at: bool,
    /// The change of this slot failed so often that the owner has to know.
    pub failed_often: bool,
}

/// Where a grant stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    pub status: Status,
    pub reason: Option<Reason>,
    /// When it is tried again.
    pub next_try: Option<Timestamp>,
    /// The lock's own word.
    pub confirmed: Option<Confirmation>,
    /// Whether the code opens the door now.
    pub opens_now: OpensNow,
    /// Which code the lock holds.
    pub code_in_lock: CodeInLock,
}

pub fn assess(case: &Case<'_>) -> Standing {
    let code_in_lock = code_in_lock(case);
    let (status, reason, next_try) = status(case, code_in_lock);
    let opens_now = match code_in_lock {
        CodeInLock::Current | CodeInLock::Previous => OpensNow::Yes,
        CodeInLock::None => OpensNow::No,
        CodeInLock::Unknown => OpensNow::Unknown,
    };
    let confirmed = case
        .slot
        .and_then(|slot| slot.confirmed.as_ref())
        .filter(|_| matches!(status, Status::Active | Status::Removed))
        .map(|confirmed| Confirmation { by: confirmed.by, at: confirmed.at });
    Standing { status, reason, next_try, confirmed, opens_now, code_in_lock }
}

fn status(case: &Case<'_>, code_in_lock: CodeInLock) -> (Status, Option<Reason>, Option<Timestamp>) {
    let should_be_in = case.wanted && case.enabled && case.code.is_some();
    if !should_be_in && case.slot.is_none() {
        let rest = if case.wanted { Status::Disabled } else { Status::Removed };
        return (rest, (rest == Status::Disabled).then_some(Reason::PersonDisabled), None);
    }
    let progress = case.slot.map_or(Progress::Idle, |slot| slot.progress);
    if should_be_in {
        if let Some((status, reason)) = case.held {
            return (status, Some(reason), None);
        }
        if progress == Progress::Idle && code_in_lock == CodeInLock::Current {
            return (Status::Active, None, None);
        }
        if progress == Progress::Idle && case.looked_at {
            return (Status::Verifying, None, None);
        }
        let unseen = case.slot.and_then(|slot| slot.confirmed.as_ref());
        if unseen.is_some_and(|c| c.by == ConfirmedBy::Unseen && c.code == case.code) {
            return (Status::Unconfirmed, Some(Reason::Masked), None);
        }
    }
    let waiting = if should_be_in { Status::Pending } else { Status::Removing };
    match case.hindrance {
        Some(Hindrance::Unreachable { next_try }) if should_be_in => {
            return (Status::Unreachable, Some(Reason::NoAnswer), Some(next_try));
        }
        Some(Hindrance::Unreachable { next_try }) => {
            return (Status::RemovalUnconfirmed, Some(Reason::NoAnswer), Some(next_try));
        }
        Some(Hindrance::StickAbsent) => return (waiting, Some(Reason::StickAbsent), None),
        Some(Hindrance::Interview) => return (waiting, Some(Reason::Interview), None),
        Some(Hindrance::DeviceGone) => return (waiting, Some(Reason::DeviceGone), None),
        Some(Hindrance::Insecure) if should_be_in => return (Status::Rejected, Some(Reason::Insecure), None),
        Some(Hindrance::Insecure) => return (Status::RemovalUnconfirmed, Some(Reason::Insecure), None),
        None => {}
    }
    if case.failed_often && !should_be_in {
        return (Status::RemovalUnconfirmed, Some(Reason::RefusedByLock), case.retry);
    }
    match progress {
        Progress::Sending { .. } if should_be_in => (Status::Sending, None, None),
        Progress::Verifying { .. } if should_be_in => (Status::Verifying, case.retry.map(|_| Reason::Backoff), case.retry),
        Progress::Doubted { .. } | Progress::RowDoubted if should_be_in => {
            (Status::Verifying, case.retry.map(|_| Reason::Backoff), case.retry)
        }
        Progress::Sending { .. } | Progress::Verifying { .. } | Progress::Doubted { .. } | Progress::RowDoubted => {
            (Status::Removing, None, case.retry)
        }
        Progress::Idle if case.failed_often && case.retry.is_some() => {
            (Status::Rejected, Some(Reason::RefusedByLock), case.retry)
        }
        Progress::Idle if case.no_slot => (Status::Pending, Some(Reason::LockFull), None),
        Progress::Idle if case.retry.is_some() => (waiting, Some(Reason::Backoff), case.retry),
        Progress::Idle => (waiting, Some(Reason::Queue), None),
    }
}

fn code_in_lock(case: &Case<'_>) -> CodeInLock {
    let Some(slot) = case.slot else { return CodeInLock::None };
    if slot.progress != Progress::Idle || case.looked_at {
        return CodeInLock::Unknown;
    }
    match (&slot.confirmed, &slot.content) {
        (Some(confirmed), _) if confirmed.by == ConfirmedBy::Unseen => CodeInLock::Unknown,
        (Some(confirmed), _) => match confirmed.code {
            None => CodeInLock::None,
            code if code == case.code => CodeInLock::Current,
            Some(_) => CodeInLock::Previous,
        },
        (None, Content::Empty) => CodeInLock::None,
        (None, Content::Unknown | Content::Known(_) | Content::Unreadable) => CodeInLock::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Entropy;
    use crate::domain::ids::{DeviceId, Generation, GrantId};
    use crate::domain::pin::FingerprintKey;
    use crate::domain::slot::{Confirmed, Doing, SlotKey};

    fn code(text: &str) -> Fingerprint {
        Fingerprint::of(text.as_bytes(), &FingerprintKey([7; 32]))
    }

    fn slot(confirmed: Option<Option<Fingerprint>>, progress: Progress) -> Slot {
        let mut entropy = Entropy::from_number(3);
        let mut slot = Slot::unseen(SlotKey::user_code(DeviceId::new(&mut entropy), 1));
        slot.owner = Some(GrantId::new(&mut entropy));
        slot.progress = progress;
        slot.confirmed = confirmed.map(|code| Confirmed {
            code,
            generation: Generation(1),
            by: ConfirmedBy::Supervision,
            at: Timestamp::default(),
        });
        slot
    }

    fn case(slot: Option<&Slot>) -> Case<'_> {
        Case {
            wanted: true,
            enabled: true,
            code: Some(code("4821")),
            slot,
            no_slot: false,
            held: None,
            hindrance: None,
            retry: None,
            looked_at: false,
            failed_often: false,
        }
    }

    #[test]
    fn a_code_that_awaits_its_change_still_opens_and_says_so() {
        let slot = slot(Some(Some(code("1111"))), Progress::Idle);
        let standing = assess(&case(Some(&slot)));
        assert_eq!(
            (standing.status, standing.opens_now, standing.code_in_lock),
            (Status::Pending, OpensNow::Yes, CodeInLock::Previous)
        );
    }

    #[test]
    fn a_revoked_code_in_an_unreachable_lock_still_opens() {
        let slot = slot(Some(Some(code("4821"))), Progress::Idle);
        let next_try = Timestamp::from_millis(99);
        let hindrance = Some(Hindrance::Unreachable { next_try });
        let standing = assess(&Case { wanted: false, hindrance, ..case(Some(&slot)) });
        assert_eq!(standing.status, Status::RemovalUnconfirmed);
        assert_eq!(standing.opens_now, OpensNow::Yes);
        assert_eq!(standing.next_try, Some(next_try));
    }

    #[test]
    fn one_dead_lock_does_not_make_a_confirmed_code_look_broken() {
        let slot = slot(Some(Some(code("4821"))), Progress::Idle);
        let hindrance = Some(Hindrance::Unreachable { next_try: Timestamp::default() });
        assert_eq!(assess(&Case { hindrance, ..case(Some(&slot)) }).status, Status::Active);
    }

    #[test]
    fn while_a_frame_is_under_way_nobody_claims_to_know() {
        let doing = Doing::Write { generation: Generation(2), was_empty: true };
        let slot = slot(None, Progress::Sending { doing });
        let standing = assess(&case(Some(&slot)));
        assert_eq!((standing.status, standing.opens_now), (Status::Sending, OpensNow::Unknown));
    }

    #[test]
    fn a_disabled_person_without_a_slot_is_disabled_and_opens_nothing() {
        let standing = assess(&Case { enabled: false, ..case(None) });
        assert_eq!((standing.status, standing.opens_now), (Status::Disabled, OpensNow::No));
    }

    #[test]
    fn a_code_that_must_not_be_sent_in_clear_is_refused_and_one_that_is_in_the_lock_still_opens() {
        let hindrance = Some(Hindrance::Insecure);
        let standing = assess(&Case { hindrance, ..case(None) });
        assert_eq!((standing.status, standing.reason), (Status::Rejected, Some(Reason::Insecure)));
        let slot = slot(Some(Some(code("4821"))), Progress::Idle);
        let standing = assess(&Case { hindrance, ..case(Some(&slot)) });
        assert_eq!((standing.status, standing.opens_now), (Status::Active, OpensNow::Yes));
        let revoked = assess(&Case { hindrance, wanted: false, ..case(Some(&slot)) });
        assert_eq!((revoked.status, revoked.reason), (Status::RemovalUnconfirmed, Some(Reason::Insecure)));
        assert_eq!(revoked.opens_now, OpensNow::Yes);
    }

    #[test]
    fn every_waiting_status_has_a_reason() {
        for hindrance in [None, Some(Hindrance::StickAbsent), Some(Hindrance::Interview), Some(Hindrance::DeviceGone)] {
            assert!(assess(&Case { hindrance, ..case(None) }).reason.is_some());
        }
        assert_eq!(assess(&Case { no_slot: true, ..case(None) }).reason, Some(Reason::LockFull));
    }
}
