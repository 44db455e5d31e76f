#!/bin/bash
# All tiers in turn, whatever fails; then one line for each, and the sum. Each tier's result is written
# into its row of the table in docs/parity.md.
#
#   TIERS  only these

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
mkdir -p "$logs"
readonly record=docs/parity.md
read -ra tiers <<<"${TIERS:-test msrv test-releases test-aarch64 test-machines test-filesystems wheels sanitizers fuzz defects mutants test-deepspeed}"
for tier in "${tiers[@]}"; do
  grep -q "^| \`make $tier\` |" $record || die "add a row for 'make $tier' to the table of tests in $record."
done
# Before the first row is written, which changes the checkout.
run="$(date -u +%F), $(git describe --always --dirty), $(nproc) x $(lscpu | sed -n 's/^Model name: *//p' | head -n 1)"

for tier in "${tiers[@]}"; do
  printf '\n==== make %s\n' "$tier"
  status=0 began=$SECONDS log=$logs/$tier.log
  make --no-print-directory "$tier" 2>&1 | tee "$log" || status=$?
  # Every tier has such a line, after which make reports a failure; one that has none was cut short.
  if [[ $(grep '^[0-9]* passed, ' "$log" | tail -n 1) =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
  else
    p=0 f=0 s=0 status=1
  fi
  ((status == 0 || f > 0)) || f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  result="$p passed, $f failed, $s skipped" seconds=$((SECONDS - began))
  step_lines+=("$(printf '%-16s %s (%d s)' "$tier" "$result" "$seconds")")
  sed -i "s#^\(| \`make $tier\` |\)[^|]*|[^|]*|[^|]*|#\1 $result | $(((seconds + 59) / 60)) min | $run |#" $record
done
summary
