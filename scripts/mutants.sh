#!/bin/bash
# Changes the library in every way that cargo-mutants knows, one change at a time, and runs the Rust
# tests and the C++ harness on each. What no test notices must be in tests/mutants.txt, with the
# reason why nobody could.
#
#   ONLY  a regular expression: only these of `cargo mutants --list` (the figures stay as they are)

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=broken_copy.sh
. "$root/scripts/broken_copy.sh"

readonly build="$root/build/mutants"
readonly copy="$build/source"
readonly harness="$build/harness"
readonly known="$root/tests/mutants.txt"
# The programs of the tests that tests/the_cpp_harness.rs runs.
readonly programs=(flat parity allocator allocator_helpers allocator_probe
  transfers_own transfers_0_19_8_original_header swap_0_19_8_linked_to_original)
# A mutant that leaks or never ends must not take the machine's memory. The largest test asks for
# 4 GiB.
readonly most_memory=$((8 << 20)) # KiB

# cargo-mutants passes over every `unsafe fn`, which is all of the ABI. In the copy they are plain
# functions: their bodies have blocks for what is unsafe, so the same code comes of it.
open_to_mutants() {
  find "$copy/src" -name '*.rs' -exec sed -E -i 's/\bunsafe (extern "C" )?fn\b/\1fn/' {} +
  if grep -rnE '\bunsafe (extern "C" )?fn\b' "$copy/src" >&2; then
    die "these lines of the copy still say unsafe fn, so cargo-mutants would pass over them."
  fi
  sed -i '/^test = false/d' "$copy/Cargo.toml"
}

run_mutants() {
  local status=0
  cd "$copy"
  # The Rust tests run with the overflow, the assertions and the panics of a release; its link-time
  # optimisation would take most of the time. The harness gets the library as it ships.
  (
    ulimit -v "$most_memory"
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_INCREMENTAL=true \
      CARGO_TARGET_DIR="$build/target" DSAIO_HARNESS="$harness"
    cargo mutants --in-place --profile release --timeout 150 --no-shuffle --colors never \
      --output "$build" ${ONLY:+--re "$ONLY"}
  ) || status=$?
  # 2: some survived, 3: some never ended. What that means is the report's to say.
  ((status == 0 || status == 2 || status == 3)) ||
    die "cargo mutants failed with status $status; $build/mutants.out/log has what it ran."
}

"$root/scripts/setup.sh" mutants
mkdir -p "$build" || die "$build cannot be made."
copy_checkout "$copy"
echo "Building the C++ harness (minutes the first time)"
quietly "$build/configure.log" cmake -S "$copy" -B "$harness" -DCMAKE_BUILD_TYPE=Release \
  -DDSAIO_BUILD_TESTS=ON -DDSAIO_RELEASES=0.19.8
quietly "$build/build.log" cmake --build "$harness" --parallel "$(nproc)" --target "${programs[@]}"
open_to_mutants
run_mutants
"$root/scripts/mutants_report.py" "$build/mutants.out" "$known" ${ONLY:+--part}
