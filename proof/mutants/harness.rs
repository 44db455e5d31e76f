//! The C++ tests as one Rust test, for `make mutants`: `cargo mutants` counts Rust tests alone.
//!
//! Each of the two packages has it, for the library of this checkout that cargo has just built beside
//! this program.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Tests by their names in ctest, as CMake's regular expressions. The first stage takes seconds and
/// catches nearly everything; the last is for what only a real transfer shows.
const UTILS_STAGES: &[&str] = &[
    r"^(parity|differential)_newest",
    // Left out are its slowest, which allocate again and again what the others do once.
    r"^allocator_|^allocator\.[^.]*(Flat|Errors|OldKernel|Processes)|^allocator\.Locked\.(A|Every|Large|Pages|NoThread)",
    r"^swap_newest_linked_to_original$|^transfers_newest_.*Overflowed|^transfers_newest_our_header\..*\(.*, 65536, 8\)",
];

/// The second library's: calls and recorders, then what becomes of transfers.
const COMMON_STAGES: &[&str] = &[
    r"^common\.|^common_newest\.messages|^languages\.transfer\.c11\.gcc\.common_shared",
    r"^faults\.(sizes|alignment|descriptors|memory|disks|calls)",
];

#[test]
fn the_cpp_tests_pass() {
    let build = env::var("DSAIO_HARNESS").expect("DSAIO_HARNESS names the build tree of the tests");
    let package = env!("CARGO_PKG_NAME");
    let stages = if package == "deepspeed_aio_common" { COMMON_STAGES } else { UTILS_STAGES };
    let library = format!("lib{package}.so");
    let ours = env::current_exe().unwrap().with_file_name(&library);
    // One build tree, where programs look for the library in one place: one user at a time.
    let lock = fs::File::create(Path::new(&build).join("lock")).unwrap();
    // SAFETY: the descriptor is open; the lock ends with it.
    assert_eq!(unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX) }, 0);
    let theirs = Path::new(&build).join("cargo/release").join(library);
    let _ = fs::remove_file(&theirs);
    fs::copy(ours, theirs).unwrap();
    for tests in stages {
        // `timeout`, because a mutant that hangs would hold the lock until the other one's time is up.
        let status = Command::new("timeout")
            .args(["60", "ctest", "--test-dir", &build, "--tests-regex", tests, "--no-tests=error"])
            .args(["--output-on-failure", "--stop-on-failure", "--parallel", "2"])
            // cargo's, where another build of the library lies.
            .env_remove("LD_LIBRARY_PATH")
            .status()
            .expect("timeout and ctest");
        assert!(status.success(), "{tests}: {status}");
    }
}
