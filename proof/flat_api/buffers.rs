//! `dsaio_alloc`, `dsaio_free` and `dsaio_version`, and what each must do.

use super::numbers::{awkward, modest};
use super::state::{Answered, Buffer, MOST_BUFFERS, State};
use super::{api, state};
use arbitrary::{Result, Unstructured};
use std::ffi::{CStr, c_void};
use std::ptr;

pub fn alloc(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    const LARGE: i64 = 1 << 47;
    let size = match input.int_in_range(0_u8..=7)? {
        // None that a machine might have, or that the kernel might promise: the answer would
        // depend on the machine.
        0 => match awkward(input)? {
            n if n < 1 => n,
            n => n | LARGE,
        },
        1 => (2 << 20) + input.int_in_range(-1..=1)?,
        2 => 1,
        _ => 1 + modest(input, 1 << 16)?,
    };
    let into_null = input.ratio(1, 8)?;
    let lock: u8 = input.arbitrary()?;
    if state.buffers.len() == MOST_BUFFERS {
        return free(state, input);
    }
    state.result.set(0, &input.arbitrary::<[u8; 8]>()?);
    let result = if into_null { ptr::null_mut() } else { state.result.pointer() };
    // SAFETY: null, or as the header asks.
    let answer = unsafe { api::dsaio_alloc(size, lock, result) };
    let mut errors = Vec::new();
    if into_null {
        errors.push(-libc::EFAULT);
    }
    if size < 1 {
        errors.push(-libc::EINVAL);
    }
    if size >= LARGE {
        errors.push(-libc::ENOMEM);
    }
    if !errors.is_empty() {
        assert!(errors.contains(&answer), "dsaio_alloc: {answer}, not one of {errors:?}");
    } else if answer == 0 {
        accept_buffer(size as usize, lock != 0, state);
    } else {
        // The limit on locked memory, which differs from machine to machine.
        let limits = [-libc::ENOMEM, -libc::EAGAIN, -libc::EPERM];
        assert!(lock != 0 && limits.contains(&answer), "dsaio_alloc({size}, {lock}): {answer}");
    }
    Ok(("dsaio_alloc", answer))
}

fn accept_buffer(size: usize, lock: bool, state: &mut State) {
    state.result.expect_anything(0..8);
    let address: [u8; 8] = state.result.object().try_into().expect("8 bytes");
    let pointer: *mut c_void = ptr::with_exposed_provenance_mut(usize::from_ne_bytes(address));
    state.next_mark = state.next_mark.wrapping_add(1);
    let buffer = Buffer { pointer, size, mark: state.next_mark };
    assert!(!pointer.is_null() && pointer.addr() % 4096 == 0, "page-aligned");
    // AddressSanitizer's mlock does nothing.
    assert!(!lock || cfg!(dsaio_asan) || state::is_resident(&buffer), "locked, so resident");
    // The marks of the other buffers are looked at after this.
    buffer.set_marks();
    state.buffers.push(buffer);
}

pub fn free(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let negative = input.ratio(1, 4)?.then_some(awkward(input)? | i64::MIN);
    if state.buffers.is_empty() || input.ratio(1, 8)? {
        let size = negative.unwrap_or(awkward(input)? & i64::MAX);
        // SAFETY: null does nothing.
        let answer = unsafe { api::dsaio_free(ptr::null_mut(), size) };
        assert_eq!(answer, if size < 0 { -libc::EINVAL } else { 0 }, "dsaio_free(null, {size})");
        check_version();
        return Ok(("dsaio_free", answer));
    }
    let index = input.choose_index(state.buffers.len())?;
    let buffer = &state.buffers[index];
    let size = negative.unwrap_or(buffer.size as i64);
    // SAFETY: a buffer of `dsaio_alloc`, with its size; a negative size is an error.
    let answer = unsafe { api::dsaio_free(buffer.pointer, size) };
    assert_eq!(answer, if size < 0 { -libc::EINVAL } else { 0 }, "dsaio_free(_, {size})");
    if answer == 0 {
        state.buffers.swap_remove(index);
    }
    Ok(("dsaio_free", answer))
}

fn check_version() {
    // SAFETY: a constant string.
    let version = unsafe { CStr::from_ptr(api::dsaio_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}
