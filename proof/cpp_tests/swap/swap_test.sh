#!/bin/sh
# Swaps the libraries under a linked program, there and back: nothing is relinked, and neither
# LD_PRELOAD nor LD_LIBRARY_PATH is set. The program finds the libraries beside itself ($ORIGIN).
#
# usage: swap_test.sh PROGRAM first|second FIRST_SO SECOND_SO [FIRST_SO SECOND_SO]
# PROGRAM was linked against each FIRST_SO; the word says which ones are ours. Two pairs are swapped one
# after the other, so that either of ours runs with either of the original.
set -eu
program=$1 ours=$2
shift 2
unset LD_PRELOAD LD_LIBRARY_PATH
case $ours in
first) first=ours second='the original' ;;
second) first='the original' second=ours ;;
esac

dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-swap-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cp "$program" "$dir/program"

# put LIBRARY WORDS: puts the library beside the program, and notes what the program is to say then.
put() {
    name=$(basename "$1")
    cp "$1" "$dir/new.so"
    mv "$dir/new.so" "$dir/$name"
    echo "runs on $dir/$name, $2" > "$dir/$name.expected"
}

# run: the program must be on the libraries beside it, and print what it printed the first time.
run() {
    status=0
    (cd "$dir" && ./program > now.out 2> now.err) || status=$?
    cat "$dir/now.out" "$dir/now.err"
    [ "$status" -eq 0 ] || exit "$status"
    for expected in "$dir"/*.expected; do
        grep -qxFf "$expected" "$dir/now.err" || {
            echo "FAILED: the program did not say: $(cat "$expected")"
            exit 1
        }
    done
    [ -e "$dir/linked.out" ] || cp "$dir/now.out" "$dir/linked.out"
    cmp "$dir/linked.out" "$dir/now.out"
}

# put_each first|second COMMAND PAIRS: COMMAND follows each library.
put_each() {
    which=$1 command=$2
    shift 2
    while [ $# -gt 0 ]; do
        case $which in
        first) put "$1" "$first" ;;
        second) put "$2" "$second" ;;
        esac
        "$command"
        shift 2
    done
}

put_each first : "$@"
run
put_each second run "$@"
put_each first run "$@"
cmp "$program" "$dir/program"
