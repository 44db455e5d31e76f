#!/bin/bash
# The transfers and faults of `make test` on file systems of disks other than the checkout's: each is made in a
# file, and mounted where only its tests see it.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly build=$root/build/filesystems

# tests_on TYPE OPTIONS FAULTS: runs the tests on the image, without these faults. It is mounted in a mount
# namespace of their own, so the kernel unmounts it when they end.
tests_on() {
  # shellcheck disable=SC2016  # that shell expands it
  DSAIO_TEST_DIR=$build/mounted unshare --mount sh -euc \
    'mount -t "$1" -o "$2" "$3" "$DSAIO_TEST_DIR"; shift 3; exec "$@"' sh "$1" "$2" "$build/image" \
    ctest --test-dir build/check -R '^(transfers_|faults\.|common\.)' -E "^faults\.($3)$" \
    --output-on-failure --no-tests=error --parallel "$(nproc)" --output-junit "$build/ctest.xml"
}

readonly filesystems=(xfs btrfs "ext4,data=journal")
if ! unshare --mount true 2>/dev/null || ! PATH=$PATH:/usr/sbin:/sbin losetup -f >/dev/null 2>&1; then
  for filesystem in "${filesystems[@]}"; do
    skip "$filesystem" "this process cannot mount disks; root can, with a loop device"
  done
  summary
  exit
fi
scripts/setup.sh filesystems
PATH+=:/usr/sbin:/sbin
mkdir -p "$build/mounted"
step -n configure cmake --preset check && step -n build cmake --build build/check --parallel "$(nproc)" ||
  { summary || exit; }
for filesystem in "${filesystems[@]}"; do
  # Faults that have disks of their own.
  type=${filesystem%%,*} left_out='disks|device_mapper'
  # It keeps direct writes in the page cache, where two of the faults in faults.calls cannot happen.
  [[ $filesystem != *journal ]] || left_out+='|calls'
  rm -f "$build/image"
  truncate -s 8G "$build/image"
  if ! step -n "mkfs.$type" "mkfs.$type" "$build/image"; then
    continue
  # Mounting loads the kernel's module, where there is one.
  elif ! unshare --mount mount -o loop "$build/image" "$build/mounted" && ! grep -qw "$type" /proc/filesystems; then
    skip "$filesystem" "this kernel has no $type"
  else
    step -r "$build/ctest.xml" "$filesystem" tests_on "$type" "loop${filesystem#"$type"}" "$left_out" || true
  fi
done
rm -f "$build/image"
summary
