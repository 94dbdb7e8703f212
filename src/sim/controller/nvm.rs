//! The memory as the host reads and writes it: function 0x2E, on larger chips 0x3D, and on the 500 series 0x29, 0x2A,
//! 0x2B (docs/protocol/serial-api.md §4, 0x3D). What is written takes effect at the next start.

use super::nvm_session::{Session, Written};
use super::{Controller, ControllerMemory, Effect};
use crate::serial::nvm::{NvmAnswer, NvmForm, NvmId, NvmOperation, NvmStatus};
use crate::serial::{FunctionId, Message};

/// Supported operations of the extended form, as bits: all four.
const OPERATIONS: &[u8] = &[0x0F];

impl Controller {
    /// The memory of a newer controller.
    pub(super) fn nvm(&mut self, form: NvmForm, operation: NvmOperation) -> NvmAnswer {
        let answer = |status, offset: usize, len: usize, data: &[u8]| NvmAnswer {
            form,
            status,
            // 64 KB and more do not fit into two bytes and are reported as 0.
            offset_or_size: match form {
                NvmForm::Short => u16::try_from(offset).unwrap_or(0).into(),
                NvmForm::Extended => u32::try_from(offset).unwrap_or(0),
            },
            len: u8::try_from(len).unwrap_or(u8::MAX),
            data: data.into(),
        };
        let size = self.chip.memory_size();
        let refused = |status| answer(status, 0, 0, &[]);
        let place = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        match operation {
            NvmOperation::Open if self.nvm.is_open() || self.in_flight.is_some() => refused(NvmStatus::MISMATCH),
            NvmOperation::Open => {
                self.nvm.session = Some(Session { form, began_with: self.memory.clone(), writes: None, next: 0 });
                let operations = if form == NvmForm::Extended { OPERATIONS } else { &[] };
                answer(NvmStatus::OK, size, operations.len(), operations)
            }
            NvmOperation::Other(_) => refused(NvmStatus::UNSUPPORTED),
            operation => {
                let Some(session) = self.nvm.session.as_mut().filter(|session| session.form == form) else {
                    return refused(NvmStatus::MISMATCH);
                };
                match operation {
                    // A session either reads or writes.
                    NvmOperation::Read { .. } if session.writes == Some(true) => refused(NvmStatus::MISMATCH),
                    NvmOperation::Write { .. } if session.writes == Some(false) => refused(NvmStatus::MISMATCH),
                    NvmOperation::Read { .. } if session.began_with != self.memory => refused(NvmStatus::INTERFERENCE),
                    NvmOperation::Read { offset, len } => {
                        session.writes = Some(false);
                        let image = self.image();
                        let start = place(offset);
                        let end = start.saturating_add(len.into()).min(size);
                        let Some(data) = image.get(start..end) else { return refused(NvmStatus::ERROR) };
                        let status = if end == size { NvmStatus::END_OF_FILE } else { NvmStatus::OK };
                        answer(status, start, data.len(), data)
                    }
                    NvmOperation::Write { offset, data } => {
                        let start = place(offset);
                        if self.chip.series >= 8 && start != session.next {
                            return refused(NvmStatus::ERROR);
                        }
                        session.writes = Some(true);
                        session.next = start.saturating_add(data.len());
                        let end = session.next;
                        if !self.write(start, &data) {
                            return refused(NvmStatus::ERROR);
                        }
                        let status = if end == size { NvmStatus::END_OF_FILE } else { NvmStatus::OK };
                        answer(status, start, data.len(), &[])
                    }
                    NvmOperation::Close => {
                        self.nvm.session = None;
                        if let Some(written) = &mut self.nvm.written {
                            written.closed = true;
                        }
                        answer(NvmStatus::OK, 0, 0, &[])
                    }
                    NvmOperation::Open | NvmOperation::Other(_) => refused(NvmStatus::ERROR),
                }
            }
        }
    }

    /// The memory of a 500-series controller.
    pub(super) fn nvm_id(&self) -> NvmId {
        let size_code = u8::try_from(self.chip.memory_size().ilog2()).unwrap_or(0);
        NvmId { manufacturer: 0x20, memory_type: 0x01, size_code }
    }

    /// Reads a part of it. There is nothing after its end.
    pub(super) fn nvm_read(&self, offset: u32, len: u16) -> Message {
        let image = self.image();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(len.into()).min(image.len());
        Message::NvmData { data: image.get(start..end).unwrap_or_default().into() }
    }

    /// Writes a part of it.
    pub(super) fn nvm_write(&mut self, offset: u32, data: &[u8]) -> Vec<Effect> {
        let ok = self.write(usize::try_from(offset).unwrap_or(usize::MAX), data);
        vec![self.to_host(&Message::Response { function: FunctionId::NVM_WRITE, ok })]
    }

    /// At a start, written data become the memory. A newer chip ignores incomplete data; invalid data result in a
    /// controller as delivered.
    pub(super) fn take_what_was_written(&mut self) {
        self.nvm.session = None;
        let Some(Written { image, closed }) = self.nvm.written.take() else { return };
        if closed || self.chip.series < 8 {
            let factory = |controller: &mut Self| ControllerMemory::factory(controller.chip.region, &mut controller.entropy);
            self.memory = ControllerMemory::of_image(&image).unwrap_or_else(|| factory(self));
        }
    }

    fn image(&self) -> Vec<u8> {
        match &self.nvm.written {
            Some(written) => written.image.clone(),
            None => self.memory.image(self.chip.memory_size()),
        }
    }

    fn write(&mut self, start: usize, data: &[u8]) -> bool {
        let mut image = self.image();
        let Some(place) = start.checked_add(data.len()).and_then(|end| image.get_mut(start..end)) else { return false };
        place.copy_from_slice(data);
        self.nvm.written = Some(Written { image, closed: false });
        true
    }
}
