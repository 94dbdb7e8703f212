//! What is known about a node of the Z-Wave network. Learnt by the interview, kept in the store, no secrets in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ids::NodeId;
use crate::command::class::ClassId;

/// How often a sleeping receiver listens for a beam (FLiRS).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Beam {
    /// Every 1000 ms.
    #[serde(rename = "Ms1000")]
    Ms1000,
    /// Every 250 ms.
    #[serde(rename = "Ms250")]
    Ms250,
}

/// Get Node Protocol Info's answer (docs/protocol/serial-api.md §4, 0x41).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeProtocol {
    /// Mains powered, always reachable.
    #[serde(rename = "listening")]
    pub listening: bool,
    #[serde(rename = "beam")]
    pub beam: Option<Beam>,
    #[serde(rename = "basic")]
    pub basic: u8,
    /// Generic device class: 0x40 is Entry Control, which locks are.
    #[serde(rename = "generic")]
    pub generic: u8,
    #[serde(rename = "specific")]
    pub specific: u8,
}

impl NodeProtocol {
    /// Neither listening nor woken by a beam: commands wait for its Wake Up Notification.
    pub fn sleeps(&self) -> bool {
        !self.listening && self.beam.is_none()
    }
}

/// The highest security class a node was granted. Order is rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
pub enum SecurityClass {
    #[default]
    #[serde(rename = "none")]
    None,
    /// Security 0.
    #[serde(rename = "s0")]
    S0,
    /// S2 Unauthenticated.
    #[serde(rename = "s2_unauthenticated")]
    S2Unauthenticated,
    /// S2 Authenticated.
    #[serde(rename = "s2_authenticated")]
    S2Authenticated,
    /// S2 Access Control.
    #[serde(rename = "s2_access_control")]
    S2AccessControl,
}

impl SecurityClass {
    /// Whether a lock may be given codes under it without an operator's decision: S2 Access Control, and S0 for old locks.
    pub fn is_for_doors(self) -> bool {
        matches!(self, Self::S2AccessControl | Self::S0)
    }
}

/// One command class of a node.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct ClassSupport {
    /// Its version; 0 until asked.
    #[serde(rename = "version")]
    pub version: u8,
    /// Listed under the node's security class only.
    #[serde(rename = "secure")]
    pub secure: bool,
}

/// Manufacturer Specific Report (0x72): which product this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProductIds {
    #[serde(rename = "manufacturer")]
    pub manufacturer: u16,
    #[serde(rename = "product_type")]
    pub product_type: u16,
    #[serde(rename = "product")]
    pub product: u16,
}

/// What the node's User Code class can do (0x63: Users Number and Capabilities Reports).
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct UserCodeSupport {
    /// Slots: user ids 1 to this.
    #[serde(rename = "users")]
    pub users: u16,
    /// Several codes in one Extended User Code Set.
    #[serde(rename = "multi_set")]
    pub multi_set: bool,
    /// Several codes in one Extended User Code Report.
    #[serde(rename = "multi_report")]
    pub multi_report: bool,
    #[serde(rename = "checksum")]
    pub checksum: bool,
    /// An admin code exists.
    #[serde(rename = "admin_code")]
    pub admin_code: bool,
    /// Supported user id statuses; empty where the lock never said (v1).
    #[serde(rename = "statuses")]
    pub statuses: BTreeSet<u8>,
}

/// What the node's Door Lock class can do (0x62 v4 Capabilities Report).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct DoorLockSupport {
    /// The condition byte says something about the door.
    #[serde(rename = "door")]
    pub door: bool,
    #[serde(rename = "bolt")]
    pub bolt: bool,
    #[serde(rename = "latch")]
    pub latch: bool,
}

/// How far the interview got. Each stage is asked once; a restart resumes at the stage that is not done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Serialize, Deserialize)]
pub enum InterviewStage {
    /// Nothing is known but the id.
    #[default]
    #[serde(rename = "listed")]
    Listed,
    /// Protocol info is known.
    #[serde(rename = "protocol")]
    Protocol,
    /// The node information frame is known.
    #[serde(rename = "node_info")]
    NodeInfo,
    /// It is known which security class the node was granted, and what it has under it.
    #[serde(rename = "security")]
    Security,
    /// Class versions are known.
    #[serde(rename = "versions")]
    Versions,
    /// Product ids and firmware are known, where the node tells them.
    #[serde(rename = "identity")]
    Identity,
    /// The lifeline leads to us.
    #[serde(rename = "lifeline")]
    Lifeline,
    /// Lock capabilities, state and battery are known.
    #[serde(rename = "capabilities")]
    Capabilities,
    #[serde(rename = "complete")]
    Complete,
}

/// Whether a node is a full member of the network.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub enum Joining {
    #[default]
    #[serde(rename = "done")]
    Done,
    /// The stick has it in its list, and it is getting its keys. On the disk before the first word of that is said: a
    /// daemon that is killed now knows what it left behind.
    #[serde(rename = "under_way")]
    UnderWay,
    /// It got no keys, or has no security that is good enough. Nothing is sent to it; it has to be excluded.
    #[serde(rename = "refused")]
    Refused,
}

/// Whether a lock below the class that doors need gets codes without permission.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub enum WeakCodes {
    /// The row is older than the rule: whether the lock holds codes decides.
    #[default]
    #[serde(rename = "unjudged")]
    Unjudged,
    #[serde(rename = "refused")]
    Refused,
    /// It held codes when the rule came, and keeps them.
    #[serde(rename = "kept")]
    Kept,
}

