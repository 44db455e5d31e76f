//! What a transfer asks of its file beside moving bytes, and of its memory.

use super::alignment::Alignment;
use super::system::{Dio, Errno, last_errno, result};
use crate::iocb::Operation;
use crate::page_alloc::page_size;
use std::ffi::{CStr, CString, c_int, c_uint};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::ptr;

/// A file that [`open`] has opened.
#[derive(Debug)]
pub struct Opened {
    /// The descriptor, which is closed when it is dropped.
    pub file: OwnedFd,
    /// False where the file system refuses O_DIRECT, so that transfers go through the page cache.
    pub direct: bool,
}

/// Opens a file for transfers in one direction, with O_DIRECT where the file system takes it.
///
/// A file that is to be written is created if it does not exist, with mode 0600, and not
/// truncated.
///
/// # Errors
///
/// What open(2) answers.
pub fn open(path: &CStr, operation: Operation) -> io::Result<Opened> {
    let flags = match operation {
        Operation::Read => libc::O_RDONLY,
        Operation::Write => libc::O_WRONLY | libc::O_CREAT,
    };
    match open_with(path, flags | libc::O_DIRECT) {
        // What a file system without O_DIRECT says.
        Err(libc::EINVAL) => open_with(path, flags).map(|file| Opened { file, direct: false }),
        opened => opened.map(|file| Opened { file, direct: true }),
    }
    .map_err(io::Error::from_raw_os_error)
}

fn open_with(path: &CStr, flags: c_int) -> Result<OwnedFd, Errno> {
    loop {
        // SAFETY: the path is a C string.
        let fd = unsafe { libc::open(path.as_ptr(), flags, 0o600 as c_uint) };
        if fd >= 0 {
            // SAFETY: just opened, and nobody else's.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        match last_errno() {
            libc::EINTR => {}
            errno => return Err(errno),
        }
    }
}

/// A second descriptor of the same file, without O_DIRECT, whose writes are as synchronous as those of the
/// first, whose flags these are.
pub(super) fn open_again(fd: RawFd, flags: c_int) -> Result<OwnedFd, Errno> {
    let path = CString::new(link(fd)).expect("no NUL in it");
    // O_SYNC has the bit of O_DSYNC, too.
    let kept = flags & (libc::O_ACCMODE | libc::O_SYNC);
    let second = open_with(&path, kept | libc::O_CLOEXEC)?;
    let identity = |fd| stat(fd).map(|about| (about.st_dev, about.st_ino, about.st_rdev));
    // Whatever /proc says, bytes go to no other file.
    if identity(fd)? == identity(second.as_raw_fd())? { Ok(second) } else { Err(libc::ESTALE) }
}

fn stat(fd: RawFd) -> Result<libc::stat, Errno> {
    let mut about = MaybeUninit::zeroed();
    // SAFETY: the kernel writes to `about`, which is valid as zeroes, too.
    unsafe {
        result(libc::fstat(fd, about.as_mut_ptr()).into())?;
        Ok(about.assume_init())
    }
}

/// The path of an open file, for messages.
pub(super) fn path(fd: RawFd) -> PathBuf {
    fs::read_link(link(fd)).unwrap_or_else(|_| PathBuf::from(format!("descriptor {fd}")))
}

fn link(fd: RawFd) -> String {
    // A thread can have descriptors of its own.
    format!("/proc/thread-self/fd/{fd}")
}

