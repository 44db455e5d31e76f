//! `std::string` as a parameter by value: the caller passes a pointer to one, which it destroys.

use std::ffi::c_char;
use std::mem::size_of;
use std::slice;

/// One of the layouts of `std::string`.
pub trait CxxString {
    /// The characters.
    ///
    /// # Safety
    ///
    /// The string is valid, and nothing changes it as long as the slice is used.
    unsafe fn bytes(&self) -> &[u8];
}

/// libstdc++'s since C++11: the characters' address, their number, and room for 16 of them.
#[repr(C)]
pub struct Cxx11String {
    data: *const c_char,
    size: usize,
    local: [u8; 16],
}

impl CxxString for Cxx11String {
    unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: `size` characters at `data`, as promised.
        unsafe { slice::from_raw_parts(self.data.cast(), self.size) }
    }
}

/// libstdc++'s before C++11, which `-D_GLIBCXX_USE_CXX11_ABI=0` selects (DeepSpeed's ops with torch
/// before 2.6): the characters' address. Before them are their number, the capacity and a counter.
#[repr(C)]
pub struct OldString {
    data: *const c_char,
}

impl CxxString for OldString {
    unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: the number is three words before the characters.
        unsafe {
            let size = self.data.cast::<usize>().sub(3).read();
            slice::from_raw_parts(self.data.cast(), size)
        }
    }
}

/// libc++'s: where bit 0 of the first byte is set, the capacity, the characters' number and their
/// address; otherwise twice their number, in one byte, and the characters.
#[repr(C)]
pub struct LibcxxString {
    words: [usize; 3],
}

impl CxxString for LibcxxString {
    unsafe fn bytes(&self) -> &[u8] {
        let first: *const u8 = (&raw const self.words).cast();
        // SAFETY: the object's own bytes, or `size` characters at the address in it, as promised.
        unsafe {
            let size = first.read();
            if size & 1 == 0 {
                return slice::from_raw_parts(first.add(1), usize::from(size >> 1));
            }
            let data = std::ptr::with_exposed_provenance(self.words[2]);
            slice::from_raw_parts(data, self.words[1])
        }
    }
}

const _: () = {
    assert!(size_of::<Cxx11String>() == 32);
    assert!(size_of::<OldString>() == 8);
    assert!(size_of::<LibcxxString>() == 24);
};

/// The layouts as compilers write them. That these are a compiler's is what
/// `proof/cpp_tests/common` shows.
#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"text \0 of more than 22 characters";

    #[test]
    fn a_cxx11_string_says_where_its_characters_are() {
        let string = Cxx11String { data: TEXT.as_ptr().cast(), size: TEXT.len(), local: [0; 16] };
        // SAFETY: as constructed.
        assert_eq!(unsafe { string.bytes() }, TEXT);
    }

    #[test]
    fn an_old_string_has_its_size_three_words_before_its_characters() {
        let mut memory = [0usize; 3 + 8];
        memory[0] = 7;
        memory[1] = 24; // the capacity
        let data = memory[3..].as_mut_ptr().cast::<u8>();
        // SAFETY: there are 64 bytes; the address keeps the provenance of the whole array.
        let data = unsafe {
            data.copy_from(TEXT.as_ptr(), 7);
            memory.as_ptr().add(3)
        };
        let string = OldString { data: data.cast() };
        // SAFETY: as constructed.
        assert_eq!(unsafe { string.bytes() }, &TEXT[..7]);
    }

    #[test]
    fn a_libcxx_string_is_short_or_long() {
        let mut short = [0u8; 24];
        short[0] = 5 << 1;
        short[1..6].copy_from_slice(&TEXT[..5]);
        let words =
            [0, 8, 16].map(|at| usize::from_ne_bytes(short[at..at + 8].try_into().unwrap()));
        let short = LibcxxString { words };
        // SAFETY: as constructed.
        assert_eq!(unsafe { short.bytes() }, &TEXT[..5]);

        let long = LibcxxString { words: [48 | 1, TEXT.len(), TEXT.as_ptr().expose_provenance()] };
        // SAFETY: as constructed.
        assert_eq!(unsafe { long.bytes() }, TEXT);
    }
}
