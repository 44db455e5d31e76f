//! A queue: what moves transfers, one after the other.

use super::context::{self, Context};
use super::error::{Cause, TransferError};
use super::file;
use super::middle::Slots;
use super::schedule::Failure;
use super::system::{IoEvent, Kernel};
use super::transfer_loop::{self, Job};
use crate::error::PrepareError;
use crate::iocb::{Iocb, Operation};
use crate::transfer::Transfer;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How a transfer is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Size of every request but the last, in bytes; at least 1. Where the file asks for it, requests
    /// are cut smaller. Blocks of at most 32 KiB that follow each other are joined, if the queue has 8
    /// or more: as many bytes are in flight, in fewer requests.
    pub block_size: u64,
    /// One system call for each request, instead of one for as many as there are. No blocks are joined.
    pub single_submit: bool,
    /// Keep the queue full: refill it when a quarter of it was answered. Otherwise when seven eighths
    /// were, which makes fewer system calls and uses less CPU time.
    pub overlap: bool,
}

/// How long each system call of a transfer took.
#[derive(Clone, Debug, Default)]
pub struct Timings {
    /// Calls that submit requests, or move bytes themselves.
    pub submit: Vec<Duration>,
    /// Calls that wait for answers.
    pub complete: Vec<Duration>,
}

/// Why a queue cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueError {
    /// A depth of 0.
    ZeroDepth,
    /// There is no memory for the requests of a queue of this depth.
    NoMemory(u32),
}

impl QueueError {
    /// The errno that says the same, positive.
    pub fn errno(&self) -> i32 {
        match self {
            QueueError::ZeroDepth => libc::EINVAL,
            QueueError::NoMemory(_) => libc::ENOMEM,
        }
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueError::ZeroDepth => {
                write!(f, "the queue depth is 0; a queue holds at least one request")
            }
            QueueError::NoMemory(depth) => write!(
                f,
                "there is no memory for the requests of a queue of depth {depth}; choose a smaller \
                 depth (32 is usual)"
            ),
        }
    }
}

impl std::error::Error for QueueError {}

/// A queue of requests to the kernel. It moves one transfer at a time, and is idle in between.
///
/// Where the kernel refuses an AIO context of the depth that was asked for (fs.aio-max-nr), the
/// queue is less deep, down to one request at a time; [`Queue::notice`] says so.
///
/// In a forked child a queue of the parent's moves one request at a time: the kernel's context stays
/// with the parent.
#[derive(Debug)]
pub struct Queue {
    depth: u32,
    context: Option<Context>,
    notice: Option<String>,
    // Boxed slices that are never resized: callers in C++ have pointers to them.
    iocbs: Box<[Iocb]>,
    events: Box<[IoEvent]>,
    pointers: Vec<*mut Iocb>,
    slots: Slots,
    /// Whether a panic left the loop, so that requests may be in flight.
    pub(super) unwound: bool,
}

// SAFETY: the pointers are into `iocbs` and are used during a call alone.
unsafe impl Send for Queue {}

impl Queue {
    /// A queue for `depth` requests at a time.
    ///
    /// # Errors
    ///
    /// A depth of 0, or one for which there is no memory.
    pub fn new(depth: u32) -> Result<Self, QueueError> {
        if depth == 0 {
            return Err(QueueError::ZeroDepth);
        }
        let no_memory = |_| QueueError::NoMemory(depth);
        let mut iocbs = Vec::new();
        iocbs.try_reserve_exact(depth as usize).map_err(no_memory)?;
        iocbs.resize(depth as usize, Iocb::zeroed());
        let mut events = Vec::new();
        events.try_reserve_exact(depth as usize).map_err(no_memory)?;
        events.resize(depth as usize, IoEvent::default());

        let (context, errno) = Context::largest(depth);
        let given = context.as_ref().map_or(0, Context::capacity);
        Ok(Queue {
            depth,
            context,
            notice: errno.map(|errno| context::shortage(depth, given, errno)),
            iocbs: iocbs.into(),
            events: events.into(),
            pointers: Vec::new(),
            slots: Slots::default(),
            unwound: false,
        })
    }

    /// The depth that was asked for.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// A sentence that says so where the kernel gave less than the depth that was asked for.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The kernel's `aio_context_t`; 0 where it gave none.
    pub fn kernel_context(&self) -> u64 {
        self.context.as_ref().map_or(0, Context::id)
    }

    /// The queue's iocbs, as many as it is deep. The address stays the same.
    pub fn iocbs(&mut self) -> &mut [Iocb] {
        &mut self.iocbs
    }

