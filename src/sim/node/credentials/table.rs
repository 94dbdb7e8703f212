//! The users and credentials of a lock, and how it processes a Set (docs/protocol/command-classes.md 0x83). Where that
//! file says nothing, the rules are those of the mock lock of Z-Wave JS, which cites the standard for each.

use std::collections::BTreeMap;

use crate::command::user_credential::{
    self, AdminPinCodeReport, AdminResult, AssociationReport, AssociationSet, AssociationStatus, CredentialAbility,
    CredentialCapabilitiesReport, CredentialReport, CredentialReportType, CredentialSet, CredentialType, Held, Modifier,
    Operation, Place, User, UserCapabilitiesReport, UserId, UserName, UserReport, UserReportType, UserSet, UserType,
};
use crate::domain::pin::CodeText;

/// The capabilities that a lock reports for users and credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CredentialAbilities {
    pub users: UserCapabilitiesReport,
    /// Credentials and the admin PIN.
    pub credentials: CredentialCapabilitiesReport,
}

impl CredentialAbilities {
    /// The capabilities of one type; `None`: not supported.
    pub fn of_type(&self, credential_type: CredentialType) -> Option<&CredentialAbility> {
        self.credentials.credential_types.iter().find(|ability| ability.credential_type == credential_type)
    }

    /// Whether a read returns the data, and not a hash or nothing.
    fn reads_back(&self, credential_type: CredentialType) -> bool {
        self.of_type(credential_type).is_some_and(|ability| ability.max_credential_hash_length == 0)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    pub user_id: u16,
    pub data: CodeText,
    /// Who changed it last.
    pub modifier: Modifier,
}

/// The stored users and credentials. Slots are shared by all users, so credentials are stored by type and slot.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CredentialTable {
    users: BTreeMap<u16, (User, Modifier)>,
    credentials: BTreeMap<(CredentialType, u16), Credential>,
    admin: CodeText,
}

/// The result of a Set: its report, and whether it was carried out.
pub(in crate::sim::node) type Outcome<R> = (R, bool);

impl CredentialTable {
    /// A user; `None`: there is none with that id.
    pub fn user(&self, user_id: u16) -> Option<&User> {
        self.users.get(&user_id).map(|(user, _)| user)
    }

    /// The content of a slot.
    pub fn get(&self, credential_type: CredentialType, slot: u16) -> Option<&Credential> {
        self.credentials.get(&(credential_type, slot))
    }

    /// Every credential, by type and slot.
    pub fn credentials(&self) -> impl Iterator<Item = (CredentialType, u16, &Credential)> {
        self.credentials.iter().map(|((credential_type, slot), credential)| (*credential_type, *slot, credential))
    }

    /// User and slot of a PIN.
    pub fn holder_of(&self, pin: &[u8]) -> Option<(u16, u16)> {
        let mut pins = self.credentials().filter(|(credential_type, ..)| *credential_type == CredentialType::PIN);
        pins.find(|(_, _, held)| held.data.reveal() == pin).map(|(_, slot, held)| (held.user_id, slot))
    }

    /// The slot of this user's first PIN.
    pub fn pin_of(&self, user_id: u16) -> Option<u16> {
        let mut all = self.credentials();
        all.find(|(kind, _, held)| *kind == CredentialType::PIN && held.user_id == user_id).map(|(_, slot, _)| slot)
    }

    /// The first empty slot of a type.
    pub fn free_slot(&self, ability: &CredentialAbility) -> Option<u16> {
        (1..=ability.number_of_credential_slots).find(|slot| self.get(ability.credential_type, *slot).is_none())
    }

