//! The binary's allocator: what is given back is overwritten first, so that codes and keys that passed through buffers of
//! libraries don't stay in free memory. One of the two places with `unsafe`: there is no other way to be an allocator.

#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait, and overwriting memory that is given back needs its address")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

/// The system's allocator, or another, that wipes what it takes back.
#[derive(Debug)]
pub struct Wiping<A = System>(pub A);

// SAFETY: every block comes from the inner allocator and goes back to it with the layout it was made with; what is done to it
// in between stays within its size, at a time when its owner has given it up.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Wiping<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the inner allocator.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block has that size, and is not used any more.
        unsafe { block.write_bytes(0, layout.size()) };
        // Without it the compiler may leave out a write that is never read.
        black_box(block);
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) }
    }

    // The default of `realloc` makes a new block, copies, and gives the old one back through `dealloc`: the inner allocator's
    // own would leave the old block as it was.
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Notes what is in a block when it comes back.
    #[derive(Default)]
    struct Witness(Mutex<Vec<Vec<u8>>>);

    // SAFETY: as the system's.
    unsafe impl GlobalAlloc for Witness {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's promises.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: the block is still whole.
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            self.0.lock().unwrap().push(bytes.to_vec());
            // SAFETY: the caller's promises.
            unsafe { System.dealloc(block, layout) }
        }
    }

    #[test]
    fn a_code_does_not_stay_in_memory_that_was_given_back_or_outgrown() {
        let allocator = Wiping(Witness::default());
        let layout = Layout::from_size_align(6, 1).unwrap();
        // SAFETY: the layout is not empty, and each block is used as it was made.
        unsafe {
            let block = allocator.alloc(layout);
            block.copy_from(b"482913".as_ptr(), 6);
            let larger = allocator.realloc(block, layout, 12);
            assert_eq!(std::slice::from_raw_parts(larger, 6), b"482913");
            larger.add(6).write_bytes(b'7', 6);
            allocator.dealloc(larger, Layout::from_size_align(12, 1).unwrap());
        }
        assert_eq!(*allocator.0.0.lock().unwrap(), [vec![0; 6], vec![0; 12]]);
    }
}
