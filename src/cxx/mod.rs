//! The original's functions, under the names that g++ and clang++ give them.
//!
//! Each function has the mangled names of both standard libraries where these differ, and a
//! constructor its C1 and its C2 form, so a caller built with either links. The names were read
//! off objects compiled from the original by g++ 12 (libstdc++) and clang++ (libc++), and are
//! compared with it by `proof/cpp_tests/symbols`.
//!
//! The header says what each does for its C++ callers. Here: where the original asserts, crashes
//! or is undefined, say which condition was broken and abort, in every build.

mod batch;
mod objects;
mod progress;

use crate::diagnostics;
use crate::error::CallError;
use batch::Batch;
use dsaio::PrepareError;
use dsaio::block::{Blocks, Origin};
use dsaio::errno::errno_text;
use dsaio::file_size;
use dsaio::iocb::{self, Iocb, Operation};
use dsaio::page_alloc::{self, AllocError};
use objects::{
    ConstBool, ConstIocbVectorPtr, IocbVector, UniquePtrRef, io_prep_context, io_prep_generator,
    io_xfer_ctxt,
};
use progress::Progress;
use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::ptr;

/// Exports `$body` under every one of the mangled names.
macro_rules! export {
    ([$($name:literal),+] $args:tt -> $ret:ty = $body:ident) => {
        $(export! { @one $name $args $ret, $body })+
    };
    (@one $name:literal ($($arg:ident: $type:ty),*) $ret:ty, $body:ident) => {
        const _: () = {
            #[unsafe(export_name = $name)]
            unsafe extern "C" fn exported($($arg: $type),*) -> $ret {
                // SAFETY: the C++ caller keeps what the declaration in the header says.
                unsafe { $body($($arg),*) }
            }
        };
    };
}

// io_xfer_ctxt::io_xfer_ctxt(int, int64_t, int64_t, int64_t, const void*)
export! {
    ["_ZN12io_xfer_ctxtC1EilllPKv", "_ZN12io_xfer_ctxtC2EilllPKv"]
    (this: *mut io_xfer_ctxt, fd: c_int, file_offset: i64, buffer_offset: i64, num_bytes: i64,
     buffer: *const c_void) -> () = construct_xfer
}

// io_prep_context::io_prep_context(bool, const unique_ptr<>&, size_t, const vector<>*)
export! {
    ["_ZN15io_prep_contextC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEmPKSt6vectorIP4iocbSaIS9_EE",
     "_ZN15io_prep_contextC2EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEmPKSt6vectorIP4iocbSaIS9_EE",
     "_ZN15io_prep_contextC1EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEmPKNS0_6vectorIP4iocbNS0_9allocatorISA_EEEE",
     "_ZN15io_prep_contextC2EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEmPKNS0_6vectorIP4iocbNS0_9allocatorISA_EEEE"]
    (this: *mut io_prep_context, read_op: ConstBool, xfer_ctxt: UniquePtrRef, block_size: usize,
     iocbs: ConstIocbVectorPtr) -> () = construct_context
}

// void io_prep_context::prep_iocbs(int, size_t, const void*, int64_t)
export! {
    ["_ZN15io_prep_context10prep_iocbsEimPKvl"]
    (this: *mut io_prep_context, n_iocbs: c_int, num_bytes: usize, start_buffer: *const c_void,
     start_offset: i64) -> () = context_prep_iocbs
}

// io_prep_generator::io_prep_generator(bool, const unique_ptr<>&, size_t)
export! {
    ["_ZN17io_prep_generatorC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm",
     "_ZN17io_prep_generatorC2EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm",
     "_ZN17io_prep_generatorC1EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm",
     "_ZN17io_prep_generatorC2EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm"]
    (this: *mut io_prep_generator, read_op: ConstBool, xfer_ctxt: UniquePtrRef, block_size: usize)
     -> () = construct_generator
}

