//! The counters of the original's `io_prep_generator`, between calls.
#![forbid(unsafe_code)]

use crate::error::CallError;
use dsaio::PrepareError;
use dsaio::block::{Blocks, Origin};

/// The four counters of an `io_prep_generator`. Callers read them, so every one has the
/// original's value after every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes not yet handed out.
    pub remaining_bytes: i64,
    /// Blocks of the whole transfer.
    pub num_io_blocks: i64,
    /// Blocks not yet handed out.
    pub remaining_io_blocks: i64,
    /// Index of the next block.
    pub next_iocb_index: i64,
}

impl Progress {
    /// The counters of a generator at its start.
    ///
    /// # Errors
    ///
    /// [`PrepareError::ZeroBlockSize`], and [`CallError::TooManyBlocks`] where the number of blocks does
    /// not fit an `int64_t`: there the original's conversion from `double` is undefined.
    pub fn start(num_bytes: i64, block_size: u64) -> Result<Self, CallError> {
        if block_size == 0 {
            return Err(PrepareError::ZeroBlockSize.into());
        }
        // The original divides in `double`. Beyond 2^53 bytes that miscounts, and its callers then
        // meet the assertion in `is_finished`; so do ours.
        let blocks = (num_bytes as f64 / block_size as f64).ceil();
        if blocks >= i64::MAX as f64 {
            return Err(CallError::TooManyBlocks { num_bytes, block_size });
        }
        let blocks = blocks as i64;
        Ok(Progress {
            remaining_bytes: num_bytes,
            num_io_blocks: blocks,
            remaining_io_blocks: blocks,
            next_iocb_index: 0,
        })
    }

    /// Whether all blocks were handed out.
    ///
    /// # Errors
    ///
    /// [`CallError::CountersDisagree`] where the original's assertion fails: bytes without blocks, or
    /// blocks without bytes.
    #[inline]
    pub fn is_finished(&self) -> Result<bool, CallError> {
        let finished = self.remaining_bytes == 0 || self.remaining_io_blocks == 0;
        if finished && self.remaining_bytes != self.remaining_io_blocks {
            return Err(CallError::CountersDisagree {
                remaining_bytes: self.remaining_bytes,
                remaining_io_blocks: self.remaining_io_blocks,
            });
        }
        Ok(finished)
    }

    /// How many blocks a call that asks for `n_iocbs` gets. Negative where `_num_bytes` is: the
    /// original returns that too.
    #[inline]
    pub fn grant(&self, n_iocbs: i64) -> i64 {
        n_iocbs.min(self.remaining_io_blocks)
    }

    /// The next `count` blocks of the transfer that starts at `transfer`.
    #[inline]
    pub fn blocks(&self, transfer: Origin, block_size: u64, count: usize) -> Blocks {
        let done = (self.next_iocb_index as u64).wrapping_mul(block_size);
        // Compared as `int64_t`, as the original does.
        Blocks::with_longest(
            transfer.shifted(done),
            block_size,
            block_size as i64,
            self.remaining_bytes,
            count,
        )
    }

    /// The counters after a call that got `granted` blocks and left `remaining_bytes`.
    #[inline]
    pub fn after(&self, granted: i64, remaining_bytes: i64) -> Self {
        Progress {
            remaining_bytes,
            num_io_blocks: self.num_io_blocks,
            remaining_io_blocks: self.remaining_io_blocks.wrapping_sub(granted),
            next_iocb_index: self.next_iocb_index.wrapping_add(granted.max(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_upwards() {
        let blocks = |bytes, size| Progress::start(bytes, size).unwrap().num_io_blocks;
        assert_eq!(blocks(0, 4096), 0);
        assert_eq!(blocks(1, 4096), 1);
        assert_eq!(blocks(4096, 4096), 1);
        assert_eq!(blocks(4097, 4096), 2);
        assert_eq!(blocks(-8192, 4096), -2);
    }

    #[test]
    fn the_count_is_that_of_a_division_in_double() {
        // 2^53 + 1 is not a double: the exact count is one more.
        assert_eq!(Progress::start((1 << 53) + 1, 1).unwrap().num_io_blocks, 1 << 53);
    }

    #[test]
    fn a_count_that_no_int64_holds_is_an_error() {
        let too_many = Progress::start(i64::MAX, 1);
        assert_eq!(too_many, Err(CallError::TooManyBlocks { num_bytes: i64::MAX, block_size: 1 }));
        assert!(Progress::start(i64::MAX, 2).is_ok());
        assert_eq!(Progress::start(1, 0), Err(PrepareError::ZeroBlockSize.into()));
    }

    #[test]
    fn counters_that_disagree_are_an_error_only_at_the_end() {
        let mut progress = Progress::start(8192, 4096).unwrap();
        assert_eq!(progress.is_finished(), Ok(false));
        progress.remaining_io_blocks = 0;
        assert_eq!(
            progress.is_finished(),
            Err(CallError::CountersDisagree { remaining_bytes: 8192, remaining_io_blocks: 0 })
        );
        progress.remaining_bytes = 0;
        assert_eq!(progress.is_finished(), Ok(true));
    }

    #[test]
    fn a_negative_grant_moves_the_block_count_alone() {
        let progress = Progress::start(-8192, 4096).unwrap();
        assert_eq!(progress.grant(8), -2);
        let after = progress.after(-2, progress.remaining_bytes);
        assert_eq!(after.remaining_io_blocks, 0);
        assert_eq!(after.next_iocb_index, 0);
        assert_eq!(after.remaining_bytes, -8192);
    }
}
