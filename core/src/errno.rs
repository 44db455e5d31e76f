//! What an errno means.

use std::ffi::{CStr, c_char, c_int};

/// The C library's text for an errno, in the language that the process has set.
pub fn errno_text(errno: c_int) -> String {
    let mut text = [0 as c_char; 256];
    // SAFETY: the buffer is as long as stated; the XSI strerror_r terminates what it writes, and
    // the buffer is zeroed where it writes nothing.
    unsafe {
        libc::strerror_r(errno, text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
    }
}
