#!/bin/bash
# The transfers and faults of `make test` on file systems of disks other than the checkout's: each is made in a
# file, and mounted where only its tests see it.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly build=$root/build/filesystems

# tests_on TYPE OPTIONS FAULTS: without these; mounted in a namespace, and so as long as the tests run.
tests_on() {
  # shellcheck disable=SC2016  # that shell expands it
  DSAIO_TEST_DIR=$build/mounted unshare --mount sh -euc \
    'mount -t "$1" -o "$2" "$3" "$DSAIO_TEST_DIR"; shift 3; exec "$@"' sh "$1" "$2" "$build/image" \
    ctest --test-dir build/check -R '^(transfers|faults|common)' -E "^faults\.($3)$" \
    --output-on-failure --no-tests=error --parallel "$(nproc)" --output-junit "$build/ctest.xml"
}

scripts/setup.sh filesystems
PATH+=:/usr/sbin:/sbin
mkdir -p "$build/mounted"
step -n configure cmake --preset check && step -n build cmake --build build/check --parallel "$(nproc)" ||
  { summary || exit; }
for filesystem in xfs btrfs ext4,data=journal; do
  # Those have disks of their own.
  type=${filesystem%%,*} left_out='disks|device_mapper'
  # It keeps direct writes in the page cache, where two of the faults in faults.calls cannot happen.
  [[ $filesystem != *journal ]] || left_out+='|calls'
  if ! unshare --mount true 2>/dev/null; then
    skip "$filesystem" "to mount a file system needs root"
  elif ! grep -qw "$type" /proc/filesystems && ! modprobe -q "$type"; then
    skip "$filesystem" "this kernel has no $type"
  else
    rm -f "$build/image"
    truncate -s 8G "$build/image"
    step -n "mkfs.$type" "mkfs.$type" "$build/image" &&
      step -r "$build/ctest.xml" "$filesystem" tests_on "$type" "loop${filesystem#"$type"}" "$left_out" || true
    rm -f "$build/image"
  fi
done
summary
