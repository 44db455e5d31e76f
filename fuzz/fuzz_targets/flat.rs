//! The flat C API from bytes that libFuzzer finds by coverage, under AddressSanitizer.
#![no_main]

#[path = "../../tests/flat_bytes/sequence/mod.rs"]
mod sequence;

use libfuzzer_sys::fuzz_target;
use std::ffi::{c_char, c_int, c_long, c_void};

fuzz_target!(|bytes: &[u8]| sequence::run(bytes, &mut sequence::Answers::new()));

/// A request for more memory than there is gets the answer that malloc would give, not a report.
#[unsafe(no_mangle)]
extern "C" fn __asan_default_options() -> *const c_char {
    c"allocator_may_return_null=1".as_ptr()
}

/// AddressSanitizer's own `mlock` does nothing; this one locks.
#[unsafe(no_mangle)]
extern "C" fn mlock(start: *const c_void, size: usize) -> c_int {
    // SAFETY: any range may be asked about; the kernel answers.
    unsafe { by_number(libc::SYS_mlock, start, size) }
}

/// And its `munlock` unlocks nothing.
#[unsafe(no_mangle)]
extern "C" fn munlock(start: *const c_void, size: usize) -> c_int {
    // SAFETY: as above.
    unsafe { by_number(libc::SYS_munlock, start, size) }
}

unsafe fn by_number(call: c_long, start: *const c_void, size: usize) -> c_int {
    // SAFETY: the arguments are the call's. glibc sets errno.
    unsafe { libc::syscall(call, start, size) as c_int }
}
