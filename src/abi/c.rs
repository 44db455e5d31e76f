//! The flat C API, `dsaio_*`: plain pointers and lengths, every argument checked.
//!
//! Where the C++ ABI must abort, these return a negative errno, libaio's own convention, and
//! change nothing. They print nothing.
//!
//! All of them are unsafe in the one way that C always is: a pointer that is neither null nor valid
//! for what it points to cannot be told from a good one. The `SAFETY` comments below rest on that.

use crate::checked::{Generator, Transfer};
use crate::errno;
use crate::file_size;
use crate::iocb::{Iocb, Operation};
use crate::misuse::Misuse;
use crate::page_alloc;
use crate::{VERSION, block::Blocks};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::slice;

/// Prepares the blocks of a transfer from a position on.
///
/// Fills `iocbs[0]`, `iocbs[1]`, … with the requests for the blocks that begin `position`,
/// `position + block_size`, … bytes after the transfer's start: as many as the transfer has, at
/// most `n_iocbs`. Each of them is overwritten as a whole, `data` included. Pass them to
/// `io_submit`; the next call's `position` is `block_size` times the count further on.
///
/// @param transfer    what moves; read during the call only
/// @param read_op     true reads the file into the memory, false writes the memory to the file
/// @param block_size  size of every block but the transfer's last, in bytes; at least 1
/// @param position    0 to `transfer->num_bytes`
/// @param iocbs       `n_iocbs` pointers to iocbs of the caller's; may be null where `n_iocbs` is 0
/// @param n_iocbs     how many
///
/// @return the number of iocbs filled (0 at the transfer's end), or a negative errno with nothing
///         changed: -EFAULT for a null pointer, -EBADF for a negative fd, -EINVAL for any other
///         value out of range, -EOVERFLOW where the end of the file range or of the memory cannot
///         be addressed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_prep_batch(
    transfer: *const Transfer,
    read_op: bool,
    block_size: u64,
    position: i64,
    iocbs: *const *mut Iocb,
    n_iocbs: usize,
) -> c_int {
    answer(|| {
        // SAFETY: null or valid, as promised.
        let transfer = unsafe { transfer.as_ref() }.ok_or(Misuse::Null("transfer"))?;
        let blocks = transfer.blocks(block_size, position, n_iocbs)?;
        // SAFETY: null or `n_iocbs` long, as promised.
        let slots = unsafe { slots(iocbs, n_iocbs, blocks.len()) }?;
        // SAFETY: none of the slots is null.
        unsafe { fill(slots, blocks, Operation::from_read_op(read_op), transfer.fd) };
        Ok(slots.len() as c_int)
    })
}

/// Initialises a generator at a transfer's start.
///
/// @param generator   the struct to initialise; it needs no release
/// @param transfer    what moves; copied
/// @param read_op     true reads the file into the memory, false writes the memory to the file
/// @param block_size  size of every block but the last, in bytes; at least 1
///
/// @return 0, or a negative errno with nothing changed, as dsaio_prep_batch() has them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_generator_init(
    generator: *mut Generator,
    transfer: *const Transfer,
    read_op: bool,
    block_size: u64,
) -> c_int {
    answer(|| {
        // SAFETY: null or valid, as promised.
        let transfer = unsafe { transfer.as_ref() }.ok_or(Misuse::Null("transfer"))?;
        let initialised = Generator::new(*transfer, Operation::from_read_op(read_op), block_size)?;
        let generator = NonNull::new(generator).ok_or(Misuse::Null("generator"))?;
        // SAFETY: the caller's struct to write to.
        unsafe { generator.write(initialised) };
        Ok(0)
    })
}

/// Prepares a generator's next blocks.
///
/// Fills `iocbs[0]`, `iocbs[1]`, … with the requests for the next blocks: as many as are left, at
/// most `n_iocbs`. Slots may be filled again while the requests made from them are in flight: the
/// kernel copied them at `io_submit`.
///
/// @param generator  an initialised generator, used by one thread at a time
/// @param iocbs      `n_iocbs` pointers to iocbs of the caller's; may be null where `n_iocbs` is 0
/// @param n_iocbs    how many
///
/// @return the number of iocbs filled, 0 when all blocks were handed out (or `n_iocbs` is 0), or a
///         negative errno with nothing changed, as dsaio_prep_batch() has them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_generator_prep(
    generator: *mut Generator,
    iocbs: *const *mut Iocb,
    n_iocbs: usize,
) -> c_int {
    answer(|| {
        // SAFETY: null or valid and the caller's alone, as promised.
        let generator = unsafe { generator.as_mut() }.ok_or(Misuse::Null("generator"))?;
        let (blocks, after) = generator.next(n_iocbs)?;
        // SAFETY: null or `n_iocbs` long, as promised.
        let slots = unsafe { slots(iocbs, n_iocbs, blocks.len()) }?;
        // SAFETY: none of the slots is null.
        unsafe { fill(slots, blocks, generator.operation(), generator.transfer.fd) };
        *generator = after;
        Ok(slots.len() as c_int)
    })
}

