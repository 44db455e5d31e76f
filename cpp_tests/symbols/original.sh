#!/bin/sh
# Our library exports the functions that the original defines, and no other C++ functions.
#
# usage: original.sh OUR.so libstdc++ ORIGINAL.so
#        original.sh OUR.so libc++ DIRECTORY SOURCE...
#
# Weak definitions of the original's are instances of standard library templates: every caller
# has its own.
set -eu
export LC_ALL=C
ours=$1 stdlib=$2
shift 2
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
nm -D --defined-only "$ours" | awk '{ print $NF }' | grep -v -e '^dsaio_' -e "$other" |
    sort > "$dir/ours"
diff -u "$dir/original" "$dir/ours" || {
    echo "FAILED: functions that only the original (-) or only our library (+) has"
    exit 1
}
