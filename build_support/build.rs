//! Generates the C and C++ header, and has the user's own C++ compiler confirm the ABI.

use std::env;
use std::path::PathBuf;

mod abi_check;
mod header;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(cxx_abi)");
    // Always set. cbindgen turns it into `#if defined(__cplusplus)` around the C++ structs.
    println!("cargo::rustc-cfg=cxx_abi");
    // No version suffix: programs linked against the original's .so look for this name.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libdeepspeed_aio_utils.so");
    // An undefined symbol is an error now, not when a user's program starts. A sanitizer's symbols come
    // from the program.
    if env::var_os("CARGO_CFG_SANITIZE").is_none() {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,defs");
    }

    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // docs.rs has no libaio.h, and builds nothing that C++ callers could be linked with.
    let documentation_only = env::var_os("DOCS_RS").is_some();
    let outcome = header::generate(&out_dir)
        .and_then(|()| if documentation_only { Ok(()) } else { abi_check::run(&out_dir) });
    if let Err(sentence) = outcome {
        for line in sentence.lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    }
}
