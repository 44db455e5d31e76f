//! The originals' functions, under the names that g++ and clang++ give them.
//!
//! A function whose parameters name a class of the standard library has up to three names: for
//! libstdc++, for libstdc++ with the string from before C++11 (`Ss`), and for libc++ (`NSt3__1`).
//! Constructors and destructors have two forms, C1 and C2, D1 and D2. So a caller built with any of
//! them links. The names were read off objects compiled from the originals by g++ 12 and clang++ 14,
//! and are compared with them by `proof/cpp_tests/symbols`.
//!
//! DeepSpeed's headers declare the functions. Where the originals assert, crash or are undefined, say
//! which condition was broken and abort, in every build.

mod context;
mod files;
mod heap;
mod number;
mod objects;
mod perf;
mod strings;
mod transfer;

use objects::{
    Bool, UniquePtrRef, Vector, aio_context, deepspeed_aio_config_t, deepspeed_aio_latency_t,
    deepspeed_aio_perf_t, io_xfer_ctxt,
};
use std::ffi::{c_char, c_int, c_void};
use strings::{Cxx11String, CxxString, LibcxxString, OldString};
use transfer::Arguments;

/// Exports `$body` under every one of the mangled names.
macro_rules! export {
    ([$($name:literal),+] $args:tt -> $ret:ty = $body:expr) => {
        $(export! { @one $name $args $ret, $body })+
    };
    (@one $name:literal ($($arg:ident: $type:ty),*) $ret:ty, $body:expr) => {
        const _: () = {
            #[allow(unused_unsafe)] // some bodies are safe
            #[unsafe(export_name = $name)]
            unsafe extern "C" fn exported($($arg: $type),*) -> $ret {
                // SAFETY: the C++ caller keeps what the declaration in DeepSpeed's header says.
                unsafe { $body($($arg),*) }
            }
        };
    };
}

// void do_aio_operation_sequential(bool, unique_ptr<>&, unique_ptr<>&, config*, perf*)
export! {
    ["_Z27do_aio_operation_sequentialbRSt10unique_ptrI11aio_contextSt14default_deleteIS0_EERS_I12io_xfer_ctxtS1_IS5_EEP22deepspeed_aio_config_tP20deepspeed_aio_perf_t",
     "_Z27do_aio_operation_sequentialbRNSt3__110unique_ptrI11aio_contextNS_14default_deleteIS1_EEEERNS0_I12io_xfer_ctxtNS2_IS6_EEEEP22deepspeed_aio_config_tP20deepspeed_aio_perf_t"]
    (read_op: Bool, aio_ctxt: UniquePtrRef<aio_context>, xfer_ctxt: UniquePtrRef<io_xfer_ctxt>,
     config: *const deepspeed_aio_config_t, perf: *mut deepspeed_aio_perf_t) -> () = sequential
}

// void do_aio_operation_overlap(bool, unique_ptr<>&, unique_ptr<>&, config*, perf*)
export! {
    ["_Z24do_aio_operation_overlapbRSt10unique_ptrI11aio_contextSt14default_deleteIS0_EERS_I12io_xfer_ctxtS1_IS5_EEP22deepspeed_aio_config_tP20deepspeed_aio_perf_t",
     "_Z24do_aio_operation_overlapbRNSt3__110unique_ptrI11aio_contextNS_14default_deleteIS1_EEEERNS0_I12io_xfer_ctxtNS2_IS6_EEEEP22deepspeed_aio_config_tP20deepspeed_aio_perf_t"]
    (read_op: Bool, aio_ctxt: UniquePtrRef<aio_context>, xfer_ctxt: UniquePtrRef<io_xfer_ctxt>,
     config: *const deepspeed_aio_config_t, perf: *mut deepspeed_aio_perf_t) -> () = overlap
}

// int open_file(const char*, bool)
export! {
    ["_Z9open_filePKcb"]
    (filename: *const c_char, read_op: Bool) -> c_int = open_file
}

