//! Has the user's C++ compiler confirm the layouts that `cxx/objects.rs` assumes, so that a
//! toolchain that differs fails the build instead of corrupting memory later.

use crate::Library;
use std::path::Path;
use std::process::{Command, Output};

/// Compiles the library's `abi_check.cpp` against the header in `include_dir`.
///
/// The error is a sentence that says what is missing or what differs.
pub fn run(library: &Library, include_dir: &Path) -> Result<(), String> {
    // Prints `rerun-if-env-changed` for every variable that names a compiler or its flags.
    let mut build = cc::Build::new();
    build.cpp(true).std("c++14").include(include_dir).cargo_warnings(false);
    let compiler = build.try_get_compiler().map_err(|error| no_compiler(&error.to_string()))?;

    let compile = |source: &Path| -> Result<Output, String> {
        let mut command: Command = compiler.to_command();
        // zig c++ fails with -fsyntax-only.
        command.arg("-c").arg(source).arg("-o").arg(include_dir.join("abi_check.o"));
        command.output().map_err(|error| {
            no_compiler(&format!("{} does not start: {error}", compiler.path().display()))
        })
    };

    // In this order, so that the first thing that is missing is the one that is named.
    let plain = compile(Path::new("build_support/has_cxx.cpp"))?;
    if !plain.status.success() {
        return Err(no_compiler(&stderr(&plain)));
    }
    if !compile(Path::new("build_support/has_libaio.cpp"))?.status.success() {
        return Err("libaio.h is missing; the layout of its struct iocb is checked against it. \
                    Install libaio-dev (Debian, Ubuntu) or libaio-devel (Fedora, RHEL), or name \
                    its directory in CXXFLAGS (-I)."
            .to_owned());
    }
    let layouts = compile(&library.file("abi_check.cpp"))?;
    if !layouts.status.success() {
        return Err(format!(
            "The C++ compiler {} lays out the objects of {} in another way than this \
             library; a program built with it would corrupt memory. Use another compiler or \
             other flags (CXX, CXXFLAGS). It says:\n{}",
            compiler.path().display(),
            library.name,
            stderr(&layouts)
        ));
    }
    Ok(())
}

fn no_compiler(reason: &str) -> String {
    format!(
        "A working C++ compiler is missing; it checks that its object layouts are those of this \
         library. Install g++ or clang++ (Debian, Ubuntu: g++), or name one in CXX. Reason: \
         {reason}"
    )
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
