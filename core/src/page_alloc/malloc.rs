//! What is known of the process's malloc.

use super::environment::page_size;
use super::plan;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether `posix_memalign` is glibc's: not that of another malloc, preloaded or linked, nor another C
/// library's.
pub(super) fn is_glibc() -> bool {
    static IS_GLIBC: OnceLock<bool> = OnceLock::new();
    *IS_GLIBC.get_or_init(|| {
        #[cfg(target_env = "gnu")]
        {
            let libc = object_of(libc::gnu_get_libc_version as *const c_void);
            libc.is_some() && object_of(libc::posix_memalign as *const c_void) == libc
        }
        #[cfg(not(target_env = "gnu"))]
        false
    })
}

/// Where the object that contains an address begins.
fn object_of(address: *const c_void) -> Option<usize> {
    // SAFETY: all zero is a valid Dl_info, which dladdr writes to.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        (libc::dladdr(address, &mut info) != 0).then(|| info.dli_fbase.addr())
    }
}

/// Whether a page-aligned buffer of glibc's malloc has a mapping of its own, which `free` unmaps.
pub(super) fn has_own_mapping(buffer: NonNull<c_void>) -> bool {
    // SAFETY: an allocated buffer.
    plan::is_own_mapping(unsafe { libc::malloc_usable_size(buffer.as_ptr()) }, page_size())
}

static LEAVES_UNTOUCHED: AtomicBool = AtomicBool::new(true);

/// Whether all memory that malloc returned so far was neither resident nor locked.
pub(super) fn leaves_untouched() -> bool {
    LEAVES_UNTOUCHED.load(Ordering::Relaxed)
}

/// Whether a page is neither resident (as with MALLOC_PERTURB_) nor locked (as with mlockall(MCL_FUTURE))
/// before it is touched. If it is, [`leaves_untouched`] remembers, because trying again would take as
/// long as touching the memory.
pub(super) fn is_untouched(page: NonNull<c_void>) -> bool {
    // SAFETY: of memory without a file this does nothing, and is an error where it is locked.
    let locked = || unsafe { libc::msync(page.as_ptr(), 1, libc::MS_INVALIDATE) != 0 };
    let untouched = all_resident(page, page_size()) == Some(false) && !locked();
    if !untouched {
        LEAVES_UNTOUCHED.store(false, Ordering::Relaxed);
    }
    untouched
}

/// Whether all pages of a range that is no larger than the largest huge page are resident; `None` where the
/// kernel does not tell.
pub(super) fn all_resident(start: NonNull<c_void>, bytes: usize) -> Option<bool> {
    let mut resident = [0_u8; plan::LARGEST_ALIGNMENT / 4096];
    let pages = resident.get_mut(..bytes.div_ceil(page_size()))?;
    // SAFETY: a byte to write to for each page.
    let known = unsafe { libc::mincore(start.as_ptr(), bytes, pages.as_mut_ptr()) } == 0;
    known.then(|| pages.iter().all(|page| page & 1 != 0))
}
