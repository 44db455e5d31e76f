# shellcheck shell=bash
# A virtual environment with given requirements, made where it is not there yet; sourced, not run.

# make_venv DIRECTORY REQUIREMENT...: as pip takes them.
make_venv() {
  local directory=$1
  shift
  # Written last, so that an interrupted installation is done again.
  [[ -e $directory/complete && $(cat "$directory/complete") == "$*" ]] && return
  rm -rf "$directory"
  python3 -m venv "$directory" || return
  "$directory/bin/python" -m pip install --quiet --disable-pip-version-check "$@" || return
  echo "$*" >"$directory/complete"
}
