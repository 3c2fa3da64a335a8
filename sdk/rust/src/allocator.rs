//! Why: the guest's global allocator is the arena of `arena.rs` over the instance's linear memory.
//! Compiled for wasm32 with the feature `allocator` (on by default) only.

#![allow(unsafe_code, reason = "a global allocator cannot be written without it; each block says why it is right")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::UnsafeCell;

use crate::arena::{Arena, Source};

/// Bytes of a WebAssembly page.
const PAGE_BYTES: usize = 65_536;
/// Pages asked for at once at least: the host's largest batch (256 KiB) fits into one step.
const GROW_PAGES: usize = 4;

struct LinearMemory;

impl Source for LinearMemory {
    fn grow(&mut self, bytes: usize) -> Option<(usize, usize)> {
        let pages = bytes.div_ceil(PAGE_BYTES).max(GROW_PAGES);
        let first = wasm32::memory_grow::<0>(pages);
        (first != usize::MAX).then(|| (first * PAGE_BYTES, pages * PAGE_BYTES))
    }
}

struct Guest(UnsafeCell<Arena<LinearMemory>>);

// SAFETY: a guest is built without threads (`atomics` is off), so nothing runs concurrently, and none of the arena's
// functions allocates, so no call is entered while another one is under way.
unsafe impl Sync for Guest {}

#[global_allocator]
static ALLOCATOR: Guest = Guest(UnsafeCell::new(Arena::new(LinearMemory)));

impl Guest {
    #[allow(clippy::mut_from_ref, reason = "see `Sync` above: there is never a second borrow")]
    fn arena(&self) -> &mut Arena<LinearMemory> {
        // SAFETY: one thread, no re-entry (see `Sync` above), and no caller keeps the borrow beyond its statement.
        unsafe { &mut *self.0.get() }
    }
}

/// Called once after `configure`: what lives now lives as long as the instance.
pub(crate) fn set_mark() {
    ALLOCATOR.arena().set_mark();
}

// SAFETY: `arena.rs` proves that what it hands out is aligned, large enough and overlaps nothing live; the addresses
// come from `memory.grow`, so they are ours and mapped. Failure is a null pointer. Nothing here unwinds.
unsafe impl GlobalAlloc for Guest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.arena().allocate(layout.size(), layout.align()) {
            Some(address) => core::ptr::with_exposed_provenance_mut(address),
            None => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.arena().free(pointer.expose_provenance(), layout.size());
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if self.arena().resize(pointer.expose_provenance(), layout.size(), new_size) {
            return pointer;
        }
        // SAFETY: the caller promises that `new_size` is not zero and does not overflow `isize` when aligned.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the layout has a size above zero, as the caller promises.
        let moved = unsafe { self.alloc(new_layout) };
        if !moved.is_null() {
            // SAFETY: both are live and overlap nothing; the old one holds `layout.size()` bytes, the new one more
            // (a smaller size never gets here: `resize` has done it in place).
            unsafe { core::ptr::copy_nonoverlapping(pointer, moved, layout.size()) };
            // SAFETY: the caller gives `pointer` with its own layout and does not use it again.
            unsafe { self.dealloc(pointer, layout) };
        }
        moved
    }
}
