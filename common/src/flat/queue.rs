//! Queues, transfers and files, for C.

use super::failure::{CBool, dsaio_failure, of_call};
use crate::diagnostics;
use crate::error::CallError;
use crate::open;
use crate::record::Failure;
use dsaio::engine::{Options, Queue};
use dsaio::{Operation, Transfer};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::IntoRawFd;
use std::process;
use std::ptr::NonNull;

/// The requests that are in flight at once during a transfer.
///
/// One thread at a time uses a queue. It belongs to the process that made it: after a fork() the child
/// can free it, and nothing else.
pub struct dsaio_queue {
    pid: u32,
    queue: Queue,
}

/// Makes a queue.
///
/// Where the kernel has no room for that many requests (fs.aio-max-nr), the queue works with fewer,
/// and one line on stderr says so, once per process.
///
/// @param depth  requests in flight at most; at least 1
/// @param queue  receives the queue, which dsaio_queue_free() releases
///
/// @return 0, or a negative errno with `*queue` unchanged: -EFAULT for a null pointer, -EINVAL for a
///         depth of 0, -ENOMEM where there is no memory for that depth.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_queue_new(depth: u32, queue: *mut *mut dsaio_queue) -> c_int {
    let Some(receiver) = NonNull::new(queue) else {
        return -libc::EFAULT;
    };
    match Queue::new(depth) {
        Ok(queue) => {
            diagnostics::queue_notice(&queue);
            let made = dsaio_queue { pid: process::id(), queue };
            // SAFETY: the caller's pointer to write to.
            unsafe { receiver.write(Box::into_raw(Box::new(made))) };
            0
        }
        Err(error) => -error.errno(),
    }
}

/// Releases a queue.
///
/// @param queue  the queue; null does nothing
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_queue_free(queue: *mut dsaio_queue) {
    if !queue.is_null() {
        // SAFETY: of dsaio_queue_new(), and not used again, as promised.
        drop(unsafe { Box::from_raw(queue) });
    }
}

/// Reads a range of a file into memory. When it returns, nothing is in flight.
///
/// Offset, length, memory and block size need no alignment: what O_DIRECT does not take is moved
/// through the page cache.
///
/// @param queue        the queue
/// @param fd           a file open for reads
/// @param file_offset  where the range begins in the file, in bytes
/// @param buffer       the memory, `num_bytes` long
/// @param num_bytes    length of the range; at least 0
/// @param block_size   bytes of one request; at least 1. (Small requests that follow each other
///                     may be joined, up to 64 KiB.)
/// @param failure      receives the reason where the result is not 0; may be null
///
/// @return 0: every byte was read. Otherwise a negative errno: -EFAULT for a null pointer, -EBADF for
///         a negative fd, -EINVAL for another value out of range and for the queue of another process,
///         -EOVERFLOW where the end of the range or of the memory cannot be addressed, each with
///         nothing read; -ENODATA where the file ends before the range does; or what the kernel
///         answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_queue_read(
    queue: *mut dsaio_queue,
    fd: c_int,
    file_offset: i64,
    buffer: *mut c_void,
    num_bytes: i64,
    block_size: u64,
    failure: *mut dsaio_failure,
) -> c_int {
    // SAFETY: as promised.
    let moved =
        unsafe { run(Operation::Read, queue, fd, file_offset, buffer, num_bytes, block_size) };
    // SAFETY: as promised.
    unsafe { answer(moved, failure) }
}

/// Writes memory to a range of a file. When it returns, nothing is in flight.
///
/// Offset, length, memory and block size need no alignment: what O_DIRECT does not take is moved
/// through the page cache, and is on the device as well on return.
///
/// @param queue        the queue
/// @param fd           a file open for writes
/// @param file_offset  where the range begins in the file, in bytes
/// @param buffer       the memory, `num_bytes` long
/// @param num_bytes    length of the range; at least 0
/// @param block_size   bytes of one request; at least 1. (Small requests that follow each other
///                     may be joined, up to 64 KiB.)
/// @param failure      receives the reason where the result is not 0; may be null
///
/// @return 0: every byte was written. Otherwise a negative errno, as dsaio_queue_read() has them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_queue_write(
    queue: *mut dsaio_queue,
    fd: c_int,
    file_offset: i64,
    buffer: *const c_void,
    num_bytes: i64,
    block_size: u64,
    failure: *mut dsaio_failure,
) -> c_int {
    let buffer = buffer.cast_mut();
    // SAFETY: as promised; a write does not change the memory.
    let moved =
        unsafe { run(Operation::Write, queue, fd, file_offset, buffer, num_bytes, block_size) };
    // SAFETY: as promised.
    unsafe { answer(moved, failure) }
}

/// Opens a file with O_DIRECT.
///
/// Where the file system does not take O_DIRECT the file is opened without, and one line on stderr
/// says so, once per file system.
///
/// @param path     the path
/// @param read_op  true opens for reads; false for writes: the file is created if there is none
///                 (mode 0600), and keeps its contents if there is one
///
/// @return the file, which close() closes, or a negative errno: -EFAULT for a null pointer, otherwise
///         what open(2) answers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_open_file(path: *const c_char, read_op: CBool) -> c_int {
    if path.is_null() {
        return -libc::EFAULT;
    }
    let operation = Operation::from_read_op(read_op != 0);
    // SAFETY: a C string of the caller's, as promised.
    match open::open(unsafe { CStr::from_ptr(path) }, operation) {
        Ok(file) => file.into_raw_fd(),
        Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
    }
}

/// The library's version, "major.minor.patch"; a constant string that is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn dsaio_transfer_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

unsafe fn run(
    operation: Operation,
    queue: *mut dsaio_queue,
    fd: c_int,
    file_offset: i64,
    buffer: *mut c_void,
    num_bytes: i64,
    block_size: u64,
) -> Result<(), Failure> {
    let of_call = |error| of_call(error, operation, file_offset, num_bytes);
    // SAFETY: null, or a queue that nobody else uses.
    let queue = unsafe { queue.as_mut() }.ok_or(CallError::Null("queue")).map_err(of_call)?;
    if queue.pid != process::id() {
        return Err(of_call(CallError::Forked("queue", queue.pid)));
    }
    let transfer = Transfer::new(fd, file_offset, buffer.cast(), num_bytes);
    let transfer = transfer.map_err(|error| of_call(error.into()))?;
    let options = Options { block_size, single_submit: false, overlap: true };
    // SAFETY: `num_bytes` of the caller's memory, as promised.
    Ok(unsafe { queue.queue.run(operation, &transfer, &options, None) }?)
}

/// 0, or the failure and its errno.
unsafe fn answer(moved: Result<(), Failure>, failure: *mut dsaio_failure) -> c_int {
    match moved {
        Ok(()) => 0,
        Err(reason) => {
            // SAFETY: null or the caller's struct, as promised.
            unsafe { dsaio_failure::store(failure, &reason) };
            -reason.errno
        }
    }
}
