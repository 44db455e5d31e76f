//! Touches a buffer from several threads, so that it is cleared at the speed of memory and not of one
//! processor.

use super::environment;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Bytes that a thread takes at a time: small enough to share the work evenly, a multiple of every
/// huge page that is used.
const PIECE: usize = 32 << 20;

/// The helpers need little, but glibc takes the thread-local storage of all loaded libraries out of
/// this, and a Python process with torch has a lot of that.
const STACK: usize = 256 << 10;

/// Populates `size` bytes from `start` on: `threads` threads, the caller's included, the helpers on
/// `processors`.
///
/// Helpers inherit the caller's memory policy. A kernel that cannot populate (before 5.14), or a
/// thread that cannot be started, is no error: the lock that follows touches what was not touched.
pub(super) fn populate(start: NonNull<c_void>, size: usize, threads: usize, processors: &[usize]) {
    let pieces = Pieces { start: start.as_ptr().expose_provenance(), size, next: 0.into() };
    // Signal handlers of the program must not run on a thread that it does not know of.
    let blocked = SignalsBlocked::new();
    thread::scope(|scope| {
        let start_helper = || {
            let helper = thread::Builder::new().name("dsaio-populate".into()).stack_size(STACK);
            helper.spawn_scoped(scope, || {
                environment::stay_on(processors);
                pieces.populate();
            })
        };
        let helpers: Vec<_> = (1..threads).map_while(|_| start_helper().ok()).collect();
        drop(blocked);
        pieces.populate();
        // The end of the scope waits for the closures only. Joined, the threads are gone when the
        // caller forks, counts its threads, or unloads this library.
        for helper in helpers {
            let _ = helper.join();
        }
    });
}

/// A range that several threads take pieces of.
struct Pieces {
    start: usize,
    size: usize,
    next: AtomicUsize,
}

impl Pieces {
    /// Populates pieces until none is left, or the kernel reports an error.
    fn populate(&self) {
        loop {
            let offset = self.next.fetch_add(PIECE, Ordering::Relaxed);
            if offset >= self.size {
                return;
            }
            let length = PIECE.min(self.size - offset);
            let piece = ptr::with_exposed_provenance_mut(self.start + offset);
            // SAFETY: a page-aligned part of a buffer that was just allocated and is not in use
            // yet; populating leaves its contents alone.
            if unsafe { libc::madvise(piece, length, libc::MADV_POPULATE_WRITE) } != 0 {
                return;
            }
        }
    }
}

/// Blocks all signals of the calling thread, and of the threads that it starts, while it lives.
struct SignalsBlocked {
    before: libc::sigset_t,
}

impl SignalsBlocked {
    fn new() -> Self {
        // SAFETY: all zero is a valid signal set, filled by the calls below.
        let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
        let mut before = all;
        // SAFETY: two signal sets, one to fill, one to read and one to write.
        unsafe {
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        }
        SignalsBlocked { before }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}
