//! The C++ harness as one Rust test, for `make mutants`: `cargo mutants` counts Rust tests alone. It
//! builds this checkout's library, as it ships, where the harness looks for it, and runs the tests
//! that find out most in least time.
//!
//! `Cargo.toml` keeps it out of `cargo test`, where the harness runs by itself. Its name makes it the
//! last of the tests, since it takes the longest.

use std::env;
use std::process::Command;

/// Tests by their names in ctest, as CMake's regular expressions. The first stage takes seconds and
/// catches nearly everything; the last is for what only a whole run shows.
const STAGES: [&str; 3] = [
    r"^(flat|parity_0_19_8)\.",
    // Left out are its slowest two, which allocate again and again what the others do once.
    r"^allocator_|^allocator\.[^.]*Refused|^allocator\.[^.]*OldKernel|^allocator\.Locked\.(A|Every|Large|Pages|NoThread|TheFlat)",
    r"^swap_0_19_8_linked_to_original$|^transfers_(own|0_19_8_original_header)\..*Overflowed|^transfers_own\..*\(.*, 65536, 8\)",
];

#[test]
fn passes_on_the_library_that_ships() {
    let build = env::var("DSAIO_HARNESS").expect("DSAIO_HARNESS names the harness's build tree");
    run(
        "cmake",
        &["--build", &build, "--target", "deepspeed_aio_utils_cargo"],
    );
    for tests in STAGES {
        let selected = [
            "--test-dir",
            &build,
            "--tests-regex",
            tests,
            "--no-tests=error",
        ];
        run(
            "ctest",
            &[&selected[..], &["--output-on-failure", "--stop-on-failure"]].concat(),
        );
    }
}

/// Runs it in the environment that the caller of cargo had: what cargo sets for its tests would
/// change how the library is built (profile), and which one is loaded (LD_LIBRARY_PATH).
fn run(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let cargo = text.starts_with("CARGO") && text != "CARGO_HOME";
        if cargo || ["LD_LIBRARY_PATH", "RUSTFLAGS", "MAKEFLAGS", "MFLAGS"].contains(&&*text) {
            command.env_remove(name);
        }
    }
    let status = command.args(arguments).status().expect(program);
    assert!(status.success(), "{program} {arguments:?}: {status}");
}
