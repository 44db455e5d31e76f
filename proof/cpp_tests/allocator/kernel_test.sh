#!/bin/sh
# A buffer of one huge page under each of the kernel's settings that matter: how it accounts for address
# space, and its mode of huge pages. Files of our own over those of /proc and /sys play them, in a mount
# namespace.
#
# usage: kernel_test.sh PROBE
set -eu
probe=$1
overcommit=/proc/sys/vm/overcommit_memory
modes=/sys/kernel/mm/transparent_hugepage/enabled
if ! grep -qs '\[madvise\]' $modes; then
    echo "skipped: the kernel's own mode of huge pages is not madvise"
    exit 77
fi
if grep -qE 'Max (address space|data size) +[0-9]' /proc/self/limits; then
    echo "skipped: address space is limited (ulimit -v, ulimit -d)"
    exit 77
fi
mib=$(($(cat /sys/kernel/mm/transparent_hugepage/hpage_pmd_size) / 1048576))
if [ "$mib" -gt 32 ]; then
    echo "skipped: huge pages of $mib MiB are not used"
    exit 77
fi
over=$overcommit
# shellcheck source-path=SCRIPTDIR source=mount_namespace.sh
. "$(dirname "$0")/mount_namespace.sh"

played=$(mktemp "${TMPDIR:-/tmp}/dsaio-kernel-XXXXXX")
trap 'rm -f "$played"' EXIT

# expect HUGE FILE CONTENT: whether the buffer is on huge pages where the kernel's file has this content
expect() {
    echo "$3" > "$played"
    status=0
    found=$($unshare sh -c "mount --bind '$played' $2 && exec '$probe' $mib") || status=$?
    if [ "$status" -eq 77 ]; then
        echo "skipped: $found"
        exit 77
    fi
    if [ "$found" != "helpers no
huge $1
resident yes" ]; then
        printf 'FAILED with "%s" in %s: expected huge %s, found\n%s\n' "$3" "$2" "$1" "$found"
        exit 1
    fi
}

expect yes $overcommit 0
expect yes $overcommit 1
# Accounted for: only what malloc may keep, and the kernel collapses.
expect "$("$probe" collapses)" $overcommit 2
expect "$("$probe" collapses)" $overcommit ""
expect yes $modes "[always] madvise never"
expect no $modes "always madvise [never]"
