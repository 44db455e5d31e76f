//! How large a file is: `stat` and `fstat`.

use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// The size in bytes of the file that `path` names, symbolic links followed.
///
/// # Errors
///
/// What `stat(2)` answers.
pub fn of_path(path: &CStr) -> io::Result<i64> {
    // SAFETY: a `CStr` is NUL-terminated.
    unsafe { of_path_ptr(path.as_ptr()) }
}

/// [`of_path`] for a C string.
///
/// # Errors
///
/// What `stat(2)` answers; EFAULT for a null path.
///
/// # Safety
///
/// `path` is null or points to a NUL-terminated string.
pub unsafe fn of_path_ptr(path: *const c_char) -> io::Result<i64> {
    // SAFETY: `path` is as the caller promised.
    size_by(|stat| unsafe { libc::stat(path, stat) })
}

/// The size in bytes of the open file `fd`.
///
/// # Errors
///
/// What `fstat(2)` answers.
pub fn of_fd(fd: RawFd) -> io::Result<i64> {
    // SAFETY: any descriptor may be asked about.
    size_by(|stat| unsafe { libc::fstat(fd, stat) })
}

fn size_by(call: impl FnOnce(*mut libc::stat) -> c_int) -> io::Result<i64> {
    let mut stat = MaybeUninit::uninit();
    if call(stat.as_mut_ptr()) == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it filled the struct.
    Ok(unsafe { stat.assume_init_ref() }.st_size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::{AsRawFd, FromRawFd};

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no memfd_create")]
    fn a_path_and_an_open_file_have_the_same_size() {
        // SAFETY: a string that ends in NUL.
        let fd = unsafe { libc::memfd_create(c"file".as_ptr(), 0) };
        assert!(fd >= 0);
        // SAFETY: just opened, and owned by nothing else.
        let file = unsafe { File::from_raw_fd(fd) };
        let path = std::ffi::CString::new(format!("/proc/self/fd/{fd}")).unwrap();
        for bytes in [0, 1, 4097, 5 << 30] {
            file.set_len(bytes).unwrap();
            assert_eq!(of_fd(file.as_raw_fd()).unwrap(), bytes as i64);
            assert_eq!(of_path(&path).unwrap(), bytes as i64);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no fstat of a descriptor that is not open")]
    fn an_error_is_the_kernels() {
        let errno = |size: io::Result<i64>| size.unwrap_err().raw_os_error();
        assert_eq!(errno(of_path(c"/nowhere/at/all")), Some(libc::ENOENT));
        assert_eq!(errno(of_path(c"/dev/null/below")), Some(libc::ENOTDIR));
        // SAFETY: null is allowed.
        assert_eq!(errno(unsafe { of_path_ptr(std::ptr::null()) }), Some(libc::EFAULT));
        assert_eq!(errno(of_fd(-1)), Some(libc::EBADF));
    }
}
