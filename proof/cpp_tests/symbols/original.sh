#!/bin/sh
# The list has the C++ functions that the original defines, and no others.
#
# usage: original.sh LIST LATER FAMILY ORIGINAL.so
#        original.sh LIST LATER FAMILY DIRECTORY SOURCE...
#
# LATER is the function that this release does not have yet, or "none". FAMILY says whose names to
# compare: libstdc++, libstdc++98 (with the string from before C++11), libc++.
# Weak definitions of the original's are instances of standard library templates: every caller
# has its own.
set -eu
. "$(dirname "$0")/../support/require.sh"
export LC_ALL=C
expected=$1 later=$2 family=$3
shift 3
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-symbols-XXXXXX")
trap 'rm -rf "$dir"' EXIT

# The compiler, and what the names of the other families have in them.
case $family in
libstdc++) compiler='g++' others='NSt3__1\|[cE]Ss' ;;
libstdc++98) compiler='g++ -D_GLIBCXX_USE_CXX11_ABI=0' others='NSt3__1\|NSt7__cxx11' ;;
libc++) compiler='clang++ -stdlib=libc++' others='St10unique_ptr\|St6vector\|NSt7__cxx11\|[cE]Ss' ;;
esac
case $1 in
*.so) nm -D --defined-only "$1" > "$dir/symbols" ;;
*)
    # shellcheck disable=SC2086  # the flags are words
    require_compiler $compiler
    include=$1
    shift
    for source in "$@"; do
        $compiler -std=c++17 -O0 -w -fPIC -I"$include" -c "$source" -o "$dir/object.o"
        nm --defined-only "$dir/object.o" >> "$dir/symbols"
    done
    ;;
esac

awk '$2 == "T" { print $3 }' "$dir/symbols" | grep '^_Z' | sort > "$dir/original"
sed "s/ .*//" "$expected" | grep -v -x -e "#.*" -e 'dsaio_.*' -e ".*\\($others\\).*" -e "$later" | grep . | sort |
    diff -u "$dir/original" - || {
    echo "FAILED: functions that only the original (-) or only $expected (+) has"
    exit 1
}
