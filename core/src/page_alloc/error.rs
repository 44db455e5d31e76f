//! Why there is no buffer.

use std::ffi::c_int;
use std::fmt;

/// Why a buffer could not be allocated, with the errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// There is not that much memory (`posix_memalign`).
    Memory {
        /// Bytes asked for.
        size: usize,
        /// Its errno.
        errno: c_int,
    },
    /// `mlock` may not, or cannot, lock it.
    Lock {
        /// Bytes asked for.
        size: usize,
        /// Its errno.
        errno: c_int,
    },
}

impl AllocError {
    /// The errno, positive.
    pub fn errno(&self) -> c_int {
        match *self {
            AllocError::Memory { errno, .. } | AllocError::Lock { errno, .. } => errno,
        }
    }
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AllocError::Memory { size, .. } => {
                write!(f, "there is no memory for a buffer of {size} bytes; ask for less")
            }
            // In practice the limit is the reason.
            AllocError::Lock { size, .. } => {
                let (soft, hard) = memlock_limits();
                write!(
                    f,
                    "RLIMIT_MEMLOCK is {soft} (hard limit {hard}) for all locked memory of the \
                     process, and {size} bytes more were asked for; raise it with `ulimit -l \
                     unlimited`, LimitMEMLOCK=infinity (systemd) or --ulimit memlock=-1 \
                     (containers), or grant CAP_IPC_LOCK"
                )
            }
        }
    }
}

impl std::error::Error for AllocError {}

impl From<AllocError> for std::io::Error {
    fn from(error: AllocError) -> Self {
        std::io::Error::from_raw_os_error(error.errno())
    }
}

fn memlock_limits() -> (String, String) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a struct to write to.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
    let text = |value| limit_text(known.then_some(value));
    (text(limit.rlim_cur), text(limit.rlim_max))
}

/// A limit, or `None` where the kernel did not tell.
fn limit_text(limit: Option<libc::rlim_t>) -> String {
    match limit {
        None => "unknown".to_owned(),
        Some(libc::RLIM_INFINITY) => "unlimited".to_owned(),
        Some(bytes) => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_as_text() {
        assert_eq!(limit_text(None), "unknown");
        assert_eq!(limit_text(Some(libc::RLIM_INFINITY)), "unlimited");
        assert_eq!(limit_text(Some(0)), "0 bytes");
        assert_eq!(limit_text(Some(8 << 20)), "8388608 bytes");
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no getrlimit")]
    fn an_error_names_the_size_and_has_its_errno() {
        let memory = AllocError::Memory { size: 12345, errno: libc::ENOMEM };
        let lock = AllocError::Lock { size: 12345, errno: libc::EAGAIN };
        assert_eq!((memory.errno(), lock.errno()), (libc::ENOMEM, libc::EAGAIN));
        assert_eq!(std::io::Error::from(lock).raw_os_error(), Some(libc::EAGAIN));
        let texts = [memory.to_string(), lock.to_string()];
        assert!(texts.iter().all(|text| text.contains("12345 bytes")), "{texts:?}");
        assert!(texts[1].starts_with("RLIMIT_MEMLOCK is ") && !texts[1].contains("unknown"));
    }
}
