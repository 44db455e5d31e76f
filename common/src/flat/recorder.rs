//! Recorders, for C.

use super::failure::dsaio_failure;
use crate::diagnostics;
use crate::record::{self, Recorder};
use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// Takes the failures of transfers that DeepSpeed's C++ functions could not report otherwise, in
/// place of a line on stderr and an abort.
///
/// A thread enters a recorder, constructs `aio_context`s (a handle of DeepSpeed's, for example), and
/// leaves it. Failed transfers on these contexts, on any thread, wait in the recorder until
/// dsaio_recorder_next() takes them; so do files that open_file() cannot open on that thread between
/// enter and leave. All functions may be called from several threads at once.
pub struct dsaio_recorder {
    recorder: Arc<Recorder>,
}

/// Makes a recorder.
///
/// @param recorder  receives the recorder, which dsaio_recorder_free() releases
///
/// @return 0, or -EFAULT for a null pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_recorder_new(recorder: *mut *mut dsaio_recorder) -> c_int {
    let Some(receiver) = NonNull::new(recorder) else {
        return -libc::EFAULT;
    };
    let made = dsaio_recorder { recorder: Arc::default() };
    // SAFETY: the caller's pointer to write to.
    unsafe { receiver.write(Box::into_raw(Box::new(made))) };
    0
}

/// Makes a recorder the calling thread's current one: `aio_context`s that the thread constructs from
/// now on belong to it as long as they exist.
///
/// @param recorder  the recorder
///
/// @return 0, or -EFAULT for a null pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_recorder_enter(recorder: *const dsaio_recorder) -> c_int {
    // SAFETY: null or valid, as promised.
    match unsafe { recorder.as_ref() } {
        Some(entered) => {
            record::enter(entered.recorder.clone());
            0
        }
        None => -libc::EFAULT,
    }
}

/// Ends what dsaio_recorder_enter() began on the calling thread: the recorder that was current before,
/// if there was one, is current again.
///
/// @param recorder  the recorder that the thread entered last
///
/// @return 0, or a negative errno with nothing changed: -EFAULT for a null pointer, -EINVAL where the
///         thread did not enter this recorder last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_recorder_leave(recorder: *const dsaio_recorder) -> c_int {
    // SAFETY: null or valid, as promised.
    match unsafe { recorder.as_ref() } {
        Some(entered) if record::leave(&entered.recorder) => 0,
        Some(_) => -libc::EINVAL,
        None => -libc::EFAULT,
    }
}

/// Takes the oldest failure out of a recorder.
///
/// @param recorder  the recorder
/// @param failure   receives the failure
///
/// @return 1 with the failure in `*failure`; 0 where there is none, and -EFAULT for a null pointer,
///         with `*failure` unchanged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_recorder_next(
    recorder: *const dsaio_recorder,
    failure: *mut dsaio_failure,
) -> c_int {
    // SAFETY: null or valid, as promised.
    let Some(recorder) = (unsafe { recorder.as_ref() }).filter(|_| !failure.is_null()) else {
        return -libc::EFAULT;
    };
    match recorder.recorder.next() {
        Some(next) => {
            // SAFETY: the caller's struct, and not null.
            unsafe { dsaio_failure::store(failure, &next) };
            1
        }
        None => 0,
    }
}

/// Takes a notice out of a recorder: where the kernel has no room for as many requests as contexts of the
/// recorder were to have (fs.aio-max-nr), a sentence that says so and what can be done.
///
/// @param recorder  the recorder
/// @param text      receives the sentence, which ends in a zero byte and is cut where it is too long
/// @param size      bytes of `text`; DSAIO_MESSAGE_SIZE is enough
///
/// @return 1 with the sentence in `*text`; 0 where there is none, -EFAULT for a null pointer and -EINVAL
///         for a size of 0, with `*text` unchanged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_recorder_notice(
    recorder: *const dsaio_recorder,
    text: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: null or valid, as promised.
    let Some(recorder) = (unsafe { recorder.as_ref() }).filter(|_| !text.is_null()) else {
        return -libc::EFAULT;
    };
    if size == 0 {
        return -libc::EINVAL;
    }
    match recorder.recorder.notice() {
        Some(notice) => {
            let length = notice.len().min(size - 1);
            // SAFETY: the caller's memory of `size` bytes, and not null.
            unsafe {
                ptr::copy_nonoverlapping(notice.as_ptr().cast(), text, length);
                text.add(length).write(0);
            }
            1
        }
        None => 0,
    }
}

/// Keeps the files that open_file() opens from now on, on threads that have entered the recorder, for
/// dsaio_recorder_next_file().
///
/// @param recorder  the recorder
///
/// @return 0, or -EFAULT for a null pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_recorder_keep_files(recorder: *const dsaio_recorder) -> c_int {
    // SAFETY: null or valid, as promised.
    match unsafe { recorder.as_ref() } {
        Some(keeping) => {
            keeping.recorder.keep_files();
            0
        }
        None => -libc::EFAULT,
    }
}

/// Takes the number of the file that was opened first out of a recorder. The program may have
/// closed it since.
///
/// @param recorder  the recorder
///
/// @return the file; -ENOENT where there is none, and -EFAULT for a null pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_recorder_next_file(recorder: *const dsaio_recorder) -> c_int {
    // SAFETY: null or valid, as promised.
    match unsafe { recorder.as_ref() } {
        Some(keeping) => keeping.recorder.next_file().unwrap_or(-libc::ENOENT),
        None => -libc::EFAULT,
    }
}

/// Releases a recorder.
///
/// Failures and a notice that nobody took are printed, one line each. Contexts that still belong to the
/// recorder end the process with a line when a transfer fails, as all others do.
///
/// @param recorder  the recorder; null does nothing
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_recorder_free(recorder: *mut dsaio_recorder) {
    if recorder.is_null() {
        return;
    }
    // SAFETY: of dsaio_recorder_new(), and not used again, as promised.
    let recorder = unsafe { Box::from_raw(recorder) };
    if let Some(notice) = recorder.recorder.notice() {
        diagnostics::line(notice);
    }
    for failure in recorder.recorder.close() {
        diagnostics::line(failure.message);
    }
}
