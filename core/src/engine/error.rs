//! Why a transfer failed: what failed, where, what moved before it, and what can be done.
#![forbid(unsafe_code)]

use crate::errno::errno_text;
use crate::error::PrepareError;
use crate::iocb::Operation;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a byte could not be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The errno of a system call, or of an `io_event`.
    Os(i32),
    /// The kernel moved 0 bytes: the file ends here, or a write cannot go on.
    NoProgress,
    /// The ends of the transfer are not aligned for O_DIRECT, and the file could not be opened a
    /// second time, without it.
    SecondDescriptor(i32),
    /// The file was opened with O_APPEND, which would put every write at its end.
    Append,
    /// The transfer cannot be made at all.
    Prepare(PrepareError),
}

/// A transfer that did not move every byte.
#[derive(Clone, Debug)]
pub struct TransferError {
    pub(super) operation: Operation,
    pub(super) path: PathBuf,
    pub(super) file_offset: i64,
    pub(super) num_bytes: i64,
    pub(super) moved: i64,
    pub(super) cause: Cause,
}

impl TransferError {
    /// The direction of the transfer.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The file, as the kernel names it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the transfer begins in the file, in bytes.
    pub fn file_offset(&self) -> i64 {
        self.file_offset
    }

    /// How many bytes were asked for.
    pub fn num_bytes(&self) -> i64 {
        self.num_bytes
    }

    /// How many bytes moved, counted from the start of the transfer up to the first that did not.
    /// Blocks after that one may have moved as well.
    pub fn moved(&self) -> i64 {
        self.moved
    }

    /// The errno, positive: that of the system call; ENODATA where the file ends before the
    /// transfer, EIO where the kernel writes no more and does not say why.
    pub fn errno(&self) -> i32 {
        match self.cause {
            Cause::Os(errno) | Cause::SecondDescriptor(errno) => errno,
            Cause::NoProgress => match self.operation {
                Operation::Read => libc::ENODATA,
                Operation::Write => libc::EIO,
            },
            Cause::Append => libc::EINVAL,
            Cause::Prepare(error) => error.errno(),
        }
    }

    /// What to do about it; empty where there is nothing to say.
    fn remedy(&self) -> &'static str {
        match (self.cause, self.errno()) {
            (Cause::SecondDescriptor(_), libc::EMFILE | libc::ENFILE) => {
                "; unaligned ends need a second descriptor of the file: raise the limit of open files \
                 (ulimit -n), or align the transfer"
            }
            (Cause::SecondDescriptor(_), _) => {
                "; unaligned ends go through the page cache, for which the file is opened again by \
                 /proc/thread-self/fd: mount /proc and leave the file accessible, or align the transfer"
            }
            (Cause::Append, _) => "; open the file without O_APPEND",
            (Cause::Prepare(_), _) => "",
            (Cause::NoProgress, libc::ENODATA) => "; read no more than the file has",
            (_, libc::ENOSPC) => "; free space on its file system, or write to another one",
            (_, libc::EDQUOT) => "; free space, or raise the disk quota",
            (_, libc::EFBIG) => "; raise the file size limit (ulimit -f), or write a smaller file",
            (_, libc::EBADF) => match self.operation {
                Operation::Read => "; pass a descriptor that is open for reading",
                Operation::Write => "; pass a descriptor that is open for writing",
            },
            (_, libc::EFAULT) => match self.operation {
                Operation::Read => "; the buffer must be mapped and writable to its end",
                Operation::Write => "; the buffer must be mapped and readable to its end",
            },
            (_, libc::EIO) => "; look for errors of the device in the kernel's log (dmesg)",
            (_, libc::ESPIPE | libc::EISDIR) => "; pass a regular file or a block device",
            _ => "",
        }
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} bytes at offset {} of {} moved {} bytes: ",
            self.operation,
            self.num_bytes,
            self.file_offset,
            self.path.display(),
            self.moved
        )?;
        let errno = self.errno();
        match self.cause {
            Cause::Prepare(error) => return write!(f, "{error} (errno {errno})"),
            Cause::NoProgress if self.operation == Operation::Read => {
                write!(f, "the file ends at byte {}", self.file_offset.saturating_add(self.moved))?;
            }
            Cause::Append => write!(f, "O_APPEND moves every write to the end of the file")?,
            _ => write!(f, "{}", errno_text(errno))?,
        }
        write!(f, " (errno {errno}){}", self.remedy())
    }
}

impl std::error::Error for TransferError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(operation: Operation, cause: Cause) -> TransferError {
        let path = PathBuf::from("/nvme/x");
        TransferError { operation, path, file_offset: 4096, num_bytes: 1000, moved: 512, cause }
    }

    #[test]
    fn the_sentence_has_everything() {
        let full = error(Operation::Write, Cause::Os(libc::ENOSPC));
        assert_eq!(
            full.to_string(),
            "write of 1000 bytes at offset 4096 of /nvme/x moved 512 bytes: No space left on \
             device (errno 28); free space on its file system, or write to another one"
        );
        assert_eq!(full.file_offset(), 4096);
        let short = error(Operation::Read, Cause::NoProgress);
        assert_eq!(
            short.to_string(),
            "read of 1000 bytes at offset 4096 of /nvme/x moved 512 bytes: the file ends at byte \
             4608 (errno 61); read no more than the file has"
        );
    }

    #[test]
    fn every_cause_has_an_errno_and_a_sentence() {
        use Cause::*;
        for (operation, cause, errno, words) in [
            (Operation::Read, NoProgress, libc::ENODATA, "the file ends at byte"),
            (Operation::Write, NoProgress, libc::EIO, "Input/output error"),
            (Operation::Write, Append, libc::EINVAL, "O_APPEND moves every write"),
            (Operation::Write, SecondDescriptor(libc::EACCES), libc::EACCES, "Permission denied"),
            (Operation::Read, Prepare(PrepareError::NullBuffer), libc::EFAULT, "null"),
            (Operation::Read, Os(libc::EBADF), libc::EBADF, "Bad file descriptor"),
        ] {
            let error = error(operation, cause);
            assert_eq!(error.errno(), errno);
            let text = error.to_string();
            assert!(text.contains(words) && text.contains(&format!("(errno {errno})")), "{text}");
        }
    }

    #[test]
    fn remedies_are_those_of_the_cause() {
        use Cause::*;
        use Operation::*;
        for (operation, cause, words) in [
            (Write, SecondDescriptor(libc::EIO), "align the transfer"),
            (Write, SecondDescriptor(libc::EMFILE), "ulimit -n"),
            (Write, Append, "without O_APPEND"),
            (Read, Prepare(PrepareError::NullBuffer), ""),
            (Read, NoProgress, "read no more than the file has"),
            (Write, NoProgress, "errors of the device"),
            (Write, Os(libc::ENOSPC), "free space on its file system"),
            (Write, Os(libc::EDQUOT), "disk quota"),
            (Write, Os(libc::EFBIG), "ulimit -f"),
            (Read, Os(libc::EBADF), "open for reading"),
            (Write, Os(libc::EBADF), "open for writing"),
            (Read, Os(libc::EFAULT), "mapped and writable"),
            (Write, Os(libc::EFAULT), "mapped and readable"),
            (Read, Os(libc::EIO), "errors of the device"),
            (Read, Os(libc::ESPIPE), "regular file"),
            (Read, Os(libc::EISDIR), "regular file"),
            (Read, Os(libc::ENOLCK), ""),
        ] {
            let remedy = error(operation, cause).remedy();
            assert!(remedy.contains(words) && remedy.is_empty() == words.is_empty(), "{remedy}");
        }
    }
}
