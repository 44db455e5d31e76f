//! Memory that knows what must be in it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ffi::c_void;
use std::ops::Range;
use std::slice;

/// What lies around an object, and in it before it is written.
const CANARY: u8 = 0xa5;

/// Bytes behind an object. None under AddressSanitizer (`make sanitizers`), which sees every access
/// behind an allocation, so that reads are seen, too.
const BEHIND: usize = if cfg!(dsaio_asan) { 0 } else { 64 };

/// An object in an allocation of its own, canaries around it.
pub struct Guarded {
    allocation: *mut u8,
    layout: Layout,
    object: Range<usize>,
    expected: Vec<u8>,
}

impl Guarded {
    /// `size` bytes, `before` bytes behind the start of the allocation, which is aligned to 16.
    pub fn new(size: usize, before: usize) -> Self {
        let layout = Layout::from_size_align(before + size + BEHIND, 16).expect("a small size");
        // SAFETY: the size is not 0.
        let allocation = unsafe { alloc(layout) };
        if allocation.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the allocation, just made.
        unsafe { allocation.write_bytes(CANARY, layout.size()) };
        let expected = vec![CANARY; layout.size()];
        Guarded { allocation, layout, object: before..before + size, expected }
    }

    /// The object's address, for C.
    pub fn pointer(&self) -> *mut c_void {
        self.allocation.wrapping_add(self.object.start).cast()
    }

    /// Writes to the object, as its owner may.
    pub fn set(&mut self, at: usize, bytes: &[u8]) {
        self.expect(at, bytes);
        let start = self.object.start + at;
        // SAFETY: inside the object, as `expect` found; no reference to it exists.
        let target = unsafe { slice::from_raw_parts_mut(self.allocation.add(start), bytes.len()) };
        target.copy_from_slice(bytes);
    }

    /// The library must have written this to the object.
    pub fn expect(&mut self, at: usize, bytes: &[u8]) {
        let object = &mut self.expected[self.object.clone()];
        object[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The library may have written anything here: padding.
    pub fn expect_anything(&mut self, padding: Range<usize>) {
        let now = self.object()[padding.clone()].to_vec();
        self.expect(padding.start, &now);
    }

    /// The object as it is.
    pub fn object(&self) -> &[u8] {
        &self.actual()[self.object.clone()]
    }

    /// Where the memory is not what it must be: the offset to the object's start, what is there,
    /// and what must be.
    pub fn difference(&self) -> Option<(isize, u8, u8)> {
        let actual = self.actual();
        if actual == self.expected {
            return None;
        }
        let at = actual.iter().zip(&self.expected).position(|(a, e)| a != e)?;
        Some((at as isize - self.object.start as isize, actual[at], self.expected[at]))
    }

    fn actual(&self) -> &[u8] {
        // SAFETY: the allocation, all of it written by `new`; C writes to it during calls only, and
        // no reference outlives one.
        unsafe { slice::from_raw_parts(self.allocation, self.layout.size()) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout.
        unsafe { dealloc(self.allocation, self.layout) }
    }
}
