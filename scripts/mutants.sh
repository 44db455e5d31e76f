#!/bin/bash
# Changes the two libraries in every way that cargo-mutants knows, one change at a time: first the Rust tests
# run on each, then, on what they did not notice, the C++ tests. A change that nothing notices must be
# in proof/mutants/survivors.txt, with the reason why nothing could.
#
#   ONLY  a regular expression: only these of `cargo mutants --list`

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly build="$root/build/mutants"
readonly copy="$build/source"
readonly known="$root/proof/mutants/survivors.txt"
export DSAIO_HARNESS="$build/harness"
# The C++ programs that proof/mutants/harness.rs runs tests of.
readonly programs='^(parity|differential|allocator\w*|transfers_newest_\w+|swap_newest_linked_to_original|common|fault_tool)$'
readonly packages=(deepspeed_aio_utils deepspeed_aio_common dsaio)
readonly sources=(src common/src core/src)

# cargo-mutants passes over every `unsafe fn`, which is all of the C++ and C API. In the copy they are
# plain functions: what is unsafe in their bodies has blocks of its own, so the code stays the same.
open_to_mutants() {
  find "${sources[@]/#/$copy/}" -name '*.rs' -exec \
    sed -E -i 's/\bunsafe (extern "C" )?fn\b/\1fn/' {} +
  if grep -rnE '\bunsafe (extern "C" )?fn\b' "${sources[@]/#/$copy/}" >&2; then
    die "these lines of the copy still say unsafe fn, so cargo-mutants would pass over them."
  fi
}

# in_copy COMMAND...: in the copy, built as the mutants are.
in_copy() (
  cd "$copy"
  # The kernel ends a mutant that leaks before anything else. A limit of its address space would change
  # what the allocator does.
  echo 1000 >/proc/self/oom_score_adj
  # The overflow and the assertions of a release, without the time that its optimisation takes. With
  # DOCS_RS the build script leaves out the C++ compiler, which sees nothing of a function's body.
  export DOCS_RS=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_INCREMENTAL=true TMPDIR="$build/tmp"
  unset CARGO_TARGET_DIR
  "$@"
)

# mutants TIMEOUT OPTION...: two mutants at a time, each in a copy of its own.
mutants() {
  local timeout=$1 status=0
  shift
  in_copy cargo mutants --profile release --jobs 2 --timeout "$timeout" --no-shuffle --colors never \
    --gitignore false --output "$build" "${packages[@]/#/--package=}" \
    "${packages[@]/#/--test-package=}" ${ONLY:+--re "$ONLY"} "$@" || status=$?
  # 2: some survived, 3: some never ended. What that means is seen below.
  ((status == 0 || status == 2 || status == 3)) ||
    die "cargo mutants failed with status $status; $build/mutants.out/log has what it ran."
}

# names OUTCOME...: the mutants of a run with that outcome, without the lines that they are in, so that
# an edit elsewhere in a file changes no name.
names() { (cd "$out" && cat "${@/%/.txt}") | sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1: /' | sort; }
lines() { grep -c . || true; } # counts them
listed() { sed -nE '/^(src|common|core)\//p' "$known" | sort; }

"$root/scripts/setup.sh" mutants
rm -rf "$copy"
mkdir -p "$build/tmp" "$copy"
tar -C "$root" --exclude=./build --exclude=./target --exclude=./.git -cf - . | tar -C "$copy" -xf -
open_to_mutants
echo "Building the C++ tests (minutes the first time)"
quietly "$build/configure.log" cmake -S "$root" -B "$DSAIO_HARNESS" -DCMAKE_BUILD_TYPE=Release \
  -DDSAIO_BUILD_TESTS=ON -DDSAIO_RELEASES=newest
mapfile -t targets < <(cmake --build "$DSAIO_HARNESS" --target help | sed -nE 's/^\.\.\. (\w+).*/\1/p' |
  grep -E "$programs")
quietly "$build/build.log" cmake --build "$DSAIO_HARNESS" --parallel "$(nproc)" --target "${targets[@]}"

rm -rf "$build/mutants.out" "$build/mutants.out.old"
echo "The Rust tests"
mutants 30 -- --tests # those take 5 seconds
out=$build/mutants.out
total=$(names caught missed timeout unviable | lines)
unviable=$(names unviable | lines) rust=$(names caught | lines) ended=$(names timeout | lines)
tried=$(names caught missed timeout unviable)
never_end=$(names timeout)
((total > 0)) || die "no mutant matches ONLY=${ONLY-}."
echo "The C++ tests, without a change, then on what is left"
# cargo-mutants does this for the packages that have mutants alone.
quietly "$build/unchanged.log" in_copy cargo test --release "${packages[@]/#/--package=}" --test mutants_harness
# What never ends is done; it would be tried again.
cat "$out/timeout.txt" >>"$out/caught.txt"
mutants 300 --iterate --baseline=skip -- --test mutants_harness
cxx=$(names caught timeout | comm -23 - <(echo "$never_end") | lines)
survived=$(names missed | comm -23 - <(echo "$never_end"))
listed=$(listed | comm -12 - <(echo "$tried"))

printf '%5d %s\n' "$total" mutants "$unviable" 'that do not compile' "$rust" 'caught by the Rust tests' \
  "$cxx" 'caught by the C++ tests, after the Rust tests had passed' \
  "$ended" 'that never end, which the time limit catches' "$(lines <<<"$survived")" survivors
comm -23 <(echo "$survived") <(echo "$listed") | sed '/./s/^/NOT LISTED: /'
comm -13 <(echo "$survived") <(echo "$listed") | sed '/./s/^/LISTED, but caught: /'
# Survivors of a run of all mutants are those that are listed; a listed name must still exist.
stale=$([[ -n ${ONLY:-} ]] || comm -23 <(listed) <(echo "$tried"))
sed '/./s/^/LISTED, but no mutant: /' <<<"$stale"
differences=$({ comm -3 <(echo "$survived") <(echo "$listed") && echo "$stale"; } | lines)
((differences == 0)) || echo "Write a test that catches what survived, or list it in $known with the" \
  "reason why no test could; take out of the list what is caught."
echo "$((total - unviable - differences)) passed, $differences failed, 0 skipped"
((differences == 0))