    /// Carries out a User Set. `None`: it is ignored.
    pub(in crate::sim::node) fn set_user(
        &mut self,
        set: &UserSet,
        by: Modifier,
        can: &CredentialAbilities,
    ) -> Option<Outcome<UserReport>> {
        let id = set.id().map(UserId::number);
        if id.is_some_and(|id| id > can.users.number_of_supported_users) {
            return None;
        }
        let Some(wanted) = set.user() else {
            self.users.retain(|user, _| id.is_some_and(|id| *user != id));
            self.credentials.retain(|_, held| id.is_some_and(|id| held.user_id != id));
            let deleted = UserReport { modifier: by, ..self.tell_user(UserReportType::DELETED, id.unwrap_or_default()) };
            return Some((deleted, true));
        };
        let id = id?;
        let supported = can.users.supported_user_types.contains(&wanted.user_type.0)
            && can.users.supported_credential_rules.contains(&wanted.credential_rule.0)
            && can.users.takes(wanted.name.encoding);
        if !supported {
            return None;
        }
        let known = self.user(id);
        let refusal = match set.operation() {
            Operation::ADD if known.is_some() => Some(UserReportType::ADD_REJECTED),
            Operation::MODIFY if known.is_none() => Some(UserReportType::MODIFY_REJECTED),
            Operation::ADD | Operation::MODIFY => {
                let endless = wanted.user_type == UserType::EXPIRING && wanted.expiring_timeout_minutes == 0;
                endless.then_some(UserReportType::ZERO_MINUTES)
            }
            _ => return None,
        };
        if let Some(refusal) = refusal {
            return Some((self.tell_user(refusal, id), false));
        }
        let mut user = wanted.clone();
        user.name.bytes.truncate(can.users.max_user_name_length.into());
        if user.user_type != UserType::EXPIRING {
            user.expiring_timeout_minutes = 0;
        }
        if known == Some(&user) {
            return Some((self.tell_user(UserReportType::UNCHANGED, id), true));
        }
        self.users.insert(id, (user, by));
        let added = set.operation() == Operation::ADD;
        Some((self.tell_user(if added { UserReportType::ADDED } else { UserReportType::MODIFIED }, id), true))
    }

    /// Carries out a Credential Set. `None`: it is ignored.
    pub(in crate::sim::node) fn set_credential(
        &mut self,
        set: &CredentialSet,
        by: Modifier,
        can: &CredentialAbilities,
    ) -> Option<Outcome<CredentialReport>> {
        let Some(data) = set.data() else { return self.delete_credentials(set.place(), by, can) };
        let place @ Place { user_id, credential_type, credential_slot } = set.place();
        let ability = can.of_type(credential_type)?;
        let lengths = ability.min_credential_length.into()..=ability.max_credential_length.into();
        let learned_only = *lengths.end() == 0_usize;
        let has_slot = (1..=ability.number_of_credential_slots).contains(&credential_slot);
        if learned_only || !has_slot || !lengths.contains(&data.len()) {
            return None;
        }
        let held = self.get(credential_type, credential_slot);
        let is_twin = |(kind, slot, other): &(CredentialType, u16, &Credential)| {
            *kind == credential_type && *slot != credential_slot && other.data == *data
        };
        let twin = self.credentials().find(is_twin).map(|(_, slot, other)| (slot, other.user_id));
        let not_digits = credential_type == CredentialType::PIN && !data.reveal().iter().all(u8::is_ascii_digit);
        let owner = held.map(|held| held.user_id);
        let refusal = match set.operation() {
            _ if self.user(user_id).is_none() => Some(CredentialReportType::WRONG_USER),
            Operation::ADD if owner.is_some() => Some(CredentialReportType::ADD_REJECTED),
            Operation::MODIFY if owner.is_none() => Some(CredentialReportType::MODIFY_REJECTED),
            Operation::MODIFY if owner != Some(user_id) => Some(CredentialReportType::WRONG_USER),
            Operation::ADD | Operation::MODIFY => match twin {
                Some(_) => Some(CredentialReportType::DUPLICATE),
                None if credential_type == CredentialType::PIN && self.admin == *data => {
                    Some(CredentialReportType::DUPLICATE_ADMIN)
                }
                None => not_digits.then_some(CredentialReportType::MANUFACTURER_RULES),
            },
            _ => return None,
        };
        if let Some(refusal) = refusal {
            // The report for a duplicate names its slot.
            let about = match twin.filter(|_| refusal == CredentialReportType::DUPLICATE) {
                Some((slot, owner)) => Place { user_id: owner, credential_type, credential_slot: slot },
                None => Place { user_id: owner.unwrap_or(user_id), ..place },
            };
            return Some((self.tell_credential(refusal, about, can), false));
        }
        if held.is_some_and(|held| held.data == *data) {
            return Some((self.tell_credential(CredentialReportType::UNCHANGED, place, can), true));
        }
        self.credentials.insert((credential_type, credential_slot), Credential { user_id, data: data.clone(), modifier: by });
        let added = set.operation() == Operation::ADD;
        let report_type = if added { CredentialReportType::ADDED } else { CredentialReportType::MODIFIED };
        Some((self.tell_credential(report_type, place, can), true))
    }

