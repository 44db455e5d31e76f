//! The C++ objects that callers pass, as Rust sees them.
//!
//! Callers allocate these objects and read their fields, so the layouts are ABI. They are asserted
//! here in Rust, and by the user's C++ compiler in `build_support/deepspeed_aio_utils/abi_check.cpp`.
//!
//! cbindgen writes the structs below into the header, with the C++ constructors and members that
//! `cbindgen.toml` adds; the aliases become the C++ types that they stand for.

use dsaio::Iocb;
use std::ffi::{c_int, c_void};
use std::mem::{offset_of, size_of};

/// `const int`.
pub type ConstInt = c_int;
/// `const int64_t`.
pub type ConstInt64 = i64;
/// `const size_t`.
pub type ConstSize = usize;
/// `const bool`, as the byte that the caller wrote.
pub type ConstBool = u8;
/// `const std::unique_ptr<io_xfer_ctxt>&`. The pointer is to a `unique_ptr` with the default
/// deleter, which is one pointer in libstdc++ and in libc++.
pub type UniquePtrRef = *const *const io_xfer_ctxt;
/// `const std::vector<struct iocb*>*`.
pub type ConstIocbVectorPtr = *const IocbVector;

/// `std::vector<struct iocb*>`: begin, end and end of storage, in libstdc++ and in libc++.
#[repr(C)]
pub struct IocbVector {
    begin: *const *mut Iocb,
    end: *const *mut Iocb,
    end_of_storage: *const *mut Iocb,
}

impl IocbVector {
    /// The vector's elements.
    ///
    /// # Safety
    ///
    /// The vector is valid, and nothing changes it as long as the slice is used.
    #[inline]
    pub unsafe fn as_slice(&self) -> &[*mut Iocb] {
        if self.begin.is_null() {
            return &[];
        }
        // SAFETY: begin and end delimit the elements of one allocation.
        unsafe {
            let len = self.end.offset_from(self.begin) as usize;
            std::slice::from_raw_parts(self.begin, len)
        }
    }
}

/// A transfer: which bytes of a file move, and the memory on the other side.
///
/// The file range begins at `_file_base_offset`, the memory at `_mem_buffer +
/// _buffer_base_offset`; both are `_num_bytes` long. Neither file nor memory is owned: they must
/// stay valid until the last request prepared from the transfer has completed.
#[cfg(cxx_abi)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct io_xfer_ctxt {
    /// The open file.
    pub _fd: ConstInt,
    /// Where the range begins in the file, in bytes.
    pub _file_base_offset: ConstInt64,
    /// Where the memory begins, in bytes after `_mem_buffer`.
    pub _buffer_base_offset: ConstInt64,
    /// The buffer. A read writes to it.
    pub _mem_buffer: *const c_void,
    /// Length in bytes.
    pub _num_bytes: ConstInt64,
}

/// Prepares the requests of a transfer a batch at a time (DeepSpeed's sequential mode).
///
/// It keeps references to the `unique_ptr` and to the vector, and owns neither.
#[cfg(cxx_abi)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct io_prep_context {
    /// Read from the file, or write to it.
    pub _read_op: ConstBool,
    /// The transfer.
    pub _xfer_ctxt: UniquePtrRef,
    /// Size of every block but a transfer's last, in bytes.
    pub _block_size: ConstSize,
    /// The requests that `prep_iocbs` fills, from index 0 on.
    pub _iocbs: ConstIocbVectorPtr,
}

/// Prepares the requests of a transfer as the queue has room for them (DeepSpeed's overlap mode).
///
/// It keeps a reference to the `unique_ptr`, and does not own it. The four counters are for
/// reading; use one object from one thread only.
#[cfg(cxx_abi)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct io_prep_generator {
    /// Read from the file, or write to it.
    pub _read_op: ConstBool,
    /// The transfer.
    pub _xfer_ctxt: UniquePtrRef,
    /// Size of every block but the last, in bytes.
    pub _block_size: ConstSize,
    /// Bytes not yet handed out.
    pub _remaining_bytes: i64,
    /// Blocks of the whole transfer.
    pub _num_io_blocks: i64,
    /// Blocks not yet handed out.
    pub _remaining_io_blocks: i64,
    /// Index of the next block.
    pub _next_iocb_index: i64,
}

// Read off objects compiled from the original by g++ and clang++, x86-64.
const _: () = {
    assert!(size_of::<IocbVector>() == 24);

    assert!(size_of::<io_xfer_ctxt>() == 40);
    assert!(offset_of!(io_xfer_ctxt, _fd) == 0);
    assert!(offset_of!(io_xfer_ctxt, _file_base_offset) == 8);
    assert!(offset_of!(io_xfer_ctxt, _buffer_base_offset) == 16);
    assert!(offset_of!(io_xfer_ctxt, _mem_buffer) == 24);
    assert!(offset_of!(io_xfer_ctxt, _num_bytes) == 32);

    assert!(size_of::<io_prep_context>() == 32);
    assert!(offset_of!(io_prep_context, _read_op) == 0);
    assert!(offset_of!(io_prep_context, _xfer_ctxt) == 8);
    assert!(offset_of!(io_prep_context, _block_size) == 16);
    assert!(offset_of!(io_prep_context, _iocbs) == 24);

    assert!(size_of::<io_prep_generator>() == 56);
    assert!(offset_of!(io_prep_generator, _read_op) == 0);
    assert!(offset_of!(io_prep_generator, _xfer_ctxt) == 8);
    assert!(offset_of!(io_prep_generator, _block_size) == 16);
    assert!(offset_of!(io_prep_generator, _remaining_bytes) == 24);
    assert!(offset_of!(io_prep_generator, _num_io_blocks) == 32);
    assert!(offset_of!(io_prep_generator, _remaining_io_blocks) == 40);
    assert!(offset_of!(io_prep_generator, _next_iocb_index) == 48);
};
