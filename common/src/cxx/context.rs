//! `aio_context`: its constructor, its destructor, and what of ours belongs to one.
//!
//! The object has no field for a pointer of ours, and callers know its size. Its two vectors are ours
//! alone to fill, so the pointer lies in the storage of `_iocbs`, behind the elements.

use super::objects::{Vector, aio_context};
use crate::diagnostics;
use crate::error::CallError;
use crate::record::{self, Recorder};
use dsaio::Iocb;
use dsaio::engine::Queue;
use std::ffi::{c_int, c_void};
use std::process;
use std::ptr;
use std::sync::Arc;

/// What belongs to a context, beside the fields that its caller sees.
pub struct State {
    pid: u32,
    pub queue: Queue,
    pub recorder: Option<Arc<Recorder>>,
}

/// Elements of the storage of `_iocbs` behind the last iocb: the address of the `State`, and the same
/// XOR `KEY`. A vector that another library filled has other room behind its end, and is unlikely to hold
/// these two.
const HIDDEN: usize = 2;
const KEY: usize = 0x6473_6169_6f5f_6374;

/// Constructs a context in the caller's storage, which belongs to the thread's current recorder.
pub unsafe fn construct(this: *mut aio_context, block_size: c_int, queue_depth: c_int) {
    const FUNCTION: &str = "aio_context::aio_context";
    let abort = |error: CallError| -> ! { diagnostics::abort(format_args!("{FUNCTION}: {error}")) };
    if this.is_null() {
        abort(CallError::Null("this"));
    }
    let positive = |name, value: c_int| match u32::try_from(value) {
        Ok(value) if value > 0 => value,
        _ => abort(CallError::NotPositive(name, value.into())),
    };
    positive("block_size", block_size);
    let queue = Queue::new(positive("queue_depth", queue_depth)).unwrap_or_else(|error| {
        diagnostics::abort(format_args!("{FUNCTION}: {error} (errno {})", error.errno()))
    });
    diagnostics::queue_notice(&queue);

    let state = State { pid: process::id(), queue, recorder: record::current() };
    let state = Box::into_raw(Box::new(state));
    // SAFETY: just made; the queue's iocbs and events stay where they are as long as it exists.
    let (io_ctxt, events, iocbs) = unsafe {
        let queue = &mut (*state).queue;
        (queue.kernel_context() as usize, queue.events().as_mut_ptr(), queue.iocbs().as_mut_ptr())
    };
    let depth = queue_depth as usize;
    let hidden = [state.cast(), ptr::without_provenance_mut(state.addr() ^ KEY)];
    // SAFETY: there are `depth` iocbs.
    let pointers = (0..depth).map(|i| unsafe { iocbs.add(i) }).chain(hidden);
    let begin = Box::into_raw(pointers.collect::<Box<[*mut Iocb]>>()).cast::<*mut Iocb>();
    // SAFETY: the caller's storage; the ends are those of `depth` and `depth + HIDDEN` elements.
    unsafe {
        this.write(aio_context {
            _io_ctxt: ptr::with_exposed_provenance_mut::<c_void>(io_ctxt),
            _io_events: Vector {
                begin: events,
                end: events.add(depth),
                end_of_storage: events.add(depth),
            },
            _iocbs: Vector {
                begin,
                end: begin.add(depth),
                end_of_storage: begin.add(depth + HIDDEN),
            },
            _block_size: block_size,
            _queue_depth: queue_depth,
        });
    }
}

/// Destroys a context and everything that belongs to it.
pub unsafe fn destroy(this: *mut aio_context) {
    // SAFETY: the caller's object, or null.
    let found = unsafe { this.as_mut() }.ok_or(CallError::Null("this"));
    // In a child of the process that constructed it the memory is the child's own, and the kernel
    // knows no such context of the child's.
    let found = found.and_then(|context| Ok((hidden_state(context)?, context)));
    let (state, context) = found.unwrap_or_else(|error| {
        diagnostics::abort(format_args!("aio_context::~aio_context: {error}"))
    });
    let (storage, length) = (context._iocbs.begin, context._iocbs.capacity());
    // A later use is reported as that of a foreign context.
    context._iocbs = Vector::EMPTY;
    context._io_events = Vector::EMPTY;
    context._io_ctxt = ptr::null_mut();
    // SAFETY: as `construct` made them, and nobody else's.
    unsafe {
        drop(Box::from_raw(ptr::slice_from_raw_parts_mut(storage, length)));
        drop(Box::from_raw(state));
    }
}

