#!/bin/bash
# bench.sh demo|bench: builds DeepSpeed's libraries and ours, moves a file with both, in turn, and
# compares; `bench` moves tensors of many sizes, and has fio beside them.
#
#   SIZE     of the file and the largest tensor (default 1GiB; 256MiB with QUICK=1)
#   DIR      where the file goes (default build/bench)
#   QUICK=1  bench: fewer rounds and sizes, and the committed figures are left alone
#
# Ends with status 77 where DeepSpeed's sources cannot be fetched.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly purpose=${1:-bench} build="$root/build/bench"
readonly manifest="$build/proof/bench/manifest.json"

# The system's Python has matplotlib where another one comes first in PATH and has none.
python=python3
! /usr/bin/python3 -c 'import matplotlib' 2>/dev/null || python=/usr/bin/python3
measure=(env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/python"
  "$python" "$root/proof/bench/run.py" "$purpose" "$build")

cd "$root"
mkdir -p "$build" || die "$build cannot be made."
"${measure[@]}" check
echo "Building (the first time a minute, and DeepSpeed's sources are fetched from PyPI)"
rm -f "$manifest"
quietly "$build/configure.log" cmake --preset bench
if [[ ! -e $manifest ]]; then
  echo "$purpose: DeepSpeed's sources cannot be installed from PyPI, so there is nothing to compare with." >&2
  exit 77
fi
quietly "$build/build.log" cmake --build --preset bench --parallel "$(nproc)"
exec "${measure[@]}"
