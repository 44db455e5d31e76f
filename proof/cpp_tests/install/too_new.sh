#!/bin/sh
# find_package refuses a version that is newer than the installed one.
#
# usage: too_new.sh VERSION    CMAKE, BUILD and GENERATOR in the environment
here=$(dirname "$0")
. "$here/package.sh"

if "$CMAKE" -G "$GENERATOR" -S "$here/consumer" -B "$dir/build" "-DREQUIRED_VERSION=$1" \
    "-DCMAKE_PREFIX_PATH=$dir/installed" > "$dir/output" 2>&1; then
    echo "FAILED: version $1 was found"
    exit 1
fi
# CMake breaks its lines where they are full.
tr -s ' \n' '  ' < "$dir/output" | grep -o "compatible with requested version \"$1\"" || {
    cat "$dir/output"
    echo "FAILED: it was refused for another reason"
    exit 1
}
