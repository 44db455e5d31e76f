#!/bin/bash
# Every test and check there is. All steps run, whatever fails; the last line is the sum of them.
#
#   STEPS    only these, of: fmt clippy cargo ctest python demo
#   TESTS    of ctest's, only those whose names match this regular expression
#   PYTESTS  of pytest's, only those that match this expression, as for -k

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source-path=SCRIPTDIR source=python_env.sh
. "$root/scripts/python_env.sh"

readonly build="$root/build/test"
readonly logs="$build/logs"
readonly target="${CARGO_TARGET_DIR:-$root/target}"
export CARGO_TERM_COLOR=never GTEST_COLOR=no

passed=0 failed=0 skipped=0
step_lines=() skip_lines=() fail_lines=()

readonly all_steps="fmt clippy cargo ctest python demo"
wanted() { [[ " ${STEPS:-$all_steps} " == *" $1 "* ]]; }
for step in ${STEPS-}; do
  [[ " $all_steps " == *" $step "* ]] || die "STEPS=$STEPS: there is no $step; choose of: $all_steps."
done

# start TITLE COMMAND...: runs it, output to $log, status to $status.
start() {
  title=$1
  shift
  log=$logs/$(tr -cs 'a-z0-9\n' - <<<"${title,,}").log
  echo "== $title"
  local began=$SECONDS
  status=0
  "$@" >"$log" 2>&1 </dev/null || status=$?
  seconds=$((SECONDS - began))
}

# finish PASSED FAILED SKIPPED [NAME...]: counts the step. Its output is shown where something failed;
# the names are those of the tests that did.
finish() {
  # Whatever was counted, a status is a status.
  local n_failed=$2 counts
  if ((status != 0 && n_failed == 0)); then n_failed=1; fi
  counts="$1 passed, $n_failed failed, $3 skipped"
  passed=$((passed + $1)) failed=$((failed + n_failed)) skipped=$((skipped + $3))
  if ((n_failed > 0)); then
    without_passes "$log"
    if (($# > 3)); then fail_lines+=("${@:4}"); else fail_lines+=("$title"); fi
  fi
  step_lines+=("$(printf '%-24s %s (%d s)' "$title" "$counts" "$seconds")")
  echo "   $counts ($seconds s)"
}

# ctest and cargo say a line or two for each test that passed; what failed would be lost among them.
without_passes() {
  grep -Ev '^ *[0-9]+/[0-9]+ Test +#.* Passed |^ +Start +[0-9]+: |^test .* \.\.\. ok$' "$1" || true
}

# A step that passes or fails as a whole.
check() { # check TITLE COMMAND...
  start "$@"
  finish "$((status == 0))" "$((status != 0))" 0
}

# A step that only makes the next one possible: it counts where it fails.
prepare() { # prepare TITLE COMMAND...
  start "$@"
  if ((status != 0)); then
    finish 0 1 0
    return 1
  fi
  echo "   ok ($seconds s)"
}

no_tests() {
  echo "No test was run." >>"$log"
  status=1
}

cargo_test() {
  local p f s names
  start "cargo test" cargo test --locked --no-fail-fast
  # One such line for each test program: test result: ok. 3 passed; 0 failed; 1 ignored; ...
  read -r p f s < <(awk '/^test result:/ {
      for (i = 2; i <= NF; i++) {
        if ($i == "passed;") p += $(i - 1)
        if ($i == "failed;") f += $(i - 1)
        if ($i == "ignored;") s += $(i - 1)
      }
    } END { print p + 0, f + 0, s + 0 }' "$log")
  ((p + f > 0)) || no_tests
  while IFS= read -r line; do skip_lines+=("$line"); done < <(
    sed -n 's/^test \(.*\) \.\.\. ignored\(, \)\{0,1\}\(.*\)/\1: \3/p' "$log" |
      sed 's/: $/: no reason given/'
  )
  mapfile -t names < <(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log")
  finish "$p" "$f" "$s" "${names[@]}"
}

c_harness() {
  local xml=$build/ctest.xml p f s names
  prepare "configure C++ tests" cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release \
    -DDSAIO_BUILD_TESTS=ON -DDSAIO_CARGO_TARGET_DIR="$target" || return 0
  prepare "build C++ tests" cmake --build "$build" --parallel "$(nproc)" || return 0
  rm -f "$xml"
  start "ctest" ctest --test-dir "$build" --parallel "$(nproc)" --output-on-failure \
    --no-tests=error --output-junit "$xml" ${TESTS:+--tests-regex "$TESTS"}
  : >"$build/skipped"
  : >"$build/failed"
  read -r p f s < <("$root/scripts/ctest_counts.py" "$xml" "$build/skipped" "$build/failed" \
    2>>"$log" || echo 0 0 0)
  ((p + f > 0)) || no_tests
  while IFS= read -r line; do skip_lines+=("$line"); done <"$build/skipped"
  mapfile -t names <"$build/failed"
  finish "$p" "$f" "$s" "${names[@]}"
}

# The Python package. Its build and its tools come from PyPI.
python_package() {
  local venv=$build/python-venv xml=$build/pytest.xml p f s names
  start "set up Python tests" make_venv "$venv" -r python/tests/requirements.txt
  if ((status != 0)) && [[ -z ${CI+set} ]]; then
    status=0
    skip_lines+=("Python package: pip cannot install what python/tests/requirements.txt names; let it reach PyPI")
    finish 0 0 1
    return
  elif ((status != 0)); then
    finish 0 1 0
    return
  fi
  echo "   ok ($seconds s)"
  check "mypy" "$venv/bin/mypy" --cache-dir "$build/mypy-cache"
  rm -f "$xml"
  start "pytest" env PYTHONDONTWRITEBYTECODE=1 "$venv/bin/pytest" --color=no --junit-xml "$xml" \
    ${PYTESTS:+-k "$PYTESTS"}
  : >"$build/skipped"
  : >"$build/failed"
  read -r p f s < <("$root/scripts/pytest_counts.py" "$xml" "$build/skipped" "$build/failed" \
    2>>"$log" || echo 0 0 0)
  ((p + f > 0)) || no_tests
  while IFS= read -r line; do skip_lines+=("$line"); done <"$build/skipped"
  mapfile -t names <"$build/failed"
  finish "$p" "$f" "$s" "${names[@]}"
}

summary() {
  echo
  if ((${#skip_lines[@]} > 0)); then
    echo "Skipped:"
    printf '  %s\n' "${skip_lines[@]}"
    echo
  fi
  if ((${#fail_lines[@]} > 0)); then
    echo "Failed:"
    printf '  %s\n' "${fail_lines[@]}"
    echo
  fi
  printf '%s\n' "${step_lines[@]}"
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

mkdir -p "$logs"
cd "$root"
if ! scripts/setup.sh test; then
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi
if wanted fmt; then check "cargo fmt" cargo fmt --all --check -- --color never; fi
if wanted clippy; then
  check "cargo clippy" cargo clippy --locked --workspace --all-targets -- -D warnings
  # All targets are those that `cargo test` runs; this one is for `make mutants`.
  check "cargo clippy, harness" cargo clippy --locked --test the_cpp_harness -- -D warnings
fi
if wanted cargo; then cargo_test; fi
if wanted ctest; then c_harness; fi
if wanted python; then python_package; fi
if wanted demo; then check "make demo" make --no-print-directory demo SIZE=64M; fi
summary
