//! The 64 bytes that the kernel reads: libaio's `struct iocb`.
#![forbid(unsafe_code)]

use crate::block::Block;
use std::mem::{offset_of, size_of};

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// From the file into the buffer (`IO_CMD_PREAD`).
    Read,
    /// From the buffer into the file (`IO_CMD_PWRITE`).
    Write,
}

impl Operation {
    /// The direction that the original's `read_op` flag stands for.
    #[inline]
    pub fn from_read_op(read_op: bool) -> Self {
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

/// libaio's `struct iocb` as the two commands used here fill it.
///
/// Same layout as in libaio.h on LP64 (0.3.107 and later): asserted below, and by the C++
/// compiler in `build_support/abi_check.cpp`.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iocb {
    /// The caller's own; comes back in the `io_event`. Zeroed by every preparation.
    pub data: u64,
    /// Set by the kernel.
    pub key: u32,
    /// `RWF_*` flags.
    pub aio_rw_flags: u32,
    /// `aio_lio_opcode`, `aio_reqprio` and `aio_fildes`: alike in all blocks of a call, and stored
    /// as the one word that they are in memory. Stored one by one they cost a quarter more time.
    command: u64,
    /// Address of the first byte in memory.
    pub buf: u64,
    /// Length in bytes.
    pub nbytes: u64,
    /// Offset in the file, in bytes.
    pub offset: i64,
    /// Unused.
    pub pad3: i64,
    /// `IOCB_FLAG_*`, set by `io_set_eventfd`.
    pub flags: u32,
    /// An eventfd, set by `io_set_eventfd`.
    pub resfd: u32,
}

const _: () = {
    assert!(size_of::<Iocb>() == 64);
    assert!(offset_of!(Iocb, command) == 16);
    assert!(offset_of!(Iocb, buf) == 24);
    assert!(offset_of!(Iocb, nbytes) == 32);
    assert!(offset_of!(Iocb, offset) == 40);
    assert!(offset_of!(Iocb, resfd) == 60);
};

impl Iocb {
    /// An iocb with every byte zero.
    #[inline]
    pub const fn zeroed() -> Self {
        Iocb {
            data: 0,
            key: 0,
            aio_rw_flags: 0,
            command: 0,
            buf: 0,
            nbytes: 0,
            offset: 0,
            pad3: 0,
            flags: 0,
            resfd: 0,
        }
    }

    /// The iocb that moves `block` between memory and `fd`.
    ///
    /// All fields that the request does not need are zero, `data` included: libaio's
    /// `io_prep_pread` and `io_prep_pwrite` clear the whole struct, and so the original does.
    #[inline]
    pub const fn for_block(operation: Operation, fd: i32, block: Block) -> Self {
        Iocb {
            command: command(operation, fd),
            buf: block.at.buffer,
            nbytes: block.length,
            offset: block.at.file_offset,
            ..Iocb::zeroed()
        }
    }

    /// `aio_lio_opcode`: 0 reads, 1 writes.
    pub const fn aio_lio_opcode(&self) -> i16 {
        let [o0, o1, ..] = self.command.to_ne_bytes();
        i16::from_ne_bytes([o0, o1])
    }

    /// `aio_fildes`: the file.
    pub const fn aio_fildes(&self) -> i32 {
        let [.., f0, f1, f2, f3] = self.command.to_ne_bytes();
        i32::from_ne_bytes([f0, f1, f2, f3])
    }
}

/// The opcode, a request priority of 0, and the file, as they lie in memory.
#[inline]
const fn command(operation: Operation, fd: i32) -> u64 {
    let [o0, o1] = operation.opcode().to_ne_bytes();
    let [f0, f1, f2, f3] = fd.to_ne_bytes();
    u64::from_ne_bytes([o0, o1, 0, 0, f0, f1, f2, f3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Origin;

    #[test]
    fn an_iocb_tells_its_command_and_its_file() {
        let block = Block { at: Origin { buffer: 4096, file_offset: 512 }, length: 1024 };
        // IO_CMD_PREAD and IO_CMD_PWRITE.
        for (operation, opcode) in [(Operation::Read, 0), (Operation::Write, 1)] {
            for fd in [0, 1, 3, i32::MAX, -1] {
                let iocb = Iocb::for_block(operation, fd, block);
                assert_eq!((iocb.aio_lio_opcode(), iocb.aio_fildes()), (opcode, fd));
                assert_eq!((iocb.buf, iocb.nbytes, iocb.offset), (4096, 1024, 512));
            }
        }
    }

    /// A caller may put another command into an iocb: any 16 bits.
    #[test]
    fn an_opcode_is_read_in_full() {
        let mut iocb = Iocb::zeroed();
        iocb.command = command(Operation::Read, 7) | u64::from_ne_bytes([2, 3, 0, 0, 0, 0, 0, 0]);
        assert_eq!(iocb.aio_lio_opcode(), i16::from_ne_bytes([2, 3]));
        assert_eq!(iocb.aio_fildes(), 7);
    }
}
