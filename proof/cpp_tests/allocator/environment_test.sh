#!/bin/sh
# The opt-outs: DSAIO_HUGE_PAGES=never and DSAIO_POPULATE_THREADS=1, alone and together. And
# settings of glibc's malloc.
set -eu
. "$(dirname "$0")/probe.sh"
cpus=$(nproc)
# With "always" the kernel may use huge pages unasked, so there is nothing to opt out of.
case $(cat /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null) in
*'[always]'*) huge=yes opted_out=any ;;
*'[madvise]'*) huge=yes opted_out=no ;;
*) huge=no opted_out=no ;;
esac
# Larger ones are not asked for.
if [ "$huge_mib" -gt 32 ]; then huge=$opted_out; fi
if [ "$cpus" -gt 1 ]; then helpers=yes; else helpers=no; fi

expect "$helpers" "$huge"
expect no "$huge" env DSAIO_POPULATE_THREADS=1
expect "$helpers" "$opted_out" env DSAIO_HUGE_PAGES=never
expect no "$opted_out" env DSAIO_HUGE_PAGES=never DSAIO_POPULATE_THREADS=1
# Unknown values change nothing.
expect "$helpers" "$huge" env DSAIO_HUGE_PAGES=sometimes DSAIO_POPULATE_THREADS=many
# A caller that may use one processor gets no helper.
first=$(taskset -cp $$ | sed 's/.*: *//; s/[,-].*//')
expect no "$huge" taskset -c "$first"

# Buffers that malloc may serve from its heap get huge pages where the kernel makes them without advice, or
# where they can have a mapping of their own.
heap=$opted_out
if [ "$("$probe" collapses)" = yes ]; then heap=$huge; fi
own=$huge
if [ "$(cat /proc/sys/vm/overcommit_memory)" = 2 ] ||
    grep -qE 'Max (address space|data size) +[0-9]' /proc/self/limits; then
    own=$heap
fi
for mib in 2 32; do
    if [ "$mib" -ge "$huge_mib" ]; then in_heap=$heap alone=$own; else in_heap=$opted_out alone=$opted_out; fi
    expect no "$alone"
    expect no "$opted_out" env DSAIO_HUGE_PAGES=never
    expect no "$in_heap" env GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1073741824
    expect no "$in_heap" env GLIBC_TUNABLES=glibc.malloc.mmap_max=0
    # Small pages, touched by malloc.
    expect no "$opted_out" env MALLOC_PERTURB_=85
done