/// What is weak about how a lock is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weakness {
    /// It lists no security at all.
    NoSecurity,
    /// It lists S0 or S2, and has no key.
    NoKeys,
    /// S2 below Access Control.
    BelowAccessControl,
    /// S0, although it lists S2.
    S0InsteadOfS2,
    /// S0, and it never offered S2.
    S0Only,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Node {
    #[serde(rename = "id")]
    pub id: NodeId,
    /// How far the interview got.
    #[serde(rename = "stage")]
    pub stage: InterviewStage,
    /// Radio habits and device class.
    #[serde(rename = "protocol")]
    pub protocol: Option<NodeProtocol>,
    /// The security class the node was granted.
    #[serde(rename = "security")]
    pub security: SecurityClass,
    /// It was tried out, or told when the node was included. Rows older than this field are of nodes in clear.
    #[serde(default)]
    #[serde(rename = "security_known")]
    pub security_known: bool,
    /// Whether it is a full member. Rows older than this field are of nodes that are.
    #[serde(default)]
    #[serde(rename = "joining")]
    pub joining: Joining,
    /// An operator decided that it gets codes although it is a lock without a class for doors.
    #[serde(default)]
    #[serde(rename = "insecure_allowed")]
    pub insecure_allowed: bool,
    /// `security` is final: it is known from inclusion, or the node answered at it and no higher class was left unanswered.
    /// Nodes in rows older than this field are asked again.
    #[serde(default)]
    #[serde(rename = "class_settled")]
    pub class_settled: bool,
    /// Whether it gets codes below the class that doors need.
    #[serde(default)]
    #[serde(rename = "weak_codes")]
    pub weak_codes: WeakCodes,
    #[serde(rename = "classes")]
    pub classes: BTreeMap<ClassId, ClassSupport>,
    #[serde(rename = "product")]
    pub product: Option<ProductIds>,
    /// Firmware of the main chip or application, `major.minor`.
    #[serde(rename = "firmware")]
    pub firmware: Option<(u8, u8)>,
    #[serde(rename = "user_code")]
    pub user_code: Option<UserCodeSupport>,
    #[serde(rename = "door_lock")]
    pub door_lock: Option<DoorLockSupport>,
    /// The node answered Supervision with "no support" although it lists the class.
    #[serde(rename = "supervision_refused")]
    pub supervision_refused: bool,
}

impl Node {
    /// A node of which only the id is known.
    pub fn listed(id: NodeId) -> Self {
        Self {
            id,
            stage: InterviewStage::Listed,
            protocol: None,
            security: SecurityClass::None,
            security_known: false,
            joining: Joining::Done,
            insecure_allowed: false,
            class_settled: false,
            weak_codes: WeakCodes::Refused,
            classes: BTreeMap::new(),
            product: None,
            firmware: None,
            user_code: None,
            door_lock: None,
            supervision_refused: false,
        }
    }

    /// The version of a class the node supports; `None` if it does not. A class whose version was never told counts as 1.
    pub fn version_of(&self, class: ClassId) -> Option<u8> {
        self.classes.get(&class).map(|support| support.version.max(1))
    }

    /// Whether the node takes Sets under Supervision.
    pub fn supervises(&self) -> bool {
        self.classes.contains_key(&ClassId::SUPERVISION) && !self.supervision_refused
    }

    /// Whether it has a bolt, or keeps access codes: either makes it a device.
    pub fn is_lock(&self) -> bool {
        self.classes.contains_key(&ClassId::DOOR_LOCK) || self.classes.contains_key(&ClassId::USER_CODE)
    }

    /// The classes that it may have been granted, the highest first.
    pub fn possible_classes(&self) -> impl Iterator<Item = SecurityClass> + use<> {
        let (far, s2, s0) = (self.id.is_long_range(), self.lists(ClassId::SECURITY_2), self.lists(ClassId::SECURITY));
        [
            (SecurityClass::S2AccessControl, s2),
            (SecurityClass::S2Authenticated, s2),
            (SecurityClass::S2Unauthenticated, s2 && !far),
            (SecurityClass::S0, s0 && !far),
        ]
        .into_iter()
        .filter_map(|(class, listed)| listed.then_some(class))
    }

    /// Whether no higher class than `security` can turn up.
    pub fn is_class_certain(&self) -> bool {
        let top = self.possible_classes().next();
        self.class_settled || top.is_none_or(|top| self.security_known && self.security == top)
    }

    /// What is weak about it, if it is a lock. The one rule for every way in: inclusion, SmartStart, interview, import and
    /// replacement.
    pub fn weakness(&self) -> Option<Weakness> {
        let keyed = self.lists(ClassId::SECURITY) || self.lists(ClassId::SECURITY_2);
        match self.security {
            _ if !self.is_lock() => None,
            SecurityClass::S2AccessControl => None,
            SecurityClass::S2Authenticated | SecurityClass::S2Unauthenticated => Some(Weakness::BelowAccessControl),
            SecurityClass::S0 if self.lists(ClassId::SECURITY_2) => Some(Weakness::S0InsteadOfS2),
            SecurityClass::S0 => Some(Weakness::S0Only),
            SecurityClass::None if !keyed => Some(Weakness::NoSecurity),
            // Until its class is known, it may have keys.
            SecurityClass::None => self.security_known.then_some(Weakness::NoKeys),
        }
    }

    /// Whether it may be sent codes, and asked for them.
    pub fn may_have_codes(&self) -> bool {
        match self.weakness() {
            Some(Weakness::NoKeys) => self.insecure_allowed,
            Some(Weakness::BelowAccessControl) => self.insecure_allowed || self.weak_codes == WeakCodes::Kept,
            // A lock that knows no security is what it always was.
            None | Some(Weakness::NoSecurity | Weakness::S0InsteadOfS2 | Weakness::S0Only) => true,
        }
    }

    fn lists(&self, class: ClassId) -> bool {
        self.classes.contains_key(&class)
    }
}
