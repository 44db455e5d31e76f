#!/bin/sh
# All releases of an era have the same sources: those that the libraries replace, and their headers.
# SOURCES (python/deepspeed_aio_utils/sources.txt) has their checksums, each after the number of its era.
# For a release that differs this prints the lines that SOURCES would need, each after a "+".
#
# usage: eras.sh SOURCES RELEASE ERA CSRC [RELEASE ERA CSRC]...
set -eu
export LC_ALL=C
checksums=$1
shift
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-eras-XXXXXX")
trap 'rm -rf "$dir"' EXIT

status=0
while [ $# -gt 0 ]; do
    release=$1 era=$2 csrc=$3
    shift 3
    (cd "$csrc" && find aio/common pin_memory -name 'page_alloc.*' -o -path 'aio/common/*' -type f) \
        2> /dev/null | sort > "$dir/files"
    (cd "$csrc" && xargs sha256sum < "$dir/files") | sed "s/^/$era /" > "$dir/found"
    grep "^$era " "$checksums" | diff -u - "$dir/found" || {
        echo "FAILED: the sources of DeepSpeed $release are not those of era $era (-)"
        status=1
    }
done
exit $status
