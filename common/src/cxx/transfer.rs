//! `do_aio_operation_sequential` and `do_aio_operation_overlap`: one loop, the engine's.

use super::context::{self, State};
use super::objects::{
    UniquePtrRef, aio_context, deepspeed_aio_config_t, deepspeed_aio_perf_t, io_xfer_ctxt,
};
use super::perf;
use crate::diagnostics;
use crate::error::CallError;
use crate::record::Failure;
use dsaio::engine::{Options, Timings};
use dsaio::{Operation, PrepareError, Transfer};
use std::time::Instant;

/// A call's arguments, as they are passed.
pub struct Arguments {
    pub overlap: bool,
    pub read_op: bool,
    pub aio_ctxt: UniquePtrRef<aio_context>,
    pub xfer_ctxt: UniquePtrRef<io_xfer_ctxt>,
    pub config: *const deepspeed_aio_config_t,
    pub perf: *mut deepspeed_aio_perf_t,
}

/// Moves the bytes. Returns when all of them have moved or the failure is recorded; aborts otherwise.
pub unsafe fn run(arguments: Arguments) {
    let mode = if arguments.overlap { "overlap" } else { "sequential" };
    // SAFETY: null or valid, as the C++ declaration says.
    let checked = unsafe { check(&arguments) };
    let (state, transfer, options) = checked.unwrap_or_else(|error| {
        diagnostics::abort(format_args!("do_aio_operation_{mode}: {error}"))
    });
    let operation = Operation::from_read_op(arguments.read_op);
    let transfer = match transfer {
        Ok(transfer) => transfer,
        Err(fd) => {
            return bad_descriptor(fd, operation, &arguments).report(state.recorder.as_deref());
        }
    };
    let mut timings = Timings::default();
    let wanted = (!arguments.perf.is_null()).then_some(&mut timings);
    let began = Instant::now();
    // SAFETY: the caller's memory, which stays valid during the call.
    let moved = unsafe { state.queue.run(operation, &transfer, &options, wanted) };
    let elapsed = began.elapsed();
    if !arguments.perf.is_null() {
        // SAFETY: an object of the caller's.
        unsafe { arguments.perf.write(perf::of_transfer(&timings, elapsed, transfer.num_bytes())) };
    }
    if let Err(error) = moved {
        Failure::from(error).report(state.recorder.as_deref());
    }
}

/// The arguments as the engine takes them. A bad descriptor is no invalid argument: a failed open() left
/// it, and the transfer fails.
unsafe fn check<'a>(
    arguments: &Arguments,
) -> Result<(&'a mut State, Result<Transfer, i32>, Options), CallError> {
    // SAFETY: null or valid, as the C++ declaration says; so are the objects that they own.
    let (aio_ctxt, xfer_ctxt, config) = unsafe {
        let aio_ctxt = arguments.aio_ctxt.as_ref().and_then(|owned| owned.as_ref());
        let xfer_ctxt = arguments.xfer_ctxt.as_ref().and_then(|owned| owned.as_ref());
        (aio_ctxt, xfer_ctxt, arguments.config.as_ref())
    };
    let aio_ctxt = aio_ctxt.ok_or(CallError::Null("aio_ctxt"))?;
    let xfer_ctxt = xfer_ctxt.ok_or(CallError::Null("xfer_ctxt"))?;
    let config = config.ok_or(CallError::Null("config"))?;
    let (block_size, depth) = (aio_ctxt._block_size, aio_ctxt._queue_depth);
    let block_size = u64::try_from(block_size).ok().filter(|&size| size > 0);
    let block_size =
        block_size.ok_or(CallError::NotPositive("_block_size", aio_ctxt._block_size.into()))?;
    if depth < 1 {
        return Err(CallError::NotPositive("_queue_depth", depth.into()));
    }
    // SAFETY: an object of the caller's.
    let state = unsafe { context::state(aio_ctxt) }?;
    if xfer_ctxt._buffer_base_offset < 0 {
        return Err(CallError::Negative("_buffer_base_offset", xfer_ctxt._buffer_base_offset));
    }
    if xfer_ctxt._mem_buffer.is_null() && xfer_ctxt._num_bytes > 0 {
        return Err(CallError::Null("_mem_buffer"));
    }
    let (buffer, offset) = (xfer_ctxt._mem_buffer.addr() as u64, xfer_ctxt._buffer_base_offset);
    let start = buffer
        .checked_add(offset as u64)
        .ok_or(PrepareError::MemoryRangeOverflow { buffer, num_bytes: offset })?;
    let buffer = xfer_ctxt._mem_buffer.with_addr(start as usize).cast_mut().cast();
    let (offset, num_bytes) = (xfer_ctxt._file_base_offset, xfer_ctxt._num_bytes);
    // With descriptor 0, which is accepted, so that the other arguments are checked first.
    Transfer::new(0, offset, buffer, num_bytes)?;
    let transfer = Transfer::new(xfer_ctxt._fd, offset, buffer, num_bytes);
    let single_submit = config._single_submit != 0;
    let options = Options { block_size, single_submit, overlap: arguments.overlap };
    Ok((state, transfer.map_err(|_| xfer_ctxt._fd), options))
}

fn bad_descriptor(fd: i32, operation: Operation, arguments: &Arguments) -> Failure {
    // SAFETY: `check` looked at it.
    let transfer = unsafe { &**arguments.xfer_ctxt };
    let error = PrepareError::BadDescriptor(fd);
    let (num_bytes, file_offset) = (transfer._num_bytes, transfer._file_base_offset);
    Failure {
        errno: error.errno(),
        operation,
        path: Default::default(),
        file_offset,
        num_bytes,
        moved: 0,
        message: format!(
            "{operation} of {num_bytes} bytes at offset {file_offset} moved 0 bytes: {error} \
             (errno {})",
            error.errno()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;
    use std::ptr;

    /// The block size is the context's, the number of requests per call the configuration's.
    #[test]
    fn options_come_from_where_the_original_takes_them() {
        let mut storage = MaybeUninit::<aio_context>::uninit();
        // SAFETY: storage for the object, destroyed at the end.
        unsafe { context::construct(storage.as_mut_ptr(), 8192, 2) };
        let mut memory = [0u8; 16];
        let mut transfer = io_xfer_ctxt {
            _fd: 3,
            _file_base_offset: 512,
            _buffer_base_offset: 4,
            _mem_buffer: memory.as_mut_ptr().cast(),
            _num_bytes: 8,
        };
        let (aio_ctxt, xfer_ctxt) = (storage.as_mut_ptr(), &raw mut transfer);
        for single in [0, 1] {
            let config = deepspeed_aio_config_t {
                _block_size: 4096,
                _queue_depth: 9,
                _single_submit: single,
                _overlap_events: 1 - single,
                _lock_memory: 1 - single,
            };
            let arguments = Arguments {
                overlap: single != 0,
                read_op: true,
                aio_ctxt: &aio_ctxt,
                xfer_ctxt: &xfer_ctxt,
                config: &config,
                perf: ptr::null_mut(),
            };
            // SAFETY: the objects above.
            let (_, checked, options) = unsafe { check(&arguments) }.unwrap();
            let buffer = memory[4..].as_mut_ptr();
            assert_eq!(checked, Ok(Transfer::new(3, 512, buffer, 8).unwrap()));
            let single_submit = single != 0;
            assert_eq!(
                options,
                Options { block_size: 8192, single_submit, overlap: single_submit }
            );
        }
        // SAFETY: constructed above.
        unsafe { context::destroy(aio_ctxt) };
    }
}