// int io_prep_generator::prep_iocbs(int, vector<>*)
export! {
    ["_ZN17io_prep_generator10prep_iocbsEiPSt6vectorIP4iocbSaIS2_EE",
     "_ZN17io_prep_generator10prep_iocbsEiPNSt3__16vectorIP4iocbNS0_9allocatorIS3_EEEE"]
    (this: *mut io_prep_generator, n_iocbs: c_int, iocbs: *mut IocbVector) -> c_int
     = generator_prep_iocbs
}

// int64_t get_file_size(const char*, int64_t&). Before 0.17.1 callers saw an `int`; -1 in full
// width serves both.
export! {
    ["_Z13get_file_sizePKcRl"]
    (filename: *const c_char, size: *mut i64) -> i64 = file_size_of_path
}

// int64_t get_fd_file_size(int, int64_t&)
export! {
    ["_Z16get_fd_file_sizeiRl"]
    (fd: c_int, size: *mut i64) -> i64 = file_size_of_fd
}

// void* ds_page_aligned_alloc(int64_t, bool)
export! {
    ["_Z21ds_page_aligned_alloclb"]
    (size: i64, lock: ConstBool) -> *mut c_void = page_aligned_alloc
}

/// The function names as a C++ programmer knows them, for the line before an abort.
const CONTEXT_PREP: &str = "io_prep_context::prep_iocbs";
const GENERATOR_NEW: &str = "io_prep_generator::io_prep_generator";
const GENERATOR_PREP: &str = "io_prep_generator::prep_iocbs";

/// The value, or the line and the abort.
#[inline]
fn or_abort<T>(function: &str, result: Result<T, CallError>) -> T {
    result.unwrap_or_else(|error| diagnostics::abort(function, error))
}

unsafe fn construct_xfer(
    this: *mut io_xfer_ctxt,
    fd: c_int,
    file_offset: i64,
    buffer_offset: i64,
    num_bytes: i64,
    buffer: *const c_void,
) {
    // SAFETY: `this` is the caller's storage for the object. Field by field, so that padding
    // stays as it was, as after a C++ constructor.
    unsafe {
        (&raw mut (*this)._fd).write(fd);
        (&raw mut (*this)._file_base_offset).write(file_offset);
        (&raw mut (*this)._buffer_base_offset).write(buffer_offset);
        (&raw mut (*this)._mem_buffer).write(buffer);
        (&raw mut (*this)._num_bytes).write(num_bytes);
    }
}

/// Stores its arguments, valid or not: the original does not look at them before `prep_iocbs`.
unsafe fn construct_context(
    this: *mut io_prep_context,
    read_op: ConstBool,
    xfer_ctxt: UniquePtrRef,
    block_size: usize,
    iocbs: ConstIocbVectorPtr,
) {
    // SAFETY: as in `construct_xfer`.
    unsafe {
        (&raw mut (*this)._read_op).write(u8::from(read_op != 0));
        (&raw mut (*this)._xfer_ctxt).write(xfer_ctxt);
        (&raw mut (*this)._block_size).write(block_size);
        (&raw mut (*this)._iocbs).write(iocbs);
    }
}

unsafe fn context_prep_iocbs(
    this: *mut io_prep_context,
    n_iocbs: c_int,
    num_bytes: usize,
    start_buffer: *const c_void,
    start_offset: i64,
) {
    // SAFETY: the object was constructed; the vector that it points to exists, as the header asks.
    let (context, slots) = unsafe { (&*this, slots(CONTEXT_PREP, (*this)._iocbs, n_iocbs)) };
    if slots.is_empty() {
        return;
    }
    // SAFETY: the reference that the constructor stored.
    let transfer = unsafe { transfer(CONTEXT_PREP, context._xfer_ctxt) };
    if context._block_size == 0 {
        diagnostics::abort(CONTEXT_PREP, PrepareError::ZeroBlockSize);
    }
    let batch = Batch {
        origin: Origin {
            buffer: in_memory(start_buffer, transfer),
            file_offset: transfer._file_base_offset.wrapping_add(start_offset),
        },
        block_size: context._block_size as u64,
        n_iocbs: slots.len(),
        num_bytes: num_bytes as u64,
        transfer_left: transfer._num_bytes.saturating_sub(start_offset),
    };
    let mut blocks = batch.blocks();
    // SAFETY: the slots hold the caller's iocbs.
    unsafe { fill(CONTEXT_PREP, slots, &mut blocks, context._read_op, transfer) };
}

