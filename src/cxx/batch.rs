//! What one call of the original's `io_prep_context::prep_iocbs` asks for.
#![forbid(unsafe_code)]

use dsaio::block::{Blocks, Origin};

/// One call: `n_iocbs` blocks that together hold `num_bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Where block 0 of the call lies.
    pub origin: Origin,
    /// Size of every block but the last, in bytes; not 0.
    pub block_size: u64,
    /// How many blocks the caller wants.
    pub n_iocbs: usize,
    /// How many bytes the caller says that these blocks hold.
    pub num_bytes: u64,
    /// How many bytes of the transfer lie at and after the call's first; negative where the call
    /// starts behind the end.
    pub transfer_left: i64,
}

impl Batch {
    /// The blocks of this call.
    #[inline]
    pub fn blocks(&self) -> Blocks {
        Blocks::new(self.origin, self.block_size, self.byte_count(), self.n_iocbs)
    }

    /// How many bytes the call's blocks hold.
    ///
    /// A deliberate divergence (D1 in the README). The original's caller,
    /// `deepspeed_aio_common.cpp`, multiplies `queue_depth * block_size` in `int`. At 128 x 16 MiB
    /// that is negative, at 256 x 16 MiB it is 0, and `num_bytes` arrives here as a number near
    /// 2^64 or as fewer bytes than `n_iocbs` blocks need. The original then makes requests whose
    /// lengths run past the buffer, or wrap around. If `num_bytes` is impossible, use the
    /// transfer's remaining bytes; blocks past its end are empty.
    #[inline]
    fn byte_count(&self) -> i64 {
        match i64::try_from(self.num_bytes) {
            Ok(num_bytes) if self.holds_all_blocks() => num_bytes,
            _ => self.transfer_left.max(0),
        }
    }

    /// Whether the last block wanted has at least one byte of `num_bytes` in it.
    #[inline]
    fn holds_all_blocks(&self) -> bool {
        match self.n_iocbs.checked_sub(1) {
            None => true,
            Some(last) => (last as u64)
                .checked_mul(self.block_size)
                .is_some_and(|last_starts_at| last_starts_at < self.num_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The lengths of a call as `do_aio_operation_sequential` makes it: `num_bytes` went through
    /// an `int` product.
    fn lengths(queue_depth: i32, block_size: i32, transfer_left: i64) -> Vec<u64> {
        let blocks = (transfer_left as u64).div_ceil(block_size as u64);
        let max_queue_bytes = i64::from(queue_depth.wrapping_mul(block_size));
        let batch = Batch {
            origin: Origin { buffer: 0, file_offset: 0 },
            block_size: block_size as u64,
            n_iocbs: blocks.min(queue_depth as u64) as usize,
            num_bytes: max_queue_bytes.min(transfer_left) as u64,
            transfer_left,
        };
        batch.blocks().map(|b| b.length).collect()
    }

    #[test]
    fn a_product_that_fits_is_used() {
        assert_eq!(lengths(4, 4096, 100_000), [4096; 4]);
        assert_eq!(lengths(4, 4096, 10_000), [4096, 4096, 1808]);
    }

    #[test]
    fn d1_a_negative_product_becomes_what_is_left_of_the_transfer() {
        let lengths = lengths(128, 16 << 20, (40 * MIB) as i64);
        assert_eq!(lengths, [16 * MIB, 16 * MIB, 8 * MIB]);
    }

    #[test]
    fn d1_a_product_of_zero_becomes_what_is_left_of_the_transfer() {
        assert_eq!(lengths(256, 16 << 20, (24 * MIB) as i64), [16 * MIB, 8 * MIB]);
        assert_eq!(lengths(256, 16 << 20, 5), [5]);
    }

    #[test]
    fn d1_a_product_that_wrapped_to_something_positive_is_not_used() {
        // 300 x 16 MiB is 704 MiB modulo 2^32: room for 44 blocks, not for 300.
        let lengths = lengths(300, 16 << 20, (5000 * MIB) as i64);
        assert_eq!(lengths, vec![16 * MIB; 300]);
    }

    #[test]
    fn d1_blocks_past_the_end_of_the_transfer_are_empty() {
        let mut batch = Batch {
            origin: Origin { buffer: 0, file_offset: 0 },
            block_size: 4096,
            n_iocbs: 4,
            num_bytes: 6000,
            transfer_left: 6000,
        };
        assert_eq!(batch.blocks().map(|b| b.length).collect::<Vec<_>>(), [4096, 1904, 0, 0]);
        batch.transfer_left = -1;
        assert_eq!(batch.blocks().map(|b| b.length).collect::<Vec<_>>(), [0; 4]);
    }

    #[test]
    fn a_block_longer_than_int64_max_holds_what_there_is() {
        let batch = Batch {
            origin: Origin { buffer: 0, file_offset: 0 },
            block_size: u64::MAX,
            n_iocbs: 1,
            num_bytes: i64::MAX as u64,
            transfer_left: 0,
        };
        assert_eq!(batch.blocks().map(|b| b.length).collect::<Vec<_>>(), [i64::MAX as u64]);
    }
}
