//! A drop-in replacement for one C++ file of DeepSpeed, `deepspeed_aio_utils.cpp`: the bottom
//! layer of its NVMe I/O. It describes a transfer, cuts it into blocks, fills libaio `iocb`s,
//! asks for file sizes, and allocates page-locked buffers.
//!
//! Three faces share one core:
//!
//! * C++ callers of DeepSpeed, unmodified: the mangled names of the original, exported by
//!   `abi::cxx` and declared by the generated `include/deepspeed_aio_utils.h`;
//! * C callers: the flat, checked `dsaio_*` functions of `abi::c`, in the same header;
//! * Rust callers: [`Transfer`], [`Generator`], [`PageBuffer`], [`file_size()`].
//!
//! # The map
//!
//! Data flows one way: in through `abi`, into a description of a transfer, through the block
//! arithmetic, out as iocbs.
//!
//! | module | its one idea |
//! |---|---|
//! | `block` | where block *k* of a transfer lies and how long it is; the only block arithmetic |
//! | `batch` | what one call of the original's `io_prep_context::prep_iocbs` asks for |
//! | `progress` | what the original's `io_prep_generator` remembers between calls |
//! | [`mod@checked`] | the same two preparations for callers who want an error instead of an abort |
//! | [`mod@iocb`] | the 64 bytes that the kernel reads |
//! | [`mod@file_size`] | `stat` and `fstat` |
//! | [`mod@page_alloc`] | page-aligned, page-locked memory that `munlock` and `free` release |
//! | [`mod@misuse`] | what a caller can do wrong, as sentences and as errnos |
//! | `abi` | the only door to foreign callers; it knows no block arithmetic |
//!
//! # Example
//!
//! ```
//! use deepspeed_aio_utils::{Generator, Iocb, Operation, PageBuffer, Transfer};
//!
//! let buffer = PageBuffer::new(1 << 20, false)?;
//! let transfer = Transfer::new(3, 0, 1 << 20, buffer.as_ptr().cast());
//! let mut generator = Generator::new(transfer, Operation::Write, 128 * 1024)?;
//! let mut iocbs = [Iocb::zeroed(); 32];
//! assert_eq!(generator.prepare(&mut iocbs)?, 8);
//! assert_eq!(generator.prepare(&mut iocbs)?, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!(
    "deepspeed_aio_utils serves LP64 Linux only: libaio is Linux, and the C++ names and struct \
     layouts that it exports are those of 64-bit `long`. Build for a 64-bit Linux target."
);

mod abi;
mod batch;
mod block;
pub mod checked;
mod errno;
pub mod file_size;
pub mod iocb;
pub mod misuse;
pub mod page_alloc;
mod progress;
mod report;

pub use checked::{Generator, Transfer};
pub use file_size::{fd_file_size, file_size};
pub use iocb::{Iocb, Operation};
pub use misuse::Misuse;
pub use page_alloc::PageBuffer;

/// The library's version, as `dsaio_version()` returns it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
