#!/bin/sh
# A library's abi_check.cpp, which build.rs has the user's compiler check, compiles; and it does not
# where the flags change a layout.
#
# usage: abi_check.sh SOURCE_DIRECTORY LIBRARY STRUCT COMPILER FLAGS...
#
# STRUCT is one that -fpack-struct=4 changes.
set -eu
. "$(dirname "$0")/../support/require.sh"
source=$1 library=$2 struct=$3
shift 3
require_compiler "$@"
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-abi-XXXXXX")
trap 'rm -rf "$dir"' EXIT

check() {
    "$@" -std=c++14 -fsyntax-only "-I$source/include" "$source/build_support/$library/abi_check.cpp"
}
rejects() {
    assertion=$1
    shift
    if check "$@" 2> "$dir/errors"; then
        echo "FAILED: $* was accepted"
        exit 1
    fi
    grep -q "error: static assertion failed.*$assertion\|error: static_assert failed.*$assertion" \
        "$dir/errors" || {
        cat "$dir/errors"
        echo "FAILED: no assertion on the $assertion failed"
        exit 1
    }
}

check "$@"
rejects "$struct" "$@" -fpack-struct=4
case " $* " in
*" -stdlib=libc++ "*) ;;
*) rejects 'vector is begin, end, end of storage' "$@" -D_GLIBCXX_DEBUG ;;
esac
