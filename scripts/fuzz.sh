#!/bin/bash
# Random calls, the original beside this library, for as long as asked; the first difference is printed
# as a regression test. And a million random scripts of what the kernel can answer the engine.
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
# Optimised, and with the checks for overflow that a release leaves out.
step -r log "engine, scripted kernel" env CARGO_PROFILE_DEV_OPT_LEVEL=2 PROPTEST_CASES=500000 \
  cargo test --locked --package dsaio --lib engine::scripted || true
summary
