//! User Credential version 1: a lock with users and credentials instead of user codes. Every Set is answered by a
//! report; changes at the lock are reported to the lifeline.

mod table;

use std::time::Duration;

use crate::command::Command;
use crate::command::notification::Event;
use crate::command::notification::access_control as access;
use crate::command::user_credential::{
    AdminPinCodeSet, AdminResult, AllUsersChecksumReport, CredentialChecksumReport, CredentialRule, CredentialSet,
    CredentialType, LearnReport, LearnStart, LearnStatus, Modifier, Operation, Place, UserChecksumReport, UserCredential, UserId,
    UserSet, UserType,
};
use crate::domain::pin::CodeText;
use crate::domain::time::{Deadline, Instant};

use super::parts::Learning;
use super::{Answer, Happening, Node};

pub use table::{Credential, CredentialAbilities, CredentialTable};

/// Time to store a change before it is reported, so that the Supervision Report goes first.
const STORING: Duration = Duration::from_millis(150);
/// Node id of the controller, for a lock without network.
const FIRST_CONTROLLER: u16 = 1;

/// The meaning of a PIN at the keypad.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presented {
    Unknown,
    /// The PIN of this user, which opens the door; with the event to report.
    Opens(u16, Happening),
    /// The PIN of this user, which is denied; with the event to report.
    Denied(u16, Happening),
}

pub(super) fn user_credential(lock: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::UserCredential(command) = command else { return None };
    let can = lock.model.credentials.clone()?;
    let by = lock.controller();
    if lock.model.quirks.refuses_writes && is_write(command) {
        return Some(Answer::Refused);
    }
    let table = &mut lock.memory.credentials;
    let reply = match command {
        UserCredential::UserCapabilitiesGet => UserCredential::UserCapabilitiesReport(can.users),
        UserCredential::CredentialCapabilitiesGet => UserCredential::CredentialCapabilitiesReport(can.credentials),
        UserCredential::UserGet(get) => UserCredential::UserReport(table.answer_user(get.user_id)),
        UserCredential::CredentialGet(get) => UserCredential::CredentialReport(table.answer_credential(get.place, &can)?),
        UserCredential::AdminPinCodeGet if can.credentials.supports_admin_code => {
            UserCredential::AdminPinCodeReport(table.answer_admin(AdminResult::ANSWER))
        }
        UserCredential::AllUsersChecksumGet if can.users.supports_all_users_checksum => {
            UserCredential::AllUsersChecksumReport(AllUsersChecksumReport { checksum: table.checksum() })
        }
        UserCredential::UserChecksumGet(get) if can.users.supports_user_checksum => {
            let checksum = table.checksum_of_user(get.user_id);
            UserCredential::UserChecksumReport(UserChecksumReport { user_id: get.user_id, checksum })
        }
        UserCredential::CredentialChecksumGet(get) if can.credentials.supports_credential_checksum => {
            let (credential_type, checksum) = (get.credential_type, table.checksum_of_type(get.credential_type));
            UserCredential::CredentialChecksumReport(CredentialChecksumReport { credential_type, checksum })
        }
        UserCredential::UserSet(set) => {
            let outcome = table.set_user(set, by, &can);
            return Some(lock.answer_set(outcome.map(|(report, done)| (UserCredential::UserReport(report), done)), now));
        }
        UserCredential::CredentialSet(set) => {
            let outcome = table.set_credential(set, by, &can);
            return Some(lock.answer_set(outcome.map(|(report, done)| (UserCredential::CredentialReport(report), done)), now));
        }
        UserCredential::AssociationSet(set) => {
            let (report, done) = table.associate(*set, by, &can);
            return Some(lock.answer_set(Some((UserCredential::AssociationReport(report), done)), now));
        }
        UserCredential::AdminPinCodeSet(AdminPinCodeSet { pin_code }) => {
            let outcome = table.set_admin(pin_code, &can);
            return Some(lock.answer_set(outcome.map(|(report, done)| (UserCredential::AdminPinCodeReport(report), done)), now));
        }
        UserCredential::CredentialLearnStart(start) => return Some(lock.start_learning(*start, &can, now)),
        UserCredential::CredentialLearnCancel => {
            let place = lock.learning.take().map_or(NOWHERE, |learning| learning.start.place);
            let report = LearnReport { learn_status: LearnStatus::ENDED, place, steps_remaining: 0 };
            return Some(lock.answer_set(Some((UserCredential::CredentialLearnReport(report), true)), now));
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::UserCredential(reply)))
}

