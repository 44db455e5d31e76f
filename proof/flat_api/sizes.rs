//! `dsaio_file_size` and `dsaio_fd_file_size`, beside what the standard library says.

use super::calls::Answered;
use super::numbers::awkward;
use super::state::State;
use super::{api, state};
use arbitrary::{Result, Unstructured};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::{fs, ptr};

pub fn of_path(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let path = match input.int_in_range(0_u8..=7)? {
        0 => None,
        1 => Some(format!("/proc/self/fd/{}", state::large_file()).into_bytes()),
        2 => Some(b"/dev/null/below".to_vec()),
        3 => Some(b"/".to_vec()),
        4 => Some(vec![b'x'; input.int_in_range(200..=5000)?]),
        _ => Some(input.arbitrary::<Vec<u8>>()?),
    };
    let path = path.map(|mut bytes| {
        bytes.retain(|&byte| byte != 0);
        CString::new(bytes).expect("no NUL is left")
    });
    let into_null = input.ratio(1, 8)?;
    let ask = || match &path {
        None => Err(libc::EFAULT),
        Some(path) => metadata(path.as_bytes()),
    };
    let before = ask();
    let pointer = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
    state.result.set(0, &input.arbitrary::<[u8; 8]>()?);
    let result = if into_null { ptr::null_mut() } else { state.result.pointer() };
    // SAFETY: null, or as the header asks.
    let answer = unsafe { api::dsaio_file_size(pointer, result) };
    let unchanged = before == ask();
    Ok(judge_size("dsaio_file_size", answer, into_null, before, unchanged, state))
}

pub fn of_fd(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let fd = match input.int_in_range(0_u8..=2)? {
        0 => state::large_file(),
        1 => awkward(input)? as i32,
        _ => input.int_in_range(-2..=20)?,
    };
    let into_null = input.ratio(1, 8)?;
    let ask = || match metadata(format!("/proc/self/fd/{fd}").as_bytes()) {
        Err(libc::ENOENT) => Err(libc::EBADF),
        answer => answer,
    };
    let before = ask();
    state.result.set(0, &input.arbitrary::<[u8; 8]>()?);
    let result = if into_null { ptr::null_mut() } else { state.result.pointer() };
    // SAFETY: null, or as the header asks.
    let answer = unsafe { api::dsaio_fd_file_size(fd, result) };
    let unchanged = before == ask();
    Ok(judge_size("dsaio_fd_file_size", answer, into_null, before, unchanged, state))
}

/// The size by the standard library's way, which is another system call.
fn metadata(path: &[u8]) -> std::result::Result<i64, i32> {
    match fs::metadata(OsStr::from_bytes(path)) {
        Ok(metadata) => Ok(metadata.len() as i64),
        Err(error) => Err(error.raw_os_error().expect("the kernel's answer")),
    }
}

fn judge_size(
    function: &'static str,
    answer: i32,
    into_null: bool,
    size: std::result::Result<i64, i32>,
    unchanged: bool,
    state: &mut State,
) -> Answered {
    if into_null {
        assert_eq!(answer, -libc::EFAULT, "{function} into a null pointer");
    } else if unchanged {
        // A file that others are writing to has no size to compare with.
        assert_eq!(answer, size.err().map_or(0, |errno| -errno), "{function}");
        if let Ok(size) = size {
            state.result.expect(0, &size.to_ne_bytes());
        }
    } else if answer == 0 {
        state.result.expect_anything(0..8);
    }
    (function, answer)
}
