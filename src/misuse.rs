//! What a caller can do wrong, as a sentence for people and as an errno for programs.
//!
//! The C++ ABI has no way to answer these but to abort; the checked face returns them.
#![forbid(unsafe_code)]

use std::fmt;

/// A condition that the caller broke, with the values that broke it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// A pointer that must not be null is. The name is the parameter's.
    Null(&'static str),
    /// The iocb at this index is a null pointer.
    NullIocb(usize),
    /// A value that must not be negative is.
    Negative(&'static str, i64),
    /// `block_size` is 0.
    ZeroBlockSize,
    /// More iocbs are asked for than there are, or fewer than none.
    Iocbs {
        /// How many are asked for.
        n_iocbs: i64,
        /// How many there are.
        available: usize,
    },
    /// The transfer has more blocks than an `int64_t` counts.
    TooManyBlocks {
        /// The transfer's bytes.
        num_bytes: i64,
        /// Bytes of a block.
        block_size: u64,
    },
    /// A generator has bytes left but no blocks, or blocks but no bytes.
    CountersDisagree {
        /// The generator's `_remaining_bytes`.
        remaining_bytes: i64,
        /// The generator's `_remaining_io_blocks`.
        remaining_io_blocks: i64,
    },
    /// A position lies outside the transfer.
    Outside {
        /// The position, in bytes from the transfer's start.
        position: i64,
        /// The transfer's bytes.
        num_bytes: i64,
    },
    /// A sum of the transfer's fields is no address, or no file offset. The name is the sum's.
    Overflow(&'static str),
}

impl Misuse {
    /// The errno that says the same, positive.
    pub fn errno(&self) -> i32 {
        match self {
            Misuse::Null(_) | Misuse::NullIocb(_) => libc::EFAULT,
            Misuse::Overflow(_) | Misuse::TooManyBlocks { .. } => libc::EOVERFLOW,
            Misuse::Negative("fd", _) => libc::EBADF,
            _ => libc::EINVAL,
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Misuse::Null(name) => write!(f, "{name} is a null pointer; pass a valid one"),
            Misuse::NullIocb(index) => write!(
                f,
                "the iocb at index {index} is a null pointer; allocate every iocb that is asked for"
            ),
            Misuse::Negative(name, value) => {
                write!(f, "{name} is {value}; it must not be negative")
            }
            Misuse::ZeroBlockSize => {
                write!(f, "block_size is 0; a block must hold at least one byte")
            }
            Misuse::Iocbs { n_iocbs, available } => write!(
                f,
                "n_iocbs is {n_iocbs} and there are {available} iocbs; ask for 0 to {available}"
            ),
            Misuse::TooManyBlocks { num_bytes, block_size } => write!(
                f,
                "num_bytes {num_bytes} in blocks of block_size {block_size} makes more blocks than \
                 an int64_t counts; use larger blocks"
            ),
            Misuse::CountersDisagree { remaining_bytes, remaining_io_blocks } => write!(
                f,
                "_remaining_bytes is {remaining_bytes} and _remaining_io_blocks is \
                 {remaining_io_blocks}; both must reach 0 together: check that num_bytes is at \
                 least 0 and below 2^53, and that nobody else changed the generator"
            ),
            Misuse::Outside { position, num_bytes } => write!(
                f,
                "position {position} is outside the transfer of {num_bytes} bytes; start at 0 to \
                 {num_bytes}"
            ),
            Misuse::Overflow(sum) => {
                write!(f, "{sum} overflows; check the transfer's offsets and length")
            }
        }
    }
}

impl std::error::Error for Misuse {}
