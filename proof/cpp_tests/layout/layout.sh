#!/bin/sh
# The probe prints what expected.txt says.
#
# usage: layout.sh EXPECTED PROBE
#        layout.sh EXPECTED clang++ ARGUMENTS...    builds the probe with libc++ first
set -eu
expected=$1
shift
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-layout-XXXXXX")
trap 'rm -rf "$dir"' EXIT

case $1 in
clang++)
    . "$(dirname "$0")/../support/require.sh"
    require_compiler clang++ -stdlib=libc++
    "$@" -stdlib=libc++ -std=c++17 -w -o "$dir/probe"
    probe=$dir/probe
    ;;
*) probe=$1 ;;
esac

"$probe" > "$dir/printed"
diff -u "$expected" "$dir/printed" || {
    echo "FAILED: the layouts or declarations differ"
    exit 1
}
