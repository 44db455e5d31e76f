#!/bin/sh
# Releases of one era have the same sources, and the first of another era has others.
#
# usage: eras.sh RELEASE ERA CSRC [RELEASE ERA CSRC]...    in order
set -eu

sum() { # sum CSRC: of what this library replaces, and of its callers
    for file in aio/common/deepspeed_aio_utils.h aio/common/deepspeed_aio_utils.cpp \
        aio/common/deepspeed_aio_common.cpp aio/common/deepspeed_aio_types.cpp \
        pin_memory/page_alloc.cpp; do
        if [ -e "$1/$file" ]; then cksum < "$1/$file"; else echo "no $file"; fi
    done
}

status=0
before_era='' before_sum='' before=''
while [ $# -gt 0 ]; do
    release=$1 era=$2 sum=$(sum "$3")
    shift 3
    if [ "$era" = "$before_era" ] && [ "$sum" != "$before_sum" ]; then
        echo "FAILED: $release is listed in the era of $before, and has other sources"
        status=1
    elif [ -n "$before" ] && [ "$era" != "$before_era" ] && [ "$sum" = "$before_sum" ]; then
        echo "FAILED: $release is listed in another era than $before, and has the same sources"
        status=1
    fi
    before_era=$era before_sum=$sum before=$release
done
exit $status
