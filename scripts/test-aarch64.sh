#!/bin/bash
# The libraries and the original built for aarch64, and the tests that qemu-user can run.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly target=aarch64-unknown-linux-gnu xml=$root/build/aarch64/ctest.xml

# qemu-user has no kernel AIO (io_setup fails with ENOSYS), and its madvise does nothing. So of the Rust
# tests these are left out, and of the C++ tests all folders that are not named below.
readonly without=(
  a_few_small_contexts_are_kept_and_all_others_destroyed # the contexts are the kernel's
  a_queue_shows_what_it_has
  queues_leave_no_context_behind
  requests_of_others_are_not_ours
  system_calls_are_timed_on_request
  memory_is_checked_to_its_end # by madvise
)
readonly with='^(parity|differential|threads|symbols)$'
# These compile for the machine that they run on.
readonly native='^symbols\.(dsaio|common\.original.*|original.*libcxx)$'

# Optimised, because emulated: with the checks for overflow it takes a third of the time.
cargo_test() {
  env CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++ \
    CXXFLAGS_aarch64_unknown_linux_gnu="-I$root/build/aarch64/libaio/usr/include" \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
    CARGO_PROFILE_TEST_OPT_LEVEL=2 cargo test --locked --workspace --no-fail-fast --target "$target" \
    -- "${without[@]/#/--skip=}"
}

scripts/setup.sh aarch64
step -r log "cargo test" cargo_test || true
step -n "configure C++ tests" cmake --preset aarch64 &&
  step -n "build C++ tests" cmake --build --preset aarch64 --parallel "$(nproc)" --target check_programs &&
  step -r "$xml" "ctest" ctest --preset aarch64 --parallel "$(nproc)" --label-regex "$with" \
    --exclude-regex "$native" --output-junit "$xml" || true
summary
