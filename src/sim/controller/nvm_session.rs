//! The session of the host with the memory.

use super::memory::ControllerMemory;
use crate::serial::nvm::NvmForm;

/// The session with the memory.
#[derive(Debug, Default)]
pub(super) struct Nvm {
    pub(super) session: Option<Session>,
    /// Written data that take effect at the next start.
    pub(super) written: Option<Written>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) form: NvmForm,
    /// The network when the host opened the memory.
    pub(super) began_with: ControllerMemory,
    pub(super) writes: Option<bool>,
    /// Where the next write has to begin on an 800-series chip.
    pub(super) next: usize,
}

#[derive(Debug)]
pub(super) struct Written {
    pub(super) image: Vec<u8>,
    pub(super) closed: bool,
}

impl Nvm {
    /// The memory is open: nothing may be transmitted.
    pub(super) fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// The session of the host ends without being closed.
    pub(super) fn forget_session(&mut self) {
        self.session = None;
    }

    /// After a hard reset written data are discarded.
    pub(super) fn erase(&mut self) {
        *self = Self::default();
    }
}
