//! What a caller of the C and C++ functions can get wrong.
#![forbid(unsafe_code)]

use dsaio::PrepareError;
use std::fmt;

/// A condition that the caller broke, with the value that broke it. The names are the parameter's or
/// the field's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// A pointer that must not be null is.
    Null(&'static str),
    /// A number that must not be negative is.
    Negative(&'static str, i64),
    /// A number that must be at least 1 is not.
    NotPositive(&'static str, i64),
    /// The object was made before a fork, by the process with this id.
    Forked(&'static str, u32),
    /// The `aio_context` is not one that this library constructed.
    Foreign,
    /// The transfer itself is impossible.
    Transfer(PrepareError),
}

impl CallError {
    /// The errno that says the same, positive.
    pub(crate) fn errno(&self) -> i32 {
        match self {
            CallError::Null(_) => libc::EFAULT,
            CallError::Transfer(error) => error.errno(),
            _ => libc::EINVAL,
        }
    }
}

impl From<PrepareError> for CallError {
    fn from(error: PrepareError) -> Self {
        CallError::Transfer(error)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            CallError::Null(name) => write!(f, "{name} is a null pointer; pass a valid one"),
            CallError::Negative(name, value) => {
                write!(f, "{name} is {value}; it must not be negative")
            }
            CallError::NotPositive(name, value) => {
                write!(f, "{name} is {value}; it must be at least 1")
            }
            CallError::Forked(name, pid) => write!(
                f,
                "{name} was made by process {pid} and this is process {}; after a fork() the child \
                 must make one of its own",
                std::process::id()
            ),
            CallError::Foreign => write!(
                f,
                "aio_ctxt was not constructed by this library, or its vectors were changed; load \
                 this library before the first aio_context is constructed, and leave its vectors \
                 alone"
            ),
            CallError::Transfer(error) => error.fmt(f),
        }
    }
}
