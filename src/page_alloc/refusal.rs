//! Why there is no buffer, and how that is said.

use crate::report;
use std::ffi::{CStr, c_char, c_int};

/// Why there is no buffer, with the errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `posix_memalign` has no such amount of memory.
    Memory(c_int),
    /// `mlock` may not, or cannot, lock it.
    Lock(c_int),
}

impl Refusal {
    pub(crate) fn errno(self) -> c_int {
        match self {
            Refusal::Memory(errno) | Refusal::Lock(errno) => errno,
        }
    }
}

/// What a refused lock says on stderr.
///
/// The first line is the original's, word by word, for programs that look for it. The second is
/// ours (D3 in the README): in practice the limit is the reason, and it can be raised.
fn refused_lock_text(size: i64, errno: c_int) -> String {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a struct to write to.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
    let words = |value| limit_in_words(known.then_some(value));
    format!(
        "mlock failed to allocate {size} bytes with error no {errno} msg {}\n\
         deepspeed_aio_utils: ds_page_aligned_alloc: RLIMIT_MEMLOCK is {} (hard limit {}) for all \
         locked memory of the process, and {size} bytes more were asked for; raise it with \
         `ulimit -l unlimited`, LimitMEMLOCK=infinity (systemd) or --ulimit memlock=-1 \
         (containers), or grant CAP_IPC_LOCK",
        message(errno),
        words(limit.rlim_cur),
        words(limit.rlim_max),
    )
}

/// A limit, or `None` where the kernel did not tell.
fn limit_in_words(limit: Option<libc::rlim_t>) -> String {
    match limit {
        None => "unknown".to_owned(),
        Some(libc::RLIM_INFINITY) => "unlimited".to_owned(),
        Some(bytes) => format!("{bytes} bytes"),
    }
}

/// Says on stderr why a lock of `size` bytes was refused.
pub(crate) fn report_refused_lock(size: i64, errno: c_int) {
    report::line(refused_lock_text(size, errno));
}

/// glibc's text for `errno`, in the language that the process has set, as the original prints it.
fn message(errno: c_int) -> String {
    let mut text = [0 as c_char; 256];
    // SAFETY: the buffer is as long as stated; the XSI strerror_r terminates what it writes, and
    // the buffer is zeroed where it writes nothing.
    unsafe {
        libc::strerror_r(errno, text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_said_in_words() {
        assert_eq!(limit_in_words(None), "unknown");
        assert_eq!(limit_in_words(Some(libc::RLIM_INFINITY)), "unlimited");
        assert_eq!(limit_in_words(Some(0)), "0 bytes");
        assert_eq!(limit_in_words(Some(8 << 20)), "8388608 bytes");
    }
}
