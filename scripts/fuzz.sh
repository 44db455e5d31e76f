#!/bin/bash
# Random calls, the original beside this library, for as long as asked; the first difference is printed
# as a regression test.
#
#   TIME  in seconds, over all releases together (default 60)
#   SEED  of the random numbers (default: another one each time)

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly build=$root/build/test target=$root/target/release
time=${TIME:-60}
[[ $time =~ ^[1-9][0-9]*$ ]] || die "TIME=$time is not a number of seconds, as in TIME=600."

scripts/setup.sh test
step -n "configure" cmake --preset test &&
  step -n "build" cmake --build --preset test --parallel "$(nproc)" || {
  summary
  exit 1
}
originals=("$build"/proof/cpp_tests/original_*/libdeepspeed_aio_utils.so)
for original in "${originals[@]}"; do
  release=$(sed -E 's/.*original_(.*)\/.*/\1/' <<<"$original")
  step "DeepSpeed ${release//_/.}" "$target/differential" "$original" \
    "$target/libdeepspeed_aio_utils.so" \
    seconds "$(((time + ${#originals[@]} - 1) / ${#originals[@]}))" ${SEED:+"$SEED"} || true
done
summary
