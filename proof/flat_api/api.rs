//! `dsaio_*` as `include/deepspeed_aio_utils.h` declares it: what a C program knows, and no more.
//! Structs are bytes here, so that the padding in them is seen too.

use std::ffi::{c_char, c_int, c_void};

/// `sizeof(struct dsaio_transfer)`.
pub const TRANSFER: usize = 40;
/// `sizeof(struct dsaio_generator)`.
pub const GENERATOR: usize = 64;
/// `sizeof(struct iocb)`.
pub const IOCB: usize = 64;

// Links the library.
use deepspeed_aio_utils as _;

// `bool` is a byte here: a C program may pass one that is neither 0 nor 1.
unsafe extern "C" {
    pub fn dsaio_prep_batch(
        transfer: *const c_void,
        read_op: u8,
        block_size: u64,
        position: i64,
        iocbs: *const *mut c_void,
        n_iocbs: usize,
    ) -> c_int;
    pub fn dsaio_generator_init(
        generator: *mut c_void,
        transfer: *const c_void,
        read_op: u8,
        block_size: u64,
    ) -> c_int;
    pub fn dsaio_generator_prep(
        generator: *mut c_void,
        iocbs: *const *mut c_void,
        n_iocbs: usize,
    ) -> c_int;
    pub fn dsaio_file_size(path: *const c_char, size: *mut c_void) -> c_int;
    pub fn dsaio_fd_file_size(fd: c_int, size: *mut c_void) -> c_int;
    pub fn dsaio_alloc(size: i64, lock: u8, buffer: *mut c_void) -> c_int;
    pub fn dsaio_free(buffer: *mut c_void, size: i64) -> c_int;
    pub fn dsaio_version() -> *const c_char;
}
