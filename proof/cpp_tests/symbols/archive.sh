#!/bin/sh
# The archive defines the listed symbols, and no others that C or C++ callers could mean.
#
# usage: archive.sh LIBRARY.a LIST
set -eu
export LC_ALL=C
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-symbols-XXXXXX")
trap 'rm -rf "$dir"' EXIT

# readelf, because nm hands Rust's objects to an LLVM plugin where one is installed, and an older
# one than Rust's own LLVM shows nothing. Rust's own symbols are mangled as _R..., or end in a hash.
readelf --wide --symbols "$1" 2> "$dir/errors" |
    awk '$5 == "GLOBAL" && $7 != "UND" { print $8 }' |
    grep -e '^_Z' -e '^dsaio_' | grep -v '17h[0-9a-f]\{16\}E$' | sort > "$dir/defined"
sort "$2" > "$dir/listed"
diff -u "$dir/listed" "$dir/defined" || {
    cat "$dir/errors"
    echo "FAILED: missing (-) or extra (+) definitions"
    exit 1
}
