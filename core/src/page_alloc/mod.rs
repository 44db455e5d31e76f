//! Page-aligned memory, page-locked on request, that `munlock` and `free` release.
//!
//! Callers of the original release with `munlock(ptr, size)` and `free(ptr)`. So the memory comes
//! from `posix_memalign`, never from `mmap` and never from hugetlbfs.
//!
//! Within that contract a large locked buffer is built of transparent huge pages: 512 times fewer pages to
//! fault in, to lock, and to name in every request.

mod environment;
mod error;
mod heap;
mod malloc;
mod plan;
mod populate;
mod processors;

pub(crate) use environment::page_size;
pub use error::AllocError;

use plan::{Environment, Plan};
use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};

/// Allocates `size` bytes, page-aligned; with `lock` every page is resident and locked.
///
/// The memory is not initialised. The caller owns it and releases it with [`release`], or with
/// `munlock` and `free`.
///
/// # Errors
///
/// [`AllocError`]; then nothing stays allocated.
pub fn allocate(size: usize, lock: bool) -> Result<NonNull<c_void>, AllocError> {
    let (environment, processors) = environment::for_buffer(size, lock);
    let plan = plan::plan(size, lock, &environment);
    let attempt = |plan: &Plan| attempt(size, lock, plan, &environment, &processors);
    // A tight RLIMIT_AS may have room for the buffer but not for its alignment, and vm.max_map_count none
    // for a mapping of its own.
    match plan.fallback(size, environment.page_size) {
        Some(fallback) => attempt(&plan).or_else(|_| attempt(&fallback)),
        None => attempt(&plan),
    }
}

/// Allocates as planned, or not at all: also where the plan is for a mapping of its own and there is none.
fn attempt(
    size: usize,
    lock: bool,
    plan: &Plan,
    environment: &Environment,
    processors: &[usize],
) -> Result<NonNull<c_void>, AllocError> {
    let buffer =
        memalign(plan.alignment, plan.asked).map_err(|errno| AllocError::Memory { size, errno })?;
    let pages = pages(buffer, plan, environment.glibc);
    if plan.own_mapping {
        // SAFETY: the last byte of what was asked for, and the first of a page.
        let last = unsafe { buffer.byte_add(plan.asked - 1) };
        if !(pages == Pages::Advised && malloc::is_untouched(last)) {
            // Without `munlock`: in a heap it would undo an mlockall() of the program.
            // SAFETY: allocated above, and not handed out.
            unsafe { libc::free(buffer.as_ptr()) };
            return Err(AllocError::Memory { size, errno: libc::ENOMEM });
        }
    }
    if lock {
        if let Err(errno) = populate_and_lock(buffer, size, plan, pages, processors) {
            // SAFETY: allocated above, and not handed out.
            unsafe { release(buffer, size) };
            return Err(AllocError::Lock { size, errno });
        }
    }
    Ok(buffer)
}

/// How the pages of a buffer become huge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    Small,
    /// The kernel was advised, and gives huge ones when they are touched.
    Advised,
    /// In a heap, where advice would stay after `free` and cost memory where it is used sparsely.
    Collapsed,
}

fn pages(buffer: NonNull<c_void>, plan: &Plan, glibc: bool) -> Pages {
    let in_heap = if glibc { !malloc::has_own_mapping(buffer) } else { plan.collapse };
    if plan.huge == 0 {
        Pages::Small
    } else if in_heap && plan.collapse {
        Pages::Collapsed
    } else if !in_heap && advise(buffer, plan.huge, libc::MADV_HUGEPAGE) {
        Pages::Advised
    } else {
        Pages::Small
    }
}

fn memalign(alignment: usize, size: usize) -> Result<NonNull<c_void>, i32> {
    let mut buffer = ptr::null_mut();
    // SAFETY: `buffer` is a pointer to write to; page sizes are powers of two and multiples of a
    // pointer's size, as posix_memalign wants.
    match unsafe { libc::posix_memalign(&mut buffer, alignment, size) } {
        0 => NonNull::new(buffer).ok_or(libc::ENOMEM),
        errno => Err(errno),
    }
}

