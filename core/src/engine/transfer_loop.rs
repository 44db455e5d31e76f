//! How a transfer is moved: the middle direct, ends that are not aligned through the page cache,
//! and all of it in another way where the kernel says that it is not aligned after all.
#![forbid(unsafe_code)]

use super::alignment::{Alignment, Parts};
use super::error::Cause;
use super::middle::{self, Slots};
use super::schedule::{Failure, Piece};
use super::system::{Dio, Errno, System, Via};
use crate::block::Origin;
use crate::iocb::Operation;
use std::os::fd::RawFd;

/// A transfer, with its settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub operation: Operation,
    pub fd: RawFd,
    pub start: Origin,
    pub num_bytes: u64,
    pub block_size: u64,
    pub single_submit: bool,
    /// Whether the queue is refilled when a quarter of it was answered, or only when seven eighths were.
    pub overlap: bool,
    /// Whether the system calls are timed: submissions and answers apart, so both have to be made.
    pub timed: bool,
}

impl Job {
    /// Where the byte `at` bytes after the start lies.
    pub fn origin(&self, at: u64) -> Origin {
        self.start.shifted(at)
    }
}

/// The ways to move a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In blocks, as it is.
    AsGiven,
    /// Cut for O_DIRECT.
    Cut(Alignment),
    /// Through the page cache.
    Buffered,
}

/// How much goes through the page cache before it is written to the device. Little in tests, so that
/// small transfers take several turns.
const CACHED: u64 = if cfg!(test) { 20_000 } else { 8 << 20 };

/// How often a call that answers EAGAIN is repeated, a millisecond apart.
pub(super) const ATTEMPTS: u32 = 100;

/// Moves every byte of a job, or says which one could not be moved.
pub(super) fn run<S: System>(system: &mut S, slots: &mut Slots, job: &Job) -> Result<(), Failure> {
    if job.num_bytes == 0 {
        return Ok(());
    }
    let failed = |cause| Failure { at: 0, cause };
    let flags = system.flags().map_err(Cause::Os).map_err(failed)?;
    check_flags(flags, job.operation).map_err(failed)?;
    let asked = system.dio().map_err(Cause::Os).map_err(failed)?;
    let dio = (flags & libc::O_DIRECT != 0).then_some(asked);
    // `Buffered` is never first: a file on which nothing is direct needs no second descriptor.
    let first = dio.as_ref().and_then(|dio| next_way(Way::AsGiven, dio));
    let mut way = first.filter(|way| *way != Way::Buffered).unwrap_or(Way::AsGiven);
    let mut done = 0;
    loop {
        let page = dio.map_or(0, |dio| dio.page);
        let outcome = move_parts(system, slots, job, done, way, page);
        let (Err(failure), Some(dio)) = (outcome, &dio) else { return outcome };
        if failure.cause != Cause::Os(libc::EINVAL) {
            return outcome;
        }
        // The answer to a request that is not aligned. Every byte before it has moved.
        let Some(next) = next_way(way, dio) else { return outcome };
        way = next;
        done = failure.at;
    }
}

/// What to try after a way that was answered by EINVAL.
fn next_way(way: Way, dio: &Dio) -> Option<Way> {
    let [first, second] = Alignment::GUESSES;
    match (way, dio.alignment) {
        (Way::Buffered, _) => None,
        (Way::AsGiven, Some(known)) if known.file > 0 => Some(Way::Cut(known)),
        (Way::AsGiven, None) => Some(Way::Cut(first)),
        (Way::Cut(guess), None) if guess == first => Some(Way::Cut(second)),
        _ => Some(Way::Buffered),
    }
}