/// What O_DIRECT asks of this file.
///
/// # Errors
///
/// ESPIPE where requests to the file have no offsets.
pub(super) fn dio(fd: RawFd) -> Result<Dio, Errno> {
    let mut about = MaybeUninit::<libc::statx>::zeroed();
    // Nothing else: once somebody has asked for a file's times, the next write has to store new ones.
    let mask = libc::STATX_TYPE | libc::STATX_DIOALIGN;
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    // As a system call: glibc has the function since 2.28, and wheels are built for 2.17.
    // SAFETY: an empty path with AT_EMPTY_PATH is the descriptor itself; the kernel writes to
    // `about`.
    let status = unsafe {
        libc::syscall(libc::SYS_statx, fd, c"".as_ptr(), flags, mask, about.as_mut_ptr())
    };
    // SAFETY: zeroed, which is valid, and perhaps written by the kernel.
    let about = unsafe { about.assume_init() };
    let (mode, block, known) = match status {
        0 => (about.stx_mode.into(), about.stx_blksize, about.stx_mask & libc::STATX_DIOALIGN != 0),
        // A kernel or a sandbox without statx.
        _ => stat(fd).map(|about| (about.st_mode, about.st_blksize as u32, false))?,
    };
    let offsets = match mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFBLK | libc::S_IFDIR => true,
        // SAFETY: no memory is passed.
        libc::S_IFCHR => unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) != -1 },
        _ => false,
    };
    if !offsets {
        return Err(libc::ESPIPE);
    }
    let alignment = known.then_some(Alignment {
        file: about.stx_dio_offset_align.into(),
        memory: u64::from(about.stx_dio_mem_align).max(1),
    });
    // The page cache may be kept in units of the file system's block, which can be larger.
    let page = u64::from(block).clamp(page_size() as u64, 1 << 16);
    Ok(Dio { alignment, page })
}

/// The file systems on which sync_file_range(2) is known to write a file's pages back: ext2 to ext4, and
/// XFS. On others it can succeed and do nothing: with overlayfs the pages are those of the file below;
/// Btrfs compresses pages in threads of its own and keeps small files among its metadata; ZFS does not
/// keep what was written in the page cache.
const WRITES_BACK_RANGES: [u32; 2] = [0xef53, 0x5846_5342];

/// Waits until a range of a file is on the device, as after a direct write: where possible without a
/// flush of the device's own cache.
pub(super) fn flush(fd: RawFd, file_offset: i64, num_bytes: u64) -> Result<(), Errno> {
    let all = libc::SYNC_FILE_RANGE_WAIT_BEFORE
        | libc::SYNC_FILE_RANGE_WRITE
        | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    let known = file_system(fd).is_ok_and(|name| WRITES_BACK_RANGES.contains(&name));
    // ext4 can keep a file that is smaller than a page in its inode.
    let may_be_inline = file_offset as u64 + num_bytes < page_size() as u64;
    if known && !may_be_inline {
        // SAFETY: no memory is passed.
        let answer = unsafe { libc::sync_file_range(fd, file_offset, num_bytes as i64, all) };
        match result(answer.into()) {
            Ok(_) => return Ok(()),
            // Not a file, or not a kernel, that has this call.
            Err(libc::ESPIPE | libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP) => {}
            Err(errno) => return Err(errno),
        }
    }
    // SAFETY: no memory is passed.
    match result(unsafe { libc::fdatasync(fd) }.into()) {
        Ok(_) | Err(libc::EINVAL | libc::EROFS) => Ok(()), // nothing that could be flushed
        Err(errno) => Err(errno),
    }
}

/// The magic number of a file's file system, see statfs(2).
fn file_system(fd: RawFd) -> Result<u32, Errno> {
    let mut about = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the kernel writes to `about`, for which all zeros is a value, too.
    let (answer, about) = unsafe { (libc::fstatfs(fd, about.as_mut_ptr()), about.assume_init()) };
    // Its type has 32 or 64 bits; the numbers have 32.
    result(answer.into()).map(|_| about.f_type as u32)
}