/// Makes every page of a new buffer resident and locked.
///
/// # Errors
///
/// The errno of `mlock`; then nothing is locked.
fn populate_and_lock(
    buffer: NonNull<c_void>,
    size: usize,
    plan: &Plan,
    pages: Pages,
    processors: &[usize],
) -> Result<(), i32> {
    let start = buffer.as_ptr();
    let first = match pages {
        Pages::Small => false,
        // The lock ends inside the last huge page, so it would take small pages there.
        Pages::Advised => plan.huge > size,
        Pages::Collapsed => heap::is_due(buffer, plan.huge, plan.alignment),
    };
    if first && lock_on_fault(start, size) {
        // Only to know that the buffer may be locked: as long as more than its size is populated, none is
        // locked, or it would count for other threads' limit, and the tail lose a lock of mlockall().
        // SAFETY: the range is the buffer's.
        unsafe { libc::munlock(start, size) };
        if pages == Pages::Collapsed {
            heap::collapse(buffer, plan.huge, plan.alignment);
        } else {
            // On failure (before Linux 5.14) the lock does it.
            advise(buffer, plan.huge, libc::MADV_POPULATE_WRITE);
        }
    }
    if plan.threads > 1 && lock_on_fault(start, size) {
        populate::populate(buffer, size, plan.threads, processors);
    }
    // The final lock. Where nothing was locked before, it too accounts before it touches.
    lock(start, size).or_else(|_| {
        // Kernels 4.4 to 4.8 account twice for what is locked already. Also, a lock that
        // failed half-way must not stay on memory that a heap takes back.
        // SAFETY: the range is the buffer's.
        unsafe { libc::munlock(start, size) };
        lock(start, size)
    })
}

/// Advises the kernel about a part of a buffer that is not in use yet. False on failure: the pages are as
/// without the advice.
fn advise(buffer: NonNull<c_void>, size: usize, advice: i32) -> bool {
    // SAFETY: page-aligned, and none of the advices that are used changes contents.
    unsafe { libc::madvise(buffer.as_ptr(), size, advice) == 0 }
}

/// Accounts for the lock without touching a page, so that a limit is reported at once and not after
/// the work of populating. False on failure: a limit, or a kernel before 4.4.
fn lock_on_fault(start: *mut c_void, size: usize) -> bool {
    // Called by number, because glibc has a function for it since 2.27 only.
    let onfault = libc::c_ulong::from(libc::MLOCK_ONFAULT);
    // SAFETY: the range is the buffer's.
    unsafe { libc::syscall(libc::SYS_mlock2, start, size, onfault) == 0 }
}

fn lock(start: *mut c_void, size: usize) -> Result<(), i32> {
    // SAFETY: the range is the buffer's.
    match unsafe { libc::mlock(start, size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOMEM)),
    }
}

/// Unlocks and frees what [`allocate`] returned.
///
/// # Safety
///
/// `buffer` came from [`allocate`] (or another malloc) with this `size`, was not freed, and is not
/// used afterwards.
pub unsafe fn release(buffer: NonNull<c_void>, size: usize) {
    // SAFETY: the caller owns the range; unlocking what is not locked does nothing.
    unsafe { libc::munlock(buffer.as_ptr(), size) };
    // SAFETY: as the caller promised.
    unsafe { libc::free(buffer.as_ptr()) };
}

/// A page-aligned buffer that unlocks and frees itself.
///
/// Its memory is not initialised, so it is reached through a pointer.
#[derive(Debug)]
pub struct PageBuffer {
    start: NonNull<c_void>,
    size: usize,
}

// SAFETY: the buffer owns its memory, and nothing in it belongs to a thread.
unsafe impl Send for PageBuffer {}

impl PageBuffer {
    /// Allocates `size` bytes; with `lock` every page is resident and locked.
    ///
    /// # Errors
    ///
    /// [`AllocError`]: ENOMEM where there is not that much memory; what `mlock(2)` answers where
    /// the pages cannot be locked.
    pub fn new(size: usize, lock: bool) -> Result<Self, AllocError> {
        Ok(PageBuffer { start: allocate(size, lock)?, size })
    }

    /// The first byte.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr().cast()
    }

    /// The size in bytes.
    pub fn len(&self) -> usize {
        self.size
    }

    /// Whether the size is 0.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }
}

impl Drop for PageBuffer {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it with this size, and nothing else frees it.
        unsafe { release(self.start, self.size) }
    }
}
