#!/bin/sh
# The list has the C++ functions that the original defines, and no others.
#
# usage: original.sh LIST LATER libstdc++ ORIGINAL.so
#        original.sh LIST LATER libc++ DIRECTORY SOURCE...
#
# LATER is the function that this release does not have yet, or "none".
# Weak definitions of the original's are instances of standard library templates: every caller
# has its own.
set -eu
export LC_ALL=C
expected=$1 later=$2 stdlib=$3
shift 3
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-symbols-XXXXXX")
trap 'rm -rf "$dir"' EXIT

case $stdlib in
libstdc++)
    nm -D --defined-only "$1" > "$dir/symbols"
    other='NSt3__1'
    ;;
libc++)
    . "$(dirname "$0")/../support/require.sh"
    require_compiler clang++ -stdlib=libc++
    include=$1
    shift
    for source in "$@"; do
        clang++ -stdlib=libc++ -std=c++17 -O0 -w -fPIC -I"$include" -c "$source" -o "$dir/object.o"
        nm --defined-only "$dir/object.o" >> "$dir/symbols"
    done
    other='St10unique_ptr\|St6vector'
    ;;
esac

awk '$2 == "T" { print $3 }' "$dir/symbols" | grep '^_Z' | sort > "$dir/original"
sed "s/ .*//" "$expected" | grep -v -x -e "#.*" -e 'dsaio_.*' -e ".*\\($other\\).*" -e "$later" | grep . | sort |
    diff -u "$dir/original" - || {
    echo "FAILED: functions that only the original (-) or only $expected (+) has"
    exit 1
}