/// An error where the caller's descriptor does not allow the operation. The second descriptor is opened
/// anew, and may allow more.
fn check_flags(flags: i32, operation: Operation) -> Result<(), Cause> {
    let forbidden = match operation {
        Operation::Read => libc::O_WRONLY,
        Operation::Write => libc::O_RDONLY,
    };
    if flags & libc::O_ACCMODE == forbidden || flags & libc::O_PATH != 0 {
        return Err(Cause::Os(libc::EBADF));
    }
    if operation == Operation::Write && flags & libc::O_APPEND != 0 {
        return Err(Cause::Append);
    }
    Ok(())
}

/// Moves what is left of a job after `done` bytes.
fn move_parts<S: System>(
    system: &mut S,
    slots: &mut Slots,
    job: &Job,
    done: u64,
    way: Way,
    page: u64,
) -> Result<(), Failure> {
    let left = job.num_bytes - done;
    let parts = match way {
        Way::AsGiven => Parts::as_given(left, job.block_size),
        Way::Buffered => Parts::buffered(left, job.block_size),
        Way::Cut(alignment) => {
            Parts::cut(job.operation, job.origin(done), left, job.block_size, alignment, page)
        }
    };
    let middle = Piece { at: done + parts.head, len: parts.middle };
    let tail = Piece { at: middle.at + middle.len, len: parts.tail };
    through_the_page_cache(system, job, Piece { at: done, len: parts.head })?;
    middle::run(system, slots, job, middle, &parts)?;
    through_the_page_cache(system, job, tail)
}

/// Moves a part of a job by a descriptor without O_DIRECT. What was written is on the device
/// afterwards, as it is after a direct write.
fn through_the_page_cache<S: System>(
    system: &mut S,
    job: &Job,
    part: Piece,
) -> Result<(), Failure> {
    if part.len == 0 {
        return Ok(());
    }
    let failed = |at| move |cause| Failure { at, cause };
    retried(system, System::open_again)
        .map_err(Cause::SecondDescriptor)
        .map_err(failed(part.at))?;
    let end = part.at + part.len;
    let mut at = part.at;
    while at < end {
        let piece = Piece { at, len: CACHED.min(end - at) };
        let outcome = move_now(system, job, Via::PageCache, job.origin(at).buffer, piece);
        let moved = outcome.map_or_else(|failure| failure.at - at, |()| piece.len);
        // After a failure too: the rest may be moved in another way.
        if job.operation == Operation::Write && moved > 0 {
            let offset = job.origin(at).file_offset;
            retried(system, |system| system.flush(offset, moved))
                .map_err(Cause::Os)
                .map_err(failed(at))?;
        }
        outcome?;
        at += piece.len;
    }
    Ok(())
}

/// Moves a piece by `pread` or `pwrite`, from or to the memory at `address`.
pub(super) fn move_now<S: System>(
    system: &mut S,
    job: &Job,
    via: Via,
    address: u64,
    piece: Piece,
) -> Result<(), Failure> {
    let mut moved = 0;
    while moved < piece.len {
        let at = piece.at + moved;
        let offset = job.origin(at).file_offset;
        let (from, left) = (address.wrapping_add(moved), piece.len - moved);
        let result =
            retried(system, |system| system.move_at(via, job.operation, offset, from, left));
        moved += match result {
            Ok(0) => return Err(Failure { at, cause: Cause::NoProgress }),
            Ok(now) if now <= left => now,
            Ok(_) => return Err(Failure { at, cause: Cause::Os(libc::EIO) }),
            Err(errno) => return Err(Failure { at, cause: Cause::Os(errno) }),
        };
    }
    Ok(())
}

/// The result of a system call, which is repeated as often as a signal interrupts it, and for a while
/// where it says EAGAIN.
pub(super) fn retried<S: System, T>(
    system: &mut S,
    mut call: impl FnMut(&mut S) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let mut attempts = 0;
    loop {
        match call(system) {
            Err(libc::EINTR) => {}
            Err(libc::EAGAIN) if attempts < ATTEMPTS => {
                attempts += 1;
                system.pause();
            }
            result => return result,
        }
    }
}
