//! `dsaio_*` as `include/deepspeed_aio_utils.h` declares it: what a C program knows, and no more.
//! Structs are bytes here, so that the padding in them is seen too.

use std::ffi::{c_char, c_int, c_void};

/// `sizeof(struct dsaio_transfer)`.
pub const TRANSFER: usize = 40;
/// `sizeof(struct dsaio_generator)`.
pub const GENERATOR: usize = 64;
/// `sizeof(struct iocb)`.
pub const IOCB: usize = 64;

// The bytes above are those of the crate that is linked.
const _: () = {
    assert!(TRANSFER == size_of::<deepspeed_aio_utils::Transfer>());
    assert!(GENERATOR == size_of::<deepspeed_aio_utils::Generator>());
    assert!(IOCB == size_of::<deepspeed_aio_utils::Iocb>());
};

unsafe extern "C" {
    pub fn dsaio_prep_batch(
        transfer: *const c_void,
        read_op: bool,
        block_size: u64,
        position: i64,
        iocbs: *const *mut c_void,
        n_iocbs: usize,
    ) -> c_int;
    pub fn dsaio_generator_init(
        generator: *mut c_void,
        transfer: *const c_void,
        read_op: bool,
        block_size: u64,
    ) -> c_int;
    pub fn dsaio_generator_prep(
        generator: *mut c_void,
        iocbs: *const *mut c_void,
        n_iocbs: usize,
    ) -> c_int;
    pub fn dsaio_file_size(path: *const c_char, size: *mut c_void) -> c_int;
    pub fn dsaio_fd_file_size(fd: c_int, size: *mut c_void) -> c_int;
    pub fn dsaio_alloc(size: i64, lock: bool, buffer: *mut c_void) -> c_int;
    pub fn dsaio_free(buffer: *mut c_void, size: i64) -> c_int;
    pub fn dsaio_version() -> *const c_char;
}
