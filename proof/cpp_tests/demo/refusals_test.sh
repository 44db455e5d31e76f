#!/bin/bash
# What `make demo` does with what it cannot do: one clear sentence, a status, and nothing left behind.
# All of it is refused before anything is installed or built.
#
# usage: refusals_test.sh SOURCE_DIR
set -euo pipefail
source_dir=$1
dir=$(mktemp -d "${DSAIO_TEST_DIR:-.}/dsaio-demo-XXXXXX")
dir=$(cd "$dir" && pwd)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT

# refuses SENTENCE VARIABLE=value...
refuses() {
    local sentence=$1 output status=0
    shift
    output=$(env -u SIZE -u DIR "$@" "$source_dir/scripts/demo.sh" 2>&1 </dev/null) || status=$?
    if [[ $status -eq 0 || $(wc -l <<<"$output") -ne 1 || ! $output =~ $sentence ]]; then
        printf 'FAILED: %s answered, with status %d:\n%s\n' "$*" "$status" "$output"
        exit 1
    fi
    if [[ -n $(ls -A "$dir/empty") ]]; then
        printf 'FAILED: %s left behind: %s\n' "$*" "$(ls -A "$dir/empty")"
        exit 1
    fi
}

mkdir "$dir/empty"
touch "$dir/file"
for size in banana 12parsec -5 0 0G 1.5G 1TiB ''; do
    refuses "SIZE=$size is " SIZE="$size" DIR="$dir/empty"
done
refuses 'SIZE=99999999999999999999 is more than' SIZE=99999999999999999999 DIR="$dir/empty"
refuses 'do not fit in the .* of memory' SIZE=900000G DIR="$dir/empty"
refuses "DIR=$dir/missing does not exist" DIR="$dir/missing"
refuses "DIR=$dir/file is not a directory" DIR="$dir/file"
refuses 'DIR= does not exist' DIR=
refuses 'no file can be made in /proc|/proc is not writable' DIR=/proc
