//! The flat C API, `dsaio_*`: plain pointers and lengths, every argument checked.
//!
//! Where the C++ ABI must abort, these return a negative errno, libaio's own convention, and
//! change nothing. They print nothing.
//!
//! A pointer that is neither null nor valid cannot be recognised: the caller promises that there is
//! none. The `SAFETY` comments below rest on that.

use crate::error::CallError;
use dsaio::block::Blocks;
use dsaio::iocb::{self, Iocb, Operation};
use dsaio::{Generator, PrepareError, Transfer, file_size, page_alloc};
use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::ptr::NonNull;
use std::slice;

/// `bool`, as the byte that a C caller passes: any value but 0 is true, as in C.
pub type CBool = u8;

/// What moves: a range of a file, and the memory on the other side.
///
/// The memory is `buffer + buffer_offset` and the `num_bytes` after it; the range begins at
/// `file_offset`. Neither file nor memory is touched or owned by this library: both must stay
/// valid until the last request that was prepared from it has completed. For O_DIRECT, memory
/// address, file offset and block size must be multiples of the file system's alignment
/// (`statx`, `STATX_DIOALIGN`); this library prepares unaligned requests all the same.
#[allow(non_camel_case_types)]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dsaio_transfer {
    /// The open file.
    pub fd: c_int,
    /// Where the range begins in the file, in bytes.
    pub file_offset: i64,
    /// Where the memory begins, in bytes after `buffer`.
    pub buffer_offset: i64,
    /// Length of the range, in bytes.
    pub num_bytes: i64,
    /// The buffer.
    pub buffer: *mut c_void,
}

impl dsaio_transfer {
    /// Of several errors, that of the first field.
    fn check(&self) -> Result<Transfer, CallError> {
        use PrepareError::{BadDescriptor, NegativeFileOffset};
        match Transfer::new(self.fd, self.file_offset, self.buffer.cast(), self.num_bytes) {
            Err(error @ (BadDescriptor(_) | NegativeFileOffset(_))) => return Err(error.into()),
            _ if self.buffer_offset < 0 => return Err(CallError::NegativeBufferOffset),
            unshifted => unshifted?,
        };
        let (buffer, num_bytes) = (self.buffer.addr() as u64, self.buffer_offset);
        let start = buffer
            .checked_add(num_bytes as u64)
            .ok_or(PrepareError::MemoryRangeOverflow { buffer, num_bytes })?;
        let buffer = self.buffer.with_addr(start as usize).cast();
        Ok(Transfer::new(self.fd, self.file_offset, buffer, self.num_bytes)?)
    }
}

/// Hands out a transfer's blocks a few at a time, so that the queue never runs dry.
///
/// All fields are set by the initialisation; change none of them afterwards.
#[allow(non_camel_case_types)]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dsaio_generator {
    /// What moves.
    pub transfer: dsaio_transfer,
    /// Size of every block but the last, in bytes.
    pub block_size: u64,
    /// Bytes handed out so far.
    pub position: i64,
    /// `true` reads the file, `false` writes it.
    pub read_op: CBool,
}

