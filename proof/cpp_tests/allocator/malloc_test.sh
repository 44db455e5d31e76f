#!/bin/sh
# Another malloc in place of glibc's: how it maps memory is not known. Buffers that it may take from a heap
# have huge pages where the kernel makes them without advice.
#
# usage: malloc_test.sh PROBE
set -eu
. "$(dirname "$0")/../support/require.sh"
probe=$1
jemalloc=$(/sbin/ldconfig -p | sed -n 's/.*libjemalloc\.so\.2 .*=> //p' | head -n 1)
[ -n "$jemalloc" ] || missing jemalloc libjemalloc2
if grep -qs '\[always\]' /sys/kernel/mm/transparent_hugepage/enabled; then
    echo "skipped: the kernel uses huge pages unasked"
    exit 77
fi
size=$(cat /sys/kernel/mm/transparent_hugepage/hpage_pmd_size 2>/dev/null || echo 0)
collapses=no
if grep -qs '\[madvise\]' /sys/kernel/mm/transparent_hugepage/enabled; then collapses=$("$probe" collapses); fi
for mib in 2 32; do
    huge=$collapses
    if [ "$mib" -lt $((size / 1048576)) ]; then huge=no; fi
    status=0
    found=$(LD_PRELOAD=$jemalloc "$probe" "$mib") || status=$?
    if [ "$status" -eq 77 ]; then
        echo "skipped: $found"
        exit 77
    fi
    expected="helpers no
huge $huge
resident yes"
    if [ "$found" != "$expected" ]; then
        printf 'FAILED with %s MiB: found\n%s\nexpected\n%s\n' "$mib" "$found" "$expected"
        exit 1
    fi
done
