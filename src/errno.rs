//! The calling thread's `errno`, which C++ callers read after a refusal.

use std::ffi::c_int;

/// Reads it.
pub(crate) fn get() -> c_int {
    // SAFETY: the calling thread's errno.
    unsafe { *libc::__errno_location() }
}

/// Sets it.
pub(crate) fn set(errno: c_int) {
    // SAFETY: the calling thread's errno.
    unsafe { *libc::__errno_location() = errno }
}
