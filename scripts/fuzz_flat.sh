#!/bin/bash
# Fuzzes the flat C API from raw bytes, by coverage and under AddressSanitizer (fuzz/), for TIME
# seconds (default 60). What it found worth keeping stays in build-fuzz-flat/corpus, and the next run
# begins there.
#
# fuzz_flat.sh --seeded: no fuzzing for its own sake; breaks copies of the library, and shows that
# the fuzzer finds each defect.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly build="$root/build-fuzz-flat"
readonly time=${TIME:-60}
# The sanitizers are unstable options of the compiler. With this any toolchain takes them, so what is
# fuzzed is built by the compiler that builds the library.
export RUSTC_BOOTSTRAP=1 CARGO_TERM_COLOR=never

[[ $time =~ ^[1-9][0-9]*$ ]] || die "TIME=$time is no number of seconds; give one, as in TIME=600."
host=$(rustc -vV | sed -n 's/^host: //p')
readonly host

check_runtime() {
  compgen -G "$(rustc --print sysroot)/lib/rustlib/$host/lib/librustc-*_rt.asan.a" >/dev/null ||
    die "this Rust toolchain comes without AddressSanitizer's runtime; install one with rustup (https://rustup.rs)."
}

# Every tree has a target directory of its own: cargo would take what one left for the other's.
build_fuzzer() { # build_fuzzer TREE TARGET PROGRAM
  (cd "$1" && quietly "$3.log" cargo fuzz build --fuzz-dir fuzz --target "$host" \
    --target-dir "$2" flat)
  cp "$2/$host/release/flat" "$3"
}

# DIR/corpus is gone on with, what breaks it goes to DIR/found, libFuzzer's own words to DIR/log.
run_fuzzer() { # run_fuzzer DIR SECONDS
  mkdir -p "$1/corpus" "$1/found"
  "$1/flat" -max_total_time="$2" -max_len=1024 -timeout=60 -rss_limit_mb=4096 \
    -print_final_stats=1 -print_coverage=1 -artifact_prefix="$1/found/" "$1/corpus" \
    >"$1/log" 2>&1 </dev/null
}

fuzz() {
  local log=$build/log status=0 runs functions
  echo "Building the library with AddressSanitizer, and the fuzzer (some minutes the first time)"
  build_fuzzer "$root" "$build/target" "$build/flat"
  echo "Fuzzing for $time s; all that libFuzzer says is in $log"
  run_fuzzer "$build" "$time" || status=$?
  if ((status != 0)); then
    grep -Ev '^(UN)?COVERED|UNCOVERED_PC|^#[0-9]+' "$log" | head -n 60 >&2
    die "a defect was found (above); to see it again: $build/flat $build/found/*"
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
  functions=$(awk '/^COVERED_FUNC/ && $6 ~ /^dsaio_/ { print "  " $6, $5, "edges" }' "$log" | sort -u)
  echo "Covered, of the debug build's edges:"
  echo "$functions"
  (($(wc -l <<<"$functions") == 8)) || die "not every function was reached; see $log."
  sed -n 's/^#\([0-9]*\)[[:space:]]*DONE *cov: \([0-9]*\) ft: \([0-9]*\) corp: \([0-9]*\).*/\2 edges, \3 features, a corpus of \4 inputs/p' \
    "$log" >"$build/coverage"
  echo "fuzz-flat: ${runs:-0} executions in $time s, $(cat "$build/coverage"), no defect"
}

# ---- The check that it can fail ----

# What is broken, where, and how: a sed expression that must change the file.
readonly defects='
one_block_too_many      src/checked.rs  s|left.div_ceil(block_size)|(left / block_size + 1)|
file_end_unchecked      src/checked.rs  s|^            .checked_add(self.num_bytes)$|            .checked_add(0)|
refused_but_moved_on    src/abi/c.rs    s|^ *let (blocks, after) = generator.next.*|&*generator = after;|
reads_behind_the_array  src/abi/c.rs    s|^ *let slots = unsafe .*count) };|&unsafe { iocbs.add(count).read_volatile() };|
writes_behind_the_iocb  src/abi/c.rs    s|^ *unsafe { slot.write(.*|&unsafe { slot.add(1).cast::<u8>().write_volatile(0) };|
leaks_when_it_refuses   src/abi/c.rs    s|^    if size < 1 {|&let _ = page_alloc::allocate(64, false);|
'

seeded() {
  local tree=$build/seeded/tree name file expression found=0 all=0 began
  echo "Building each broken copy, and fuzzing it (some minutes the first time)"
  while read -r name file expression; do
    [[ -n $name ]] || continue
    all=$((all + 1))
    rm -rf "$build/seeded"
    mkdir -p "$tree"
    (cd "$root" && cp -r Cargo.toml Cargo.lock build.rs build_support cbindgen.toml include src \
      tests "$tree" && mkdir "$tree/fuzz" && cp -r fuzz/Cargo.* fuzz/fuzz_targets "$tree/fuzz")
    sed -i "$expression" "$tree/$file"
    ! cmp -s "$root/$file" "$tree/$file" ||
      die "$name changes nothing in $file; renew its expression in $0."
    build_fuzzer "$tree" "$build/seeded-target" "$build/seeded/flat"
    began=$SECONDS
    if run_fuzzer "$build/seeded" 60; then
      echo "$name: NOT FOUND in 60 s"
      continue
    fi
    found=$((found + 1))
    printf '%-24s found in %d s: %s\n' "$name" "$((SECONDS - began))" "$(first_words)"
  done <<<"$defects"
  rm -rf "$build/seeded"
  echo "fuzz-flat: $found of $all seeded defects found"
  ((found == all))
}

# What it said: the panic's message, or the sanitizer's first line.
first_words() {
  awk '/panicked at/ { getline; print; exit }
    /ERROR: (Address|Leak)Sanitizer/ { sub(/^==[0-9]+==ERROR: /, ""); print; exit }' \
    "$build/seeded/log" | cut -c 1-90
}

mkdir -p "$build" || die "$build cannot be made."
"$root/scripts/setup.sh" fuzz-flat
check_runtime
case ${1:-} in
  '') fuzz ;;
  --seeded) seeded ;;
  *) die "usage: fuzz_flat.sh [--seeded]" ;;
esac
