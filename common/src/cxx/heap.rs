//! The memory of a `std::vector<char>` of the caller's, which the caller's C++ runtime releases.

use super::objects::Vector;
use std::ffi::{CStr, c_void};
use std::mem::transmute;
use std::ptr;

/// operator new(size_t) and operator delete(void*).
struct Heap {
    new: unsafe extern "C" fn(usize) -> *mut c_void,
    delete: unsafe extern "C" fn(*mut c_void),
}

impl Heap {
    /// The process's, or else those of a C++ runtime that is loaded under this name (by Python, for
    /// example, for a module alone).
    fn find(runtime: &CStr) -> Option<Heap> {
        // SAFETY: C strings. A handle that is never closed keeps the runtime where it is.
        unsafe {
            Heap::of(libc::RTLD_DEFAULT).or_else(|| {
                let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD;
                let handle = libc::dlopen(runtime.as_ptr(), flags);
                if handle.is_null() { None } else { Heap::of(handle) }
            })
        }
    }

    unsafe fn of(handle: *mut c_void) -> Option<Heap> {
        // SAFETY: a handle of dlopen's; the functions under these names have those types.
        unsafe {
            let new = libc::dlsym(handle, c"_Znwm".as_ptr());
            let delete = libc::dlsym(handle, c"_ZdlPv".as_ptr());
            if new.is_null() || delete.is_null() {
                return None;
            }
            Some(Heap {
                new: transmute::<*mut c_void, unsafe extern "C" fn(usize) -> *mut c_void>(new),
                delete: transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(delete),
            })
        }
    }
}

/// `vector.resize(size)`: elements that are new are 0.
///
/// # Errors
///
/// A sentence, where no C++ runtime can be found that would release the memory.
pub unsafe fn resize(vector: &mut Vector<u8>, size: usize, runtime: &CStr) -> Result<(), String> {
    let old_size = vector.len();
    if size > vector.capacity() {
        let heap = Heap::find(runtime).ok_or_else(|| {
            format!(
                "buffer must grow to {size} bytes, and the C++ runtime's operator new is not found; \
                 link the program with {} as a shared library, or reserve the size",
                runtime.to_string_lossy()
            )
        })?;
        // SAFETY: the vector's elements move to memory of the same heap. operator new throws where
        // there is none; nothing here can catch that, and the process ends.
        unsafe {
            let begin = (heap.new)(size).cast::<u8>();
            if old_size > 0 {
                begin.copy_from_nonoverlapping(vector.begin, old_size);
            }
            if !vector.begin.is_null() {
                (heap.delete)(vector.begin.cast());
            }
            vector.begin = begin;
            vector.end_of_storage = begin.add(size);
        }
    }
    if size > old_size {
        // SAFETY: within the storage.
        unsafe { ptr::write_bytes(vector.begin.add(old_size), 0, size - old_size) };
    }
    // SAFETY: as above; a vector without storage has size 0.
    vector.end = unsafe { vector.begin.add(size) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_is_loaded_for_a_module_alone_is_found() {
        let runtime = c"libstdc++.so.6";
        let mut vector = Vector::EMPTY;
        // SAFETY: an empty vector; the runtime stays where it is.
        unsafe {
            let sentence = resize(&mut vector, 3, runtime);
            // AddressSanitizer brings operators of its own.
            if !cfg!(dsaio_asan) {
                assert!(sentence.unwrap_err().contains("grow to 3 bytes"));
            }
            if libc::dlopen(runtime.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL).is_null() {
                return; // there is none on this machine
            }
            resize(&mut vector, 3, runtime).unwrap();
            vector.begin.write(7);
            resize(&mut vector, 5000, runtime).unwrap();
            assert_eq!((vector.len(), vector.begin.read(), vector.end.sub(1).read()), (5000, 7, 0));
            let begin = vector.begin;
            ptr::write_bytes(begin, 9, 5000);
            for size in [10, 100, 5000] {
                resize(&mut vector, size, runtime).unwrap();
                assert_eq!((vector.begin, vector.len()), (begin, size), "there is room");
            }
            assert_eq!((begin.add(9).read(), begin.add(10).read()), (9, 0));
            (Heap::find(runtime).unwrap().delete)(vector.begin.cast());
        }
    }
}
