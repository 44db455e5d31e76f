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
pub type NewContext = unsafe extern "C" fn(*mut c_void, u8, *const c_void, usize, *const c_void);
pub type ContextPrep = unsafe extern "C" fn(*mut c_void, c_int, usize, *const c_void, i64);
pub type NewGenerator = unsafe extern "C" fn(*mut c_void, u8, *const c_void, usize);
pub type GeneratorPrep = unsafe extern "C" fn(*mut c_void, c_int, *mut c_void) -> c_int;

impl Library {
    /// Opens the library with `RTLD_LOCAL`, so that neither of the two sees the other's symbols.
    pub fn open(path: &Path) -> Result<Library, libloading::Error> {
        // SAFETY: the library's initialisers are those of libstdc++, or none.
        let handle = unsafe { Handle::open(Some(path), RTLD_NOW | RTLD_LOCAL) }?;
        // SAFETY: the mangled names carry the types.
        unsafe {
            Ok(Library {
                new_xfer: *handle.get(symbol("_ZN12io_xfer_ctxtC1E"))?,
                new_context: *handle.get(symbol("_ZN15io_prep_contextC1E"))?,
                context_prep: *handle.get(symbol("_ZN15io_prep_context10prep_iocbsE"))?,
                new_generator: *handle.get(symbol("_ZN17io_prep_generatorC1E"))?,
                generator_prep: *handle.get(symbol("_ZN17io_prep_generator10prep_iocbsE"))?,
                _handle: handle,
            })
        }
    }
}

/// The libstdc++ name that begins with `prefix`.
fn symbol(prefix: &str) -> &'static [u8] {
    let table = include_str!("../../../python/deepspeed_aio_utils/symbols.txt");
    let names = table.lines().filter_map(|line| line.split(' ').next());
    let mut found = names.filter(|name| name.starts_with(prefix) && !name.contains("NSt3__1"));
    found.next().unwrap_or_else(|| panic!("symbols.txt has no name {prefix}")).as_bytes()
}
