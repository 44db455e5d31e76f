#!/bin/bash
# Tries every fault on DeepSpeed's own loops and on ours, and prints as Markdown what became of each: the
# table in docs/faults.md. Faults of disks need the privilege to mount.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
scripts/setup.sh test >&2
mkdir -p build/test
quietly build/test/configure.log cmake --preset test
echo "Building, then minutes of waiting: where the original hangs, a time limit ends it" >&2
quietly build/test/faults.log cmake --build --preset test --parallel "$(nproc)" --target fault_tool \
  fault_utils_NDEBUG fault_common_NDEBUG fault_utils_UNDEBUG fault_common_UNDEBUG
cmake --build --preset test --target fault_table | grep '^|'
