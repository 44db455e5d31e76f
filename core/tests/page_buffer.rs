//! Page-aligned buffers as a Rust program uses them.

use dsaio::{AllocError, PageBuffer};
use std::fs;

/// Bytes that this process has locked.
fn locked() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    1024 * kib.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no mlock, and no such posix_memalign")]
fn a_buffer_knows_its_size() {
    for size in [0, 1, 4096, 5000] {
        let buffer = PageBuffer::new(size, false).unwrap();
        assert_eq!((buffer.len(), buffer.is_empty()), (size, size == 0));
        assert_eq!(buffer.as_ptr().addr() % 4096, 0);
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no mlock, and no such posix_memalign")]
fn a_size_that_no_machine_has_is_an_error() {
    let error = PageBuffer::new(1 << 62, false).unwrap_err();
    assert_eq!(error, AllocError::Memory { size: 1 << 62, errno: libc::ENOMEM });
}

/// The only test here that locks: the kernel counts for the whole process.
#[test]
#[cfg_attr(miri, ignore = "Miri has no mlock, and no such posix_memalign")]
fn a_locked_buffer_is_locked_as_long_as_it_lives() {
    const SIZE: usize = 64 << 10; // whole pages of any size, and less than any limit in use
    let before = locked();
    let buffer = PageBuffer::new(SIZE, true).unwrap();
    // SAFETY: the buffer is that long, and nothing else uses it.
    let bytes = unsafe {
        buffer.as_ptr().write_bytes(7, SIZE);
        std::slice::from_raw_parts(buffer.as_ptr(), SIZE)
    };
    assert!(bytes.iter().all(|&byte| byte == 7));
    assert_eq!(locked() - before, SIZE);
    drop(buffer);
    assert_eq!(locked(), before);
}
