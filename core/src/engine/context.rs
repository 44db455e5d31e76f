//! The kernel's AIO contexts, a few of which are kept for the next that asks.
//!
//! Destroying a context takes some 30 ms, because the kernel waits for a grace period; and
//! DeepSpeed's `aio_read` and `aio_write` make and destroy one for each call.

use super::system::{Errno, result};
use crate::errno::errno_text;
use std::ffi::c_long;
use std::fs;
use std::io::{self, Write};
use std::process;
use std::sync::Mutex;

/// How many contexts are kept, and of which capacity at most: what is kept counts against
/// fs.aio-max-nr, which all processes share.
const KEPT: usize = 4;
const KEPT_CAPACITY: u32 = 256;

static IDLE: Mutex<Vec<Context>> = Mutex::new(Vec::new());

/// An AIO context with nothing in flight, unless a loop is using it.
#[derive(Debug)]
pub(super) struct Context {
    id: u64,
    capacity: u32,
    /// In a forked child the context does not exist.
    pid: u32,
}

impl Context {
    /// A context of this capacity, or of the largest smaller one that there is. With less than was
    /// asked for comes the errno.
    pub fn largest(capacity: u32) -> (Option<Self>, Option<Errno>) {
        let mut failed = None;
        let mut smaller = capacity;
        while smaller > 0 {
            match Context::new(smaller) {
                Ok(context) => return (Some(context), failed),
                Err(errno) => failed = failed.or(Some(errno)),
            }
            smaller /= 2;
        }
        (None, failed)
    }

    fn new(capacity: u32) -> Result<Self, Errno> {
        let pid = process::id();
        let kept = with_idle(|idle| {
            idle.retain(|context| context.pid == pid);
            let found = idle.iter().position(|context| context.capacity == capacity);
            found.map(|index| idle.remove(index))
        });
        if let Some(context) = kept.flatten() {
            return Ok(context);
        }
        setup(capacity).or_else(|errno| {
            // What is kept may be what is missing.
            let kept = with_idle(std::mem::take).unwrap_or_default();
            if kept.is_empty() {
                return Err(errno);
            }
            kept.into_iter().for_each(Context::destroy);
            setup(capacity)
        })
    }

    /// The kernel's `aio_context_t`.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Requests that can be in flight.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Gives the context back. Nothing may be in flight.
    pub fn release(self) {
        let mut left = Some(self);
        with_idle(|idle| {
            if let Some(context) = left.take_if(|context| context.capacity <= KEPT_CAPACITY) {
                // The one that was kept longest makes room.
                left = (idle.len() == KEPT).then(|| idle.remove(0));
                idle.push(context);
            }
        });
        if let Some(context) = left {
            context.destroy();
        }
    }

    /// Destroys the context; the kernel waits for what is in flight.
    pub fn destroy(self) {
        let _ = self.try_destroy();
    }

    /// The same, where something may be in flight: memory that a request may still write to cannot be
    /// given back to its owner.
    pub fn destroy_or_abort(self) {
        match self.try_destroy() {
            // EINVAL: there is no such context any more.
            Ok(()) | Err(libc::EINVAL) => {}
            Err(errno) => {
                let text = errno_text(errno);
                // A stderr that is closed must not turn this into a panic, which a program can catch.
                let _ = writeln!(
                    io::stderr(),
                    "dsaio: io_getevents and io_destroy are refused: {text} (errno {errno}); requests \
                     are in flight and cannot be waited for; allow both system calls"
                );
                process::abort();
            }
        }
    }

    fn try_destroy(self) -> Result<(), Errno> {
        if self.pid == process::id() {
            // SAFETY: a context of ours, used no more.
            result(unsafe { libc::syscall(libc::SYS_io_destroy, self.id) })?;
        }
        Ok(())
    }
}

fn setup(capacity: u32) -> Result<Context, Errno> {
    let mut id: u64 = 0;
    // SAFETY: the kernel writes the id.
    result(unsafe { libc::syscall(libc::SYS_io_setup, capacity as c_long, &raw mut id) })?;
    Ok(Context { id, capacity, pid: process::id() })
}

/// Does something with the contexts that are kept; `None` where another thread is about to. Nobody
/// waits, so that a child that was forked at that moment does not wait for ever.
fn with_idle<T>(work: impl FnOnce(&mut Vec<Context>) -> T) -> Option<T> {
    IDLE.try_lock().ok().map(|mut idle| work(&mut idle))
}

/// Why a queue has less capacity than it was asked for, as a sentence.
pub(super) fn shortage(asked: u32, given: u32, errno: Errno) -> String {
    let instead = match given {
        0 => "requests are made one at a time".to_owned(),
        given => format!("{given} requests are in flight at a time"),
    };
    let remedy = if errno == libc::EAGAIN {
        let limit = |name: &str| {
            let value = fs::read_to_string(format!("/proc/sys/fs/{name}"));
            value.map_or("unknown".to_owned(), |value| value.trim().to_owned())
        };
        let (max, used) = (limit("aio-max-nr"), limit("aio-nr"));
        format!(
            "fs.aio-max-nr is {max}, of which {used} are in use; raise it: \
             sysctl -w fs.aio-max-nr=1048576"
        )
    } else {
        "allow io_setup(2), or choose a smaller queue depth".to_owned()
    };
    let text = errno_text(errno);
    format!(
        "the kernel refuses an AIO context for {asked} requests: {text} (errno {errno}); {instead}. {remedy}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::queue::Queue;
    use super::*;

    #[test]
    fn a_shortage_names_the_limit_only_where_it_is_the_reason() {
        let of_limit = shortage(128, 64, libc::EAGAIN);
        assert!(of_limit.contains("for 128 requests") && of_limit.contains("64 requests are in"));
        assert!(of_limit.contains("fs.aio-max-nr is "), "{of_limit}");
        let other = shortage(128, 0, libc::ENOSYS);
        assert!(other.contains("one at a time") && !other.contains("aio-max-nr"), "{other}");
    }

    #[test]
    #[cfg(not(miri))] // Miri has no AIO
    fn a_few_small_contexts_are_kept_and_all_others_destroyed() {
        let contexts = || {
            let maps = fs::read_to_string("/proc/self/maps").unwrap();
            maps.lines().filter(|line| line.ends_with("/[aio] (deleted)")).count()
        };
        let make = |capacity| (0..10).map(move |_| Context::largest(capacity).0.unwrap());
        // No other test of this process has contexts.
        for capacity in [KEPT_CAPACITY + 1, 3] {
            make(capacity).collect::<Vec<_>>().into_iter().for_each(Context::release);
            let kept = if capacity == 3 { KEPT } else { 0 };
            assert_eq!((with_idle(|idle| idle.len()), contexts()), (Some(kept), kept));
        }
        let (context, errno) = Context::largest(3);
        assert_eq!((context.map(|context| context.capacity()), errno), (Some(3), None));
        assert_eq!(contexts(), KEPT);
        // One in which requests may be in flight is not kept either.
        let mut queue = Queue::new(3).unwrap();
        queue.unwound = true;
        drop(queue);
        assert_eq!(contexts(), KEPT - 1);
    }
}
