//! Why a transfer cannot be prepared.
#![forbid(unsafe_code)]

use std::fmt;

/// Why a transfer cannot be prepared, with the value that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrepareError {
    /// The file descriptor is negative.
    BadDescriptor(i32),
    /// The transfer has bytes to move and no buffer.
    NullBuffer,
    /// The file offset is negative.
    NegativeFileOffset(i64),
    /// The length is negative.
    NegativeLength(i64),
    /// A block holds no byte.
    ZeroBlockSize,
    /// A position lies outside the transfer.
    Outside {
        /// The position, in bytes from the transfer's start.
        position: i64,
        /// The transfer's bytes.
        num_bytes: i64,
    },
    /// The end of the range is beyond the largest file offset.
    FileRangeOverflow {
        /// Where the range begins.
        file_offset: i64,
        /// Its bytes.
        num_bytes: i64,
    },
    /// The end of the memory is beyond the address space.
    MemoryRangeOverflow {
        /// The buffer.
        buffer: u64,
        /// The bytes that were added to it.
        num_bytes: i64,
    },
}

impl PrepareError {
    /// The errno that says the same, positive.
    pub fn errno(&self) -> i32 {
        match self {
            PrepareError::BadDescriptor(_) => libc::EBADF,
            PrepareError::NullBuffer => libc::EFAULT,
            PrepareError::FileRangeOverflow { .. } | PrepareError::MemoryRangeOverflow { .. } => {
                libc::EOVERFLOW
            }
            PrepareError::NegativeFileOffset(_)
            | PrepareError::NegativeLength(_)
            | PrepareError::ZeroBlockSize
            | PrepareError::Outside { .. } => libc::EINVAL,
        }
    }
}

impl fmt::Display for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrepareError::BadDescriptor(fd) => {
                write!(f, "the file descriptor is {fd}; open the file first")
            }
            PrepareError::NullBuffer => write!(f, "buffer is a null pointer; pass a valid one"),
            PrepareError::NegativeFileOffset(offset) => {
                write!(f, "file_offset is {offset}; it must not be negative")
            }
            PrepareError::NegativeLength(num_bytes) => {
                write!(f, "num_bytes is {num_bytes}; it must not be negative")
            }
            PrepareError::ZeroBlockSize => {
                write!(f, "block_size is 0; a block must hold at least one byte")
            }
            PrepareError::Outside { position, num_bytes } => write!(
                f,
                "position {position} is outside the transfer of {num_bytes} bytes; start at 0 to \
                 {num_bytes}"
            ),
            PrepareError::FileRangeOverflow { file_offset, num_bytes } => write!(
                f,
                "file_offset {file_offset} + num_bytes {num_bytes} overflows; check the transfer's \
                 offset and length"
            ),
            PrepareError::MemoryRangeOverflow { buffer, num_bytes } => write!(
                f,
                "buffer {buffer:#x} + {num_bytes} bytes overflows; check the transfer's \
                 buffer, offset and length"
            ),
        }
    }
}

impl std::error::Error for PrepareError {}
