#!/bin/bash
# Compares with every release in python/deepspeed_aio_utils/releases.txt, not only the first and last of
# each era.
#
#   RELEASES  a few of them instead, as in RELEASES="0.16.3 0.19.8"

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly build=$root/build/releases
releases=${RELEASES:-all}

scripts/setup.sh test
echo "The sources of each release of DeepSpeed come from PyPI, once."
step -n "configure" cmake --preset releases -DDSAIO_RELEASES="${releases// /;}" \
  -DDSAIO_CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}" &&
  step -n "build" cmake --build "$build" --parallel "$(nproc)" &&
  step -r "$build/ctest.xml" "ctest" ctest --test-dir "$build" --parallel "$(nproc)" \
    --output-on-failure --no-tests=error --output-junit "$build/ctest.xml" \
    --label-regex '^(parity|differential|symbols|layout|transfers|swap|load|releases)$' || true
[[ ! -e $build/ctest.xml ]] || scripts/counts.py --by-release "$build/ctest.xml"
summary
