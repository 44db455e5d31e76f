//! `dsaio_file_size` and `dsaio_fd_file_size`, compared with what the standard library says.

use super::api;
use super::numbers::awkward;
use super::state::{Answered, State, large_file};
use arbitrary::{Result, Unstructured};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::{fs, ptr};

pub fn of_path(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let path = match input.int_in_range(0_u8..=7)? {
        0 => None,
        1 => Some(format!("/proc/self/fd/{}", large_file()).into_bytes()),
        2 => Some(b"/dev/null/below".to_vec()),
        3 => Some(vec![b'x'; input.int_in_range(200..=5000)?]),
        _ => Some(input.arbitrary::<Vec<u8>>()?),
    };
    let path = path.map(|mut bytes| {
        bytes.retain(|&byte| byte != 0);
        CString::new(bytes).expect("no NUL is left")
    });
    let size = || path.as_ref().map_or(Err(libc::EFAULT), |path| metadata(path.as_bytes()));
    let pointer = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
    judge("dsaio_file_size", size, state, input, |result| {
        // SAFETY: null, or as the header asks.
        unsafe { api::dsaio_file_size(pointer, result) }
    })
}

pub fn of_fd(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let fd = match input.arbitrary()? {
        true => large_file(),
        false => awkward(input)? as i32,
    };
    let size = || match metadata(format!("/proc/self/fd/{fd}").as_bytes()) {
        Err(libc::ENOENT) => Err(libc::EBADF),
        size => size,
    };
    judge("dsaio_fd_file_size", size, state, input, |result| {
        // SAFETY: null, or as the header asks.
        unsafe { api::dsaio_fd_file_size(fd, result) }
    })
}

/// The size by the standard library's way, which is another system call.
fn metadata(path: &[u8]) -> std::result::Result<i64, i32> {
    match fs::metadata(OsStr::from_bytes(path)) {
        Ok(metadata) => Ok(metadata.len() as i64),
        Err(error) => Err(error.raw_os_error().expect("the kernel's answer")),
    }
}

fn judge(
    function: &'static str,
    size: impl Fn() -> std::result::Result<i64, i32>,
    state: &mut State,
    input: &mut Unstructured,
    call: impl FnOnce(*mut std::ffi::c_void) -> i32,
) -> Result<Answered> {
    state.result.set(0, &input.arbitrary::<[u8; 8]>()?);
    let into_null = input.ratio(1, 8)?;
    let before = size();
    let answer = call(if into_null { ptr::null_mut() } else { state.result.pointer() });
    match before {
        _ if into_null => assert_eq!(answer, -libc::EFAULT, "{function} into a null pointer"),
        // A file that others are writing to has no size to compare with.
        before if before != size() => state.result.expect_anything(0..8),
        Err(errno) => assert_eq!(answer, -errno, "{function}"),
        Ok(size) => {
            assert_eq!(answer, 0, "{function}");
            state.result.expect(0, &size.to_ne_bytes());
        }
    }
    Ok((function, answer))
}
