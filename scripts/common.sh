# shellcheck shell=bash
# What every script here starts with; sourced, not run.

set -euo pipefail

# shellcheck disable=SC2034  # used by the scripts that source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# rustup puts cargo there, and not everyone's shell looks there; before others, as rustup has it.
PATH=${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH
# Numbers and messages that can be parsed.
export LC_ALL=C
# The builds below are no sub-makes: `make demo DIR=...` must not set a DIR in them.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL CDPATH

die() {
  echo "$(basename "$0" .sh): $*" >&2
  exit 1
}

# Its output matters only when it fails.
quietly() { # quietly LOG COMMAND...
  local log=$1 status=0
  shift
  "$@" >"$log" 2>&1 </dev/null || status=$?
  ((status == 0)) && return
  ((status < 128)) || exit "$status"
  cat "$log" >&2
  die "this failed: $*"
}