    /// The queue's events, as many as it is deep. The address stays the same.
    pub fn events(&mut self) -> &mut [IoEvent] {
        &mut self.events
    }

    /// Moves every byte of a transfer. When this returns, nothing is in flight.
    ///
    /// On a file without O_DIRECT, bytes that were written are in the page cache. On one with
    /// O_DIRECT all of them are where the file system's direct writes put them, on the device (though
    /// perhaps in its cache), wherever the transfer begins and ends, and however its memory is
    /// aligned.
    ///
    /// # Errors
    ///
    /// What failed, and how many bytes had moved before it.
    ///
    /// # Safety
    ///
    /// The memory of the transfer is valid until the call returns, and nothing else uses it: a read
    /// writes to it. (Memory that is not mapped at all is reported as EFAULT.)
    pub unsafe fn run(
        &mut self,
        operation: Operation,
        transfer: &Transfer,
        options: &Options,
        timings: Option<&mut Timings>,
    ) -> Result<(), TransferError> {
        let error = |at: i64, cause| TransferError {
            operation,
            path: file::path(transfer.fd()),
            file_offset: transfer.start().file_offset,
            num_bytes: transfer.num_bytes(),
            moved: at,
            cause,
        };
        if options.block_size == 0 {
            return Err(error(0, Cause::Prepare(PrepareError::ZeroBlockSize)));
        }
        let job = Job {
            operation,
            fd: transfer.fd(),
            start: transfer.start(),
            num_bytes: transfer.num_bytes() as u64,
            block_size: options.block_size,
            single_submit: options.single_submit,
            overlap: options.overlap,
            timed: timings.is_some(),
        };
        let mut kernel = Kernel {
            fd: transfer.fd(),
            generation: next_generation(),
            context: &mut self.context,
            iocbs: self.iocbs.as_mut_ptr(),
            events: &mut self.events,
            pointers: &mut self.pointers,
            timings,
            second: None,
            bounce: None,
        };
        self.unwound = true;
        let outcome = transfer_loop::run(&mut kernel, &mut self.slots, &job);
        self.unwound = false;
        outcome.map_err(|Failure { at, cause }| error(at as i64, cause))
    }

    /// Fills `buffer` with the bytes of `file` from `file_offset` on, in blocks of `block_size`
    /// bytes.
    ///
    /// # Errors
    ///
    /// As [`Queue::run`]; a file that ends before the buffer is one.
    pub fn read_at(
        &mut self,
        file: impl AsFd,
        file_offset: i64,
        buffer: &mut [u8],
        block_size: u64,
    ) -> Result<(), TransferError> {
        let memory = buffer.as_mut_ptr();
        // SAFETY: the buffer is borrowed until the call returns.
        unsafe { self.run_at(Operation::Read, file, file_offset, memory, buffer.len(), block_size) }
    }

    /// Writes `buffer` to `file` from `file_offset` on, in blocks of `block_size` bytes.
    ///
    /// # Errors
    ///
    /// As [`Queue::run`].
    pub fn write_at(
        &mut self,
        file: impl AsFd,
        file_offset: i64,
        buffer: &[u8],
        block_size: u64,
    ) -> Result<(), TransferError> {
        let memory = buffer.as_ptr().cast_mut();
        // SAFETY: the buffer is borrowed until the call returns, and a write only reads it.
        unsafe {
            self.run_at(Operation::Write, file, file_offset, memory, buffer.len(), block_size)
        }
    }

    /// # Safety
    ///
    /// As [`Queue::run`].
    unsafe fn run_at(
        &mut self,
        operation: Operation,
        file: impl AsFd,
        file_offset: i64,
        buffer: *mut u8,
        length: usize,
        block_size: u64,
    ) -> Result<(), TransferError> {
        let fd = file.as_fd().as_raw_fd();
        let num_bytes = length as i64; // no slice is longer
        let transfer = Transfer::new(fd, file_offset, buffer, num_bytes).map_err(|cause| {
            let (path, moved) = (file::path(fd), 0);
            let cause = Cause::Prepare(cause);
            TransferError { operation, path, file_offset, num_bytes, moved, cause }
        })?;
        let options = Options { block_size, single_submit: false, overlap: true };
        // SAFETY: as promised.
        unsafe { self.run(operation, &transfer, &options, None) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        match self.context.take() {
            Some(context) if self.unwound => context.destroy_or_abort(),
            Some(context) => context.release(),
            None => {}
        }
    }
}

/// A number for the requests of one transfer. 0 is left to requests that others submit.
fn next_generation() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    loop {
        match LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
            0 => {}
            generation => return generation,
        }
    }
}
