#!/bin/sh
# Swaps the library under a linked program, there and back: nothing is relinked, and neither
# LD_PRELOAD nor LD_LIBRARY_PATH is set. The program finds the library beside itself ($ORIGIN).
#
# usage: swap_test.sh PROGRAM FIRST_SO first|second SECOND_SO
# FIRST_SO is the library that PROGRAM was linked against; the word says which of the two is ours.
set -eu
program=$1 first=$2 ours=$3 second=$4
unset LD_PRELOAD LD_LIBRARY_PATH

dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-swap-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cp "$program" "$dir/program"
before=$(cksum < "$dir/program")

# use LIBRARY NAME: puts the library beside the program, runs it, keeps what it prints.
use() {
    cp "$1" "$dir/new.so"
    mv "$dir/new.so" "$dir/libdeepspeed_aio_utils.so"
    status=0
    (cd "$dir" && ./program > "$2.out" 2> "$2.err") || status=$?
    cat "$dir/$2.out" "$dir/$2.err"
    [ "$status" -eq 0 ] || exit "$status"
}

# expect NAME WORDS: the run must have been on that library, and on the file beside the program.
expect() {
    grep -q "runs on $dir/libdeepspeed_aio_utils.so, $2\$" "$dir/$1.err" || {
        echo "FAILED: run '$1' was not on $2 beside the program"
        exit 1
    }
}

use "$first" linked
use "$second" swapped
use "$first" back

case $ours in
first) linked=ours swapped='the original' ;;
second) linked='the original' swapped=ours ;;
esac
expect linked "$linked"
expect swapped "$swapped"
expect back "$linked"
cmp "$dir/linked.out" "$dir/swapped.out"
cmp "$dir/linked.out" "$dir/back.out"
[ "$(cksum < "$dir/program")" = "$before" ]
