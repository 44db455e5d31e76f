//! What the loop asks of the kernel, as a trait, and the kernel itself.
//!
//! AIO is called by number: libaio's SONAME differs between distributions, and nothing of it is
//! needed.

use super::alignment::Alignment;
use super::context::Context;
use super::file;
use super::queue::Timings;
use crate::iocb::{Iocb, Operation};
use crate::page_alloc::PageBuffer;
use std::ffi::{c_int, c_long, c_void};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::{Duration, Instant};

/// The errno of a system call, positive.
pub(super) type Errno = c_int;

/// Which descriptor of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// The caller's.
    AsOpened,
    /// The second one, without O_DIRECT.
    PageCache,
}

/// What is known of a file and O_DIRECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dio {
    /// What the file asks for; `None` where the kernel does not say. A `file` alignment of 0: nothing is
    /// direct on this file.
    pub alignment: Option<Alignment>,
    /// The unit in which the page cache is written back, in bytes.
    pub page: u64,
}

/// The system calls of a transfer. Addresses and offsets are in bytes; errors are errnos.
pub(super) trait System {
    /// Requests that can be in flight at once; 0 where there is no AIO.
    fn capacity(&self) -> usize;
    /// Puts a request into a slot.
    fn prepare(&mut self, slot: usize, iocb: Iocb);
    /// Submits the requests in these slots, and returns how many of them were accepted.
    fn submit(&mut self, slots: &[usize]) -> Result<usize, Errno>;
    /// Waits for at least `min` answers, and appends them: slot and result.
    fn reap(&mut self, min: usize, answers: &mut Vec<(usize, i64)>) -> Result<(), Errno>;
    /// Waits until nothing is in flight and gives the queue up.
    fn abandon(&mut self);

    /// `fcntl(F_GETFL)` of the caller's descriptor.
    fn flags(&mut self) -> Result<c_int, Errno>;
    /// What the file asks for; ESPIPE where it has no offsets (a pipe, a socket, an event counter), so that
    /// AIO could wait for ever.
    fn dio(&mut self) -> Result<Dio, Errno>;
    /// Opens the second descriptor, if it is not open yet.
    fn open_again(&mut self) -> Result<(), Errno>;
    /// `pread` or `pwrite`.
    fn move_at(
        &mut self,
        via: Via,
        operation: Operation,
        file_offset: i64,
        address: u64,
        num_bytes: u64,
    ) -> Result<u64, Errno>;
    /// Waits until a range that went through the page cache is on the device.
    fn flush(&mut self, file_offset: i64, num_bytes: u64) -> Result<(), Errno>;
    /// Waits for a moment.
    fn pause(&mut self);

    /// EFAULT where the memory cannot be read (for a write), or written (for a read).
    fn check_memory(
        &mut self,
        operation: Operation,
        address: u64,
        num_bytes: u64,
    ) -> Result<(), Errno>;
    /// Makes aligned buffers, one for each slot.
    fn reserve_bounce(&mut self, slots: usize, num_bytes: u64) -> Result<(), Errno>;
    /// The address of a slot's aligned buffer.
    fn bounce(&self, slot: usize) -> u64;
    /// Copies memory.
    fn copy(&mut self, from: u64, to: u64, num_bytes: u64);
}

/// libaio's `struct io_event`, which the kernel writes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct IoEvent {
    /// `data` of the iocb.
    pub data: u64,
    /// The address of the iocb.
    pub obj: u64,
    /// The bytes moved, or a negative errno.
    pub res: i64,
    /// Not used by the commands used here.
    pub res2: i64,
}

const _: () = assert!(size_of::<IoEvent>() == 32 && align_of::<IoEvent>() == 8);

/// The kernel, for one transfer.
pub(super) struct Kernel<'a> {
    pub fd: RawFd,
    /// What the requests of this transfer have in the upper half of `data`; never 0.
    pub generation: u32,
    pub context: &'a mut Option<Context>,
    /// As long as the queue is deep, at least as long as the context's capacity.
    pub iocbs: *mut Iocb,
    pub events: &'a mut [IoEvent],
    pub pointers: &'a mut Vec<*mut Iocb>,
    pub timings: Option<&'a mut Timings>,
    pub second: Option<OwnedFd>,
    pub bounce: Option<Bounce>,
}

