#!/bin/sh
# A buffer of one huge page under each of the kernel's settings that matter: how it accounts for address
# space, and its mode of huge pages. Files of our own are mounted over those of /proc and /sys, in a mount
# namespace.
#
# usage: kernel_test.sh PROBE
set -eu
. "$(dirname "$0")/probe.sh"
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
mib=$huge_mib
if [ "$mib" -gt 32 ]; then
    echo "skipped: huge pages of $mib MiB are not used"
    exit 77
fi
over=$overcommit
# shellcheck source-path=SCRIPTDIR source=mount_namespace.sh
. "$(dirname "$0")/mount_namespace.sh"

setting=$(mktemp "${TMPDIR:-/tmp}/dsaio-kernel-XXXXXX")
trap 'rm -f "$setting"' EXIT

# try HUGE FILE CONTENT: whether the buffer must be on huge pages where the kernel's file has this content
try() {
    echo "\"$3\" in $2"
    echo "$3" > "$setting"
    expect no "$1" mounted "$setting" "$2"
}

try yes $overcommit 0
try yes $overcommit 1
# Accounted for: only what malloc may keep, and the kernel collapses.
try "$("$probe" collapses)" $overcommit 2
try "$("$probe" collapses)" $overcommit ""
try yes $modes "[always] madvise never"
try no $modes "always madvise [never]"
