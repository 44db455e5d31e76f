//! Runs something that may end the process in a process of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};

/// What became of a child.
pub struct Ended {
    /// What it wrote to its pipe, and to standard error where that was captured.
    pub output: String,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
}

/// Whether the child's standard error goes into its output.
#[derive(Clone, Copy, PartialEq)]
pub enum Stderr {
    Captured,
    Inherited,
}

/// Forks, runs `body` in the child, and waits for its end. Nothing but this program's single thread
/// exists, so the child may do whatever the parent may.
pub fn run(stderr: Stderr, body: impl FnOnce(&mut dyn Write)) -> Ended {
    let (mut reader, mut writer) = pipe();
    // SAFETY: there is one thread.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        drop(reader);
        if stderr == Stderr::Captured {
            // SAFETY: two open descriptors.
            unsafe { libc::dup2(writer.as_raw_fd(), 2) };
        }
        body(&mut writer);
        // SAFETY: ends the child without the parent's exit handlers.
        unsafe { libc::_exit(0) };
    }
    drop(writer);
    let mut output = Vec::new();
    reader.read_to_end(&mut output).expect("a pipe can be read");
    let mut status = 0;
    // SAFETY: our own child.
    unsafe { libc::waitpid(child, &mut status, 0) };
    Ended {
        output: String::from_utf8_lossy(&output).into_owned(),
        signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
    }
}

fn pipe() -> (File, File) {
    let mut fds = [0; 2];
    // SAFETY: room for two descriptors.
    let status = unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) };
    assert!(status == 0, "pipe2: {}", std::io::Error::last_os_error());
    // SAFETY: new descriptors, not owned elsewhere.
    unsafe { (File::from_raw_fd(fds[0]), File::from_raw_fd(fds[1])) }
}

/// Children that are meant to crash leave no core files.
pub fn no_core_files() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid structure.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}