/// Aligned buffers of `stride` bytes each.
pub(super) struct Bounce {
    buffer: PageBuffer,
    stride: u64,
}

impl Kernel<'_> {
    fn descriptor(&self, via: Via) -> RawFd {
        match via {
            Via::AsOpened => self.fd,
            Via::PageCache => self.second.as_ref().map_or(-1, AsRawFd::as_raw_fd),
        }
    }

    fn id(&self) -> c_long {
        self.context.as_ref().map_or(0, |context| context.id() as c_long)
    }

    /// Runs a call, and notes how long it took if somebody wants to know.
    fn timed<T>(
        &mut self,
        list: impl FnOnce(&mut Timings) -> &mut Vec<Duration>,
        call: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if self.timings.is_none() {
            return call(self);
        }
        let before = Instant::now();
        let result = call(self);
        if let Some(timings) = self.timings.as_deref_mut() {
            list(timings).push(before.elapsed());
        }
        result
    }
}

impl System for Kernel<'_> {
    fn capacity(&self) -> usize {
        self.context.as_ref().map_or(0, |context| context.capacity() as usize)
    }

    fn prepare(&mut self, slot: usize, mut iocb: Iocb) {
        assert!(slot < self.events.len(), "the loop uses no more slots than the queue has");
        iocb.set_data((u64::from(self.generation) << 32) | slot as u64);
        // SAFETY: as long as `events`. The kernel copied older contents at io_submit.
        unsafe { self.iocbs.add(slot).write(iocb) };
    }

    fn submit(&mut self, slots: &[usize]) -> Result<usize, Errno> {
        self.pointers.clear();
        // SAFETY: slots were prepared, so they are inside the array.
        self.pointers.extend(slots.iter().map(|&slot| unsafe { self.iocbs.add(slot) }));
        self.timed(
            |timings| &mut timings.submit,
            |kernel| {
                // SAFETY: the pointers are to iocbs of ours, which the kernel only reads. The memory
                // that they name is the caller's promise or a buffer of ours, and lives until the
                // loop has reaped every answer.
                let accepted = unsafe {
                    libc::syscall(
                        libc::SYS_io_submit,
                        kernel.id(),
                        kernel.pointers.len() as c_long,
                        kernel.pointers.as_ptr(),
                    )
                };
                result(accepted).map(|accepted| accepted as usize)
            },
        )
    }

    fn reap(&mut self, min: usize, answers: &mut Vec<(usize, i64)>) -> Result<(), Errno> {
        self.timed(
            |timings| &mut timings.complete,
            |kernel| {
                let no_timeout = ptr::null_mut::<libc::timespec>();
                // SAFETY: the kernel writes at most `events.len()` events.
                let count = unsafe {
                    libc::syscall(
                        libc::SYS_io_getevents,
                        kernel.id(),
                        min as c_long,
                        kernel.events.len() as c_long,
                        kernel.events.as_mut_ptr(),
                        no_timeout,
                    )
                };
                let events = kernel.events[..result(count)? as usize].iter();
                // The program can submit requests of its own on the context. Their answers are not ours.
                let ours = events.filter(|event| event.data >> 32 == u64::from(kernel.generation));
                answers.extend(ours.map(|event| (event.data as u32 as usize, event.res)));
                Ok(())
            },
        )
    }

    fn abandon(&mut self) {
        if let Some(context) = self.context.take() {
            context.destroy_or_abort();
        }
    }

    fn flags(&mut self) -> Result<c_int, Errno> {
        // SAFETY: no memory is passed.
        result(unsafe { libc::fcntl(self.fd, libc::F_GETFL) }.into()).map(|flags| flags as c_int)
    }

    fn dio(&mut self) -> Result<Dio, Errno> {
        file::dio(self.fd)
    }

    fn open_again(&mut self) -> Result<(), Errno> {
        if self.second.is_none() {
            let flags = self.flags()?;
            self.second = Some(file::open_again(self.fd, flags)?);
        }
        Ok(())
    }

    fn move_at(
        &mut self,
        via: Via,
        operation: Operation,
        file_offset: i64,
        address: u64,
        num_bytes: u64,
    ) -> Result<u64, Errno> {
        let fd = self.descriptor(via);
        let memory = ptr::with_exposed_provenance_mut::<c_void>(address as usize);
        let move_it = |_: &mut Self| {
            // SAFETY: the memory is the caller's promise or a buffer of ours; the kernel checks that
            // it is mapped.
            let moved = unsafe {
                match operation {
                    Operation::Read => libc::pread(fd, memory, num_bytes as usize, file_offset),
                    Operation::Write => libc::pwrite(fd, memory, num_bytes as usize, file_offset),
                }
            };
            result(moved as c_long).map(|moved| moved as u64)
        };
        self.timed(|timings| &mut timings.submit, move_it)
    }

    fn flush(&mut self, file_offset: i64, num_bytes: u64) -> Result<(), Errno> {
        file::flush(self.descriptor(Via::PageCache), file_offset, num_bytes)
    }

    fn pause(&mut self) {
        std::thread::sleep(Duration::from_millis(1));
    }

    fn check_memory(
        &mut self,
        operation: Operation,
        address: u64,
        num_bytes: u64,
    ) -> Result<(), Errno> {
        file::check_memory(operation, address, num_bytes)
    }

    fn reserve_bounce(&mut self, slots: usize, num_bytes: u64) -> Result<(), Errno> {
        let stride = num_bytes.next_multiple_of(4096);
        let wanted = stride.checked_mul(slots as u64).ok_or(libc::ENOMEM)?;
        if let Some(Bounce { buffer, stride: has }) = &self.bounce {
            if *has == stride && buffer.len() as u64 >= wanted {
                return Ok(());
            }
        }
        let buffer = PageBuffer::new(wanted as usize, false).map_err(|error| error.errno())?;
        buffer.as_ptr().expose_provenance();
        self.bounce = Some(Bounce { buffer, stride });
        Ok(())
    }

    fn bounce(&self, slot: usize) -> u64 {
        let bounce = self.bounce.as_ref().expect("reserve_bounce() was called");
        bounce.buffer.as_ptr().addr() as u64 + slot as u64 * bounce.stride
    }

    fn copy(&mut self, from: u64, to: u64, num_bytes: u64) {
        let from = ptr::with_exposed_provenance::<u8>(from as usize);
        let to = ptr::with_exposed_provenance_mut(to as usize);
        // SAFETY: one is an aligned buffer of ours, the other the caller's memory, which
        // check_memory() found mapped; the loop stays inside both.
        unsafe { ptr::copy_nonoverlapping(from, to, num_bytes as usize) };
    }
}

/// The result of a system call, or its errno.
pub(super) fn result(value: c_long) -> Result<c_long, Errno> {
    if value == -1 { Err(last_errno()) } else { Ok(value) }
}

pub(super) fn last_errno() -> Errno {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_buffers_are_kept_where_they_suit() {
        let (context, pointers) = (&mut None, &mut Vec::new());
        let mut kernel = Kernel {
            generation: 1,
            fd: -1,
            context,
            iocbs: ptr::null_mut(),
            events: &mut [],
            pointers,
            timings: None,
            second: None,
            bounce: None,
        };
        let mut reserved = |slots, num_bytes| {
            kernel.reserve_bounce(slots, num_bytes).unwrap();
            let length = kernel.bounce.as_ref().unwrap().buffer.len();
            (length, kernel.bounce(1) - kernel.bounce(0))
        };
        assert_eq!(reserved(2, 4000), (8192, 4096));
        assert_eq!(reserved(1, 4096), (8192, 4096));
        assert_eq!(reserved(3, 4096), (12288, 4096));
        assert_eq!(reserved(1, 8192), (8192, 8192));
    }
}
