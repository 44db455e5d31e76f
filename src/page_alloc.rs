//! Page-aligned memory, page-locked on request, that `munlock` and `free` release.
//!
//! Callers of the original release with `munlock(ptr, size)` and `free(ptr)`. So the memory comes
//! from `posix_memalign`, never from `mmap`.

use crate::report;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ptr::{self, NonNull};

/// Why there is no buffer, with the errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `posix_memalign` has no such amount of memory.
    Memory(c_int),
    /// `mlock` may not, or cannot, lock it.
    Lock(c_int),
}

impl Refusal {
    pub(crate) fn errno(self) -> c_int {
        match self {
            Refusal::Memory(errno) | Refusal::Lock(errno) => errno,
        }
    }
}

/// Allocates `size` bytes, page-aligned; with `lock` every page is resident and locked.
///
/// The memory is not initialised. It is released by `munlock` and `free`.
///
/// # Errors
///
/// The refusal; then nothing stays allocated.
pub(crate) fn allocate(size: usize, lock: bool) -> Result<NonNull<c_void>, Refusal> {
    let mut buffer = ptr::null_mut();
    // SAFETY: `buffer` is a pointer to write to; the page size is a power of two and a multiple
    // of a pointer's size, as posix_memalign wants.
    let status = unsafe { libc::posix_memalign(&mut buffer, page_size(), size) };
    let buffer = match NonNull::new(buffer) {
        Some(buffer) if status == 0 => buffer,
        _ => return Err(Refusal::Memory(if status == 0 { libc::ENOMEM } else { status })),
    };
    // SAFETY: the range was just allocated.
    if lock && unsafe { libc::mlock(buffer.as_ptr(), size) } != 0 {
        let errno = errno();
        // SAFETY: allocated above by posix_memalign, and handed to nobody.
        unsafe { libc::free(buffer.as_ptr()) };
        return Err(Refusal::Lock(errno));
    }
    Ok(buffer)
}

/// Unlocks and frees what [`allocate`] returned.
///
/// # Safety
///
/// `buffer` came from [`allocate`] (or another malloc) with this `size`, was not freed, and is not
/// used afterwards.
pub(crate) unsafe fn release(buffer: NonNull<c_void>, size: usize) {
    // SAFETY: the caller owns the range; unlocking what is not locked does nothing.
    unsafe { libc::munlock(buffer.as_ptr(), size) };
    // SAFETY: as the caller promised.
    unsafe { libc::free(buffer.as_ptr()) };
}

/// What a refused lock says on stderr.
///
/// The first line is the original's, word by word, for programs that look for it. The second is
/// ours (D3 in the README): in practice the limit is the reason, and it can be raised.
pub(crate) fn refused_lock_text(size: i64, errno: c_int) -> String {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a struct to write to.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
    let bytes = |value| match value {
        _ if !known => "unknown".to_owned(),
        libc::RLIM_INFINITY => "unlimited".to_owned(),
        bytes => format!("{bytes} bytes"),
    };
    format!(
        "mlock failed to allocate {size} bytes with error no {errno} msg {}\n\
         deepspeed_aio_utils: ds_page_aligned_alloc: RLIMIT_MEMLOCK is {} (hard limit {}) for all \
         locked memory of the process, and {size} bytes more were asked for; raise it with \
         `ulimit -l unlimited`, LimitMEMLOCK=infinity (systemd) or --ulimit memlock=-1 \
         (containers), or grant CAP_IPC_LOCK",
        message(errno),
        bytes(limit.rlim_cur),
        bytes(limit.rlim_max),
    )
}

/// Says on stderr why a lock of `size` bytes was refused.
pub(crate) fn report_refused_lock(size: i64, errno: c_int) {
    report::line(refused_lock_text(size, errno));
}

/// glibc's text for `errno`, in the language that the process has set, as the original prints it.
fn message(errno: c_int) -> String {
    let mut text = [0 as c_char; 256];
    // SAFETY: the buffer is as long as stated; the XSI strerror_r terminates what it writes, and
    // the buffer is zeroed where it writes nothing.
    unsafe {
        libc::strerror_r(errno, text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
    }
}

fn page_size() -> usize {
    // SAFETY: sysconf takes any name.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

fn errno() -> c_int {
    // SAFETY: the calling thread's errno.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's `errno`, for callers that read it after a refusal.
pub(crate) fn set_errno(errno: c_int) {
    // SAFETY: the calling thread's errno.
    unsafe { *libc::__errno_location() = errno }
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
    /// ENOMEM where there is not that much memory; what `mlock(2)` answers where the pages cannot
    /// be locked.
    pub fn new(size: usize, lock: bool) -> io::Result<Self> {
        match allocate(size, lock) {
            Ok(start) => Ok(PageBuffer { start, size }),
            Err(refusal) => Err(io::Error::from_raw_os_error(refusal.errno())),
        }
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
        // SAFETY: `new` allocated it with this size, and nobody else frees it.
        unsafe { release(self.start, self.size) }
    }
}
