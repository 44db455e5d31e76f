//! What moves: a range of a file, and the memory on the other side.
//!
//! A transfer is checked when it is made, so that no arithmetic on it can wrap afterwards.
#![forbid(unsafe_code)]

use crate::block::{Blocks, Origin};
use crate::error::PrepareError;
use crate::iocb::{self, Iocb, Operation};
use std::os::fd::RawFd;

/// A range of a file, and the memory of the same length on the other side.
///
/// Neither file nor memory is touched or owned: both must stay valid until the last request that
/// was prepared from the transfer has completed. For O_DIRECT, memory address, file offset and
/// block size must be multiples of the file system's alignment (`statx`, `STATX_DIOALIGN`);
/// unaligned requests are prepared all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    fd: RawFd,
    start: Origin,
    num_bytes: i64,
}

impl Transfer {
    /// `num_bytes` between `buffer` and the range of `fd` that begins at `file_offset` (both in
    /// bytes).
    ///
    /// # Errors
    ///
    /// A negative number, a null buffer with bytes to move, or an end of the file range or of the
    /// memory that cannot be addressed.
    pub fn new(
        fd: RawFd,
        file_offset: i64,
        buffer: *mut u8,
        num_bytes: i64,
    ) -> Result<Self, PrepareError> {
        if fd < 0 {
            return Err(PrepareError::BadDescriptor(fd));
        }
        if file_offset < 0 {
            return Err(PrepareError::NegativeFileOffset(file_offset));
        }
        if num_bytes < 0 {
            return Err(PrepareError::NegativeLength(num_bytes));
        }
        if buffer.is_null() && num_bytes > 0 {
            return Err(PrepareError::NullBuffer);
        }
        file_offset
            .checked_add(num_bytes)
            .ok_or(PrepareError::FileRangeOverflow { file_offset, num_bytes })?;
        // The kernel takes the address, so the pointer's provenance is exposed to it.
        let buffer = buffer.expose_provenance() as u64;
        buffer
            .checked_add(num_bytes as u64)
            .ok_or(PrepareError::MemoryRangeOverflow { buffer, num_bytes })?;
        Ok(Transfer { fd, start: Origin { buffer, file_offset }, num_bytes })
    }

    /// The file.
    pub fn fd(&self) -> RawFd {
        self.fd
    }

    /// Where it begins, in memory and in the file.
    pub fn start(&self) -> Origin {
        self.start
    }

    /// The length in bytes.
    pub fn num_bytes(&self) -> i64 {
        self.num_bytes
    }

    /// The blocks from `position` (bytes from the transfer's start) on: as many as there are, at
    /// most `room`.
    ///
    /// # Errors
    ///
    /// [`PrepareError::ZeroBlockSize`], [`PrepareError::Outside`].
    pub fn blocks(
        &self,
        block_size: u64,
        position: i64,
        room: usize,
    ) -> Result<Blocks, PrepareError> {
        if block_size == 0 {
            return Err(PrepareError::ZeroBlockSize);
        }
        if !(0..=self.num_bytes).contains(&position) {
            return Err(PrepareError::Outside { position, num_bytes: self.num_bytes });
        }
        let left = self.num_bytes - position;
        let count = (left as u64).div_ceil(block_size).min(room as u64) as usize;
        Ok(Blocks::new(self.start.shifted(position as u64), block_size, left, count))
    }

    /// Fills `iocbs` with the requests for the blocks from `position` on, and returns how many it
    /// filled: as many as there are, at most `iocbs.len()`.
    ///
    /// # Errors
    ///
    /// As [`Transfer::blocks`]; then no iocb was changed.
    pub fn prepare(
        &self,
        operation: Operation,
        block_size: u64,
        position: i64,
        iocbs: &mut [Iocb],
    ) -> Result<usize, PrepareError> {
        let mut blocks = self.blocks(block_size, position, iocbs.len())?;
        let count = blocks.len();
        iocb::fill(iocbs.iter_mut(), &mut blocks, operation, self.fd, |slot, iocb| *slot = iocb);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    const BUFFER: *mut u8 = ptr::without_provenance_mut(0x10_0000);

    fn transfer() -> Transfer {
        Transfer::new(3, 4096, BUFFER, 10_000).unwrap()
    }

    #[test]
    fn every_argument_is_checked() {
        let error = |fd, file_offset, buffer, num_bytes| {
            let error = Transfer::new(fd, file_offset, buffer, num_bytes).unwrap_err();
            assert!(!error.to_string().is_empty());
            (error, error.errno())
        };
        let null = ptr::null_mut();
        let highest = ptr::without_provenance_mut(usize::MAX);
        use PrepareError::*;
        assert_eq!(error(-1, 0, BUFFER, 1), (BadDescriptor(-1), libc::EBADF));
        assert_eq!(error(0, -2, BUFFER, 1), (NegativeFileOffset(-2), libc::EINVAL));
        assert_eq!(error(0, 0, BUFFER, -3), (NegativeLength(-3), libc::EINVAL));
        assert_eq!(error(0, 0, null, 1), (NullBuffer, libc::EFAULT));
        let file = FileRangeOverflow { file_offset: i64::MAX, num_bytes: 1 };
        assert_eq!(error(0, i64::MAX, BUFFER, 1), (file, libc::EOVERFLOW));
        let memory = MemoryRangeOverflow { buffer: u64::MAX, num_bytes: 1 };
        assert_eq!(error(0, 0, highest, 1), (memory, libc::EOVERFLOW));
    }

    #[test]
    fn the_last_addressable_byte_can_be_transferred() {
        let buffer = ptr::without_provenance_mut(usize::MAX - 10_000);
        let transfer = Transfer::new(3, i64::MAX - 10_000, buffer, 10_000).unwrap();
        assert_eq!(transfer.blocks(4096, 0, 8).unwrap().len(), 3);
    }

    #[test]
    fn block_size_and_position_are_checked() {
        let zero = transfer().blocks(0, 0, 8).unwrap_err();
        assert_eq!((zero, zero.errno()), (PrepareError::ZeroBlockSize, libc::EINVAL));
        for position in [-1, 10_001] {
            let outside = transfer().blocks(4096, position, 8).unwrap_err();
            assert_eq!(outside, PrepareError::Outside { position, num_bytes: 10_000 });
            assert_eq!(outside.errno(), libc::EINVAL);
        }
        assert_eq!(transfer().blocks(4096, 10_000, 8).unwrap().len(), 0);
    }

    #[test]
    fn an_empty_transfer_needs_no_buffer() {
        let empty = Transfer::new(0, 0, ptr::null_mut(), 0).unwrap();
        assert_eq!(empty.blocks(1, 0, 8).unwrap().len(), 0);
        assert_eq!((empty.fd(), empty.num_bytes()), (0, 0));
        assert_eq!((transfer().fd(), transfer().num_bytes()), (3, 10_000));
    }

    #[test]
    fn a_block_larger_than_any_transfer_holds_all_of_it() {
        let blocks = transfer().blocks(u64::MAX, 0, 8).unwrap();
        assert_eq!(blocks.map(|block| block.length).collect::<Vec<_>>(), [10_000]);
    }
}
