//! One request: the 64 bytes that the kernel reads, libaio's `struct iocb`.
#![forbid(unsafe_code)]

use crate::block::{Block, Blocks};
use std::fmt;
use std::mem::{align_of, size_of};
use std::os::fd::RawFd;

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// From the file into the buffer (`IO_CMD_PREAD`).
    Read,
    /// From the buffer into the file (`IO_CMD_PWRITE`).
    Write,
}

impl Operation {
    /// The direction that `read_op` stands for in the C and C++ functions.
    #[doc(hidden)]
    #[inline]
    pub const fn from_read_op(read_op: bool) -> Self {
        if read_op { Operation::Read } else { Operation::Write }
    }

    /// The opcode, from `enum io_iocb_cmd` of libaio.h.
    #[inline]
    const fn opcode(self) -> i16 {
        match self {
            Operation::Read => 0,
            Operation::Write => 1,
        }
    }
}

/// `read` or `write`.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Read => "read",
            Operation::Write => "write",
        })
    }
}

/// libaio's `struct iocb` as the two commands used here fill it.
///
/// Its eight words lie as in libaio.h on LP64 (0.3.107 and later): `data`; `key` and
/// `aio_rw_flags`; `aio_lio_opcode`, `aio_reqprio` and `aio_fildes`; `buf`; `nbytes`; `offset`;
/// a reserved word; `flags` and `resfd`. `build_support/deepspeed_aio_utils/abi_check.cpp` has the C++
/// compiler confirm that. Whole words are stored: field by field cost a quarter more time.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iocb {
    words: [u64; 8],
}

const _: () = assert!(size_of::<Iocb>() == 64 && align_of::<Iocb>() == 8);

impl Iocb {
    /// An iocb with every byte zero.
    #[inline]
    pub const fn zeroed() -> Self {
        Iocb { words: [0; 8] }
    }

    /// The iocb that moves `block` between memory and `fd`.
    ///
    /// All fields that the request does not need are zero, `data` included: libaio's
    /// `io_prep_pread` and `io_prep_pwrite` clear the whole struct, and so does DeepSpeed.
    #[inline]
    pub const fn for_block(operation: Operation, fd: RawFd, block: Block) -> Self {
        let [o0, o1] = operation.opcode().to_ne_bytes();
        let [f0, f1, f2, f3] = fd.to_ne_bytes();
        let command = u64::from_ne_bytes([o0, o1, 0, 0, f0, f1, f2, f3]);
        let offset = block.at.file_offset as u64;
        Iocb { words: [0, 0, command, block.at.buffer, block.length, offset, 0, 0] }
    }

    /// `data`: the caller's own, which comes back in the `io_event`.
    pub const fn data(&self) -> u64 {
        self.words[0]
    }

    /// Sets `data`.
    pub fn set_data(&mut self, data: u64) {
        self.words[0] = data;
    }

    /// `aio_lio_opcode`: 0 reads, 1 writes.
    pub const fn opcode(&self) -> i16 {
        let [o0, o1, ..] = self.words[2].to_ne_bytes();
        i16::from_ne_bytes([o0, o1])
    }

    /// `aio_fildes`: the file.
    pub const fn fd(&self) -> RawFd {
        let [.., f0, f1, f2, f3] = self.words[2].to_ne_bytes();
        RawFd::from_ne_bytes([f0, f1, f2, f3])
    }

    /// `buf`: the address of the first byte in memory.
    pub const fn buffer(&self) -> u64 {
        self.words[3]
    }

    /// `nbytes`: the length in bytes.
    pub const fn num_bytes(&self) -> u64 {
        self.words[4]
    }

    /// `offset`: the offset of the first byte in the file.
    pub const fn file_offset(&self) -> i64 {
        self.words[5] as i64
    }
}

/// Writes one iocb for each block, as long as there are both; the other blocks are left. `write` puts
/// an iocb where a slot says: callers in C have pointers to memory that may not be initialised.
#[inline]
pub fn fill<Slot>(
    slots: impl Iterator<Item = Slot>,
    blocks: &mut Blocks,
    operation: Operation,
    fd: RawFd,
    write: impl Fn(Slot, Iocb),
) {
    // In this order: zip asks for a block only if there is a slot for it.
    for (slot, block) in slots.zip(blocks) {
        write(slot, Iocb::for_block(operation, fd, block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Origin;

    #[test]
    fn an_iocb_names_its_command_and_its_file() {
        let block = Block { at: Origin { buffer: 4096, file_offset: 512 }, length: 1024 };
        // IO_CMD_PREAD and IO_CMD_PWRITE.
        for (operation, opcode) in [(Operation::Read, 0), (Operation::Write, 1)] {
            for fd in [0, 1, 3, i32::MAX, -1] {
                let mut iocb = Iocb::for_block(operation, fd, block);
                assert_eq!((iocb.opcode(), iocb.fd()), (opcode, fd));
                assert_eq!(
                    (iocb.buffer(), iocb.num_bytes(), iocb.file_offset()),
                    (4096, 1024, 512)
                );
                iocb.set_data(7);
                assert_eq!(iocb.data(), 7);
            }
        }
    }

    #[test]
    fn blocks_without_a_slot_are_left() {
        let mut blocks = Blocks::new(Origin { buffer: 0, file_offset: 0 }, 512, 5 * 512, 5);
        let mut offsets = Vec::new();
        for _ in 0..3 {
            let mut iocbs = [Iocb::zeroed(); 2];
            let filled = blocks.len().min(2);
            let write = |slot: &mut Iocb, iocb| *slot = iocb;
            fill(iocbs.iter_mut(), &mut blocks, Operation::Read, 3, write);
            offsets.extend(iocbs[..filled].iter().map(|iocb| iocb.file_offset() / 512));
        }
        assert_eq!(offsets, [0, 1, 2, 3, 4]);
    }

    /// A caller may put another command into an iocb: any 16 bits.
    #[test]
    fn an_opcode_is_read_in_full() {
        let mut iocb = Iocb::zeroed();
        iocb.words[2] = u64::from_ne_bytes([2, 3, 0, 0, 7, 0, 0, 0]);
        assert_eq!((iocb.opcode(), iocb.fd()), (i16::from_ne_bytes([2, 3]), 7));
    }
}
