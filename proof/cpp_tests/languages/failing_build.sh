#!/bin/bash
# `cargo build` where something is missing or does not fit: it fails, and one sentence says why.
#
# usage: failing_build.sh no_compiler|no_libaio|other_layout CARGO PROFILE SOURCE BUILT TARGET
#
# SOURCE is the crate's directory, BUILT what cargo has made of it with PROFILE, and TARGET the
# directory of these builds.
set -eu
. "$(dirname "$0")/../support/require.sh"
case=$1 cargo=$2 profile=$3 source=$4 built=$5 target=$6
require g++ g++
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-failing-XXXXXX")
trap 'rm -rf "$dir"' EXIT

# Flags for g++ that give it its include path without the directory of libaio.h, in whose place
# comes one with links to everything else there.
without_libaio() {
    local flags="-nostdinc -nostdinc++" include count=0
    while read -r include; do
        if [ -e "$include/libaio.h" ]; then
            count=$((count + 1))
            mkdir "$dir/include$count"
            ln -s "$include"/* "$dir/include$count/"
            rm "$dir/include$count/libaio.h"
            include=$dir/include$count
        fi
        flags="$flags -isystem $include"
    done < <(g++ -E -v -x c++ /dev/null 2>&1 | sed -n '/^#include </,/^End of/s/^ //p')
    [ "$count" -gt 0 ]
    echo "$flags"
}

export CXX=g++ CXXFLAGS=
case $case in
no_compiler)
    CXX=/nonexistent
    sentence='A working C++ compiler is missing; .* Install g++ or clang++ .* or name one in CXX\.'
    ;;
no_libaio)
    CXXFLAGS=$(without_libaio)
    sentence='libaio\.h is missing; .* Install libaio-dev (Debian, Ubuntu) or libaio-devel '
    ;;
other_layout)
    CXXFLAGS=-D_GLIBCXX_DEBUG
    sentence='The C++ compiler .*g++ lays out the objects .* in another way .*CXXFLAGS)\.'
    ;;
esac

# A directory of its own, because a failing build damages the one that the other tests use. It starts
# as a copy, which saves half a minute of building cbindgen once more.
if ! [ -d "$target" ]; then
    mkdir -p "$target"
    cp -a "$built" "$target/"
fi
if "$cargo" build --locked --lib --profile "$profile" --manifest-path "$source/Cargo.toml" \
    --target-dir "$target" > "$dir/output" 2>&1; then
    echo "FAILED: the build succeeded"
    exit 1
fi
grep "error: .*$sentence" "$dir/output" || {
    cat "$dir/output"
    echo "FAILED: no line says: $sentence"
    exit 1
}
