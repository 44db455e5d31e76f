#!/bin/bash
# Measures the original and this library side by side: sets the machine up, builds, and hands over to
# bench/run.py.
#
#   QUICK=1  fewer sizes and rounds; the results stay in build/bench/ and leave bench/ alone
#   SIZE     of the transferred file (default 1GiB; quick 256MiB)
#   DIR      where it goes (default build/bench/data)
#   OUT      where results.json and results.svg go (default bench/; quick build/bench/)

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly build="$root/build/bench"

out=$root/proof/bench
options=()
if [[ -n ${QUICK:-} && $QUICK != 0 ]]; then
  options+=(--quick)
  out=$build
fi
[[ -z ${SIZE:-} ]] || options+=(--size "$SIZE")
mkdir -p "$build/data" || die "$build cannot be made."

"$root/scripts/setup.sh" bench
echo "Building (fetches the sources of DeepSpeed from PyPI, once; a minute the first time)"
quietly "$build/configure.log" cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release \
  -DDSAIO_BUILD_TESTS=OFF -DDSAIO_BUILD_BENCH=ON \
  -DDSAIO_CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
quietly "$build/build.log" cmake --build "$build" --parallel "$(nproc)"
PYTHONDONTWRITEBYTECODE=1 exec python3 "$root/proof/bench/run.py" --build "$build" \
  --dir "${DIR:-$build/data}" --out "${OUT:-$out}" "${options[@]}"
