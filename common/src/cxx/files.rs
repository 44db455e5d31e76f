//! `open_file`, `report_file_error`, `regular_read` and `validate_aio_operation`: what they print is
//! the original's, word by word, for programs that look for it.

use super::heap;
use super::objects::Vector;
use super::strings::CxxString;
use crate::diagnostics;
use crate::error::CallError;
use crate::open;
use crate::record::{self, Failure};
use dsaio::Operation;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

unsafe extern "C" {
    /// C's, which `std::cout` prints to as well.
    static mut stdout: *mut libc::FILE;
}

/// Writes to `std::cout` and flushes it, as `std::endl` does.
pub fn print(text: &[u8]) {
    // SAFETY: C's own stream. What cannot be written is lost, as with the original.
    unsafe {
        libc::fwrite(text.as_ptr().cast(), 1, text.len(), stdout);
        libc::fflush(stdout);
    }
}

/// The name of a file as callers pass it.
unsafe fn name<'a>(function: &str, filename: *const c_char) -> &'a CStr {
    if filename.is_null() {
        abort(function, CallError::Null("filename"));
    }
    // SAFETY: a C string of the caller's.
    unsafe { CStr::from_ptr(filename) }
}

#[cold]
fn abort(function: &str, text: impl Display) -> ! {
    diagnostics::abort(format_args!("{function}: {text}"))
}

/// -1 with the reason in errno, on stderr and in the thread's recorder, if there is one.
pub unsafe fn open_file(filename: *const c_char, read_op: bool) -> c_int {
    // SAFETY: as the C++ declaration says.
    let filename = unsafe { name("open_file", filename) };
    let operation = Operation::from_read_op(read_op);
    let error = match open::open(filename, operation) {
        Ok(file) => {
            let fd = file.into_raw_fd();
            if let Some(recorder) = record::current() {
                recorder.opened(fd);
            }
            return fd;
        }
        Err(error) => error,
    };
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    let what = format!("open for {operation}");
    file_error(filename, format!(" {what} ").as_bytes(), errno);
    if let Some(recorder) = record::current() {
        // A recorder that is closed reads nothing, and the caller has the -1.
        let _ = recorder.record(Failure {
            errno,
            operation,
            path: Path::new(OsStr::from_bytes(filename.to_bytes())).to_owned(),
            file_offset: 0,
            num_bytes: 0,
            moved: 0,
            message: format!("{what} of {} failed: {error}", filename.to_string_lossy()),
        });
    }
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// Writes the original's line to stderr.
pub unsafe fn report_file_error<S: CxxString>(
    filename: *const c_char,
    file_op: *const S,
    error_code: c_int,
) {
    // SAFETY: as the C++ declaration says; the string is the caller's, which destroys it.
    unsafe { file_error(name("report_file_error", filename), (*file_op).bytes(), error_code) };
}

fn file_error(filename: &CStr, operation: &[u8], errno: c_int) {
    let errno = format!(" error = {errno}");
    let parts =
        [b"deepspeed_aio:  ", operation, b" failed on ", filename.to_bytes(), errno.as_bytes()];
    diagnostics::bytes(&parts.concat());
}

/// Reads a whole file into `buffer`, whose memory is that of the C++ runtime with this name.
pub unsafe fn regular_read(
    filename: *const c_char,
    buffer: *mut Vector<u8>,
    runtime: &CStr,
) -> c_int {
    const FUNCTION: &str = "regular_read";
    // SAFETY: as the C++ declaration says.
    let filename = unsafe { name(FUNCTION, filename) };
    // SAFETY: null, or a vector of the caller's.
    let Some(buffer) = (unsafe { buffer.as_mut() }) else {
        abort(FUNCTION, CallError::Null("buffer"))
    };
    let (mut file, size) = open_whole(FUNCTION, filename);
    // SAFETY: a vector of the caller's.
    if let Err(sentence) = unsafe { heap::resize(buffer, size, runtime) } {
        abort(FUNCTION, sentence);
    }
    let bytes = if size == 0 {
        &mut []
    } else {
        // SAFETY: `resize` made it that long.
        unsafe { std::slice::from_raw_parts_mut(buffer.begin, size) }
    };
    read_whole(FUNCTION, filename, &mut file, bytes);
    0
}

/// Whether a file holds the `num_bytes` at `aio_buffer` and nothing else; says so on stdout.
pub unsafe fn validate(
    read_op: bool,
    filename: *const c_char,
    aio_buffer: *const c_void,
    num_bytes: i64,
) -> bool {
    const FUNCTION: &str = "validate_aio_operation";
    // SAFETY: as the C++ declaration says.
    let filename = unsafe { name(FUNCTION, filename) };
    let (mut file, size) = open_whole(FUNCTION, filename);
    let mut bytes = vec![0; size];
    read_whole(FUNCTION, filename, &mut file, &mut bytes);
    let returned = format!(" returned {size} bytes\n");
    print(&[b"regular read of ", filename.to_bytes(), returned.as_bytes()].concat());
    let same = usize::try_from(num_bytes) == Ok(size)
        && (size == 0 || {
            if aio_buffer.is_null() {
                abort(FUNCTION, CallError::Null("aio_buffer"));
            }
            // SAFETY: `num_bytes` of the caller's.
            bytes == unsafe { std::slice::from_raw_parts(aio_buffer.cast::<u8>(), size) }
        });
    let outcome = if same { "Pass: correctness of " } else { "Fail: correctness of" };
    let operation = if read_op { "read()" } else { "write()" };
    print(format!("{outcome} deepspeed_aio_{operation}using read()\n").as_bytes());
    same
}

/// A file and its size.
fn open_whole(function: &str, filename: &CStr) -> (File, usize) {
    let opened = File::open(OsStr::from_bytes(filename.to_bytes()))
        .and_then(|file| file.metadata().map(|metadata| (metadata.len() as usize, file)));
    match opened {
        Ok((size, file)) => (file, size),
        Err(error) => abort(
            function,
            format_args!("{} cannot be opened: {error}", filename.to_string_lossy()),
        ),
    }
}

/// Reads as many bytes as there is room for; aborts where the file has fewer.
fn read_whole(function: &str, filename: &CStr, file: &mut File, bytes: &mut [u8]) {
    let mut read = 0;
    loop {
        // At least once, and with no room left at the end: a directory says EISDIR even then.
        match file.read(&mut bytes[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let filename = filename.to_string_lossy();
                abort(function, format_args!("{filename} cannot be read: {error}"))
            }
        }
    }
    if read < bytes.len() {
        let size = bytes.len();
        let line = format!("read error  read_bytes (read) = {read} num_bytes (fstat) = {size}");
        diagnostics::bytes(line.as_bytes());
        let filename = filename.to_string_lossy();
        abort(function, format_args!("{filename} ended early; leave it alone while it is read"));
    }
}