    /// Zeros mean all. A slot without a type, or a slot without a user, means nothing.
    fn delete_credentials(&mut self, place: Place, by: Modifier, can: &CredentialAbilities) -> Option<Outcome<CredentialReport>> {
        let Place { user_id, credential_type, credential_slot } = place;
        if credential_slot != 0 {
            if user_id == 0 || credential_type == CredentialType::NONE {
                return None;
            }
            if let Some(held) = self.get(credential_type, credential_slot).filter(|held| held.user_id != user_id) {
                let theirs = Place { user_id: held.user_id, ..place };
                return Some((self.tell_credential(CredentialReportType::WRONG_USER, theirs, can), false));
            }
        }
        self.credentials.retain(|(kind, slot), held| {
            let meant = (user_id == 0 || held.user_id == user_id)
                && (credential_type == CredentialType::NONE || *kind == credential_type)
                && (credential_slot == 0 || *slot == credential_slot);
            !meant
        });
        let report = self.tell_credential(CredentialReportType::DELETED, place, can);
        Some((CredentialReport { modifier: by, ..report }, true))
    }

    /// Answers a User Get; 0 asks for the first user.
    pub(in crate::sim::node) fn answer_user(&self, asked: u16) -> UserReport {
        let first = self.users.keys().next().copied().unwrap_or_default();
        let user_id = if asked == 0 { first } else { asked };
        let next = self.users.range(user_id.saturating_add(1)..).next().map(|(id, _)| *id);
        UserReport { next_user_id: next.unwrap_or_default(), ..self.tell_user(UserReportType::ANSWER, user_id) }
    }

    /// Answers a Credential Get; zeros ask for the first credential. `None`: a slot without a type is ignored.
    pub(in crate::sim::node) fn answer_credential(&self, asked: Place, can: &CredentialAbilities) -> Option<CredentialReport> {
        let Place { user_id, credential_type, credential_slot } = asked;
        if credential_type == CredentialType::NONE && credential_slot != 0 {
            return None;
        }
        let of_user = |held: &Credential| user_id == 0 || held.user_id == user_id;
        let mut meant = self.credentials().filter(|(kind, slot, held)| {
            of_user(held)
                && (credential_type == CredentialType::NONE || *kind == credential_type)
                && (credential_slot == 0 || *slot == credential_slot)
        });
        let place = match meant.next() {
            Some((credential_type, credential_slot, held)) => Place { user_id: held.user_id, credential_type, credential_slot },
            None => asked,
        };
        let here = (place.credential_type, place.credential_slot);
        let next = self.credentials().find(|(kind, slot, held)| of_user(held) && (*kind, *slot) > here);
        let (next_credential_type, next_credential_slot) = next.map(|(kind, slot, _)| (kind, slot)).unwrap_or_default();
        let report = self.tell_credential(CredentialReportType::ANSWER, place, can);
        Some(CredentialReport { next_credential_type, next_credential_slot, ..report })
    }

    /// Gives a credential to another user.
    pub(in crate::sim::node) fn associate(
        &mut self,
        set: AssociationSet,
        by: Modifier,
        can: &CredentialAbilities,
    ) -> Outcome<AssociationReport> {
        let status = match can.of_type(set.credential_type) {
            None => AssociationStatus::BAD_TYPE,
            Some(it) if !(1..=it.number_of_credential_slots).contains(&set.credential_slot) => AssociationStatus::BAD_SLOT,
            Some(_) => {
                let user_exists = self.user(set.destination_user_id).is_some();
                let numbers = 1..=can.users.number_of_supported_users;
                match self.credentials.get_mut(&(set.credential_type, set.credential_slot)) {
                    None => AssociationStatus::EMPTY_SLOT,
                    Some(_) if !numbers.contains(&set.destination_user_id) => AssociationStatus::BAD_USER,
                    Some(_) if !user_exists => AssociationStatus::USER_MISSING,
                    Some(held) => {
                        (held.user_id, held.modifier) = (set.destination_user_id, by);
                        AssociationStatus::SUCCESS
                    }
                }
            }
        };
        (AssociationReport { set, status }, status == AssociationStatus::SUCCESS)
    }

