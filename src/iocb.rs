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
    /// `IO_CMD_PREAD` or `IO_CMD_PWRITE`.
    pub aio_lio_opcode: i16,
    /// Request priority.
    pub aio_reqprio: i16,
    /// The file.
    pub aio_fildes: i32,
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
    assert!(offset_of!(Iocb, aio_lio_opcode) == 16);
    assert!(offset_of!(Iocb, aio_fildes) == 20);
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
            aio_lio_opcode: 0,
            aio_reqprio: 0,
            aio_fildes: 0,
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
            aio_lio_opcode: operation.opcode(),
            aio_fildes: fd,
            buf: block.at.buffer,
            nbytes: block.length,
            offset: block.at.file_offset,
            ..Iocb::zeroed()
        }
    }
}
