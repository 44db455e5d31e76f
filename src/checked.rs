//! The two preparations for callers who want an error instead of an abort: Rust code, and the
//! flat C API, whose structs these are.
//!
//! Everything is validated on every call, because C callers own the structs and may change them;
//! after that no arithmetic can wrap.
#![forbid(unsafe_code)]

use crate::batch::Batch;
use crate::block::{Blocks, Origin};
use crate::iocb::{Iocb, Operation};
use crate::misuse::Misuse;
use std::ffi::c_void;

/// What moves: a range of a file, and the memory on the other side.
///
/// The memory is `buffer + buffer_offset` and the `num_bytes` after it; the range begins at
/// `file_offset`. Neither file nor memory is touched or owned by this library: both must stay
/// valid until the last request that was prepared from it has completed. For O_DIRECT, memory
/// address, file offset and block size must be multiples of the file system's alignment
/// (`statx`, `STATX_DIOALIGN`); this library prepares unaligned requests all the same.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The open file.
    pub fd: i32,
    /// Where the range begins in the file, in bytes.
    pub file_offset: i64,
    /// Where the memory begins, in bytes after `buffer`.
    pub buffer_offset: i64,
    /// Length of the range, in bytes.
    pub num_bytes: i64,
    /// The buffer.
    pub buffer: *mut c_void,
}

impl Transfer {
    /// `num_bytes` between `buffer` and the range of `fd` that begins at `file_offset`.
    pub fn new(fd: i32, file_offset: i64, num_bytes: i64, buffer: *mut c_void) -> Self {
        Transfer { fd, file_offset, buffer_offset: 0, num_bytes, buffer }
    }

    /// Block 0's place, where the whole transfer can be addressed.
    ///
    /// # Errors
    ///
    /// [`Misuse::Negative`] for a negative field, [`Misuse::Null`] for a null buffer with bytes to
    /// move, [`Misuse::Overflow`] where the file's or the memory's end cannot be addressed.
    fn origin(&self) -> Result<Origin, Misuse> {
        for (name, value) in [
            ("fd", i64::from(self.fd)),
            ("file_offset", self.file_offset),
            ("buffer_offset", self.buffer_offset),
            ("num_bytes", self.num_bytes),
        ] {
            if value < 0 {
                return Err(Misuse::Negative(name, value));
            }
        }
        if self.buffer.is_null() && self.num_bytes > 0 {
            return Err(Misuse::Null("buffer"));
        }
        self.file_offset
            .checked_add(self.num_bytes)
            .ok_or(Misuse::Overflow("file_offset + num_bytes"))?;
        // The kernel takes the address, so the pointer's provenance is exposed to it.
        let start = self.buffer.expose_provenance() as u64;
        let start = start
            .checked_add(self.buffer_offset as u64)
            .filter(|start| start.checked_add(self.num_bytes as u64).is_some())
            .ok_or(Misuse::Overflow("buffer + buffer_offset + num_bytes"))?;
        Ok(Origin { buffer: start, file_offset: self.file_offset })
    }

    /// The blocks from `position` (bytes from the transfer's start) on: as many as there are, at
    /// most `room`.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] where a field, `block_size` or `position` is out of range.
    pub(crate) fn blocks(
        &self,
        block_size: u64,
        position: i64,
        room: usize,
    ) -> Result<Blocks, Misuse> {
        let origin = self.origin()?;
        if block_size == 0 {
            return Err(Misuse::ZeroBlockSize);
        }
        if !(0..=self.num_bytes).contains(&position) {
            return Err(Misuse::Outside { position, num_bytes: self.num_bytes });
        }
        let left = (self.num_bytes - position) as u64;
        // The C API returns the count as `int`, like libaio.
        let n_iocbs = left.div_ceil(block_size).min(room as u64).min(i32::MAX as u64);
        let origin = origin.shifted(position as u64);
        Ok(Batch {
            origin,
            block_size,
            n_iocbs: n_iocbs as usize,
            num_bytes: left,
            transfer_left: left as i64,
        }
        .blocks())
    }

    /// Fills `iocbs` with the blocks from `position` on and returns how many it filled: as many
    /// as there are, at most `iocbs.len()`.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] where a field, `block_size` or `position` is out of range; then no iocb was
    /// changed.
    pub fn prepare(
        &self,
        operation: Operation,
        block_size: u64,
        position: i64,
        iocbs: &mut [Iocb],
    ) -> Result<usize, Misuse> {
        let blocks = self.blocks(block_size, position, iocbs.len())?;
        Ok(fill(iocbs, blocks, operation, self.fd))
    }
}

/// Writes one iocb per block and returns how many.
fn fill(iocbs: &mut [Iocb], blocks: Blocks, operation: Operation, fd: i32) -> usize {
    let count = blocks.len();
    for (iocb, block) in iocbs.iter_mut().zip(blocks) {
        *iocb = Iocb::for_block(operation, fd, block);
    }
    count
}

/// `bool` in a struct that C callers own, read as the byte that it is: whatever they wrote there.
pub type CBool = u8;

/// Hands out a transfer's blocks a few at a time, so that the queue never runs dry.
///
/// All fields are set by the initialisation; change none of them afterwards.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generator {
    /// What moves.
    pub transfer: Transfer,
    /// Size of every block but the last, in bytes.
    pub block_size: u64,
    /// Bytes handed out so far.
    pub position: i64,
    /// `true` reads the file, `false` writes it.
    pub read_op: CBool,
}

