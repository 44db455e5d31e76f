#!/bin/sh
# The shared library exports the listed symbols and nothing else.
#
# usage: shared.sh LIBRARY.so LIST
set -eu
export LC_ALL=C
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-symbols-XXXXXX")
trap 'rm -rf "$dir"' EXIT

nm -D --defined-only "$1" | awk '{ print $NF }' | sort > "$dir/exported"
sort "$2" > "$dir/listed"
diff -u "$dir/listed" "$dir/exported" || {
    echo "FAILED: missing (-) or extra (+) exports"
    exit 1
}