/// What belongs to a context of this process.
///
/// # Errors
///
/// The context is not one of ours, or was constructed before a fork.
pub unsafe fn state<'a>(context: &aio_context) -> Result<&'a mut State, CallError> {
    let state = hidden_state(context)?;
    // SAFETY: as `construct` made it. One thread uses a context at a time, as with the original.
    let state = unsafe { &mut *state };
    if state.pid != process::id() {
        return Err(CallError::Forked("aio_ctxt", state.pid));
    }
    Ok(state)
}

/// The pointer behind the elements of `_iocbs`.
fn hidden_state(context: &aio_context) -> Result<*mut State, CallError> {
    let iocbs = &context._iocbs;
    if iocbs.begin.is_null() || iocbs.capacity() != iocbs.len() + HIDDEN {
        return Err(CallError::Foreign);
    }
    // SAFETY: within the vector's storage, if its pointers are right. Another library may have left these
    // elements uninitialised; as integers any value will do.
    let (state, check) = unsafe { (iocbs.end.read(), iocbs.end.add(1).read()) };
    if state.is_null() || check.addr() != state.addr() ^ KEY {
        return Err(CallError::Foreign);
    }
    Ok(state.cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;

    fn constructed(queue_depth: c_int) -> aio_context {
        let mut context = MaybeUninit::uninit();
        // SAFETY: storage for the object, which `construct` initialises.
        unsafe {
            construct(context.as_mut_ptr(), 4096, queue_depth);
            context.assume_init()
        }
    }

    #[test]
    fn callers_see_vectors_of_the_depth() {
        let mut context = constructed(7);
        assert_eq!((context._block_size, context._queue_depth), (4096, 7));
        assert_eq!((context._iocbs.len(), context._io_events.len()), (7, 7));
        for i in 0..7 {
            // SAFETY: elements of the vector, each of which points to an iocb.
            let iocb = unsafe { **context._iocbs.begin.add(i) };
            assert_eq!(iocb, Iocb::zeroed());
        }
        // SAFETY: constructed above.
        unsafe {
            assert!(state(&context).is_ok());
            destroy(&mut context);
            assert_eq!(state(&context).err(), Some(CallError::Foreign));
        }
    }

    #[test]
    fn a_context_remembers_the_recorder_of_its_thread() {
        let recorder = Arc::new(Recorder::default());
        record::enter(recorder.clone());
        let mut recorded = constructed(1);
        assert!(record::leave(&recorder));
        let mut plain = constructed(1);
        // SAFETY: constructed above.
        unsafe {
            let found = state(&recorded).unwrap().recorder.as_ref();
            assert!(Arc::ptr_eq(found.unwrap(), &recorder));
            assert!(state(&plain).unwrap().recorder.is_none());
            destroy(&mut recorded);
            destroy(&mut plain);
        }
    }

    #[test]
    fn a_vector_of_another_library_is_noticed() {
        // As a vector that grew by doubling, with two elements to spare.
        let mut storage = [ptr::null_mut::<Iocb>(); 10];
        let begin = storage.as_mut_ptr();
        // SAFETY: within the array.
        let (end, end_of_storage) = unsafe { (begin.add(6), begin.add(8)) };
        let mut context = aio_context {
            _io_ctxt: ptr::null_mut(),
            _io_events: Vector::EMPTY,
            _iocbs: Vector { begin, end, end_of_storage },
            _block_size: 4096,
            _queue_depth: 6,
        };
        assert_eq!(hidden_state(&context), Err(CallError::Foreign));
        // SAFETY: within the array.
        unsafe {
            let state: *mut Iocb = ptr::without_provenance_mut(0x1000);
            end.write(state);
            end.add(1).write(state.map_addr(|address| address ^ KEY));
        }
        assert_eq!(hidden_state(&context), Ok(ptr::without_provenance_mut(0x1000)));
        // The same elements, with other room than ours has.
        // SAFETY: within the array.
        context._iocbs.end_of_storage = unsafe { begin.add(9) };
        assert_eq!(hidden_state(&context), Err(CallError::Foreign));
        context._iocbs.end_of_storage = context._iocbs.end;
        assert_eq!(hidden_state(&context), Err(CallError::Foreign));
        context._iocbs = Vector::EMPTY;
        assert_eq!(hidden_state(&context), Err(CallError::Foreign));
    }
}
