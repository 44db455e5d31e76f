#!/bin/bash
# The demo's transfer tool: it moves and verifies, refuses with a sentence, and leaves no file behind
# even where it is killed.
#
# usage: tool_test.sh TOOL LIBRARY_NEXT_TO_IT
set -euo pipefail
dir=$(mktemp -d "${DSAIO_TEST_DIR:-.}/dsaio-tool-XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/files"
cp "$1" "$dir/tool"
cp "$2" "$dir/libdeepspeed_aio_utils.so"

if ! dd if=/dev/zero of="$dir/files/probe" oflag=direct bs=4096 count=1 2>"$dir/dd"; then
    echo "the build directory does not take O_DIRECT; name one that does in DSAIO_TEST_DIR"
    exit 77
fi
rm "$dir/files/probe"

nothing_left() {
    [[ -z $(ls -A "$dir/files") ]] || {
        echo "FAILED: left behind after $1: $(ls -A "$dir/files")"
        exit 1
    }
}

"$dir/tool" "$dir/files" $((16 << 20)) | tee "$dir/output"
[[ $(grep -c ' verified=yes$' "$dir/output") -eq 2 ]]
nothing_left "a run"

for size in banana 0 -4096 4097; do
    if "$dir/tool" "$dir/files" "$size" 2>"$dir/error"; then exit 1; fi
    grep -q "^transfer_tool: \"$size\" is not a positive multiple of 4096 bytes.$" "$dir/error"
done
nothing_left "a refusal"

# A file size limit stands for a full disk: the space is reserved before anything is moved.
if (ulimit -f 1024; "$dir/tool" "$dir/files" $((16 << 20)) 2>"$dir/error"); then exit 1; fi
[[ $(grep -c '^transfer_tool: 16 MiB cannot be reserved in ' "$dir/error") -eq 1 ]]
nothing_left "a full disk"

for signal in INT TERM KILL; do
    # Job control gives the tool a process group, where background jobs would ignore SIGINT.
    set -m
    "$dir/tool" "$dir/files" $((512 << 20)) >"$dir/output" 2>&1 &
    set +m
    pid=$!
    # Until it has made its file, or is done.
    until [[ -s $dir/output ]] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
    sleep 0.1
    kill -s "$signal" "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    nothing_left "SIG$signal"
done
