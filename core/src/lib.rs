//! Moves ranges of files by kernel AIO, accounting for every byte; prepares libaio requests for programs
//! with a loop of their own; and allocates the page-locked buffers that O_DIRECT transfers are fastest
//! with.
//!
//! | module | what it holds |
//! |---|---|
//! | [`transfer`] | what moves: a range of a file and the memory on the other side |
//! | [`generator`] | a transfer's requests, a few at a time |
//! | [`block`] | where block *k* lies and how long it is; the only block arithmetic |
//! | [`iocb`] | one request: the 64 bytes that the kernel reads |
//! | [`error`] | why a transfer cannot be prepared |
//! | [`file_size`] | `stat` and `fstat` |
//! | [`engine`] | moves the bytes of a transfer by kernel AIO, and accounts for each |
//! | [`page_alloc`] | page-aligned, page-locked memory that `munlock` and `free` release |
//!
//! No symbol is exported from here. The packages `deepspeed_aio_utils` and `deepspeed_aio_common`, which
//! stand in for DeepSpeed's C++ files, add the C++ names and the C APIs.
//!
//! # Example
//!
//! ```no_run
//! use dsaio::{Operation, Queue, engine};
//!
//! let file = engine::open(c"/nvme/tensor", Operation::Write)?.file;
//! let mut queue = Queue::new(32)?;
//! queue.write_at(&file, 0, &[7; 1_000_000], 128 * 1024)?; // or what failed, and where
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Requests for a loop of one's own:
//!
//! ```
//! use dsaio::{Generator, Iocb, Operation, PageBuffer, Transfer};
//!
//! let buffer = PageBuffer::new(1 << 20, false)?;
//! let transfer = Transfer::new(3, 0, buffer.as_ptr(), 1 << 20)?;
//! let mut generator = Generator::new(transfer, Operation::Write, 128 * 1024)?;
//! let mut iocbs = [Iocb::zeroed(); 32];
//! assert_eq!(generator.prepare(&mut iocbs), 8);
//! assert_eq!(generator.prepare(&mut iocbs), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!(
    "dsaio supports 64-bit Linux only: it uses Linux's AIO. Build for a 64-bit Linux target."
);

pub mod block;
pub mod engine;
#[doc(hidden)]
pub mod errno;
pub mod error;
pub mod file_size;
pub mod generator;
pub mod iocb;
pub mod page_alloc;
pub mod transfer;

pub use engine::{Queue, TransferError};
pub use error::PrepareError;
pub use generator::Generator;
pub use iocb::{Iocb, Operation};
pub use page_alloc::{AllocError, PageBuffer};
pub use transfer::Transfer;
