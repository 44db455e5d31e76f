#!/bin/sh
# Builds a caller with the given command, and runs it on a file.
#
# usage: caller.sh COMPILER ARGUMENTS...
set -eu
. "$(dirname "$0")/../support/require.sh"
require_compiler "$@"

# The first directory whose file system takes O_DIRECT.
direct_dir=
for candidate in "${DSAIO_TEST_DIR-}" . "${TMPDIR-}" /var/tmp /tmp; do
    [ -n "$candidate" ] || continue
    dir=$(mktemp -d "$candidate/dsaio-caller-XXXXXX") || continue
    trap 'rm -rf "$dir"' EXIT
    if dd if=/dev/zero of="$dir/file" bs=4096 count=1 oflag=direct 2> /dev/null; then
        direct_dir=$dir
        break
    fi
    rm -rf "$dir"
done
[ -n "$direct_dir" ] || {
    echo "no directory takes O_DIRECT; name one in DSAIO_TEST_DIR"
    exit 77
}

"$@" -o "$dir/caller"
"$dir/caller" "$dir/file"
