//! File sizes as a Rust program asks for them.

use deepspeed_aio_utils::{fd_file_size, file_size};
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A sparse file of its own for each test, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: u64) -> Self {
        let path = std::env::temp_dir().join(format!("dsaio-{}-{name}", std::process::id()));
        File::create(&path).unwrap().set_len(bytes).unwrap();
        Scratch(path)
    }

    fn path(&self) -> CString {
        CString::new(self.0.as_os_str().as_bytes()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_path_and_an_open_file_have_the_same_size() {
    for bytes in [0, 1, 4097, 5 << 30] {
        let scratch = Scratch::new(&format!("of-{bytes}"), bytes);
        assert_eq!(file_size(&scratch.path()).unwrap(), bytes as i64);
        let file = File::open(&scratch.0).unwrap();
        assert_eq!(fd_file_size(file.as_fd()).unwrap(), bytes as i64);
    }
}

#[test]
fn a_refusal_is_what_the_kernel_answers() {
    let scratch = Scratch::new("under", 1);
    let missing = CString::new("/nowhere/at/all").unwrap();
    assert_eq!(file_size(&missing).unwrap_err().raw_os_error(), Some(2)); // ENOENT
    let below_a_file = CString::new([scratch.path().as_bytes(), b"/x"].concat()).unwrap();
    assert_eq!(file_size(&below_a_file).unwrap_err().raw_os_error(), Some(20)); // ENOTDIR
}