/// EFAULT where memory that is about to be copied is not mapped, or not for that.
pub(super) fn check_memory(
    operation: Operation,
    address: u64,
    num_bytes: u64,
) -> Result<(), Errno> {
    let page = page_size() as u64;
    let start = address / page * page;
    let length = (address - start + num_bytes).next_multiple_of(page) as usize;
    let start = ptr::with_exposed_provenance_mut(start as usize);
    let advice = match operation {
        Operation::Read => libc::MADV_POPULATE_WRITE,
        Operation::Write => libc::MADV_POPULATE_READ,
    };
    // SAFETY: pages are made present; their contents stay.
    match result(unsafe { libc::madvise(start, length, advice) }.into()) {
        Ok(_) => Ok(()),
        Err(errno @ (libc::EINTR | libc::EAGAIN | libc::EHWPOISON)) => Err(errno),
        // Where the kernel has the call (Linux 5.14), memory that may not be used in this way.
        Err(libc::EINVAL) if can_populate() => Err(libc::EFAULT),
        // mincore says less: whether something is mapped.
        Err(libc::EINVAL) => {
            let mut present = vec![0u8; length / page as usize];
            // SAFETY: one byte for each page.
            match unsafe { libc::mincore(start, length, present.as_mut_ptr()) } {
                0 => Ok(()),
                _ => Err(libc::EFAULT),
            }
        }
        Err(_) => Err(libc::EFAULT),
    }
}

/// Whether the kernel has MADV_POPULATE_READ, which it is asked for the page of a variable here.
fn can_populate() -> bool {
    let variable = 0u8;
    let address = (&raw const variable).addr() / page_size() * page_size();
    let start = ptr::with_exposed_provenance_mut(address);
    // SAFETY: a page of the stack, whose contents stay.
    unsafe { libc::madvise(start, 1, libc::MADV_POPULATE_READ) == 0 }
}

#[cfg(test)]
#[cfg(not(miri))] // Miri has none of these calls
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_file_without_direct_io_asks_for_nothing() {
        let file = File::open("/proc/self/status").unwrap();
        let Dio { alignment, page } = dio(file.as_raw_fd()).unwrap();
        assert_eq!(alignment, None);
        assert!(page.is_power_of_two() && page >= page_size() as u64, "{page}");
    }

    #[test]
    fn a_device_has_offsets_only_if_it_can_seek() {
        assert!(dio(File::open("/dev/zero").unwrap().as_raw_fd()).is_ok());
        let terminal = File::open("/dev/ptmx").unwrap();
        assert_eq!(dio(terminal.as_raw_fd()).err(), Some(libc::ESPIPE));
    }

    #[test]
    fn a_second_descriptor_writes_as_synchronously_as_the_first() {
        for synchronous in [0, libc::O_DSYNC, libc::O_SYNC] {
            let flags = libc::O_WRONLY | synchronous | libc::O_DIRECT | libc::O_NONBLOCK;
            let first = open_with(c"/dev/null", flags & !libc::O_DIRECT).unwrap();
            let second = open_again(first.as_raw_fd(), flags).unwrap();
            // SAFETY: no memory is passed.
            let found = unsafe { libc::fcntl(second.as_raw_fd(), libc::F_GETFL) };
            let all = libc::O_ACCMODE | libc::O_SYNC | libc::O_DIRECT | libc::O_NONBLOCK;
            assert_eq!(found & all, libc::O_WRONLY | synchronous);
        }
    }

    #[test]
    fn what_cannot_be_flushed_is_an_error_only_if_it_should_be() {
        assert_eq!(flush(-1, 0, 1), Err(libc::EBADF));
        let device = File::options().write(true).open("/dev/null").unwrap();
        assert_eq!(flush(device.as_raw_fd(), 0, 1), Ok(()));
    }

    #[test]
    fn memory_is_checked_to_its_end() {
        let page = page_size() as u64;
        // SAFETY: two pages of our own, the second without access.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let start =
                libc::mmap(ptr::null_mut(), 2 * page as usize, libc::PROT_READ, flags, -1, 0);
            libc::mprotect(start.byte_add(page as usize), page as usize, libc::PROT_NONE);
            start.expose_provenance() as u64
        };
        let check = |operation, num_bytes| check_memory(operation, start + 100, num_bytes);
        assert_eq!(check(Operation::Write, page - 100), Ok(()));
        assert_eq!(check(Operation::Write, page - 99), Err(libc::EFAULT));
        assert_eq!(check(Operation::Read, page - 100), Err(libc::EFAULT), "read-only memory");
        // SAFETY: ours, and not used any more.
        unsafe {
            libc::munmap(ptr::with_exposed_provenance_mut(start as usize), 2 * page as usize)
        };
    }
}