unsafe fn construct_generator(
    this: *mut io_prep_generator,
    read_op: ConstBool,
    xfer_ctxt: UniquePtrRef,
    block_size: usize,
) {
    // SAFETY: a reference of the caller's.
    let transfer = unsafe { transfer(GENERATOR_NEW, xfer_ctxt) };
    let progress = or_abort(GENERATOR_NEW, Progress::start(transfer._num_bytes, block_size as u64));
    // SAFETY: as in `construct_xfer`.
    unsafe {
        (&raw mut (*this)._read_op).write(u8::from(read_op != 0));
        (&raw mut (*this)._xfer_ctxt).write(xfer_ctxt);
        (&raw mut (*this)._block_size).write(block_size);
        store(this, &progress);
    }
}

unsafe fn generator_prep_iocbs(
    this: *mut io_prep_generator,
    n_iocbs: c_int,
    iocbs: *mut IocbVector,
) -> c_int {
    // SAFETY: the object was constructed.
    let generator = unsafe { &*this };
    let progress = Progress {
        remaining_bytes: generator._remaining_bytes,
        num_io_blocks: generator._num_io_blocks,
        remaining_io_blocks: generator._remaining_io_blocks,
        next_iocb_index: generator._next_iocb_index,
    };
    // At the end the original returns before it looks at its arguments.
    if or_abort(GENERATOR_PREP, progress.is_finished()) {
        return 0;
    }
    // SAFETY: a vector of the caller's.
    let slots = unsafe { slots(GENERATOR_PREP, iocbs, n_iocbs) };
    let granted = progress.grant(i64::from(n_iocbs));
    let mut remaining_bytes = progress.remaining_bytes;
    if granted > 0 {
        // SAFETY: the reference that the constructor stored.
        let transfer = unsafe { transfer(GENERATOR_PREP, generator._xfer_ctxt) };
        let start = Origin {
            buffer: in_memory(transfer._mem_buffer, transfer),
            file_offset: transfer._file_base_offset,
        };
        let slots = &slots[..granted as usize];
        let mut blocks = progress.blocks(start, generator._block_size as u64, slots.len());
        // SAFETY: the slots hold the caller's iocbs.
        unsafe { fill(GENERATOR_PREP, slots, &mut blocks, generator._read_op, transfer) };
        remaining_bytes = blocks.left();
    }
    // SAFETY: the caller's object; no reference to it is used any more.
    unsafe { store(this, &progress.after(granted, remaining_bytes)) };
    granted as c_int
}

unsafe fn store(this: *mut io_prep_generator, progress: &Progress) {
    // SAFETY: `this` is the caller's object, or its storage.
    unsafe {
        (&raw mut (*this)._remaining_bytes).write(progress.remaining_bytes);
        (&raw mut (*this)._num_io_blocks).write(progress.num_io_blocks);
        (&raw mut (*this)._remaining_io_blocks).write(progress.remaining_io_blocks);
        (&raw mut (*this)._next_iocb_index).write(progress.next_iocb_index);
    }
}

/// The transfer behind a `const unique_ptr<io_xfer_ctxt>&`.
#[inline]
unsafe fn transfer<'a>(function: &str, xfer_ctxt: UniquePtrRef) -> &'a io_xfer_ctxt {
    // SAFETY: null, or the caller's unique_ptr, which is null or owns a transfer.
    let transfer = unsafe { xfer_ctxt.as_ref().and_then(|owned| owned.as_ref()) };
    or_abort(function, transfer.ok_or(CallError::Null("xfer_ctxt")))
}

