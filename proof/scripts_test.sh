#!/bin/bash
# scripts/common.sh: a command that fails or is killed leaves its output and the reason.
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# expect REASON COMMAND: run by `quietly` and as a step, the command's output and the reason are shown.
expect() {
  local run output
  for run in 'quietly "$2/log"' 'logs=$2 step title'; do
    # The output is other than any word of the command, which the reason names.
    output=$(bash -c ". \"\$1\"; $run bash -c \"\$3\"" _ "$here/../scripts/common.sh" "$dir" "echo out''put; $2" 2>&1) &&
      output="no failure: $output"
    if ! grep -q '^output$' <<<"$output" || ! grep -q "$1" <<<"$output"; then
      printf 'FAILED: %s: its output or "%s" is missing in:\n%s\n' "$run" "$1" "$output"
      exit 1
    fi
  done
}
expect 'failed with status 3' 'exit 3'
# shellcheck disable=SC2016  # the shell that is killed expands it
expect 'was killed by SIGKILL' 'kill -KILL $$'
