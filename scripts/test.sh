#!/bin/bash
# test.sh STEP...
#
# The steps of `make check`, `make test` and `make lint`. All of them run, whatever fails; the last
# line is the sum. It installs nothing; setup.sh does.
#
#   TESTS    of ctest's tests, only those whose names match this regular expression
#   PYTESTS  of pytest's tests, only those that match this expression, as for pytest -k

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly steps='lint scripts cargo package parity ctest python demo'

# files NAME...: our files with such names.
files() {
  local names=() name
  for name; do names+=(-o -name "$name"); done
  find . \( -path ./build -o -path ./target -o -path ./.git \) -prune -o \
    \( "${names[@]:1}" \) -type f ! -path './include/*' -print
}

# tool PROGRAM COMMAND...: a step that the program gives its name, if it is here. (rustup has a proxy for
# every component, installed or not.)
tool() {
  if $1 --version >/dev/null 2>&1; then
    step "$@" || true
  else
    skip "$1" "$1 is not installed; 'make lint' installs it"
  fi
}

lint() {
  tool "cargo fmt" cargo fmt --all --check
  tool "cargo clippy" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
  # All targets are those that `cargo test` runs; this one is for `make mutants`.
  tool "cargo clippy" cargo clippy --locked --test mutants_harness --quiet -- -D warnings
  # shellcheck disable=SC2046  # none of our files has a space in its name
  {
    tool shellcheck shellcheck --severity=warning -x -P SCRIPTDIR .ci/run proof/machines/init $(files '*.sh')
    tool clang-format clang-format --dry-run --Werror --style=file:proof/.clang-format $(files '*.cpp' '*.h' '*.c')
    tool check-jsonschema check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
  }
  tool ruff ruff check --quiet --cache-dir build/ruff-cache .
  tool mypy mypy --cache-dir build/mypy-cache
}

# The core is tested without a C++ compiler, which it does not need.
cargo_test() {
  step -r log "cargo test, core" env CXX=/bin/false cargo test --locked --package dsaio --no-fail-fast || true
  step -r log "cargo test, others" cargo test --locked --workspace --exclude dsaio --no-fail-fast || true
}

cargo_package() {
  local only=()
  # Before 1.90 cargo wants the core to be published before it packages what depends on it.
  at_least 1.90 "$(cargo --version | cut -d ' ' -f 2)" || only=(--package dsaio)
  # Without its trial build: that takes the core from a cache, where one of the same version may be older.
  step "cargo package" cargo package --locked --allow-dirty --no-verify --quiet "${only[@]}" || true
}

# cmake_tests PRESET [CTEST_OPTION...]
cmake_tests() {
  local preset=$1 xml=$root/build/$1/ctest.xml
  step -n "configure C++ tests" cmake --preset "$preset" || return 0
  step -n "build C++ tests" cmake --build --preset "$preset" --parallel "$(nproc)" || return 0
  step -r "$xml" "ctest" ctest --preset "$preset" --parallel "$(nproc)" --output-junit "$xml" "${@:2}" ||
    true
}

python_package() {
  if [[ ! -x build/tools/bin/pytest ]]; then
    skip pytest "pytest is not in build/tools; 'make lint' or 'make test' installs it from PyPI"
    return
  fi
  step -r build/pytest.xml pytest pytest --color=no --junit-xml build/pytest.xml \
    ${PYTESTS:+-k "$PYTESTS"} || true
}

(($# > 0)) || die "name the steps: $steps."
for name; do
  case $name in
    lint) lint ;;
    scripts) step "scripts" proof/scripts_test.sh || true ;;
    cargo) cargo_test ;;
    package) cargo_package ;;
    parity) cmake_tests check ;;
    ctest) cmake_tests test ${TESTS:+--tests-regex "$TESTS"} ;;
    python) python_package ;;
    demo) SIZE=64MiB step "make demo" scripts/bench.sh demo || true ;;
    *) die "there is no step $name; choose of: $steps." ;;
  esac
done
summary