const NOWHERE: Place = Place { user_id: 0, credential_type: CredentialType::NONE, credential_slot: 0 };

fn is_write(command: &UserCredential) -> bool {
    matches!(
        command,
        UserCredential::UserSet(_)
            | UserCredential::CredentialSet(_)
            | UserCredential::AssociationSet(_)
            | UserCredential::AdminPinCodeSet(_)
    )
}

impl Node {
    /// The user of a PIN, and whether it opens the door.
    pub(super) fn credential_presented(&self, pin: &[u8]) -> Presented {
        let table = &self.memory.credentials;
        let Some((user_id, slot)) = table.holder_of(pin) else { return Presented::Unknown };
        let Some(user) = table.user(user_id) else { return Presented::Unknown };
        let event = match user.user_type {
            _ if !user.active => access::DENIED_DISABLED,
            UserType::NON_ACCESS => access::NON_ACCESS_CREDENTIAL,
            UserType::REMOTE_ONLY => return Presented::Unknown,
            _ if user.credential_rule != CredentialRule::SINGLE => access::DENIED_NOT_ENOUGH,
            _ => access::CREDENTIAL_UNLOCK,
        };
        let happening = used(event, user_id, slot);
        if event == access::CREDENTIAL_UNLOCK {
            Presented::Opens(user_id, happening)
        } else {
            Presented::Denied(user_id, happening)
        }
    }

    /// Updates a user who has opened the door.
    pub(super) fn credential_used(&mut self, user_id: u16, now: Instant) {
        if let Some(report) = self.memory.credentials.use_up(user_id) {
            self.report_locally(UserCredential::UserReport(report), now);
        }
    }

    /// Sets or deletes a user's PIN at the lock. A missing user is added.
    pub(super) fn program_credential(&mut self, user: u16, pin: Option<&[u8]>, now: Instant) {
        let (Some(can), Some(id)) = (self.model.credentials.clone(), UserId::new(user)) else { return };
        let table = &mut self.memory.credentials;
        let held = table.pin_of(user);
        let Some(pin) = pin else {
            let delete = held.and_then(|slot| CredentialSet::delete(id, CredentialType::PIN, slot));
            let deleted = delete.and_then(|delete| table.set_credential(&delete, Modifier::LOCALLY, &can));
            self.report_if_done(deleted.map(|(report, done)| (UserCredential::CredentialReport(report), done)), now);
            return;
        };
        let free = can.of_type(CredentialType::PIN).and_then(|ability| table.free_slot(ability));
        let Some(slot) = held.or(free) else { return };
        let added = match table.user(user) {
            Some(_) => None,
            None => table.set_user(&UserSet::add(id, table::nameless()), Modifier::LOCALLY, &can),
        };
        let set = match held {
            Some(_) => CredentialSet::modify(id, CredentialType::PIN, slot, CodeText::new(pin)),
            None => CredentialSet::add(id, CredentialType::PIN, slot, CodeText::new(pin)),
        };
        let stored = table.set_credential(&set, Modifier::LOCALLY, &can);
        self.report_if_done(added.map(|(report, done)| (UserCredential::UserReport(report), done)), now);
        self.report_if_done(stored.map(|(report, done)| (UserCredential::CredentialReport(report), done)), now);
    }

