#!/bin/bash
# Compares with every release in python/deepspeed_aio_utils/releases.txt, not only the edges of the eras, and prints
# the matrix. The last line is the sum.
#
#   RELEASES  a few of them instead, as in RELEASES="0.16.3 0.19.8"

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly build="$root/build/releases"
readonly table="$root/python/deepspeed_aio_utils/releases.txt"
releases=${RELEASES:-all}

mkdir -p "$build"
"$root/scripts/setup.sh" test
echo "Configuring (fetches the sources of each release of DeepSpeed from PyPI, once)"
quietly "$build/configure.log" cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release \
  -DDSAIO_BUILD_TESTS=ON -DDSAIO_RELEASES="${releases// /;}" -DDSAIO_DIFFERENTIAL_CASES=30000 \
  -DDSAIO_CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
echo "Building each release's library and callers"
quietly "$build/build.log" cmake --build "$build" --parallel "$(nproc)"
echo "Testing"
status=0
ctest --test-dir "$build" --parallel "$(nproc)" --output-on-failure --no-tests=error \
  --label-regex '^(parity|differential|symbols|layout|transfers|swap|load|releases)$' \
  --output-junit "$build/ctest.xml" >"$build/ctest.log" 2>&1 </dev/null || status=$?
((status == 0)) || grep -Ev ' Passed | Start ' "$build/ctest.log" >&2 || true
"$root/scripts/releases_matrix.py" "$build/ctest.xml" "$table"
read -r passed failed skipped < <("$root/scripts/ctest_counts.py" "$build/ctest.xml" "$build/skipped" "$build/failed")
((status == 0 || failed > 0)) || failed=1
echo "$passed passed, $failed failed, $skipped skipped"
exit "$((failed > 0))"