// void report_file_error(const char*, std::string, int)
export! {
    ["_Z17report_file_errorPKcNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEi"]
    (filename: *const c_char, file_op: *const Cxx11String, error_code: c_int) -> ()
     = files::report_file_error
}
export! {
    ["_Z17report_file_errorPKcSsi"]
    (filename: *const c_char, file_op: *const OldString, error_code: c_int) -> ()
     = files::report_file_error
}
export! {
    ["_Z17report_file_errorPKcNSt3__112basic_stringIcNS1_11char_traitsIcEENS1_9allocatorIcEEEEi"]
    (filename: *const c_char, file_op: *const LibcxxString, error_code: c_int) -> ()
     = files::report_file_error
}

// int regular_read(const char*, std::vector<char>&)
export! {
    ["_Z12regular_readPKcRSt6vectorIcSaIcEE"]
    (filename: *const c_char, buffer: *mut Vector<u8>) -> c_int = regular_read_libstdcxx
}
export! {
    ["_Z12regular_readPKcRNSt3__16vectorIcNS1_9allocatorIcEEEE"]
    (filename: *const c_char, buffer: *mut Vector<u8>) -> c_int = regular_read_libcxx
}

// bool validate_aio_operation(bool, const char*, void*, int64_t)
export! {
    ["_Z22validate_aio_operationbPKcPvl"]
    (read_op: Bool, filename: *const c_char, aio_buffer: *const c_void, num_bytes: i64) -> bool
     = validate
}

// deepspeed_aio_config_t::deepspeed_aio_config_t()
export! {
    ["_ZN22deepspeed_aio_config_tC1Ev", "_ZN22deepspeed_aio_config_tC2Ev"]
    (this: *mut deepspeed_aio_config_t) -> () = construct_default_config
}

// deepspeed_aio_config_t::deepspeed_aio_config_t(int, int, bool, bool, bool)
export! {
    ["_ZN22deepspeed_aio_config_tC1Eiibbb", "_ZN22deepspeed_aio_config_tC2Eiibbb"]
    (this: *mut deepspeed_aio_config_t, block_size: c_int, queue_depth: c_int,
     single_submit: Bool, overlap_events: Bool, lock_memory: Bool) -> () = construct_config
}

// void deepspeed_aio_latency_t::dump(std::string)
export! {
    ["_ZN23deepspeed_aio_latency_t4dumpENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"]
    (this: *const deepspeed_aio_latency_t, tag: *const Cxx11String) -> () = dump
}
export! {
    ["_ZN23deepspeed_aio_latency_t4dumpESs"]
    (this: *const deepspeed_aio_latency_t, tag: *const OldString) -> () = dump
}
export! {
    ["_ZN23deepspeed_aio_latency_t4dumpENSt3__112basic_stringIcNS0_11char_traitsIcEENS0_9allocatorIcEEEE"]
    (this: *const deepspeed_aio_latency_t, tag: *const LibcxxString) -> () = dump
}

// void deepspeed_aio_latency_t::accumulate(const deepspeed_aio_latency_t&)
export! {
    ["_ZN23deepspeed_aio_latency_t10accumulateERKS_"]
    (this: *mut deepspeed_aio_latency_t, other: *const deepspeed_aio_latency_t) -> () = accumulate
}

// void deepspeed_aio_latency_t::scale(float)
export! {
    ["_ZN23deepspeed_aio_latency_t5scaleEf"]
    (this: *mut deepspeed_aio_latency_t, value: f32) -> () = scale
}

// aio_context::aio_context(int, int)
export! {
    ["_ZN11aio_contextC1Eii", "_ZN11aio_contextC2Eii"]
    (this: *mut aio_context, block_size: c_int, queue_depth: c_int) -> () = context::construct
}

// aio_context::~aio_context()
export! {
    ["_ZN11aio_contextD1Ev", "_ZN11aio_contextD2Ev"]
    (this: *mut aio_context) -> () = context::destroy
}

