#!/bin/sh
# The shared library exports the listed symbols and nothing else; the archive defines them, and no
# others that C or C++ callers could mean.
#
# usage: library.sh LIBRARY.so|LIBRARY.a LIST
set -eu
export LC_ALL=C
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-symbols-XXXXXX")
trap 'rm -rf "$dir"' EXIT

case $1 in
*.so) nm -D --defined-only "$1" | awk '{ print $NF }' ;;
# readelf, because nm hands Rust's objects to an LLVM plugin where one is installed, and an older
# one than Rust's own LLVM shows nothing. Rust's own symbols are mangled as _R..., or have a hash.
*.a)
    readelf --wide --symbols "$1" 2> "$dir/errors" |
        awk '$5 == "GLOBAL" && $7 != "UND" { print $8 }' |
        grep -e '^_Z' -e '^dsaio_' | grep -v '17h[0-9a-f]\{16\}E\($\|\.\)'
    ;;
esac | sort > "$dir/defined"
sed -n "s/^\([^# ][^ ]*\).*/\1/p" "$2" | sort | diff -u - "$dir/defined" || {
    cat "$dir/errors" 2> /dev/null || true
    echo "FAILED: missing (-) or extra (+) symbols"
    exit 1
}
