#!/bin/sh
# Our header and DeepSpeed's page_alloc.h, which declares the allocator too, in one translation
# unit, in both orders.
#
# usage: page_alloc_order.sh INCLUDE PIN_MEMORY COMPILER FLAGS...
set -eu
. "$(dirname "$0")/../support/require.sh"
include=$1 pin_memory=$2
shift 2
require_compiler "$@"

ours='#include <deepspeed_aio_utils.h>'
theirs='#include <page_alloc.h>'
for order in "$ours
$theirs" "$theirs
$ours" "$ours"; do
    printf '%s\nvoid* pages() { return ds_page_aligned_alloc(4096); }\n' "$order" |
        "$@" "-I$include" "-I$pin_memory" -fsyntax-only -x c++ -
done

# A program that finds it by another path says that it has a declaration.
by_path="#include \"$pin_memory/page_alloc.h\""
for order in "$by_path
$ours" "$ours
$by_path"; do
    printf '%s\nvoid* pages() { return ds_page_aligned_alloc(4096); }\n' "$order" |
        "$@" -DDSAIO_PAGE_ALLOC_DECLARED "-I$include" -fsyntax-only -x c++ -
done

# Another project's page_alloc.h does not take our declaration away.
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-order-XXXXXX")
trap 'rm -rf "$dir"' EXIT
touch "$dir/page_alloc.h"
printf '%s\nvoid* pages() { return ds_page_aligned_alloc(4096); }\n' "$ours" |
    "$@" "-I$include" "-I$dir" -fsyntax-only -x c++ -
