//! What is known of the process's malloc.

use super::environment::page_size;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

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
///
/// Of such a buffer everything up to the mapping's end is usable: whole pages. In the heap a word
/// of the next chunk follows, so it never is.
pub(super) fn has_own_mapping(buffer: NonNull<c_void>) -> bool {
    // SAFETY: an allocated buffer.
    unsafe { libc::malloc_usable_size(buffer.as_ptr()) % page_size() == 0 }
}

/// Whether the page that holds an address is in memory.
pub(super) fn is_resident(address: NonNull<c_void>) -> bool {
    let page = address.as_ptr().map_addr(|address| address / page_size() * page_size());
    let mut resident = 0_u8;
    // SAFETY: one page, so one byte to write to.
    let status = unsafe { libc::mincore(page, 1, ptr::from_mut(&mut resident)) };
    status == 0 && resident & 1 == 1
}