unsafe fn sequential(
    read_op: Bool,
    aio_ctxt: UniquePtrRef<aio_context>,
    xfer_ctxt: UniquePtrRef<io_xfer_ctxt>,
    config: *const deepspeed_aio_config_t,
    perf: *mut deepspeed_aio_perf_t,
) {
    let (overlap, read_op) = (false, read_op != 0);
    // SAFETY: the caller's objects, or null.
    unsafe { transfer::run(Arguments { overlap, read_op, aio_ctxt, xfer_ctxt, config, perf }) };
}

unsafe fn overlap(
    read_op: Bool,
    aio_ctxt: UniquePtrRef<aio_context>,
    xfer_ctxt: UniquePtrRef<io_xfer_ctxt>,
    config: *const deepspeed_aio_config_t,
    perf: *mut deepspeed_aio_perf_t,
) {
    let (overlap, read_op) = (true, read_op != 0);
    // SAFETY: the caller's objects, or null.
    unsafe { transfer::run(Arguments { overlap, read_op, aio_ctxt, xfer_ctxt, config, perf }) };
}

unsafe fn open_file(filename: *const c_char, read_op: Bool) -> c_int {
    // SAFETY: a C string of the caller's, or null.
    unsafe { files::open_file(filename, read_op != 0) }
}

unsafe fn regular_read_libstdcxx(filename: *const c_char, buffer: *mut Vector<u8>) -> c_int {
    // SAFETY: a C string and a vector of the caller's, or null.
    unsafe { files::regular_read(filename, buffer, c"libstdc++.so.6") }
}

unsafe fn regular_read_libcxx(filename: *const c_char, buffer: *mut Vector<u8>) -> c_int {
    // SAFETY: a C string and a vector of the caller's, or null.
    unsafe { files::regular_read(filename, buffer, c"libc++.so.1") }
}

unsafe fn validate(
    read_op: Bool,
    filename: *const c_char,
    aio_buffer: *const c_void,
    num_bytes: i64,
) -> bool {
    // SAFETY: a C string and memory of the caller's, or null.
    unsafe { files::validate(read_op != 0, filename, aio_buffer, num_bytes) }
}

unsafe fn construct_default_config(this: *mut deepspeed_aio_config_t) {
    // SAFETY: the caller's storage for the object.
    unsafe { construct_config(this, 128 * 1024, 8, 0, 0, 0) };
}

unsafe fn construct_config(
    this: *mut deepspeed_aio_config_t,
    block_size: c_int,
    queue_depth: c_int,
    single_submit: Bool,
    overlap_events: Bool,
    lock_memory: Bool,
) {
    // SAFETY: the caller's storage for the object.
    unsafe {
        this.write(deepspeed_aio_config_t {
            _block_size: block_size,
            _queue_depth: queue_depth,
            _single_submit: Bool::from(single_submit != 0),
            _overlap_events: Bool::from(overlap_events != 0),
            _lock_memory: Bool::from(lock_memory != 0),
        });
    }
}

unsafe fn dump<S: CxxString>(this: *const deepspeed_aio_latency_t, tag: *const S) {
    // SAFETY: objects of the caller's, which destroys the string.
    let (latency, tag) = unsafe { (*this, (*tag).bytes()) };
    let numbers = [latency._min_usec, latency._max_usec, latency._avg_usec];
    let [min, max, avg] = numbers.map(number::six_digits);
    files::print(&[tag, format!("{min} {max} {avg} \n").as_bytes()].concat());
}

unsafe fn accumulate(this: *mut deepspeed_aio_latency_t, other: *const deepspeed_aio_latency_t) {
    // SAFETY: objects of the caller's, which may be the same one.
    unsafe {
        let other = *other;
        (*this)._min_usec += other._min_usec;
        (*this)._max_usec += other._max_usec;
        (*this)._avg_usec += other._avg_usec;
    }
}

unsafe fn scale(this: *mut deepspeed_aio_latency_t, value: f32) {
    // SAFETY: an object of the caller's.
    let latency = unsafe { &mut *this };
    latency._min_usec *= f64::from(value);
    latency._max_usec *= f64::from(value);
    latency._avg_usec *= f64::from(value);
}
