//! Duplicate frames (docs/protocol/security.md B8). The radio repeats a frame without acknowledgement, also over other
//! routes, and both copies may arrive.
//!
//! Other implementations compare the sequence number only. That would also drop a frame of a peer that restarted with
//! another number, once in a hundred restarts: so an encrypted frame is a duplicate only if its tag is known, too.

use std::time::Duration;

use super::crypto::ccm::TAG;
use super::crypto::derive::EntropyInput;
use crate::command::security_2::{MessageEncapsulation, NonceReport, SequenceNumber};
use crate::domain::time::Instant;

/// Time within which the radio repeats a frame, over all its routes.
const REPEATS: Duration = Duration::from_secs(5);
/// Number of encrypted frames that are remembered.
const REMEMBERED: usize = 4;

/// The frames received from one peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// The number of the last accepted frame.
    newest: Option<SequenceNumber>,
    sealed: [Option<Print>; REMEMBERED],
    report: Option<NonceReport>,
    question: Option<(SequenceNumber, Instant)>,
}

/// The frame was received before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Repeated;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Print {
    sequence: SequenceNumber,
    tag: [u8; TAG],
}

impl Heard {
    /// Records a Nonce Get; `false` for a duplicate. Its number is all that distinguishes it from the request of a
    /// restarted peer: a duplicate arrives soon, with nothing in between.
    pub(super) fn is_new_question(&mut self, sequence: SequenceNumber, now: Instant) -> bool {
        let soon = self.question.is_some_and(|(last, at)| last == sequence && now.since(at) < REPEATS);
        if soon && self.newest == Some(sequence) {
            return false;
        }
        self.question = Some((sequence, now));
        self.newest = Some(sequence);
        true
    }

    /// The entropy of a Nonce Report, which is accepted once: under another number it was not made for us.
    pub(super) fn entropy(&mut self, report: &NonceReport) -> Result<Option<EntropyInput>, Repeated> {
        if self.report.as_ref() == Some(report) {
            return Err(Repeated);
        }
        let used = self.report.is_some_and(|last| last.entropy == report.entropy);
        let Some(entropy) = report.entropy.filter(|_| !used) else { return Ok(None) };
        self.report = Some(*report);
        self.newest = Some(report.sequence);
        Ok(Some(entropy))
    }

    /// Records an encrypted frame, whether it decrypts or not; `false` for a duplicate. A frame that did not decrypt
    /// was answered, and the answer is valid for its duplicates, too.
    pub(super) fn is_new(&mut self, frame: &MessageEncapsulation) -> bool {
        let tag = frame.sealed.0.last_chunk().copied().unwrap_or_default();
        let print = Some(Print { sequence: frame.sequence, tag });
        if self.sealed.contains(&print) {
            return false;
        }
        self.sealed.rotate_right(1);
        if let Some(oldest) = self.sealed.first_mut() {
            *oldest = print;
        }
        true
    }

    /// Records that an encrypted frame was decrypted.
    pub(super) fn opened(&mut self, sequence: SequenceNumber) {
        self.newest = Some(sequence);
    }

    /// Whether this number follows the last one.
    pub(super) fn is_next(&self, sequence: SequenceNumber) -> bool {
        self.newest.is_some_and(|newest| newest.next() == sequence)
    }
}
