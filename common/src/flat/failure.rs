//! What went wrong, for C.

use crate::error::CallError;
use crate::record::Failure;
use dsaio::Operation;
use std::ffi::c_char;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// `bool`, as the byte that a C caller passes: any value but 0 is true, as in C.
pub type CBool = u8;

/// Bytes of dsaio_failure.path.
pub const DSAIO_PATH_SIZE: usize = 4096;
/// Bytes of dsaio_failure.message.
pub const DSAIO_MESSAGE_SIZE: usize = 5120;

/// Why a transfer failed, or a file could not be opened.
///
/// Both texts end in a zero byte; one that is too long is cut.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dsaio_failure {
    /// The errno, positive.
    pub error: i32,
    /// `true`: a read of the file; `false`: a write.
    pub read_op: CBool,
    /// Where the range begins in the file, in bytes.
    pub file_offset: i64,
    /// Length of the range, in bytes.
    pub num_bytes: i64,
    /// How many of these bytes moved before the failure.
    pub moved: i64,
    /// The file, as the kernel names it or as it was to be opened; empty where none is known.
    pub path: [c_char; DSAIO_PATH_SIZE],
    /// All of it as one sentence, with what can be done.
    pub message: [c_char; DSAIO_MESSAGE_SIZE],
}

impl dsaio_failure {
    /// Stores a failure in the caller's struct, if there is one.
    pub(super) unsafe fn store(this: *mut dsaio_failure, failure: &Failure) {
        if this.is_null() {
            return;
        }
        let stored = dsaio_failure {
            error: failure.errno,
            read_op: CBool::from(failure.operation == Operation::Read),
            file_offset: failure.file_offset,
            num_bytes: failure.num_bytes,
            moved: failure.moved,
            path: text(failure.path.as_os_str().as_bytes()),
            message: text(failure.message.as_bytes()),
        };
        // SAFETY: the caller's struct to write to.
        unsafe { this.write(stored) };
    }
}

/// A call that moved nothing because of one of its arguments.
pub(super) fn of_call(
    error: CallError,
    operation: Operation,
    file_offset: i64,
    num_bytes: i64,
) -> Failure {
    Failure {
        errno: error.errno(),
        operation,
        path: PathBuf::new(),
        file_offset,
        num_bytes,
        moved: 0,
        message: error.to_string(),
    }
}

/// The bytes and zeros behind them, at least one.
fn text<const SIZE: usize>(bytes: &[u8]) -> [c_char; SIZE] {
    let mut text = [0; SIZE];
    for (place, byte) in text[..SIZE - 1].iter_mut().zip(bytes) {
        *place = *byte as c_char;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_text_ends_in_a_zero_byte() {
        assert_eq!(text::<4>(b"ab"), [97, 98, 0, 0]);
        assert_eq!(text::<4>(b"abc"), [97, 98, 99, 0]);
        assert_eq!(text::<4>(b"abcd"), [97, 98, 99, 0]);
    }
}
