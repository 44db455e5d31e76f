//! A script: a transfer, its file, and what the kernel does at each call.

use crate::block::Origin;
use crate::engine::alignment::Alignment;
use crate::engine::error::Cause;
use crate::iocb::Operation;
use std::fmt;

/// As often as asked.
pub(super) const EVER: u32 = u32::MAX;

/// What the kernel does, and how many calls in a row. After the last step it does what it should.
pub(super) type Steps<T> = Vec<(T, u32)>;

/// What the kernel makes of a range of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// All of it moves, or as much as the file has.
    Whole,
    /// At most so many bytes move.
    AtMost(u64),
    /// All of it moves, and the kernel claims so many bytes more.
    Over(u64),
    /// Half of it moves, and the kernel names an error.
    Errno(i32),
    /// Half of it moves, and the kernel says something else; only in an event.
    Raw(i64),
}

/// One call of submit().
#[derive(Clone, Copy, Debug)]
pub(super) enum Submit {
    /// So many requests are accepted, or all that there are; the kernel says this number in any case.
    Accept(usize),
    Refuse(i32),
}

/// What becomes of a request that was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Of those in flight, the one of lowest rank is answered first.
    pub rank: u8,
    /// A write reads the memory when it is submitted, not when it is answered.
    pub early: bool,
    pub answer: Answer,
}

/// One call of reap().
#[derive(Clone, Copy, Debug)]
pub(super) enum Reap {
    /// So many answers, or all that are left, whatever was asked for.
    Events(usize),
    /// As many as asked for, and one for a slot that is not in flight.
    Stray(usize, i64),
    /// No answer but an errno. After all but EINTR the queue is broken.
    Fail(i32),
}

/// Errnos are positive, and 0 where nothing goes wrong.
#[derive(Clone)]
pub(super) struct Script {
    pub operation: Operation,
    pub file_offset: i64,
    pub address: u64,
    pub num_bytes: u64,
    pub block_size: u64,
    pub single_submit: bool,
    pub overlap: bool,
    pub timed: bool,
    /// What fcntl(F_GETFL) says.
    pub flags: Result<i32, i32>,
    /// Direct requests that are not aligned like this are answered by EINVAL.
    pub wants: Alignment,
    /// What dio() says of that.
    pub told: Option<Alignment>,
    pub page: u64,
    /// Where the file ends (a read) or the device is full (a write), in bytes from the start of the
    /// transfer.
    pub ends: Option<u64>,
    pub capacity: usize,
    pub check_memory: i32,
    pub reserve_bounce: i32,
    pub submits: Steps<Submit>,
    pub requests: Steps<Request>,
    pub reaps: Steps<Reap>,
    /// Calls of pread and pwrite.
    pub moves: Steps<Answer>,
    pub opens: Steps<i32>,
    pub flushes: Steps<i32>,
}

/// As Rust source, for `regressions.rs`.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        macro_rules! fields {
            ($($value:ident)*; $($list:ident)*) => {
                f.debug_struct("Script")
                    $(.field(stringify!($value), &self.$value))*
                    $(.field(stringify!($list), &format_args!("vec!{:?}", self.$list)))*
                    .finish()
            };
        }
        fields!(operation file_offset address num_bytes block_size single_submit overlap timed flags wants told
            page ends capacity check_memory reserve_bounce;
            submits requests reaps moves opens flushes)
    }
}

impl Script {
    pub fn direct(&self) -> bool {
        self.flags.is_ok_and(|flags| flags & libc::O_DIRECT != 0)
    }

    /// What a file with such flags may not be used for.
    pub fn permits(&self, flags: i32) -> Result<(), Cause> {
        let write = self.operation == Operation::Write;
        let forbidden = if write { libc::O_RDONLY } else { libc::O_WRONLY };
        if flags & libc::O_ACCMODE == forbidden || flags & libc::O_PATH != 0 {
            return Err(Cause::Os(libc::EBADF));
        }
        if write && flags & libc::O_APPEND != 0 { Err(Cause::Append) } else { Ok(()) }
    }

    pub fn start(&self) -> Origin {
        Origin { buffer: self.address, file_offset: self.file_offset }
    }

    /// How many steps there are, without those that are repeated for ever.
    pub fn steps(&self) -> u64 {
        fn count<T>(steps: &[(T, u32)]) -> u64 {
            steps.iter().map(|&(_, times)| if times == EVER { 0 } else { times.into() }).sum()
        }
        count(&self.submits)
            + count(&self.requests)
            + count(&self.reaps)
            + count(&self.moves)
            + count(&self.opens)
            + count(&self.flushes)
    }
}

/// Where a script has got to in one of its lists.
pub(super) struct Cursor<'a, T> {
    steps: &'a [(T, u32)],
    used: u32,
}

impl<'a, T: Copy> Cursor<'a, T> {
    pub fn new(steps: &'a [(T, u32)]) -> Self {
        Cursor { steps, used: 0 }
    }

    pub fn next(&mut self) -> Option<T> {
        while let [(step, times), rest @ ..] = self.steps {
            if self.used < *times {
                self.used += u32::from(*times != EVER);
                return Some(*step);
            }
            (self.steps, self.used) = (rest, 0);
        }
        None
    }
}

/// The largest transfer; a whole number of the largest blocks.
pub(super) const LONGEST: u64 = 6 * 16384 + 1024;
