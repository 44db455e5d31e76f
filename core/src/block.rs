//! Where block *k* of a transfer lies and how long it is.
//!
//! This is the only block arithmetic; everything that cuts a transfer does it here. It wraps on
//! overflow. A [`Transfer`](crate::Transfer) is checked before, so nothing wraps; the C++ ABI of
//! DeepSpeed has no such check, and its callers get what DeepSpeed's unchecked arithmetic gives.
#![forbid(unsafe_code)]

/// The place that block 0 is cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Address of the first byte in memory.
    pub buffer: u64,
    /// Offset of the first byte in the file, in bytes.
    pub file_offset: i64,
}

impl Origin {
    /// The origin moved by `bytes`, in memory and in the file alike.
    #[inline]
    pub fn shifted(self, bytes: u64) -> Self {
        Origin {
            buffer: self.buffer.wrapping_add(bytes),
            file_offset: self.file_offset.wrapping_add(bytes as i64),
        }
    }
}

/// One piece of a transfer, as one iocb describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins, in memory and in the file.
    pub at: Origin,
    /// Its length in bytes.
    pub length: u64,
}

/// A run of consecutive blocks.
///
/// Every block starts `block_size` bytes after the one before it, and is `longest` bytes long or
/// as long as what is left, whichever is less.
#[derive(Clone, Debug)]
pub struct Blocks {
    next: Origin,
    block_size: u64,
    longest: i64,
    left: i64,
    count: usize,
}

impl Blocks {
    /// `count` blocks from `origin`, of `num_bytes` in all.
    #[inline]
    pub fn new(origin: Origin, block_size: u64, num_bytes: i64, count: usize) -> Self {
        let longest = i64::try_from(block_size).unwrap_or(i64::MAX);
        Blocks::with_longest(origin, block_size, longest, num_bytes, count)
    }

    /// The same with another length than the distance between blocks, for DeepSpeed's generator, which
    /// compares a `size_t` block size above `INT64_MAX` as a negative `int64_t`.
    #[doc(hidden)]
    #[inline]
    pub fn with_longest(
        origin: Origin,
        block_size: u64,
        longest: i64,
        left: i64,
        count: usize,
    ) -> Self {
        Blocks { next: origin, block_size, longest, left, count }
    }

    /// Bytes of `left` that no block taken so far holds.
    #[inline]
    pub fn left(&self) -> i64 {
        self.left
    }
}

impl Iterator for Blocks {
    type Item = Block;

    #[inline]
    fn next(&mut self) -> Option<Block> {
        if self.count == 0 {
            return None;
        }
        let length = self.longest.min(self.left);
        let block = Block { at: self.next, length: length as u64 };
        self.count -= 1;
        self.left = self.left.wrapping_sub(length);
        self.next = self.next.shifted(self.block_size);
        Some(block)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Blocks {}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin = Origin { buffer: 0x10_0000, file_offset: 4096 };

    #[test]
    fn the_last_block_is_what_is_left() {
        let lengths: Vec<u64> = Blocks::new(ORIGIN, 4096, 10_000, 3).map(|b| b.length).collect();
        assert_eq!(lengths, [4096, 4096, 10_000 - 8192]);
    }

    #[test]
    fn memory_and_file_advance_together() {
        for (k, block) in Blocks::new(ORIGIN, 512, 5120, 10).enumerate() {
            assert_eq!(block.at, ORIGIN.shifted(512 * k as u64));
        }
    }

    #[test]
    fn blocks_after_the_last_byte_are_empty() {
        let mut blocks = Blocks::new(ORIGIN, 4096, 4097, 4);
        let lengths: Vec<u64> = blocks.by_ref().map(|b| b.length).collect();
        assert_eq!(lengths, [4096, 1, 0, 0]);
        assert_eq!(blocks.left(), 0);
    }

    #[test]
    fn what_was_not_cut_stays_left() {
        let mut blocks = Blocks::new(ORIGIN, 4096, 100_000, 2);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks.by_ref().count(), 2);
        assert_eq!(blocks.left(), 100_000 - 2 * 4096);
    }
}