    /// Answers an Admin PIN Code Get.
    pub(in crate::sim::node) fn answer_admin(&self, operation_result: AdminResult) -> AdminPinCodeReport {
        AdminPinCodeReport { operation_result, pin_code: self.admin.clone() }
    }

    /// Carries out an Admin PIN Code Set. `None`: it is ignored.
    pub(in crate::sim::node) fn set_admin(
        &mut self,
        pin: &CodeText,
        can: &CredentialAbilities,
    ) -> Option<Outcome<AdminPinCodeReport>> {
        let ability = can.of_type(CredentialType::PIN).filter(|_| can.credentials.supports_admin_code)?;
        let lengths = ability.min_credential_length.into()..=ability.max_credential_length.into();
        if pin.is_empty() && !can.credentials.supports_admin_code_deactivation {
            return Some((self.answer_admin(AdminResult::CANT_DISABLE), false));
        }
        let digits = lengths.contains(&pin.len()) && pin.reveal().iter().all(u8::is_ascii_digit);
        if !pin.is_empty() && !digits {
            return None;
        }
        if *pin == self.admin && !pin.is_empty() {
            return Some((self.answer_admin(AdminResult::UNMODIFIED), true));
        }
        if self.holder_of(pin.reveal()).is_some() {
            return Some((self.answer_admin(AdminResult::DUPLICATE), false));
        }
        self.admin = pin.clone();
        Some((self.answer_admin(AdminResult::MODIFIED), true))
    }

    /// A disposable user has opened the door: the credentials of this user are invalid from now on.
    pub(in crate::sim::node) fn use_up(&mut self, user_id: u16) -> Option<UserReport> {
        let (user, modifier) = self.users.get_mut(&user_id).filter(|(user, _)| user.user_type == UserType::DISPOSABLE)?;
        user.active = false;
        *modifier = Modifier::LOCALLY;
        Some(self.tell_user(UserReportType::MODIFIED, user_id))
    }

    /// The checksum over one user; 0 without user.
    pub fn checksum_of_user(&self, user_id: u16) -> u16 {
        self.user(user_id).map(|user| user_credential::of_user(user, self.held_by(user_id))).unwrap_or_default()
    }

    /// The checksum over everything.
    pub fn checksum(&self) -> u16 {
        let users = self.users.iter().filter_map(|(id, (user, _))| Some((UserId::new(*id)?, user, self.held_by(*id))));
        user_credential::of_all_users(users)
    }

    /// The checksum over one type.
    pub fn checksum_of_type(&self, credential_type: CredentialType) -> u16 {
        user_credential::of_type(self.held().filter(|(_, held)| held.credential_type == credential_type).map(|(_, held)| held))
    }

    fn held(&self) -> impl Iterator<Item = (u16, Held<'_>)> {
        self.credentials().map(|(credential_type, slot, it)| (it.user_id, Held { credential_type, slot, data: &it.data }))
    }

    fn held_by(&self, user_id: u16) -> impl Iterator<Item = Held<'_>> {
        self.held().filter(move |(owner, _)| *owner == user_id).map(|(_, held)| held)
    }

    fn tell_user(&self, report_type: UserReportType, user_id: u16) -> UserReport {
        let known = self.users.get(&user_id).cloned();
        let (user, modifier) = known.unwrap_or_else(|| (User::nobody(), Modifier::NOBODY));
        UserReport { report_type, next_user_id: 0, modifier, user_id, user }
    }

    /// Reports a credential; data that cannot be read back are omitted.
    pub(in crate::sim::node) fn tell_credential(
        &self,
        report_type: CredentialReportType,
        place: Place,
        can: &CredentialAbilities,
    ) -> CredentialReport {
        let Place { user_id, credential_type, credential_slot } = place;
        let held = self.get(credential_type, credential_slot).filter(|held| held.user_id == user_id);
        let credential_read_back = can.reads_back(credential_type);
        let data = held.filter(|_| credential_read_back).map(|held| held.data.clone()).unwrap_or_default();
        let modifier = held.map_or(Modifier::NOBODY, |held| held.modifier);
        let (next_credential_type, next_credential_slot) = Default::default();
        CredentialReport { report_type, place, credential_read_back, data, modifier, next_credential_type, next_credential_slot }
    }
}

/// A user added at the lock, where no name can be entered.
pub(in crate::sim::node) fn nameless() -> User {
    User { name: UserName::new(""), ..User::general("") }
}
