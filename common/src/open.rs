//! Opens a file, and says where a file system has no O_DIRECT.

use crate::diagnostics;
use dsaio::Operation;
use dsaio::engine;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;

/// Opens a file for reads, or for writes, which create it (mode 0600) and do not truncate it.
///
/// It is opened with O_DIRECT where the file system has that, otherwise without and with one line for
/// each such file system.
pub(crate) fn open(path: &CStr, operation: Operation) -> io::Result<OwnedFd> {
    let opened = engine::open(path, operation)?;
    let file = File::from(opened.file);
    // Without the device's number nobody knows whether the line was printed already.
    if let (false, Ok(metadata)) = (opened.direct, file.metadata()) {
        if is_new(metadata.dev()) {
            diagnostics::line(format_args!(
                "the file system of {} does not take O_DIRECT; its files are read and written through \
                 the page cache; move them to a local disk for O_DIRECT",
                path.to_string_lossy()
            ));
        }
    }
    Ok(file.into())
}

/// Whether a device is seen for the first time. Not while another thread asks: a child that was forked at
/// that moment would wait for ever.
fn is_new(device: u64) -> bool {
    static SEEN: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    let Ok(mut seen) = SEEN.try_lock() else { return false };
    let new = !seen.contains(&device);
    if new {
        seen.push(device);
    }
    new
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_device_is_new_once() {
        let device = u64::MAX;
        assert!(super::is_new(device));
        assert!(!super::is_new(device));
        assert!(super::is_new(device - 1));
    }
}
