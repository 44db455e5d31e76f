//! What the loop may report: errors that the kernel really answered, and that it cannot get around.

use super::model::Span;
use crate::engine::error::Cause;
use crate::engine::schedule::Failure;
use crate::engine::system::{Errno, Via};
use crate::engine::transfer_loop::ATTEMPTS;

pub(super) struct Causes {
    /// With the byte that each belongs to; `None`: any.
    list: Vec<(Option<u64>, Cause)>,
    /// EAGAIN so often in a row, from the call for this byte.
    again: (Option<u64>, u32),
    /// The first byte that the transfer cannot get past, and that of which the loop knows. From the
    /// first that was answered by EINVAL on, everything may be tried again in another way.
    failed: u64,
    unfit: u64,
    known: u64,
}

impl Causes {
    pub fn new() -> Self {
        let none = u64::MAX;
        Causes { list: Vec::new(), again: (None, 0), failed: none, unfit: none, known: none }
    }

    pub fn add(&mut self, at: Option<u64>, cause: Cause) {
        self.list.push((at, cause));
        self.fails(at, cause);
    }

    fn fails(&mut self, at: Option<u64>, cause: Cause) {
        let unfit = cause == Cause::Os(libc::EINVAL);
        let first = if unfit { &mut self.unfit } else { &mut self.failed };
        *first = (*first).min(at.unwrap_or(u64::MAX));
    }

    /// The loop has seen all answers.
    pub fn are_known(&mut self) {
        self.known = if self.failed < self.unfit { self.failed } else { u64::MAX };
    }

    /// Panics if a request is made for bytes behind a failure that the loop knows of.
    pub fn check_request(&self, span: Span) {
        assert!(span.at < self.known, "{span:?} lies behind the failure at {}", self.known);
    }

    /// The errno of a call that is repeated after EINTR, and for a while after EAGAIN.
    pub fn errno(&mut self, at: Option<u64>, errno: Errno, cause: Cause) {
        if errno == libc::EINTR {
            return;
        }
        let before = if self.again.0 == at { self.again.1 } else { 0 };
        if errno == libc::EAGAIN && before < ATTEMPTS {
            self.again = (at, before + 1);
            return;
        }
        self.again = (None, 0);
        self.add(at, cause);
    }

    /// The answer to a request for `span`, as an event has it.
    pub fn result(&mut self, via: Via, direct: bool, span: Span, result: i64) {
        let cause = match result {
            0 => Cause::NoProgress,
            1.. if result as u64 <= span.len => {
                self.again = (None, 0);
                return;
            }
            1.. => Cause::Os(libc::EIO),
            _ => Cause::Os(i32::try_from(result.unsigned_abs()).unwrap_or(libc::EIO)),
        };
        match cause {
            // The request may not have been aligned, and can be made in another way.
            Cause::Os(libc::EINVAL) if via == Via::AsOpened && direct => {
                self.fails(Some(span.at), cause);
            }
            Cause::Os(errno) => self.errno(Some(span.at), errno, cause),
            _ => self.add(Some(span.at), cause),
        }
    }

    pub fn check(&self, Failure { at, cause }: Failure) {
        let mut all = self.list.iter();
        let known = all.any(|&(of, is)| is == cause && of.is_none_or(|of| of == at));
        assert!(known, "{cause:?} at {at} is invented; there were {:?}", self.list);
    }
}