/// Asks for the size of the file that a path names; symbolic links are followed.
///
/// @param path  the path
/// @param size  receives the size in bytes
///
/// @return 0, or a negative errno with `*size` unchanged: -EFAULT for a null pointer, otherwise
///         what stat(2) answers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_file_size(path: *const c_char, size: *mut i64) -> c_int {
    // SAFETY: as promised; a null path is EFAULT to the kernel.
    store_size(size, || unsafe { file_size::of_path(path) })
}

/// Asks for the size of an open file.
///
/// @param fd    the file
/// @param size  receives the size in bytes
///
/// @return 0, or a negative errno with `*size` unchanged: -EFAULT for a null pointer, otherwise
///         what fstat(2) answers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_fd_file_size(fd: c_int, size: *mut i64) -> c_int {
    store_size(size, || file_size::of_fd(fd))
}

/// Allocates a page-aligned buffer, locked in RAM on request.
///
/// The buffer is not initialised. With `lock`, every page of it is resident and locked on return.
/// Release it with dsaio_free(), or with `munlock(buffer, size)` and `free(buffer)`.
///
/// @param size    bytes; at least 1
/// @param lock    lock its pages (RLIMIT_MEMLOCK must allow it, or CAP_IPC_LOCK)
/// @param buffer  receives the buffer
///
/// @return 0, or a negative errno with `*buffer` unchanged and nothing allocated: -EFAULT for a
///         null pointer, -EINVAL for a size below 1, -ENOMEM where there is not that much memory
///         or the limit forbids it, otherwise what mlock(2) answers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_alloc(size: i64, lock: bool, buffer: *mut *mut c_void) -> c_int {
    let Some(buffer) = NonNull::new(buffer) else { return -libc::EFAULT };
    if size < 1 {
        return -libc::EINVAL;
    }
    match page_alloc::allocate(size as usize, lock) {
        Ok(allocated) => {
            // SAFETY: the caller's pointer to write to.
            unsafe { buffer.write(allocated.as_ptr()) };
            0
        }
        Err(refusal) => -refusal.errno(),
    }
}

/// Unlocks and frees a buffer of dsaio_alloc() or `ds_page_aligned_alloc()`.
///
/// @param buffer  the buffer; null does nothing
/// @param size    the size that it was allocated with
///
/// @return 0, or -EINVAL with nothing released where `size` is below 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsaio_free(buffer: *mut c_void, size: i64) -> c_int {
    if size < 0 {
        return -libc::EINVAL;
    }
    if let Some(buffer) = NonNull::new(buffer) {
        // SAFETY: as promised.
        unsafe { page_alloc::release(buffer, size as usize) };
    }
    0
}

/// The library's version, "major.minor.patch"; a constant string that is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn dsaio_version() -> *const c_char {
    const TERMINATED: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    const _: () = assert!(TERMINATED.len() == VERSION.len() + 1);
    TERMINATED.as_ptr().cast()
}

/// The count, or the misuse as a negative errno.
#[inline]
fn answer(call: impl FnOnce() -> Result<c_int, Misuse>) -> c_int {
    call().unwrap_or_else(|misuse| -misuse.errno())
}

/// The first `count` of `n_iocbs` pointers, none of them null.
#[inline]
unsafe fn slots<'a>(
    iocbs: *const *mut Iocb,
    n_iocbs: usize,
    count: usize,
) -> Result<&'a [*mut Iocb], Misuse> {
    if n_iocbs == 0 {
        return Ok(&[]);
    }
    if iocbs.is_null() {
        return Err(Misuse::Null("iocbs"));
    }
    // SAFETY: `n_iocbs` long, as promised, and `count` is at most that.
    let slots = unsafe { slice::from_raw_parts(iocbs, count) };
    match slots.iter().position(|slot| slot.is_null()) {
        Some(index) => Err(Misuse::NullIocb(index)),
        None => Ok(slots),
    }
}

/// Writes one iocb per block; none of the slots is null.
#[inline]
unsafe fn fill(slots: &[*mut Iocb], blocks: Blocks, operation: Operation, fd: c_int) {
    for (slot, block) in slots.iter().zip(blocks) {
        // SAFETY: an iocb of the caller's.
        unsafe { slot.write(Iocb::for_block(operation, fd, block)) };
    }
}

/// 0 and the size, or a negative errno.
fn store_size(size: *mut i64, ask: impl FnOnce() -> Option<i64>) -> c_int {
    let Some(size) = NonNull::new(size) else { return -libc::EFAULT };
    match ask() {
        Some(bytes) => {
            // SAFETY: the caller's integer to write to.
            unsafe { size.write(bytes) };
            0
        }
        None => -errno::get(),
    }
}