impl dsaio_generator {
    /// Checked on every call: the caller owns the struct and may have changed it.
    fn check(&self) -> Result<Generator, CallError> {
        let transfer = self.transfer.check()?;
        let operation = Operation::from_read_op(self.read_op != 0);
        Ok(Generator::at(transfer, operation, self.block_size, self.position)?)
    }
}

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
    transfer: *const dsaio_transfer,
    read_op: CBool,
    block_size: u64,
    position: i64,
    iocbs: *const *mut Iocb,
    n_iocbs: usize,
) -> c_int {
    answer(|| {
        // SAFETY: null or valid, as promised.
        let transfer = unsafe { transfer.as_ref() }.ok_or(CallError::Null("transfer"))?.check()?;
        let blocks = transfer.blocks(block_size, position, room(n_iocbs))?;
        let operation = Operation::from_read_op(read_op != 0);
        // SAFETY: null or `n_iocbs` long, as promised.
        unsafe { fill(iocbs, n_iocbs, blocks, operation, transfer.fd()) }
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
    generator: *mut dsaio_generator,
    transfer: *const dsaio_transfer,
    read_op: CBool,
    block_size: u64,
) -> c_int {
    answer(|| {
        // SAFETY: null or valid, as promised.
        let transfer = *unsafe { transfer.as_ref() }.ok_or(CallError::Null("transfer"))?;
        let read_op = CBool::from(read_op != 0);
        let initialised = dsaio_generator { transfer, block_size, position: 0, read_op };
        initialised.check()?;
        let generator = NonNull::new(generator).ok_or(CallError::Null("generator"))?;
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
    generator: *mut dsaio_generator,
    iocbs: *const *mut Iocb,
    n_iocbs: usize,
) -> c_int {
    answer(|| {
        // SAFETY: null or valid and the caller's alone, as promised.
        let generator = unsafe { generator.as_mut() }.ok_or(CallError::Null("generator"))?;
        let mut checked = generator.check()?;
        let blocks = checked.take_blocks(room(n_iocbs));
        let (operation, fd) = (checked.operation(), generator.transfer.fd);
        // SAFETY: null or `n_iocbs` long, as promised.
        let count = unsafe { fill(iocbs, n_iocbs, blocks, operation, fd) }?;
        generator.position = checked.position();
        Ok(count)
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
    store_size(size, || unsafe { file_size::of_path_ptr(path) })
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
pub unsafe extern "C" fn dsaio_alloc(size: i64, lock: CBool, buffer: *mut *mut c_void) -> c_int {
    let Some(buffer) = NonNull::new(buffer) else {
        return -libc::EFAULT;
    };
    if size < 1 {
        return -libc::EINVAL;
    }
    match page_alloc::allocate(size as usize, lock != 0) {
        Ok(allocated) => {
            // SAFETY: the caller's pointer to write to.
            unsafe { buffer.write(allocated.as_ptr()) };
            0
        }
        Err(error) => -error.errno(),
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
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The count, or the error as a negative errno.
#[inline]
fn answer(call: impl FnOnce() -> Result<c_int, CallError>) -> c_int {
    call().unwrap_or_else(|error| -error.errno())
}

/// How many iocbs one call can fill: it returns the count as `int`, like libaio.
fn room(n_iocbs: usize) -> usize {
    n_iocbs.min(c_int::MAX as usize)
}

/// Fills the first of `n_iocbs` iocbs, one for each block, and returns how many.
///
/// # Errors
///
/// A null array, or a null pointer among those to be filled; then nothing was changed.
///
/// # Safety
///
/// `iocbs` is null or `n_iocbs` long, and the pointers in it are null or valid.
#[inline]
unsafe fn fill(
    iocbs: *const *mut Iocb,
    n_iocbs: usize,
    mut blocks: Blocks,
    operation: Operation,
    fd: c_int,
) -> Result<c_int, CallError> {
    if n_iocbs == 0 {
        return Ok(0);
    }
    if iocbs.is_null() {
        return Err(CallError::Null("iocbs"));
    }
    let count = blocks.len();
    // SAFETY: `n_iocbs` long, and `count` is at most that.
    let slots = unsafe { slice::from_raw_parts(iocbs, count) };
    if let Some(index) = slots.iter().position(|slot| slot.is_null()) {
        return Err(CallError::NullIocb(index));
    }
    iocb::fill(slots.iter(), &mut blocks, operation, fd, |slot, iocb| {
        // SAFETY: an iocb of the caller's, and not null.
        unsafe { slot.write(iocb) };
    });
    Ok(count as c_int)
}

/// 0 and the size, or a negative errno.
fn store_size(size: *mut i64, ask: impl FnOnce() -> io::Result<i64>) -> c_int {
    let Some(size) = NonNull::new(size) else {
        return -libc::EFAULT;
    };
    match ask() {
        Ok(bytes) => {
            // SAFETY: the caller's integer to write to.
            unsafe { size.write(bytes) };
            0
        }
        Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of the fields; the sums come last.
    #[test]
    fn the_first_of_several_errors_is_reported() {
        let null = std::ptr::null_mut();
        let last = std::ptr::without_provenance_mut(usize::MAX);
        let error = |fd, file_offset, buffer_offset, num_bytes, buffer| {
            let transfer = dsaio_transfer { fd, file_offset, buffer_offset, num_bytes, buffer };
            transfer.check().unwrap_err().errno()
        };
        assert_eq!(error(-1, -1, -1, -1, null), libc::EBADF);
        assert_eq!(error(-1, 0, 0, 1, null), libc::EBADF);
        assert_eq!(error(-1, 0, 1, 1, last), libc::EBADF);
        assert_eq!(error(0, -1, 0, 1, null), libc::EINVAL);
        assert_eq!(error(0, 0, -1, 1, null), libc::EINVAL);
        assert_eq!(error(0, i64::MAX, 0, 1, null), libc::EFAULT);
        assert_eq!(error(0, 0, i64::MAX, -1, last), libc::EINVAL);
        assert_eq!(error(0, 0, 1, 0, last), libc::EOVERFLOW);
    }
}
