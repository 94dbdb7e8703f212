//! How deep commands may be nested. A frame can nest them as deep as it is long, so parsing stops at a depth that no lawful
//! frame has: what is further inside stays bytes. Whoever writes, prints or drops a command needs no limit of their own.

/// So many encapsulations are opened. The order of the standard has four that carry commands in clear: CRC-16, Multi
/// Channel, Supervision, Multi Command (gateway sheet §2.2); one more is for nodes that wrap twice.
pub(super) const LEVELS: u8 = 5;

/// How many encapsulations may still be opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth(u8);

impl Depth {
    /// Where a payload begins.
    pub(super) const OUTERMOST: Self = Self(LEVELS);

    /// One encapsulation further inside; `None`: it is not opened.
    pub(super) fn deeper(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}
