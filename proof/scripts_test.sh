#!/bin/bash
# scripts/common.sh: a command that fails or is killed leaves its output and the reason.
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# expect REASON COMMAND: of the command under quietly and as a step, the output and the reason are shown.
expect() {
  local run output
  for run in "quietly $dir/log" "logs=$dir step title"; do
    output=$(bash -c ". $here/../scripts/common.sh; $run bash -c '$2'" 2>&1) && output="no failure: $output"
    if ! grep -q "its output" <<<"$output" || ! grep -q "$1" <<<"$output"; then
      printf 'FAILED: %s: its output or "%s" is missing in:\n%s\n' "$run" "$1" "$output"
      exit 1
    fi
  done
}
expect 'failed with status 3' 'echo its output; exit 3'
expect 'was killed by SIGKILL' 'echo its output; kill -KILL $$'
