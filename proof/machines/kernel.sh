#!/bin/bash
# kernel.sh DIRECTORY CONFIG
#
# Builds a kernel for aarch64 with these options from Debian's linux-source, which unpack-debian.sh put in the
# directory. What is built stays in its boot/, and is used again as long as the options are the same.

# shellcheck source-path=SCRIPTDIR source=../../scripts/common.sh
. "$(dirname "$0")/../../scripts/common.sh"
config=$(realpath "$2")
cd "$1"
! cmp -s "$config" boot/config || exit 0

rm -rf boot linux
mkdir boot linux
tar -xf usr/src/linux-source-*.tar.xz -C linux --strip-components=1
make=(make -s -C linux ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
"${make[@]}" "KCONFIG_ALLCONFIG=$config" allnoconfig
# An option that needs another one is left out without a word.
! grep ^CONFIG_ "$config" | grep -vxFf linux/.config || die "these options of $2 are not in the kernel; see above."
"${make[@]}" -j "$(nproc)" Image
cp linux/arch/arm64/boot/Image "boot/vmlinuz-$("${make[@]}" kernelrelease)"
rm -r linux
cp "$config" boot/config
