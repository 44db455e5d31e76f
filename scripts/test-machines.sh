#!/bin/bash
# The tests in machines that qemu emulates: proof/machines/machines.ini has them. Where all of them pass, what they
# ran goes to docs/parity.md.
#
#   ONLY  only the machines whose names match this regular expression

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
mapfile -t machines < <(sed -n '/DEFAULT/d; s/^\[\(.*\)\]$/\1/p' proof/machines/machines.ini | grep -E "${ONLY:-}")
((${#machines[@]} > 0)) || die "no machine matches ONLY=$ONLY"

scripts/setup.sh machines
for preset in check aarch64; do
  step -n "configure, $preset" cmake --preset "$preset" &&
    step -n "build, $preset" cmake --build "build/$preset" --parallel "$(nproc)" || { summary || exit; }
done
for machine in "${machines[@]}"; do
  step -r "build/machines/$machine/junit.xml" "$machine" proof/machines/run.py "$machine" || true
done
if [[ -z ${ONLY:-} ]] && ((failed == 0)); then proof/machines/table.py; fi
summary
