//! Which part of a transfer O_DIRECT can move, and how the rest is cut off.
#![forbid(unsafe_code)]

use crate::block::Origin;
use crate::iocb::Operation;

/// What O_DIRECT asks of a file: multiples of how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alignment {
    /// Of offsets in the file and of lengths.
    pub file: u64,
    /// Of addresses in memory.
    pub memory: u64,
}

impl Alignment {
    /// The smallest that any device asks for, and the usual larger one: what is tried, in this
    /// order, where the kernel does not say (before Linux 6.1).
    pub const GUESSES: [Alignment; 2] = [Alignment::both(512), Alignment::both(4096)];

    /// The same multiple for both.
    pub const fn both(bytes: u64) -> Self {
        Alignment { file: bytes, memory: bytes }
    }
}

/// A transfer in three parts, each possibly empty; their lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Through the page cache, first.
    pub head: u64,
    /// Direct.
    pub middle: u64,
    /// Through the page cache, last.
    pub tail: u64,
    /// The block size of the middle.
    pub block: u64,
    /// Whether the middle's memory is not aligned, so that it goes through a buffer that is.
    pub bounce: bool,
}

impl Parts {
    /// All of it as it is.
    pub fn as_given(num_bytes: u64, block: u64) -> Self {
        Parts { head: 0, middle: num_bytes, tail: 0, block, bounce: false }
    }

    /// All of it through the page cache.
    pub fn buffered(num_bytes: u64, block: u64) -> Self {
        Parts { head: num_bytes, middle: 0, tail: 0, block, bounce: false }
    }

    /// Cut for a file that asks for `alignment`.
    ///
    /// Of a write, the ends go through the page cache up to a multiple of `page`, the unit of the page
    /// cache, even where they are aligned to the smaller sector. The kernel writes cached data back a
    /// page at a time: next to an end that cannot go direct, it would put old bytes over what another
    /// transfer has just written direct to the same page. This way no page is ever written in both
    /// ways by transfers that do not overlap, whatever their lengths.
    pub fn cut(
        operation: Operation,
        start: Origin,
        num_bytes: u64,
        block: u64,
        alignment: Alignment,
        page: u64,
    ) -> Self {
        let from = start.file_offset as u64;
        let end = from + num_bytes; // a transfer's end is an i64
        let unit = match operation {
            Operation::Read => alignment.file,
            Operation::Write => page.max(alignment.file).next_multiple_of(alignment.file),
        };
        let (first, last) = (from.next_multiple_of(unit), end / unit * unit);
        if first >= last {
            return Parts::buffered(num_bytes, block);
        }
        let aligned_block = (block / alignment.file * alignment.file).max(alignment.file);
        let head = first - from;
        let middle = last - first;
        let memory_aligned = start.buffer.wrapping_add(head) % alignment.memory == 0
            && (middle <= aligned_block || aligned_block % alignment.memory == 0);
        Parts { head, middle, tail: end - last, block: aligned_block, bounce: !memory_aligned }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operation::{Read, Write};

    type Cut = (u64, u64, u64, u64, bool);

    fn cut(operation: Operation, file_offset: i64, buffer: u64, num_bytes: u64, block: u64) -> Cut {
        let start = Origin { buffer, file_offset };
        let parts = Parts::cut(operation, start, num_bytes, block, Alignment::both(512), 4096);
        assert_eq!(parts.head + parts.middle + parts.tail, num_bytes);
        (parts.head, parts.middle, parts.tail, parts.block, parts.bounce)
    }

    #[test]
    fn reads_are_cut_at_sectors() {
        assert_eq!(cut(Read, 512, 0, 9 * 512, 4096), (0, 9 * 512, 0, 4096, false));
        assert_eq!(cut(Read, 1, 1, 1023, 4096), (511, 512, 0, 4096, false));
        assert_eq!(cut(Read, 0, 0, 1023, 4096), (0, 512, 511, 4096, false));
        assert_eq!(cut(Read, 1, 0, 1022, 4096), (1022, 0, 0, 4096, false));
        assert_eq!(cut(Read, 500, 0, 20, 4096), (20, 0, 0, 4096, false));
    }

    #[test]
    fn writes_are_cut_at_pages() {
        assert_eq!(cut(Write, 4096, 0, 8192, 4096), (0, 8192, 0, 4096, false));
        assert_eq!(cut(Write, 0, 0, 8192 + 512, 4096), (0, 8192, 512, 4096, false));
        assert_eq!(cut(Write, 512, 0, 8193, 4096), (3584, 4096, 513, 4096, false));
        assert_eq!(cut(Write, 1, 1, 8191 + 4096, 4096), (4095, 8192, 0, 4096, false));
        assert_eq!(cut(Write, 1, 0, 8190, 4096), (8190, 0, 0, 4096, false));
        assert_eq!(cut(Write, 0, 0, 4095, 4096), (4095, 0, 0, 4096, false));
    }

    #[test]
    fn blocks_are_multiples_of_the_sector() {
        assert_eq!(cut(Write, 0, 0, 1 << 20, 1000), (0, 1 << 20, 0, 512, false));
        assert_eq!(cut(Write, 0, 0, 1 << 20, 1), (0, 1 << 20, 0, 512, false));
    }

    #[test]
    fn memory_that_is_not_aligned_goes_through_a_buffer() {
        assert_eq!(cut(Write, 0, 100, 8192, 4096), (0, 8192, 0, 4096, true));
        let start = Origin { buffer: 4096, file_offset: 0 };
        let alignment = Alignment { file: 512, memory: 4096 };
        let bounce =
            |num_bytes, block| Parts::cut(Read, start, num_bytes, block, alignment, 4096).bounce;
        assert!(bounce(8192, 512));
        assert!(!bounce(8192, 4096));
        assert!(!bounce(512, 512));
    }

    #[test]
    fn a_sector_larger_than_a_page_is_the_unit() {
        let start = Origin { buffer: 0, file_offset: 4096 };
        let parts = Parts::cut(Write, start, 40_960, 4096, Alignment::both(16384), 4096);
        assert_eq!(
            (parts.head, parts.middle, parts.tail, parts.block),
            (12288, 16384, 12288, 16384)
        );
    }
}
