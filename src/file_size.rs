//! How large a file is: `stat` and `fstat`.

use libc::stat;
use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `st_size` of what `path` names, symbolic links followed; `None` with the reason in `errno`.
///
/// A null `path` is refused by the kernel with EFAULT.
///
/// # Safety
///
/// `path` is null or points to a NUL-terminated string.
pub(crate) unsafe fn of_path(path: *const c_char) -> Option<i64> {
    let mut buf = MaybeUninit::<stat>::uninit();
    // SAFETY: `path` is as the caller promised, `buf` is a `struct stat` to write to.
    let status = unsafe { libc::stat(path, buf.as_mut_ptr()) };
    size_in(status, &buf)
}

/// `st_size` of the open file `fd`; `None` with the reason in `errno`.
pub(crate) fn of_fd(fd: c_int) -> Option<i64> {
    let mut buf = MaybeUninit::<stat>::uninit();
    // SAFETY: `buf` is a `struct stat` to write to; any `fd` may be asked about.
    let status = unsafe { libc::fstat(fd, buf.as_mut_ptr()) };
    size_in(status, &buf)
}

fn size_in(status: c_int, buf: &MaybeUninit<stat>) -> Option<i64> {
    if status == -1 {
        return None;
    }
    // SAFETY: the call succeeded, so it filled the struct.
    Some(unsafe { buf.assume_init_ref() }.st_size)
}

/// The size in bytes of the file that `path` names, symbolic links followed.
///
/// # Errors
///
/// What `stat(2)` answers.
pub fn file_size(path: &CStr) -> io::Result<i64> {
    // SAFETY: a `CStr` is NUL-terminated.
    unsafe { of_path(path.as_ptr()) }.ok_or_else(io::Error::last_os_error)
}

/// The size in bytes of an open file.
///
/// # Errors
///
/// What `fstat(2)` answers.
pub fn fd_file_size(fd: BorrowedFd<'_>) -> io::Result<i64> {
    of_fd(fd.as_raw_fd()).ok_or_else(io::Error::last_os_error)
}
