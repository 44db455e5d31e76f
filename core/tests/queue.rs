//! A queue as a Rust program uses it: real files, real AIO.
#![cfg(not(miri))] // Miri has no AIO

use dsaio::block::{Block, Origin};
use dsaio::engine::{Opened, Options, Queue, QueueError, Timings, open};
use dsaio::{Iocb, Operation, PageBuffer, Transfer};
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = TemporaryFile(directory.join(format!("{name}-{}", std::process::id())));
        fs::write(&file.0, []).unwrap();
        file
    }

    fn open(&self, operation: Operation) -> Opened {
        open(&CString::new(self.0.to_str().unwrap()).unwrap(), operation).unwrap()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| ((i + seed).wrapping_mul(0x9e37_79b9) >> 11) as u8).collect()
}

/// Offset, length, memory and blocks, aligned and not.
#[test]
fn every_byte_moves_and_no_other_changes() {
    let file = TemporaryFile::new("every-byte");
    let (reader, writer) = (file.open(Operation::Read), file.open(Operation::Write));
    let mut queue = Queue::new(8).unwrap();
    let memory = PageBuffer::new(256 << 10, false).unwrap();
    // SAFETY: the buffer is that long and nobody else's.
    let memory = unsafe { std::slice::from_raw_parts_mut(memory.as_ptr(), memory.len()) };
    for file_offset in [0, 512, 4096, 100, 4095] {
        for length in [0, 1, 511, 512, 4096, 65536, 65536 + 1024, 100_001] {
            for shift in [0, 512, 8, 3] {
                for block_size in [4096, 16384, 5000, 1 << 20] {
                    let what = format!("{file_offset} {length} {shift} {block_size}");
                    let before = pattern(1, 128 << 10);
                    fs::write(&file.0, &before).unwrap();
                    let bytes = pattern(file_offset + length + shift, length);
                    memory[shift..shift + length].copy_from_slice(&bytes);
                    let buffer = &memory[shift..shift + length];
                    queue.write_at(&writer.file, file_offset as i64, buffer, block_size).unwrap();
                    let mut expected = before;
                    expected[file_offset..file_offset + length].copy_from_slice(&bytes);
                    assert!(fs::read(&file.0).unwrap() == expected, "written: {what}");

                    memory.fill(0xa5);
                    let buffer = &mut memory[shift..shift + length];
                    queue.read_at(&reader.file, file_offset as i64, buffer, block_size).unwrap();
                    assert!(*buffer == bytes, "read: {what}");
                    assert!(memory[..shift].iter().all(|&byte| byte == 0xa5), "before: {what}");
                    assert!(
                        memory[shift + length..].iter().all(|&byte| byte == 0xa5),
                        "after: {what}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_file_that_ends_too_early_is_an_error() {
    let file = TemporaryFile::new("too-early");
    let reader = file.open(Operation::Read);
    let mut queue = Queue::new(4).unwrap();
    for size in [0, 100, 8192, 10_000] {
        fs::write(&file.0, pattern(0, size)).unwrap();
        let mut buffer = vec![0; 16384];
        let error = queue.read_at(&reader.file, 0, &mut buffer, 4096).unwrap_err();
        assert_eq!((error.errno(), error.moved()), (libc::ENODATA, size as i64), "{error}");
        assert_eq!((error.num_bytes(), error.file_offset()), (16384, 0));
        assert_eq!(error.path(), file.0);
        assert_eq!(buffer[..size], pattern(0, size));
    }
}

#[test]
fn what_the_kernel_refuses_is_an_error() {
    let mut queue = Queue::new(4).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = queue.write_at(&full, 0, &[7; 9000], 4096).unwrap_err();
    assert_eq!((error.errno(), error.moved()), (libc::ENOSPC, 0), "{error}");
    let error = queue.read_at(&full, 0, &mut [0; 9000], 4096).unwrap_err();
    assert_eq!((error.errno(), error.operation()), (libc::EBADF, Operation::Read), "{error}");
    let error = queue.read_at(&full, -1, &mut [0; 9000], 4096).unwrap_err();
    assert_eq!(error.errno(), libc::EINVAL, "{error}");
    let error = queue.read_at(&full, 0, &mut [0; 9000], 0).unwrap_err();
    assert_eq!(error.errno(), libc::EINVAL, "{error}");
    // SAFETY: no memory is passed.
    let counter = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, 0)) };
    let error = queue.read_at(&counter, 0, &mut [0; 9000], 4096).unwrap_err();
    assert_eq!(error.errno(), libc::ESPIPE, "{error}");
    let (reader, writer) = UnixStream::pair().unwrap();
    let error = queue.read_at(&reader, 0, &mut [0; 9000], 4096).unwrap_err();
    assert_eq!(error.errno(), libc::ESPIPE, "{error}");
    let error = queue.write_at(&writer, 0, &[0; 9000], 4096).unwrap_err();
    assert_eq!(error.errno(), libc::ESPIPE, "{error}");

    let file = TemporaryFile::new("append");
    let append = File::options().append(true).open(&file.0).unwrap();
    let error = queue.write_at(&append, 0, &[7; 9000], 4096).unwrap_err();
    assert_eq!(error.errno(), libc::EINVAL, "{error}");
    assert_eq!(fs::metadata(&file.0).unwrap().len(), 0);
    assert_eq!(Queue::new(0).unwrap_err().errno(), libc::EINVAL);
}

#[test]
fn system_calls_are_timed_on_request() {
    let file = TemporaryFile::new("timed");
    let writer = file.open(Operation::Write);
    let mut queue = Queue::new(4).unwrap();
    let buffer = PageBuffer::new(1 << 20, false).unwrap();
    let transfer = Transfer::new(writer.file.as_raw_fd(), 0, buffer.as_ptr(), 1 << 20).unwrap();
    for (single_submit, block_size) in [(false, 1 << 16), (true, 1 << 16), (false, 1 << 20)] {
        let mut timings = Timings::default();
        let options = Options { block_size, single_submit, overlap: !single_submit };
        // SAFETY: the buffer lives, and nobody else uses it.
        unsafe { queue.run(Operation::Write, &transfer, &options, Some(&mut timings)) }.unwrap();
        assert_eq!(timings.submit.len() == 16, single_submit);
        assert!(!timings.complete.is_empty());
    }
}

#[test]
fn a_queue_shows_what_it_has() {
    // Too deep for its context to be kept in place of those that other tests use again and again.
    let (mut queue, other) = (Queue::new(300).unwrap(), Queue::new(300).unwrap());
    assert_eq!((queue.depth(), queue.iocbs().len(), queue.events().len()), (300, 300, 300));
    assert_eq!(queue.notice(), None);
    assert_ne!(queue.kernel_context(), other.kernel_context());
    assert!(queue.kernel_context() != 0 && other.kernel_context() != 0);
    let (no_depth, no_memory) = (Queue::new(0).unwrap_err(), QueueError::NoMemory(9));
    assert!(no_depth.to_string().contains("depth is 0"), "{no_depth}");
    assert!(no_memory.to_string().contains("depth 9"), "{no_memory}");
}

/// The kernel counts the requests of all contexts; those that are kept for the next queue are few.
#[test]
fn queues_leave_no_context_behind() {
    let contexts = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter(|line| line.ends_with("/[aio] (deleted)")).count()
    };
    let before = contexts();
    for _ in 0..10_000 {
        drop(Queue::new(16).unwrap());
    }
    // Other tests have queues at the same time.
    assert!(contexts() <= before + 20, "{before} contexts became {}", contexts());
}

#[test]
fn a_child_moves_its_bytes_with_a_queue_of_its_parent() {
    let file = TemporaryFile::new("child");
    let writer = file.open(Operation::Write);
    let mut queue = Queue::new(4).unwrap();
    let bytes = pattern(5, 100_000);
    // SAFETY: the child calls nothing that another thread may have locked, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let moved = queue.write_at(&writer.file, 0, &bytes, 4096).is_ok();
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!moved)) };
    }
    let mut status = 0;
    // SAFETY: the kernel writes the status.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    let mut read = vec![0; bytes.len()];
    File::open(&file.0).unwrap().read_exact_at(&mut read, 0).unwrap();
    assert!(read == bytes);
    queue.write_at(&writer.file, 0, &bytes[..8192], 4096).unwrap();
}

