#!/bin/sh
# A buffer is populated by processors of the caller's NUMA node alone. Machines of two and of three
# nodes are played by files of our own over those of /sys, in a mount namespace: the caller's node then
# has all, one or none of the processors that it may run on.
#
# usage: nodes_test.sh PROBE
set -eu
. "$(dirname "$0")/probe.sh"
sysfs=/sys/devices/system/node
if [ "$(nproc)" -eq 1 ]; then
    echo "skipped: there is one processor, so no helper on any machine"
    exit 77
fi
over=$sysfs
# shellcheck source-path=SCRIPTDIR source=mount_namespace.sh
. "$(dirname "$0")/mount_namespace.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-nodes-XXXXXX")
trap 'rm -rf "$dir"' EXIT
allowed=$(taskset -cp $$ | sed 's/.*: *//')
first=${allowed%%[,-]*}

# play HELPERS ONLINE CPULIST: on a machine where these nodes are online, each with this list
play() {
    echo "nodes \"$2\", each with processors \"$3\""
    mkdir "$dir/node"
    echo "$2" > "$dir/node/online"
    # The kernel says which one the caller runs on.
    for node in "$sysfs"/node[0-9]*; do
        mkdir "$dir/node/${node##*/}"
        echo "$3" > "$dir/node/${node##*/}/cpulist"
    done
    expect "$1" any mounted "$dir/node" $sysfs
    rm -r "$dir/node"
}

for online in 0-1 0-2; do
    play yes "$online" "$allowed"
    play no "$online" "$first"
    play no "$online" ""
done
# On a machine of one node there is nothing to choose.
play yes 0 "$first"
