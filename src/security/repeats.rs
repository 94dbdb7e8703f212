//! Frames that arrive twice (docs/protocol/security.md B8). The radio repeats a frame that it has no acknowledgement
//! for, over other routes too, and both may arrive.
//!
//! The sheet's libraries go by the sequence number. That alone would also drop a frame of a peer that restarted and numbers
//! anew, once in a hundred restarts: so a sealed frame is a repeat only if its tag is known, too.

use std::time::Duration;

use super::crypto::ccm::TAG;
use super::crypto::derive::EntropyInput;
use crate::command::security_2::{MessageEncapsulation, NonceReport, SequenceNumber};
use crate::domain::time::Instant;

/// The radio repeats a frame within this, over all its routes.
const REPEATS: Duration = Duration::from_secs(5);
/// So many sealed frames are remembered.
const REMEMBERED: usize = 4;

/// What was heard of one peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// The number of the last frame that was taken in.
    newest: Option<SequenceNumber>,
    sealed: [Option<Print>; REMEMBERED],
    report: Option<NonceReport>,
    question: Option<(SequenceNumber, Instant)>,
}

/// This was heard before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Repeated;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Print {
    sequence: SequenceNumber,
    tag: [u8; TAG],
}

impl Heard {
    /// Notes a Nonce Get; false if it is a repeat. Its number is all there is to tell it from the question of a peer that
    /// restarted: a repeat comes soon, and with nothing in between.
    pub(super) fn is_new_question(&mut self, sequence: SequenceNumber, now: Instant) -> bool {
        let soon = self.question.is_some_and(|(last, at)| last == sequence && now.since(at) < REPEATS);
        if soon && self.newest == Some(sequence) {
            return false;
        }
        self.question = Some((sequence, now));
        self.newest = Some(sequence);
        true
    }

    /// The entropy of a Nonce Report, which is good once: under another number it was not made for us.
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

    /// Notes a sealed frame, whether it opens or not; false if it is a repeat. One that did not open was answered, and the
    /// answer is good for its repeats, too.
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

    /// A sealed frame opened.
    pub(super) fn opened(&mut self, sequence: SequenceNumber) {
        self.newest = Some(sequence);
    }

    /// Whether this number follows the last one.
    pub(super) fn is_next(&self, sequence: SequenceNumber) -> bool {
        self.newest.is_some_and(|newest| newest.next() == sequence)
    }
}