    /// Presents a credential to be learnt. `false`: the lock is not learning.
    pub fn present(&mut self, data: &[u8], now: Instant) -> bool {
        let (Some(Learning { start, .. }), Some(can)) = (self.learning.take(), self.model.credentials.clone()) else {
            return false;
        };
        let Place { user_id, credential_type, credential_slot } = start.place;
        let Some(user) = UserId::new(user_id) else { return false };
        let data = CodeText::new(data);
        let set = match start.operation_type {
            Operation::ADD => CredentialSet::add(user, credential_type, credential_slot, data),
            _ => CredentialSet::modify(user, credential_type, credential_slot, data),
        };
        let stored = self.memory.credentials.set_credential(&set, Modifier::LOCALLY, &can);
        let learned = stored.as_ref().is_some_and(|(_, done)| *done);
        self.report_learning(if learned { LearnStatus::SUCCESS } else { LearnStatus::ENDED }, start.place, 0, now);
        if let Some((report, _)) = stored {
            self.report_locally(UserCredential::CredentialReport(report), now);
        }
        true
    }

    pub(super) fn learning_deadline(&self) -> Option<Deadline> {
        Some(Deadline { at: self.learning.as_ref()?.until, why: "a lock waits for what it is to learn" })
    }

    pub(super) fn stop_learning_in_time(&mut self, now: Instant) {
        if let Some(learning) = self.learning.take_if(|learning| learning.until <= now) {
            self.report_learning(LearnStatus::TIMEOUT, learning.start.place, 0, now);
        }
    }

    fn start_learning(&mut self, start: LearnStart, can: &CredentialAbilities, now: Instant) -> Answer {
        let Place { user_id, credential_type, credential_slot } = start.place;
        let ability = can.of_type(credential_type).filter(|ability| ability.supports_credential_learn);
        let Some(ability) = ability.filter(|it| (1..=it.number_of_credential_slots).contains(&credential_slot)) else {
            return Answer::Refused;
        };
        let table = &self.memory.credentials;
        let occupied = table.get(credential_type, credential_slot).is_some();
        let refusal = match start.operation_type {
            _ if self.learning.is_some() => Some(LearnStatus::ALREADY_IN_PROGRESS),
            _ if table.user(user_id).is_none() => return Answer::Refused,
            Operation::ADD => occupied.then_some(LearnStatus::INVALID_ADD),
            Operation::MODIFY => (!occupied).then_some(LearnStatus::INVALID_MODIFY),
            _ => return Answer::Refused,
        };
        let steps = ability.credential_learn_number_of_steps;
        if let Some(refusal) = refusal {
            self.report_learning(refusal, start.place, 0, now);
            return Answer::Refused;
        }
        let until = now + Duration::from_secs(start.learn_timeout.into());
        self.learning = Some(Learning { start, until });
        self.report_learning(LearnStatus::STARTED, start.place, steps, now);
        Answer::Done
    }

    fn report_learning(&mut self, learn_status: LearnStatus, place: Place, steps_remaining: u8, now: Instant) {
        let report = LearnReport { learn_status, place, steps_remaining };
        self.answer_set(Some((UserCredential::CredentialLearnReport(report), true)), now);
    }

    /// Reports the result of a Set to its sender, which is also the lifeline.
    fn answer_set(&mut self, outcome: Option<(UserCredential, bool)>, now: Instant) -> Answer {
        let Some((report, done)) = outcome else { return Answer::Refused };
        let under = self.class();
        self.say(&Command::UserCredential(report), under, STORING, now);
        if done { Answer::Done } else { Answer::Refused }
    }

    fn report_if_done(&mut self, outcome: Option<(UserCredential, bool)>, now: Instant) {
        if let Some((report, true)) = outcome {
            self.report_locally(report, now);
        }
    }

    fn report_locally(&mut self, report: UserCredential, now: Instant) {
        self.report(Command::UserCredential(report), now + STORING);
    }

    fn controller(&self) -> Modifier {
        Modifier::node(self.memory.membership.as_ref().map_or(FIRST_CONTROLLER, |membership| membership.controller.0))
    }
}

fn used(event: Event, user_id: u16, slot: u16) -> Happening {
    Happening::CredentialUsed { event, user_id, credential_type: CredentialType::PIN, slot }
}

#[cfg(test)]
mod tests;
