//! Huge pages in memory that malloc keeps after `free`. They are made at once, from the pages that are
//! there (`MADV_COLLAPSE`, since Linux 6.1), because advice would stay in the heap and change what the
//! program allocates there next.

use super::advise;
use super::environment::page_size;
use super::malloc;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whether the kernel can make huge pages of memory without advice.
pub(super) fn is_supported() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    *SUPPORTED.get_or_init(|| {
        // SAFETY: no bytes. An error only where the kernel does not know the advice.
        unsafe { libc::madvise(ptr::null_mut(), 0, libc::MADV_COLLAPSE) == 0 }
    })
}

/// The huge pages that buffers had before, as far as they are remembered.
static SEEN: Seen = Seen([const { AtomicUsize::new(0) }; 1024]);

/// Whether a buffer in a heap should be collapsed. It takes the kernel 60 us to begin, and most buffers lie
/// where another one was before, in pages that are huge already.
pub(super) fn is_due(buffer: NonNull<c_void>, bytes: usize, huge_page: usize) -> bool {
    let mut due = false;
    for page in huge_pages(buffer, bytes, huge_page) {
        // Each one is looked at, so that all of them are remembered.
        due |= SEEN.is_due(page.addr().get() / huge_page)
            || malloc::all_resident(page, huge_page) == Some(false);
    }
    due
}

/// Makes huge pages of a buffer in a heap, as far as the kernel has any.
pub(super) fn collapse(buffer: NonNull<c_void>, bytes: usize, huge_page: usize) {
    for page in huge_pages(buffer, bytes, huge_page) {
        // The kernel collapses only where at least one page is resident.
        advise(page, page_size(), libc::MADV_POPULATE_WRITE);
    }
    advise(buffer, bytes, libc::MADV_COLLAPSE);
}

fn huge_pages(
    buffer: NonNull<c_void>,
    bytes: usize,
    huge_page: usize,
) -> impl Iterator<Item = NonNull<c_void>> {
    // SAFETY: inside the buffer.
    (0..bytes).step_by(huge_page).map(move |offset| unsafe { buffer.byte_add(offset) })
}

/// Numbers of huge pages, each with how often it was seen since it was due; the latest one of those that
/// share an entry.
struct Seen([AtomicUsize; 1024]);

/// A huge page is due again after so many buffers: the kernel may have had none free, and malloc may have
/// given the memory back and got other pages since.
const USES: usize = 64;

/// The entry of a huge page. The heaps of threads are 64 MiB apart, and each should have entries of its own.
fn index(page: usize) -> usize {
    (page as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - 10)
}

impl Seen {
    /// Whether a huge page is due, which is remembered. Where threads race, a page may be due once
    /// more or once less.
    fn is_due(&self, page: usize) -> bool {
        let entry = &self.0[index(page)];
        let seen = entry.load(Ordering::Relaxed);
        let due = seen / USES != page || seen % USES == USES - 1;
        entry.store(if due { page * USES } else { seen + 1 }, Ordering::Relaxed);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none_seen() -> Seen {
        Seen([const { AtomicUsize::new(0) }; 1024])
    }

    #[test]
    fn a_huge_page_is_due_first_and_after_many_uses() {
        let seen = none_seen();
        let due: Vec<_> = (0..3 * USES).filter(|_| seen.is_due(7)).collect();
        assert_eq!(due, [0, USES, 2 * USES]);
    }

    #[test]
    fn pages_are_told_apart() {
        let seen = none_seen();
        // The first pages of the heaps of 32 threads.
        let pages = || (0..32).flat_map(|heap| (1..5).map(move |page| heap * 32 + page));
        assert!(pages().all(|page| seen.is_due(page)));
        assert!(pages().filter(|&page| seen.is_due(page)).count() < 32);
        // One that shares an entry takes it.
        let other = (8..).find(|&page| index(page) == index(7)).unwrap();
        assert!(seen.is_due(other) && seen.is_due(7) && !seen.is_due(7));
    }
}