/// In a thread with descriptors of its own, /proc/self has those of the others.
#[test]
fn the_ends_of_a_transfer_go_to_the_same_file() {
    let file = TemporaryFile::new("own-table");
    let bytes = pattern(3, 5000);
    let unshared = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: the thread keeps the descriptors that it has, as copies.
            if unsafe { libc::unshare(libc::CLONE_FILES) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
            let writer = file.open(Operation::Write).file;
            let mut queue = Queue::new(2).unwrap();
            queue.write_at(&writer, 0, &bytes, 4096).unwrap();
            Ok(())
        });
        thread.join().unwrap()
    });
    match unshared {
        Ok(()) => assert!(fs::read(&file.0).unwrap() == bytes),
        // As in a container whose seccomp filter forbids it.
        Err(error) => println!("skipped: unshare: {error}"),
    }
}

/// The answer to a request of the program's own, on the same context, is not taken for one of ours.
#[test]
fn requests_of_others_are_not_ours() {
    let file = TemporaryFile::new("others");
    fs::write(&file.0, pattern(1, 1 << 16)).unwrap();
    let reader = file.open(Operation::Read).file;
    let mut queue = Queue::new(4).unwrap();
    let mut foreign = [0u8; 512];
    let block = Block {
        at: Origin { buffer: foreign.as_mut_ptr().expose_provenance() as u64, file_offset: 0 },
        length: 512,
    };
    // With `data` 0, as libaio leaves it, which is also the number of our first slot.
    let buffered = File::open(&file.0).unwrap();
    let mut iocb = Iocb::for_block(Operation::Read, buffered.as_raw_fd(), block);
    let mut pointers = [&raw mut iocb];
    // SAFETY: a request whose memory lives as long as the queue.
    let submitted = unsafe {
        libc::syscall(libc::SYS_io_submit, queue.kernel_context(), 1, pointers.as_mut_ptr())
    };
    assert_eq!(submitted, 1);
    // A read into memory that is not there, after which slot 0 has an answer of its own.
    let nowhere = std::ptr::without_provenance_mut(4096);
    let transfer = Transfer::new(reader.as_raw_fd(), 0, nowhere, 1 << 16).unwrap();
    let options = Options { block_size: 4096, single_submit: false, overlap: true };
    // SAFETY: the kernel finds that the memory is not mapped.
    let error = unsafe { queue.run(Operation::Read, &transfer, &options, None) }.unwrap_err();
    assert_eq!((error.errno(), error.moved()), (libc::EFAULT, 0), "{error}");
    drop(queue);
    assert!(foreign == pattern(1, 512)[..]);
}

#[test]
fn forks_do_not_disturb_transfers() {
    let file = TemporaryFile::new("forks");
    let (writer, reader) = (file.open(Operation::Write).file, file.open(Operation::Read).file);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut queue = Queue::new(8).unwrap();
            for round in 0..50 {
                let bytes = pattern(round, 300_000 + round);
                queue.write_at(&writer, 0, &bytes, 4096).unwrap();
                let mut read = vec![0; bytes.len()];
                queue.read_at(&reader, 0, &mut read, 4096).unwrap();
                assert!(read == bytes, "round {round}");
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            // SAFETY: the child leaves at once.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) };
            }
            // SAFETY: waits for the child.
            assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
        }
    });
}
