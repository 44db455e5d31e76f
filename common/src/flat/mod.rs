//! The flat C API, `dsaio_*`: whole transfers, every argument checked.
//!
//! Where the C++ functions must abort, these return a negative errno.
//!
//! A pointer that is neither null nor valid cannot be recognised: the caller promises that there is
//! none. The `SAFETY` comments below rest on that.
#![allow(non_camel_case_types)]

mod failure;
mod queue;
mod recorder;
