//! The C++ objects that callers pass, as Rust sees them.
//!
//! Callers allocate these objects and read their fields, so the layouts are ABI. They are asserted
//! here in Rust, and by the user's C++ compiler in `build_support/deepspeed_aio_common/abi_check.cpp`.
#![allow(non_camel_case_types, non_snake_case)]

use dsaio::Iocb;
use dsaio::engine::IoEvent;
use std::ffi::{c_int, c_void};
use std::mem::{offset_of, size_of};

/// `bool`, as the byte that the caller wrote.
pub type Bool = u8;

/// `std::unique_ptr<T>&`: a pointer to a `unique_ptr` with the default deleter, which is one pointer
/// in libstdc++ and in libc++.
pub type UniquePtrRef<T> = *const *mut T;

/// `std::vector<T>`: begin, end and end of storage, in libstdc++ and in libc++.
#[repr(C)]
pub struct Vector<T> {
    pub begin: *mut T,
    pub end: *mut T,
    pub end_of_storage: *mut T,
}

impl<T> Vector<T> {
    pub const EMPTY: Self = {
        let null = std::ptr::null_mut();
        Vector { begin: null, end: null, end_of_storage: null }
    };

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.end.addr().wrapping_sub(self.begin.addr()) / size_of::<T>()
    }

    /// How many elements the storage has room for.
    pub fn capacity(&self) -> usize {
        self.end_of_storage.addr().wrapping_sub(self.begin.addr()) / size_of::<T>()
    }
}

/// A transfer; the first library's header describes it.
#[repr(C)]
pub struct io_xfer_ctxt {
    pub _fd: c_int,
    pub _file_base_offset: i64,
    pub _buffer_base_offset: i64,
    pub _mem_buffer: *const c_void,
    pub _num_bytes: i64,
}

/// The queue of one thread.
#[repr(C)]
pub struct aio_context {
    pub _io_ctxt: *mut c_void,
    pub _io_events: Vector<IoEvent>,
    pub _iocbs: Vector<*mut Iocb>,
    pub _block_size: c_int,
    pub _queue_depth: c_int,
}

/// A user's settings.
#[repr(C)]
#[derive(Debug, PartialEq, Eq)]
pub struct deepspeed_aio_config_t {
    pub _block_size: c_int,
    pub _queue_depth: c_int,
    pub _single_submit: Bool,
    pub _overlap_events: Bool,
    pub _lock_memory: Bool,
}

/// How long the calls of one kind took, in microseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct deepspeed_aio_latency_t {
    pub _min_usec: f64,
    pub _max_usec: f64,
    pub _avg_usec: f64,
}

/// How long a transfer took.
#[repr(C)]
pub struct deepspeed_aio_perf_t {
    pub _submit: deepspeed_aio_latency_t,
    pub _complete: deepspeed_aio_latency_t,
    pub _e2e_usec: f64,
    pub _e2e_rate_GB: f64,
}

// Read off objects compiled from the original by g++ and clang++, x86-64.
const _: () = {
    assert!(size_of::<Vector<u8>>() == 24);
    assert!(size_of::<IoEvent>() == 32);

    assert!(size_of::<io_xfer_ctxt>() == 40);
    assert!(offset_of!(io_xfer_ctxt, _fd) == 0);
    assert!(offset_of!(io_xfer_ctxt, _file_base_offset) == 8);
    assert!(offset_of!(io_xfer_ctxt, _buffer_base_offset) == 16);
    assert!(offset_of!(io_xfer_ctxt, _mem_buffer) == 24);
    assert!(offset_of!(io_xfer_ctxt, _num_bytes) == 32);

    assert!(size_of::<aio_context>() == 64);
    assert!(offset_of!(aio_context, _io_ctxt) == 0);
    assert!(offset_of!(aio_context, _io_events) == 8);
    assert!(offset_of!(aio_context, _iocbs) == 32);
    assert!(offset_of!(aio_context, _block_size) == 56);
    assert!(offset_of!(aio_context, _queue_depth) == 60);

    assert!(size_of::<deepspeed_aio_config_t>() == 12);
    assert!(offset_of!(deepspeed_aio_config_t, _block_size) == 0);
    assert!(offset_of!(deepspeed_aio_config_t, _queue_depth) == 4);
    assert!(offset_of!(deepspeed_aio_config_t, _single_submit) == 8);
    assert!(offset_of!(deepspeed_aio_config_t, _overlap_events) == 9);
    assert!(offset_of!(deepspeed_aio_config_t, _lock_memory) == 10);

    assert!(size_of::<deepspeed_aio_latency_t>() == 24);
    assert!(offset_of!(deepspeed_aio_latency_t, _min_usec) == 0);
    assert!(offset_of!(deepspeed_aio_latency_t, _max_usec) == 8);
    assert!(offset_of!(deepspeed_aio_latency_t, _avg_usec) == 16);

    assert!(size_of::<deepspeed_aio_perf_t>() == 64);
    assert!(offset_of!(deepspeed_aio_perf_t, _submit) == 0);
    assert!(offset_of!(deepspeed_aio_perf_t, _complete) == 24);
    assert!(offset_of!(deepspeed_aio_perf_t, _e2e_usec) == 48);
    assert!(offset_of!(deepspeed_aio_perf_t, _e2e_rate_GB) == 56);
};
