//! The build script of both libraries: generates the C and C++ header, and has the user's own C++
//! compiler confirm the ABI.

use std::env;
use std::path::PathBuf;

mod abi_check;
mod header;

/// What differs between the two packages. The rest is in `build_support/<package>/`.
struct Library {
    name: &'static str,
    header: &'static str,
    /// What the header is made from.
    sources: &'static [&'static str],
}

const LIBRARIES: [Library; 2] = [
    Library {
        name: "deepspeed_aio_utils",
        header: "deepspeed_aio_utils.h",
        sources: &["src/cxx/objects.rs", "src/flat.rs"],
    },
    Library {
        name: "deepspeed_aio_common",
        header: "dsaio_transfer.h",
        sources: &["src/flat/failure.rs", "src/flat/queue.rs", "src/flat/recorder.rs"],
    },
];

impl Library {
    /// A file of this library alone.
    fn file(&self, name: &str) -> PathBuf {
        ["build_support", self.name, name].iter().collect()
    }
}

fn main() {
    let package = env::var("CARGO_PKG_NAME").expect("cargo sets CARGO_PKG_NAME");
    let library = LIBRARIES.iter().find(|library| library.name == package);
    let library = library.expect("the package is one of the two libraries");

    // Always set. cbindgen turns it into `#if defined(__cplusplus)` around the C++ structs.
    println!("cargo::rustc-cfg=cxx_abi");
    // No version suffix: programs linked against the original's .so look for this name.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,lib{package}.so");
    // An undefined symbol is an error now, not when a user's program starts. A sanitizer's symbols come
    // from the program.
    if env::var_os("CARGO_CFG_SANITIZE").is_none() {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,defs");
    }

    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // docs.rs has no libaio.h, and builds nothing that C++ callers could be linked with.
    let documentation_only = env::var_os("DOCS_RS").is_some();
    let outcome = header::generate(library, &out_dir)
        .and_then(|()| if documentation_only { Ok(()) } else { abi_check::run(library, &out_dir) });
    if let Err(sentence) = outcome {
        for line in sentence.lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    }
}
