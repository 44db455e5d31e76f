#!/bin/sh
# A disk of the device mapper that fails in several ways, and the transfers of PROGRAM to it.
#
# usage: device_mapper_test.sh PROGRAM
set -eu
# shellcheck source-path=SCRIPTDIR source=../support/require.sh
. "$(dirname "$0")/../support/require.sh"
PATH=$PATH:/usr/sbin:/sbin
if [ "$(id -u)" -ne 0 ] || [ ! -e /dev/mapper/control ] || ! losetup -f > /dev/null; then
    echo "skipped: this process cannot make disks of the device mapper"
    exit 77
fi
require dmsetup dmsetup
require mkfs.ext4 e2fsprogs
modprobe dm_flakey 2> /dev/null || true
if ! dmsetup targets | grep '^flakey ' > /dev/null; then
    echo "skipped: this kernel has no dm-flakey"
    exit 77
fi

name=dsaio-$$
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-mapper-XXXXXX")
clean() {
    ! dmsetup remove "$name" 2> /dev/null || true
    [ -z "${loop-}" ] || losetup -d "$loop"
    rm -r "$dir"
}
trap clean EXIT
mkdir "$dir/mounted"
truncate -s 16M "$dir/image"
free=$(losetup -f)
losetup "$free" "$dir/image"
loop=$free # attached: from here on it is ours to detach
# What it mounts is unmounted when it ends, however that happens.
unshare -m "$1" "$name" "$loop" "$dir/mounted"
