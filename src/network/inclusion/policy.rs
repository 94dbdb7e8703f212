//! Which keys a device gets: one rule for inclusion, SmartStart and replacement.
//!
//! A PIN or label that the user supplies is a requirement: a device that does not request a class that authenticates it
//! gets nothing. Otherwise no key is granted without asking: the question for the PIN covers all keys of a device that
//! authenticates itself, and for every other request the user is asked. No answer means "no".

use crate::domain::node::SecurityClass;
use crate::security::key_exchange::Failure;
use crate::security::keys::KeyMask;

/// What the user supplied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Brought {
    Nothing,
    /// The PIN on the label.
    Pin,
    /// The whole label, with the requested keys.
    Label(KeyMask),
}

/// What a device requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wish {
    pub(super) keys: KeyMask,
    /// It requests client-side authentication (CSA).
    pub(super) client_side_authentication: bool,
    /// It is a lock, or its type is unknown.
    pub(super) is_lock: bool,
}

/// The decision about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    Grant(KeyMask),
    /// The user decides which of these it gets.
    Ask(KeyMask),
    Refuse(Failure),
}

pub(super) fn decide(wish: Wish, brought: Brought) -> Decision {
    let keys = match brought {
        Brought::Label(named) => wish.keys & named,
        Brought::Nothing | Brought::Pin => wish.keys,
    };
    let proves_itself = is_authenticated(keys);
    let is_enough = keys.contains(KeyMask::of(SecurityClass::S2AccessControl)) || !wish.is_lock;
    match brought {
        // A device with a PIN does not need CSA, and with CSA its PIN would prove nothing.
        Brought::Pin if wish.client_side_authentication => Decision::Refuse(Failure::ClientSideAuthenticationRefused),
        Brought::Pin | Brought::Label(_) if !proves_itself => Decision::Refuse(Failure::Unproven),
        _ if proves_itself && is_enough => Decision::Grant(keys),
        // With SmartStart there is nobody to ask.
        Brought::Label(_) => Decision::Refuse(Failure::TooWeak),
        Brought::Nothing | Brought::Pin => Decision::Ask(keys),
    }
}

/// Whether these keys are an acceptable answer of the user.
pub(super) fn is_answer(keys: KeyMask, asked: KeyMask, brought: Brought) -> bool {
    let demanded = brought != Brought::Nothing && !keys.is_empty();
    asked.contains(keys) && (!demanded || is_authenticated(keys))
}

fn is_authenticated(keys: KeyMask) -> bool {
    !(keys & KeyMask::AUTHENTICATED).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNAUTHENTICATED: KeyMask = KeyMask(0x01);
    const AUTHENTICATED: KeyMask = KeyMask(0x02);
    const S0: KeyMask = KeyMask(0x80);

    fn wish(keys: KeyMask, is_lock: bool) -> Wish {
        Wish { keys, client_side_authentication: false, is_lock }
    }

    #[test]
    fn a_device_that_does_not_prove_itself_gets_nothing_where_a_pin_or_label_was_brought() {
        for keys in [UNAUTHENTICATED, S0, UNAUTHENTICATED | S0] {
            for (brought, is_lock) in [(Brought::Pin, true), (Brought::Pin, false), (Brought::Label(KeyMask::KNOWN), false)] {
                assert_eq!(decide(wish(keys, is_lock), brought), Decision::Refuse(Failure::Unproven), "{keys:?} {brought:?}");
            }
            assert_eq!(decide(wish(keys, false), Brought::Nothing), Decision::Ask(keys));
        }
    }

    #[test]
    fn a_label_gives_no_key_that_it_does_not_name() {
        let label = Brought::Label(KeyMask(0x84));
        assert_eq!(decide(wish(KeyMask::KNOWN, true), label), Decision::Grant(KeyMask(0x84)));
        assert_eq!(decide(wish(KeyMask(0x83), true), label), Decision::Refuse(Failure::Unproven));
    }

    #[test]
    fn a_lock_without_access_control_needs_a_decision_or_is_refused() {
        for keys in [AUTHENTICATED, AUTHENTICATED | UNAUTHENTICATED | S0] {
            assert_eq!(decide(wish(keys, true), Brought::Pin), Decision::Ask(keys));
            assert_eq!(decide(wish(keys, false), Brought::Pin), Decision::Grant(keys));
            assert_eq!(decide(wish(keys, true), Brought::Label(KeyMask::KNOWN)), Decision::Refuse(Failure::TooWeak));
        }
    }

    #[test]
    fn a_device_that_wants_a_code_typed_into_it_is_not_the_one_whose_pin_was_brought() {
        let wish = Wish { client_side_authentication: true, ..wish(KeyMask::KNOWN, true) };
        assert_eq!(decide(wish, Brought::Pin), Decision::Refuse(Failure::ClientSideAuthenticationRefused));
        assert_eq!(decide(wish, Brought::Nothing), Decision::Grant(KeyMask::KNOWN));
    }

    #[test]
    fn an_answer_can_not_undo_what_was_demanded() {
        assert!(is_answer(AUTHENTICATED, AUTHENTICATED | S0, Brought::Pin));
        assert!(!is_answer(S0, AUTHENTICATED | S0, Brought::Pin));
        assert!(!is_answer(UNAUTHENTICATED, S0, Brought::Nothing), "that was not asked for");
        assert!(is_answer(KeyMask::NONE, S0, Brought::Pin), "no is always an answer");
    }
}