/// The first `n_iocbs` elements of the vector.
#[inline]
unsafe fn slots<'a>(function: &str, iocbs: *const IocbVector, n_iocbs: c_int) -> &'a [*mut Iocb] {
    // SAFETY: null, or the caller's vector.
    let Some(iocbs) = (unsafe { iocbs.as_ref() }) else {
        diagnostics::abort(function, CallError::Null("iocbs"))
    };
    // SAFETY: as above; the call is over before the caller can change it.
    let iocbs = unsafe { iocbs.as_slice() };
    let wanted = usize::try_from(n_iocbs).ok().and_then(|n| iocbs.get(..n));
    let error = CallError::Iocbs { n_iocbs, available: iocbs.len() };
    or_abort(function, wanted.ok_or(error))
}

/// The address of a transfer's byte that `buffer` stands for. The kernel takes it, so the pointer's
/// provenance is exposed to it.
#[inline]
fn in_memory(buffer: *const c_void, transfer: &io_xfer_ctxt) -> u64 {
    (buffer.expose_provenance() as u64).wrapping_add(transfer._buffer_base_offset as u64)
}

/// Writes one iocb per block.
#[inline]
unsafe fn fill(
    function: &str,
    slots: &[*mut Iocb],
    blocks: &mut Blocks,
    read_op: u8,
    transfer: &io_xfer_ctxt,
) {
    let operation = Operation::from_read_op(read_op != 0);
    iocb::fill(slots.iter().enumerate(), blocks, operation, transfer._fd, |(index, slot), iocb| {
        if slot.is_null() {
            diagnostics::abort(function, CallError::NullIocb(index));
        }
        // SAFETY: an iocb of the caller's, 64 bytes. The kernel copied older contents of it at
        // io_submit.
        unsafe { slot.write(iocb) };
    });
}

unsafe fn file_size_of_path(filename: *const c_char, size: *mut i64) -> i64 {
    // SAFETY: null or a C string, as `stat` takes it.
    let found = unsafe { file_size::of_path_ptr(filename) };
    // SAFETY: the caller's reference.
    unsafe { store_size("get_file_size", found, size) }
}

unsafe fn file_size_of_fd(fd: c_int, size: *mut i64) -> i64 {
    // SAFETY: the caller's reference.
    unsafe { store_size("get_fd_file_size", file_size::of_fd(fd), size) }
}

/// 0 and the size, or -1 and `size` left alone.
unsafe fn store_size(function: &str, found: io::Result<i64>, size: *mut i64) -> i64 {
    match found {
        Err(_) => -1, // errno is still that of the system call
        Ok(_) if size.is_null() => diagnostics::abort(function, CallError::Null("size")),
        Ok(bytes) => {
            // SAFETY: an `int64_t&` of the caller's.
            unsafe { size.write(bytes) };
            0
        }
    }
}

unsafe fn page_aligned_alloc(size: i64, lock: ConstBool) -> *mut c_void {
    let before = errno();
    // A negative size becomes a huge one, as in the original's conversion to `size_t`, and fails
    // for want of memory.
    match page_alloc::allocate(size as usize, lock != 0) {
        Ok(buffer) => {
            // System calls may have failed on the way; the original's success leaves errno alone.
            set_errno(before);
            buffer.as_ptr()
        }
        Err(error) => {
            if let AllocError::Lock { errno, .. } = error {
                // The first line is the original's, word by word, for programs that look for it.
                diagnostics::line(format_args!(
                    "mlock failed to allocate {size} bytes with error no {errno} msg {}\n\
                     deepspeed_aio_utils: ds_page_aligned_alloc: {error}",
                    errno_text(errno)
                ));
            }
            set_errno(error.errno());
            ptr::null_mut()
        }
    }
}

/// The calling thread's errno, which C++ callers read after an error.
fn errno() -> c_int {
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() }
}

fn set_errno(errno: c_int) {
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() = errno }
}