impl Generator {
    /// A generator at the start of `transfer`.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] where a field of `transfer`, or `block_size`, is out of range.
    pub fn new(transfer: Transfer, operation: Operation, block_size: u64) -> Result<Self, Misuse> {
        transfer.blocks(block_size, 0, 0)?;
        let read_op = CBool::from(operation == Operation::Read);
        Ok(Generator { transfer, block_size, position: 0, read_op })
    }

    /// The direction.
    pub fn operation(&self) -> Operation {
        Operation::from_read_op(self.read_op != 0)
    }

    /// The next blocks, at most `room`, and the generator as it is after them.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] where a field has been made invalid since the generator was initialised.
    pub(crate) fn next(&self, room: usize) -> Result<(Blocks, Generator), Misuse> {
        let blocks = self.transfer.blocks(self.block_size, self.position, room)?;
        let left = (self.transfer.num_bytes - self.position) as u64;
        let taken = (blocks.len() as u64).saturating_mul(self.block_size).min(left);
        Ok((blocks, Generator { position: self.position + taken as i64, ..*self }))
    }

    /// Fills `iocbs` with the next blocks and returns how many it filled; 0 means that all were
    /// handed out, or that `iocbs` is empty.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] where a field has been made invalid since; then neither the generator nor an
    /// iocb was changed.
    pub fn prepare(&mut self, iocbs: &mut [Iocb]) -> Result<usize, Misuse> {
        let (blocks, after) = self.next(iocbs.len())?;
        let count = fill(iocbs, blocks, self.operation(), self.transfer.fd);
        *self = after;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    fn transfer() -> Transfer {
        Transfer::new(3, 4096, 10_000, ptr::without_provenance_mut(0x10_0000))
    }

    #[test]
    fn every_field_is_validated() {
        let refuses = |change: fn(&mut Transfer), expected: Misuse| {
            let mut transfer = transfer();
            change(&mut transfer);
            assert_eq!(transfer.blocks(4096, 0, 8).unwrap_err(), expected);
        };
        refuses(|t| t.fd = -1, Misuse::Negative("fd", -1));
        refuses(|t| t.file_offset = -2, Misuse::Negative("file_offset", -2));
        refuses(|t| t.buffer_offset = -3, Misuse::Negative("buffer_offset", -3));
        refuses(|t| t.num_bytes = -4, Misuse::Negative("num_bytes", -4));
        refuses(|t| t.buffer = ptr::null_mut(), Misuse::Null("buffer"));
        refuses(|t| t.file_offset = i64::MAX, Misuse::Overflow("file_offset + num_bytes"));
        let beyond = Misuse::Overflow("buffer + buffer_offset + num_bytes");
        refuses(|t| t.buffer = ptr::without_provenance_mut(usize::MAX - 9_998), beyond);
        refuses(
            |t| {
                t.buffer = ptr::without_provenance_mut(1 << 63);
                t.buffer_offset = i64::MAX;
            },
            beyond,
        );
    }

    #[test]
    fn the_last_addressable_byte_can_be_transferred() {
        let mut transfer = transfer();
        transfer.buffer = ptr::without_provenance_mut(usize::MAX - 10_000);
        transfer.file_offset = i64::MAX - 10_000;
        assert_eq!(transfer.blocks(4096, 0, 8).unwrap().len(), 3);
    }

    #[test]
    fn block_size_and_position_are_validated() {
        assert_eq!(transfer().blocks(0, 0, 8).unwrap_err(), Misuse::ZeroBlockSize);
        for position in [-1, 10_001] {
            assert_eq!(
                transfer().blocks(4096, position, 8).unwrap_err(),
                Misuse::Outside { position, num_bytes: 10_000 }
            );
        }
        assert_eq!(transfer().blocks(4096, 10_000, 8).unwrap().len(), 0);
    }

    #[test]
    fn an_empty_transfer_needs_no_buffer() {
        let empty = Transfer::new(0, 0, 0, ptr::null_mut());
        assert_eq!(empty.blocks(1, 0, 8).unwrap().len(), 0);
    }

    #[test]
    fn a_generator_ends_exactly_at_the_end() {
        for block_size in [1, 4096, 9_999, 10_000, 10_001, u64::MAX] {
            let mut generator = Generator::new(transfer(), Operation::Read, block_size).unwrap();
            let mut iocbs = [Iocb::zeroed(); 7];
            let mut bytes = 0;
            loop {
                let n = generator.prepare(&mut iocbs).unwrap();
                if n == 0 {
                    break;
                }
                let more = iocbs[..n].iter().map(|iocb| iocb.nbytes).sum::<u64>();
                bytes += more;
                assert!(more > 0 && bytes <= 10_000, "block size {block_size}");
            }
            assert_eq!(bytes, 10_000, "block size {block_size}");
            assert_eq!(generator.position, 10_000);
        }
    }

    #[test]
    fn a_refused_call_changes_nothing() {
        let mut generator = Generator::new(transfer(), Operation::Write, 4096).unwrap();
        generator.position = 10_001;
        let before = generator;
        let mut poisoned = Iocb::zeroed();
        poisoned.data = 7;
        let mut iocbs = [poisoned; 2];
        assert!(generator.prepare(&mut iocbs).is_err());
        assert_eq!(generator, before);
        assert_eq!(iocbs, [poisoned; 2]);
    }
}
