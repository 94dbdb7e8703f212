//! Which of our slots hold which code, kept along with the slots: a code that somebody types is compared with all that may
//! open a door, and a building has 120,000 slots.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::pin::CodeText;
use crate::domain::slot::{Content, Slot, SlotKey};

/// The slots that have an owner and a code we know, by the code.
#[derive(Default)]
pub struct Holders(BTreeMap<CodeText, BTreeSet<SlotKey>>);

impl Holders {
    /// A slot reads otherwise now, is new (`before` is `None`) or forgotten (`after` is).
    pub fn replace(&mut self, before: Option<&Slot>, after: Option<&Slot>) {
        if let Some((code, key)) = before.and_then(held)
            && let Some(slots) = self.0.get_mut(code)
        {
            slots.remove(&key);
            if slots.is_empty() {
                self.0.remove(code);
            }
        }
        if let Some((code, key)) = after.and_then(held) {
            match self.0.get_mut(code) {
                Some(slots) => _ = slots.insert(key),
                None => _ = self.0.insert(code.clone(), BTreeSet::from([key])),
            }
        }
    }

    /// Each code that is in slots of ours, and those slots.
    pub fn iter(&self) -> impl Iterator<Item = (&CodeText, &BTreeSet<SlotKey>)> {
        self.0.iter()
    }
}

fn held(slot: &Slot) -> Option<(&CodeText, SlotKey)> {
    match &slot.content {
        Content::Known(code) if slot.owner.is_some() => Some((code, slot.key)),
        Content::Known(_) | Content::Unknown | Content::Empty | Content::Unreadable => None,
    }
}
