//! Everything that the calls of one sequence can touch.

use super::api;
use super::memory::Guarded;
use arbitrary::{Result, Unstructured};
use std::ffi::c_void;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::OnceLock;
use std::{ptr, slice};

/// The name of the function that was called, and its return value.
pub type Answered = (&'static str, i32);

/// Iocbs that a call can be given.
pub const MOST_SLOTS: usize = 12;

/// Structs of each kind.
const STRUCTS: usize = 3;

/// Allocated buffers at a time.
pub const MOST_BUFFERS: usize = 4;

/// A buffer of `dsaio_alloc`, marked so that one that is handed out twice, or written to, shows.
pub struct Buffer {
    pub pointer: *mut c_void,
    pub size: usize,
    pub mark: u8,
}

impl Buffer {
    /// Where the marks go: everywhere in a small buffer, at both ends of a large one.
    fn ends(&self) -> [(usize, usize); 2] {
        let end = self.size.min(4096);
        [(0, end), (self.size - end, end)]
    }

    pub fn set_marks(&self) {
        for (at, length) in self.ends() {
            // SAFETY: inside the buffer, owned by this sequence.
            unsafe { self.pointer.cast::<u8>().add(at).write_bytes(self.mark, length) };
        }
    }

    pub fn has_its_marks(&self) -> bool {
        self.ends().into_iter().all(|(at, length)| {
            // SAFETY: inside the buffer, and written by `set_marks`.
            let bytes = unsafe { slice::from_raw_parts(self.pointer.cast::<u8>().add(at), length) };
            bytes.iter().all(|&byte| byte == self.mark)
        })
    }
}

/// What one sequence of calls works on.
pub struct State {
    pub transfers: Vec<Guarded>,
    pub generators: Vec<Guarded>,
    pub iocbs: Vec<Guarded>,
    /// Receives a size, or a buffer.
    pub result: Guarded,
    pub buffers: Vec<Buffer>,
    pub next_mark: u8,
}

impl State {
    /// Structs in unknown states, each at an address that `input` chooses.
    pub fn new(input: &mut Unstructured) -> Result<Self> {
        // Aligned to 8 and not always to 16: what C promises.
        let places: u64 = input.arbitrary()?;
        let mut index = 0;
        let mut object = |size| {
            index += 1;
            Guarded::new(size, 8 + ((places >> index) & 1) as usize * 8)
        };
        Ok(State {
            transfers: (0..STRUCTS).map(|_| object(api::TRANSFER)).collect(),
            generators: (0..STRUCTS).map(|_| object(api::GENERATOR)).collect(),
            iocbs: (0..MOST_SLOTS).map(|_| object(api::IOCB)).collect(),
            result: object(8),
            buffers: Vec::new(),
            next_mark: 0,
        })
    }

    /// Panics where a byte of anything is not what it must be.
    pub fn check(&self, function: &str) {
        let kinds = [
            ("transfer", self.transfers.as_slice()),
            ("generator", &self.generators),
            ("iocb", &self.iocbs),
            ("result", slice::from_ref(&self.result)),
        ];
        for (kind, objects) in kinds {
            for (index, object) in objects.iter().enumerate() {
                if let Some((at, is, must)) = object.difference() {
                    panic!("{function}: {kind} {index}, byte {at}: is {is:#x}, must be {must:#x}");
                }
            }
        }
        for buffer in &self.buffers {
            assert!(buffer.has_its_marks(), "{function}: an allocated buffer was written to");
        }
    }

    /// Gives every buffer back.
    pub fn release_all(&mut self) {
        for buffer in self.buffers.drain(..) {
            // SAFETY: allocated with this size.
            let answer = unsafe { api::dsaio_free(buffer.pointer, buffer.size as i64) };
            assert_eq!(answer, 0, "dsaio_free");
        }
    }
}

/// A panic elsewhere must not look like a leak here.
impl Drop for State {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.buffers.clear();
        }
        self.release_all();
    }
}

/// A sparse file above 4 GiB, without a name.
pub fn large_file() -> i32 {
    static FILE: OnceLock<File> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        // SAFETY: a string that ends in NUL; the descriptor is this function's alone.
        let fd = unsafe { libc::memfd_create(c"large".as_ptr(), 0) };
        assert!(fd >= 0, "memfd_create: {}", std::io::Error::last_os_error());
        // SAFETY: just opened, and owned by nothing else.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len((5 << 30) + 7).expect("a sparse file of 5 GiB");
        file
    });
    file.as_raw_fd()
}

/// Whether every page of a buffer is in memory.
pub fn is_resident(buffer: &Buffer) -> bool {
    // SAFETY: sysconf takes any name.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let mut pages = vec![0_u8; buffer.size.div_ceil(page)];
    // SAFETY: whole pages of a buffer that is page-aligned, and a byte for each of them.
    let status = unsafe { libc::mincore(buffer.pointer, buffer.size, pages.as_mut_ptr()) };
    status == 0 && pages.iter().all(|page| page & 1 == 1)
}

/// A pointer that is neither null nor valid.
pub fn nowhere<T>() -> *mut T {
    ptr::without_provenance_mut(8)
}
