#!/bin/sh
# Another malloc in place of glibc's: how it maps memory is not known. Buffers that it may take from a heap
# have huge pages where the kernel makes them without advice.
#
# usage: malloc_test.sh PROBE
set -eu
. "$(dirname "$0")/../support/require.sh"
. "$(dirname "$0")/probe.sh"
jemalloc=$(/sbin/ldconfig -p | sed -n 's/.*libjemalloc\.so\.2 .*=> //p' | head -n 1)
[ -n "$jemalloc" ] || missing jemalloc libjemalloc2
if grep -qs '\[always\]' /sys/kernel/mm/transparent_hugepage/enabled; then
    echo "skipped: the kernel uses huge pages unasked"
    exit 77
fi
collapses=no
if grep -qs '\[madvise\]' /sys/kernel/mm/transparent_hugepage/enabled; then collapses=$("$probe" collapses); fi
for mib in 2 32; do
    huge=$collapses
    if [ "$mib" -lt "$huge_mib" ]; then huge=no; fi
    kernel=
    expect no "$huge" env LD_PRELOAD="$jemalloc"
    kernel=old
    expect no no env LD_PRELOAD="$jemalloc"
done
