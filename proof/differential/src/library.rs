//! One of the two libraries, and its functions under their mangled names.

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{c_int, c_void};
use std::path::Path;

/// Functions of a `libdeepspeed_aio_utils.so`. Objects are raw storage here, as they are to an ABI.
pub struct Library {
    pub new_xfer: NewXfer,
    pub new_context: NewContext,
    pub context_prep: ContextPrep,
    pub new_generator: NewGenerator,
    pub generator_prep: GeneratorPrep,
    // Keeps the functions above mapped.
    _handle: Handle,
}

pub type NewXfer = unsafe extern "C" fn(*mut c_void, c_int, i64, i64, i64, *const c_void);
pub type NewContext = unsafe extern "C" fn(*mut c_void, bool, *const c_void, usize, *const c_void);
pub type ContextPrep = unsafe extern "C" fn(*mut c_void, c_int, usize, *const c_void, i64);
pub type NewGenerator = unsafe extern "C" fn(*mut c_void, bool, *const c_void, usize);
pub type GeneratorPrep = unsafe extern "C" fn(*mut c_void, c_int, *mut c_void) -> c_int;

impl Library {
    /// Opens the library with `RTLD_LOCAL`, so that neither of the two sees the other's symbols.
    pub fn open(path: &Path) -> Result<Library, libloading::Error> {
        // SAFETY: the library's initialisers are those of libstdc++, or none.
        let handle = unsafe { Handle::open(Some(path), RTLD_NOW | RTLD_LOCAL) }?;
        // SAFETY: the mangled names carry the types; g++ 12 made them.
        unsafe {
            Ok(Library {
                new_xfer: *handle.get(b"_ZN12io_xfer_ctxtC1EilllPKv\0")?,
                new_context: *handle.get(
                    b"_ZN15io_prep_contextC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_\
                      EEmPKSt6vectorIP4iocbSaIS9_EE\0",
                )?,
                context_prep: *handle.get(b"_ZN15io_prep_context10prep_iocbsEimPKvl\0")?,
                new_generator: *handle.get(
                    b"_ZN17io_prep_generatorC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteI\
                      S1_EEm\0",
                )?,
                generator_prep: *handle.get(
                    b"_ZN17io_prep_generator10prep_iocbsEiPSt6vectorIP4iocbSaIS2_EE\0",
                )?,
                _handle: handle,
            })
        }
    }
}
