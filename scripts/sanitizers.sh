#!/bin/bash
# The library and its tests under AddressSanitizer, UndefinedBehaviorSanitizer, ThreadSanitizer,
# valgrind and Miri. `make test` has the part of it that a stable toolchain can do on the library as
# it is; here the Rust code is instrumented as well. The last line is the sum.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly build="$root/build/sanitizers"
readonly log="$build/log"
export CARGO_TERM_COLOR=never GTEST_COLOR=no

passed=0 failed=0 skipped=0

# finish TITLE PASSED FAILED SKIPPED
finish() {
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  printf '%-34s %s passed, %s failed, %s skipped (%s s)\n' "$1" "$2" "$3" "$4" "$((SECONDS - began))"
}

# A step that passes or fails as a whole.
check() { # check TITLE COMMAND...
  local title=$1
  shift
  began=$SECONDS
  if "$@" >"$log" 2>&1 </dev/null; then
    finish "$title" 1 0 0
  else
    cat "$log"
    finish "$title" 0 1 0
    return 1
  fi
}

# RUSTC_BOOTSTRAP lets a stable rustc take -Zsanitizer. The bytes of flat_bytes are the fuzzer's own
# to run under AddressSanitizer, with the options that they need. ThreadSanitizer would see nothing
# here but the standard library, not instrumented, running the tests in threads.
cargo_test_asan() {
  local host
  host=$(rustc -vV | sed -n 's/^host: //p')
  # A size that no machine has is to be refused, not to end the test; and AddressSanitizer's mlock
  # locks nothing, as the second test left out would notice.
  env ASAN_OPTIONS=allocator_may_return_null=1 \
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address RUSTDOCFLAGS=-Zsanitizer=address \
    cargo test --locked --no-fail-fast --target "$host" --target-dir "$build/cargo-asan" \
    -- --skip any_bytes_as_calls --skip a_locked_buffer_is_locked_as_long_as_it_lives
}

harness() {
  local p f s
  check "configure" cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DDSAIO_BUILD_TESTS=ON \
    -DDSAIO_SANITIZERS=ON -DDSAIO_CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}" || return 0
  check "build" cmake --build "$build" --parallel "$(nproc)" --target sanitizer_programs || return 0
  began=$SECONDS
  rm -f "$build/ctest.xml"
  ctest --test-dir "$build" -L sanitizers --parallel "$(nproc)" --output-on-failure \
    --no-tests=error --output-junit "$build/ctest.xml" >"$log" 2>&1 </dev/null ||
    grep -Ev ' Passed |^ +Start +[0-9]+: ' "$log" || true
  : >"$build/skipped"
  read -r p f s < <("$root/scripts/ctest_counts.py" "$build/ctest.xml" "$build/skipped" "$build/failed" || echo 0 1 0)
  # No test is no pass.
  ((p + f > 0)) || f=1
  sed 's/^/  skipped: /' "$build/skipped"
  finish "C++ harness" "$p" "$f" "$s"
}

# The safe core alone: Miri knows neither posix_memalign nor mlock.
miri() {
  began=$SECONDS
  if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "  skipped: Miri is not installed; it comes with 'rustup +nightly component add miri'"
    finish "Miri" 0 0 1
  else
    check "Miri" cargo +nightly miri test --lib --target-dir "$build/cargo-miri" || true
  fi
}

mkdir -p "$build" || die "$build cannot be made."
cd "$root"
scripts/setup.sh sanitizers
check "cargo test, AddressSanitizer" cargo_test_asan || true
harness
miri
echo "sanitizers: $passed passed, $failed failed, $skipped skipped"
((failed == 0))
