#!/bin/sh
# For tests that put files of their own over the kernel's. Sourced with $over naming a file or
# directory that can be mounted over. Where there is no mount namespace for that, the test ends, skipped.

: "${over:?names what is mounted over}"
for new in "unshare --mount" "unshare --mount --map-root-user"; do
    if $new mount --bind "$over" "$over" 2> /dev/null; then
        unshare=$new
        break
    fi
done
if [ -z "${unshare-}" ]; then
    echo "skipped: this process may not have a mount namespace of its own"
    exit 77
fi

# mounted FILE OVER COMMAND...: runs COMMAND where FILE, or a directory, is mounted over the kernel's
mounted() {
    $unshare sh -c 'mount --bind "$0" "$1" && shift && exec "$@"' "$@"
}
