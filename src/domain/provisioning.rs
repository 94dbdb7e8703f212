//! Devices that are expected: their label was scanned before they were switched on (SmartStart).

use serde::{Deserialize, Serialize};

use super::ids::{NodeId, ProvisioningId};
use super::time::Timestamp;
use crate::security::dsk::Dsk;
use crate::security::keys::KeyMask;
use crate::security::qr::{ProductId, ProductType};

/// One device on the provisioning list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provisioned {
    pub id: ProvisioningId,
    /// What its label said.
    pub label: Label,
    /// What the device will be called.
    pub name: Option<String>,
    /// When it was scanned.
    pub added_at: Timestamp,
    /// How far it got.
    pub state: ProvisioningState,
}

/// What was scanned of a device's label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Its whole device-specific key; sealed by the store.
    pub dsk: Dsk,
    /// The keys it asks for.
    pub keys: KeyMask,
    /// It is to join over Long Range, where the stick can.
    pub long_range: bool,
    /// Which product it is.
    pub product: ScannedProduct,
}

/// What kind of device a label is of, and which product.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScannedProduct {
    #[serde(rename = "generic")]
    pub generic: u8,
    #[serde(rename = "specific")]
    pub specific: u8,
    #[serde(rename = "manufacturer")]
    pub manufacturer: u16,
    #[serde(rename = "product_type")]
    pub product_type: u16,
    #[serde(rename = "product")]
    pub product: u16,
}

/// How far an expected device got.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state")]
pub enum ProvisioningState {
    /// It did not ask for inclusion yet.
    #[serde(rename = "waiting")]
    Waiting,
    /// It is in the network.
    #[serde(rename = "included")]
    Included {
        #[serde(rename = "node")]
        node: NodeId,
    },
    /// It asked, and could not be included. It is tried again when it asks again.
    #[serde(rename = "failed")]
    Failed {
        /// Why, and what a person can do about it.
        #[serde(rename = "why")]
        why: String,
    },
}

impl Provisioned {
    /// Whether the device may ask for inclusion.
    pub fn is_expected(&self) -> bool {
        !matches!(self.state, ProvisioningState::Included { .. })
    }

    /// Whether it is in the network as `node`.
    pub fn is_included_as(&self, node: NodeId) -> bool {
        self.state == ProvisioningState::Included { node }
    }
}

impl ScannedProduct {
    /// What the fields of a QR code say.
    pub fn new(kind: ProductType, id: ProductId) -> Self {
        Self {
            generic: kind.generic,
            specific: kind.specific,
            manufacturer: id.manufacturer,
            product_type: id.product_type,
            product: id.product,
        }
    }

    /// The kind of device in a word, where one is safe: Entry Control is what locks are.
    pub fn kind(&self) -> &'static str {
        if self.generic == 0x40 { "lock" } else { "device" }
    }
}
