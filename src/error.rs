//! What a caller of the C and C++ functions can get wrong.
#![forbid(unsafe_code)]

use dsaio::PrepareError;
use std::fmt;

/// A condition that the caller broke, with the values that broke it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// A pointer that must not be null is. The name is the parameter's.
    Null(&'static str),
    /// The iocb at this index is a null pointer.
    NullIocb(usize),
    /// `buffer_offset` is negative.
    NegativeBufferOffset,
    /// More iocbs are asked for than there are, or fewer than none.
    Iocbs { n_iocbs: i32, available: usize },
    /// The transfer has more blocks than an `int64_t` counts.
    TooManyBlocks { num_bytes: i64, block_size: u64 },
    /// A C++ generator has bytes left but no blocks, or blocks but no bytes.
    CountersDisagree { remaining_bytes: i64, remaining_io_blocks: i64 },
    /// The transfer itself cannot be prepared.
    Prepare(PrepareError),
}

impl CallError {
    /// The errno that says the same, positive.
    pub(crate) fn errno(&self) -> i32 {
        match self {
            CallError::Null(_) | CallError::NullIocb(_) => libc::EFAULT,
            CallError::TooManyBlocks { .. } => libc::EOVERFLOW,
            CallError::NegativeBufferOffset
            | CallError::Iocbs { .. }
            | CallError::CountersDisagree { .. } => libc::EINVAL,
            CallError::Prepare(error) => error.errno(),
        }
    }
}

impl From<PrepareError> for CallError {
    fn from(error: PrepareError) -> Self {
        CallError::Prepare(error)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            CallError::Null(name) => write!(f, "{name} is a null pointer; pass a valid one"),
            CallError::NullIocb(index) => write!(
                f,
                "the iocb at index {index} is a null pointer; allocate every iocb that is asked for"
            ),
            CallError::NegativeBufferOffset => write!(f, "buffer_offset must not be negative"),
            CallError::Iocbs { n_iocbs, available } => write!(
                f,
                "n_iocbs is {n_iocbs} and there are {available} iocbs; ask for 0 to {available}"
            ),
            CallError::TooManyBlocks { num_bytes, block_size } => write!(
                f,
                "num_bytes {num_bytes} in blocks of block_size {block_size} makes more blocks than \
                 an int64_t counts; use larger blocks"
            ),
            CallError::CountersDisagree { remaining_bytes, remaining_io_blocks } => write!(
                f,
                "_remaining_bytes is {remaining_bytes} and _remaining_io_blocks is \
                 {remaining_io_blocks}; both must reach 0 together: check that num_bytes is at \
                 least 0 and below 2^53, and that nothing else changed the generator"
            ),
            CallError::Prepare(error) => error.fmt(f),
        }
    }
}
