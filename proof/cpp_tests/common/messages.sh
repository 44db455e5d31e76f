#!/bin/sh
# One program, built with the original's sources and with our libraries, prints the same.
#
# usage: messages.sh ORIGINAL_DIRECTORY COMMON_LIBRARY UTILS_LIBRARY LIBAIO COMPILER FLAGS...
set -eu
here=$(dirname "$0")
. "$here/../support/require.sh"
original=$1 common=$2 utils=$3 libaio=$4
shift 4
require_compiler "$@"
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-messages-XXXXXX")
trap 'rm -rf "$dir"' EXIT

set -- "$@" -std=c++17 -O0 -w "-I$original" "$here/messages.cpp"
"$@" "$original/deepspeed_aio_common.cpp" "$original/deepspeed_aio_types.cpp" \
    "$original/deepspeed_aio_utils.cpp" "$libaio" -o "$dir/original"
"$@" "$common" "$utils" "-Wl,-rpath,$(dirname "$common")" -o "$dir/ours"

# The name of a file is part of what they print.
cd "$dir"
for library in original ours; do
    rm -f file
    ./$library > $library.out 2> $library.err
done
cat ours.out ours.err
[ "$(wc -l < ours.out)" -gt 20 ]
[ "$(wc -l < ours.err)" -eq 5 ]
cmp original.out ours.out
cmp original.err ours.err
