#!/bin/bash
# Compares with every release in python/deepspeed_aio_utils/releases.txt, not only the first and last of
# each era.
#
#   RELEASES  a few of them instead, as in RELEASES="0.16.3 0.19.8"

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly xml=$root/build/releases/ctest.xml
releases=${RELEASES:-all}

scripts/setup.sh test
rm -f "$xml"
echo "The sources of each release of DeepSpeed come from PyPI, once."
step -n "configure" cmake --preset releases -DDSAIO_RELEASES="${releases// /;}" &&
  step -n "build" cmake --build --preset releases --parallel "$(nproc)" &&
  step -r "$xml" "ctest" ctest --preset releases --parallel "$(nproc)" --output-junit "$xml" || true
[[ ! -e $xml ]] || scripts/counts.py --by-release "$xml"
summary
