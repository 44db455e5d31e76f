//! Which piece of a range is moved next, and what an answer of the kernel means for it.
#![forbid(unsafe_code)]

use super::error::Cause;
use std::cmp::Ordering;

/// A part of a transfer that one request moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// Bytes from the start of the transfer.
    pub at: u64,
    /// Length in bytes; at least 1.
    pub len: u64,
}

/// What is left to do for a piece after the kernel has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing here; what is left of it, if anything, is handed out again.
    Nothing,
    /// Move it by `pread` or `pwrite`, which can be repeated until they answer.
    MoveNow(Piece),
}

/// The first byte that could not be moved, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Bytes from the start of the transfer. Every byte before it has moved.
    pub at: u64,
    pub cause: Cause,
}

/// Hands out the pieces of a range until each byte has moved or one cannot be.
#[derive(Debug)]
pub(super) struct Schedule {
    next: u64,
    end: u64,
    block: u64,
    /// What is left of requests that moved fewer bytes than asked for.
    again: Vec<Piece>,
    failure: Option<Failure>,
}

impl Schedule {
    /// The bytes from `start` to `end` of a transfer, in blocks of `block`.
    pub fn new(start: u64, end: u64, block: u64) -> Self {
        Schedule { next: start, end, block, again: Vec::new(), failure: None }
    }

    /// The next piece to move. After a failure only what lies before it, so that in the end all bytes
    /// before the failure have moved.
    pub fn take(&mut self) -> Option<Piece> {
        while let Some(piece) = self.again.pop() {
            if self.is_wanted(piece) {
                return Some(piece);
            }
        }
        if self.next == self.end || self.failure.is_some() {
            return None;
        }
        let piece = Piece { at: self.next, len: self.block.min(self.end - self.next) };
        self.next += piece.len;
        Some(piece)
    }

    /// Whether [`Schedule::take`] would return a piece.
    pub fn has_more(&self) -> bool {
        match self.failure {
            None => self.next < self.end || !self.again.is_empty(),
            Some(_) => self.again.iter().any(|&piece| self.is_wanted(piece)),
        }
    }

    /// Whether a piece that was taken is still to be moved: not if it lies behind a failure.
    pub fn is_wanted(&self, piece: Piece) -> bool {
        self.failure.is_none_or(|failure| piece.at < failure.at)
    }

    /// The kernel has answered the request for `piece`: `result` is the `res` of its `io_event`.
    pub fn answered(&mut self, piece: Piece, result: i64) -> Then {
        match result {
            moved if moved > 0 => self.moved(piece, moved as u64),
            0 => self.failed(piece.at, Cause::NoProgress),
            error => match i32::try_from(error.unsigned_abs()).unwrap_or(libc::EIO) {
                libc::EINTR | libc::EAGAIN => return Then::MoveNow(piece),
                errno => self.failed(piece.at, Cause::Os(errno)),
            },
        }
        Then::Nothing
    }

    fn moved(&mut self, piece: Piece, moved: u64) {
        match moved.cmp(&piece.len) {
            Ordering::Less => {
                self.again.push(Piece { at: piece.at + moved, len: piece.len - moved });
            }
            Ordering::Equal => {}
            // More than was asked for: nothing that this kernel says can be trusted.
            Ordering::Greater => self.failed(piece.at, Cause::Os(libc::EIO)),
        }
    }

    /// The byte at `at` cannot be moved. Of several failures the first in the file counts.
    pub fn failed(&mut self, at: u64, cause: Cause) {
        if self.failure.is_none_or(|failure| at < failure.at) {
            self.failure = Some(Failure { at, cause });
        }
    }

    /// The outcome, once nothing is in flight and nothing is left to take.
    pub fn outcome(&self) -> Result<(), Failure> {
        self.failure.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(schedule: &mut Schedule) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| schedule.take()).map(|piece| (piece.at, piece.len)).collect()
    }

    #[test]
    fn a_range_is_cut_into_blocks() {
        assert_eq!(pieces(&mut Schedule::new(100, 350, 100)), [(100, 100), (200, 100), (300, 50)]);
        assert_eq!(pieces(&mut Schedule::new(0, 0, 100)), []);
    }

    #[test]
    fn what_was_not_moved_is_handed_out_again() {
        let mut schedule = Schedule::new(0, 200, 100);
        let first = schedule.take().unwrap();
        assert_eq!(schedule.answered(first, 40), Then::Nothing);
        assert!(schedule.has_more());
        assert_eq!(pieces(&mut schedule), [(40, 60), (100, 100)]);
        assert!(!schedule.has_more());
        assert_eq!(schedule.outcome(), Ok(()));
    }

    #[test]
    fn after_a_failure_only_what_lies_before_it_is_moved() {
        let mut schedule = Schedule::new(0, 500, 100);
        let taken: Vec<Piece> = (0..4).map(|_| schedule.take().unwrap()).collect();
        schedule.answered(taken[3], 10);
        schedule.answered(taken[1], 30);
        schedule.answered(taken[2], -i64::from(libc::ENOSPC));
        schedule.answered(taken[3], -i64::from(libc::EIO));
        assert!(schedule.has_more());
        assert_eq!(pieces(&mut schedule), [(130, 70)]);
        let cause = Cause::Os(libc::ENOSPC);
        assert_eq!(schedule.outcome(), Err(Failure { at: 200, cause }));
    }

    #[test]
    fn an_answer_that_cannot_be_true_is_a_failure() {
        let error = Cause::Os(libc::EIO);
        for (result, cause) in [(0, Cause::NoProgress), (101, error), (i64::MIN, error)] {
            let mut schedule = Schedule::new(0, 100, 100);
            let piece = schedule.take().unwrap();
            schedule.answered(piece, result);
            assert_eq!(schedule.outcome(), Err(Failure { at: 0, cause }));
        }
    }

    #[test]
    fn interrupted_requests_are_moved_at_once() {
        let mut schedule = Schedule::new(0, 100, 100);
        let piece = schedule.take().unwrap();
        for errno in [libc::EINTR, libc::EAGAIN] {
            assert_eq!(schedule.answered(piece, -i64::from(errno)), Then::MoveNow(piece));
        }
        assert_eq!(schedule.outcome(), Ok(()));
    }

    #[test]
    fn there_is_more_as_long_as_there_is_something_to_take() {
        let mut schedule = Schedule::new(0, 200, 100);
        assert!(schedule.has_more());
        let (first, second) = (schedule.take().unwrap(), schedule.take().unwrap());
        assert!(!schedule.has_more());
        schedule.answered(second, 50);
        assert!(schedule.has_more());
        schedule.answered(first, -i64::from(libc::EIO));
        assert!(
            !schedule.has_more() && schedule.take().is_none(),
            "what is left is behind the failure"
        );
    }

    #[test]
    fn the_first_failure_of_a_byte_counts() {
        let mut schedule = Schedule::new(0, 200, 100);
        let (first, second) = (schedule.take().unwrap(), schedule.take().unwrap());
        schedule.failed(second.at, Cause::Os(libc::ENOSPC));
        schedule.failed(second.at, Cause::Os(libc::EIO));
        assert!(schedule.is_wanted(first) && !schedule.is_wanted(second));
        assert_eq!(schedule.outcome(), Err(Failure { at: 100, cause: Cause::Os(libc::ENOSPC) }));
    }
}
