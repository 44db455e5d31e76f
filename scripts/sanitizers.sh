#!/bin/bash
# The library and its tests under AddressSanitizer, UndefinedBehaviorSanitizer, ThreadSanitizer,
# valgrind and Miri. `make test` runs what a stable toolchain can do on the library as it is; here the
# Rust code is instrumented as well.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly xml=$root/build/sanitizers/ctest.xml

# RUSTC_BOOTSTRAP lets a stable rustc take -Zsanitizer. allocator_may_return_null: a size that no
# machine has is an error and does not end the test. AddressSanitizer's mlock locks nothing: one test is
# left out for that, and another leaves out a check (dsaio_asan). ThreadSanitizer would see only the
# standard library here, not instrumented, running the tests in threads.
asan() {
  local host
  host=$(rustc -vV | sed -n 's/^host: //p')
  env ASAN_OPTIONS=allocator_may_return_null=1 \
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address --cfg dsaio_asan" RUSTDOCFLAGS=-Zsanitizer=address \
    cargo test --locked --no-fail-fast --workspace --target "$host" --target-dir build/cargo-asan \
    -- --skip a_locked_buffer_is_locked_as_long_as_it_lives
}

scripts/setup.sh sanitizers
step -r log "cargo test, AddressSanitizer" asan || true
step -n "configure" cmake --preset sanitizers &&
  step -n "build" cmake --build --preset sanitizers --parallel "$(nproc)" &&
  step -r "$xml" "ctest" ctest --preset sanitizers --parallel "$(nproc)" --output-junit "$xml" || true
# The core alone, because Miri runs no C++ and has no mlock. Where Miri is missing this is skipped in CI too, which
# has a job for it.
if cargo +nightly miri --version >/dev/null 2>&1; then
  step -r log "Miri" cargo +nightly miri test --package dsaio --target-dir build/cargo-miri || true
else
  unset CI
  skip Miri "it is not installed; 'rustup +nightly component add miri rust-src' does that"
fi
summary
