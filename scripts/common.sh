# shellcheck shell=bash
# What every script here starts with; sourced, not run.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Test tools of our own, then cargo where rustup puts it: not every shell looks there.
PATH=$root/build/tools/bin:${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH
# Numbers and messages that can be parsed.
export LC_ALL=C CARGO_TERM_COLOR=never GTEST_COLOR=no PYTHONDONTWRITEBYTECODE=1
# The builds below are no sub-makes: `make demo DIR=...` must not set a DIR in them.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL CDPATH

die() {
  echo "$(basename "$0" .sh): $*" >&2
  exit 1
}

at_least() { [[ -n $2 && $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; } # at_least WANTED PRESENT

# quietly LOG COMMAND...: shows the output only if the command fails, whether by its status or by a
# signal, and ends the script then.
quietly() {
  local log=$1 status=0
  shift
  "$@" >"$log" 2>&1 </dev/null || status=$?
  ((status == 0)) && return
  cat "$log" >&2
  die "this $(how_it_failed "$status"): $*"
}

how_it_failed() { # how_it_failed STATUS
  if (($1 > 128)) && kill -l "$(($1 - 128))" >/dev/null 2>&1; then
    echo "was killed by SIG$(kill -l "$(($1 - 128))")"
  else
    echo "failed with status $1"
  fi
}

# make_venv DIRECTORY REQUIREMENT...: a virtual environment with these requirements, as pip takes
# them. One that is complete already is left alone.
make_venv() {
  ! has_venv "$@" || return 0
  local directory=$1
  rm -f "$directory/complete"
  python3 -m venv "$directory" || return
  "$directory/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}" || return
  # Written last, so that an interrupted installation is done again.
  requirements "${@:2}" >"$directory/complete"
}

has_venv() { [[ -e $1/complete && $(cat "$1/complete") == "$(requirements "${@:2}")" ]]; }

# The words, and what is in those that are files.
requirements() {
  local word
  for word; do if [[ -f $word ]]; then cat "$word"; else echo "$word"; fi; done
}

# ---- Steps: what every tier consists of ----

passed=0 failed=0 skipped=0
step_lines=() skip_lines=() fail_lines=()
logs=$root/build/logs/$(basename "$0" .sh)

# step [-n] [-r RESULTS] TITLE COMMAND...
#
# Runs a command, its output in $logs, and counts the outcome; all of the output is shown if it fails.
#   -r  the JUnit XML file that the command writes, or "log" for the output of cargo test: the tests
#       in it are counted. Otherwise the command counts as one test.
#   -n  a step that only makes the next one possible: it counts only if it fails.
# Status 77 is a skip, whose reason is the last line; in CI, where everything is set up, a failure.
step() {
  local count=1 results='' title log status=0 began=$SECONDS kind text p=0 f=0 s=0
  while [[ $1 == -* ]]; do
    case $1 in
      -n) count=0 ;;
      -r) results=$2 && shift ;;
    esac
    shift
  done
  title=$1
  shift
  log=$logs/$(tr -cs 'a-z0-9\n' - <<<"${title,,}").log
  mkdir -p "$logs"
  echo "== $title"
  [[ -z $results ]] || rm -f "$results"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [[ -n $results ]]; then
    [[ $results != log ]] || results=$log
    while read -r kind text; do
      case $kind in
        counts) read -r p f s <<<"$text" ;;
        skipped) skip_lines+=("$text") ;;
        failed) fail_lines+=("$text") ;;
      esac
    done < <("$root/scripts/counts.py" "$results" 2>>"$log")
    if ((p + f == 0)); then
      echo "No test was run." >>"$log"
      status=1
    fi
  elif ((status == 0)); then
    p=$count
  elif ((status == 77)) && [[ -z ${CI+set} ]]; then
    s=1 status=0 && skip_lines+=("$title: $(tail -n 1 "$log")")
  fi
  if ((status != 0 && f == 0)); then
    f=1
    fail_lines+=("$title")
  fi
  if ((f > 0)); then
    # ctest and cargo say a line or two for each test that passed; what failed would be lost in them.
    grep -Ev '^ *[0-9]+/[0-9]+ Test +#.* Passed |^ +Start +[0-9]+: |^test .* \.\.\. ok$' "$log" || true
    ((status == 0)) || echo "This $(how_it_failed "$status"): $*"
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  text="$p passed, $f failed, $s skipped ($((SECONDS - began)) s)"
  ((p + f + s > 0)) || text="ok ($((SECONDS - began)) s)"
  echo "   $text"
  ((p + f + s == 0)) || step_lines+=("$(printf '%-24s %s' "$title" "$text")")
  ((f == 0))
}

# skip NAME REASON: in CI a failure, where what is missing can be installed.
skip() {
  echo "== $1"
  if [[ -n ${CI+set} ]]; then
    echo "   failed: $2"
    failed=$((failed + 1)) && fail_lines+=("$1: $2")
  else
    echo "   skipped: $2"
    skipped=$((skipped + 1)) && skip_lines+=("$1: $2")
  fi
}

# Prints what was skipped and what failed, and the sum as the last line; false if something failed.
summary() {
  echo
  if ((${#skip_lines[@]} > 0)); then printf '%s\n' Skipped: "${skip_lines[@]/#/  }" ''; fi
  if ((${#fail_lines[@]} > 0)); then printf '%s\n' Failed: "${fail_lines[@]/#/  }" ''; fi
  printf '%s\n' "${step_lines[@]}"
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}
