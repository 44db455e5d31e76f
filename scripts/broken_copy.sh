# shellcheck shell=bash
# A copy of the checkout that may be broken; sourced by the scripts that do, after common.sh.

# The files of a checkout, relative to it: none that .gitignore names, and not the history.
files_of() { # files_of DIRECTORY
  (cd "$1" && find . \( -path ./.git -o -path ./target -o -path ./build \
    -o -name __pycache__ \) -prune -o -type f -printf '%P\n') | sort
}

# Makes DIRECTORY the same as the checkout. What is the same already keeps its time, so that a build
# of the copy redoes only what has changed since, what was broken in it included.
copy_checkout() { # copy_checkout DIRECTORY
  local to=$1 file
  mkdir -p "$to" || die "$to cannot be made."
  # shellcheck disable=SC2154  # common.sh sets it
  files_of "$root" >"$to.files"
  while IFS= read -r file; do rm -f "$to/$file"; done < <(files_of "$to" | comm -23 - "$to.files")
  while IFS= read -r file; do
    cmp -s "$root/$file" "$to/$file" && continue
    mkdir -p "$(dirname "$to/$file")"
    cp "$root/$file" "$to/$file"
  done <"$to.files"
}
