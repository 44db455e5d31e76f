#!/bin/bash
# Random lives of the objects, the original beside this library, for as long as asked; stops at the
# first difference and prints it as a regression test.
#
#   TIME      in seconds, over all releases together (default 60)
#   RELEASES  which originals (default: the last of each distinct source, see python/deepspeed_aio_utils/releases.txt)
#   SEED      of the random numbers (default: another one each time)

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly build="$root/build/fuzz"
read -ra releases <<<"${RELEASES:-$(awk '/^[0-9]/ { last[$2] = $1 } END { for (e in last) print last[e] }' \
  "$root/python/deepspeed_aio_utils/releases.txt" | sort -V | tr '\n' ' ')}"
time=${TIME:-60}
[[ $time =~ ^[0-9]+$ && $time -gt 0 ]] || die "TIME=$time is not a number of seconds, as in TIME=600."

mkdir -p "$build"
"$root/scripts/setup.sh" test
list=${releases[*]}
quietly "$build/configure.log" cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release \
  -DDSAIO_BUILD_TESTS=ON -DDSAIO_RELEASES="${list// /;}" \
  -DDSAIO_CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
targets=(deepspeed_aio_utils_cargo differential)
for release in "${releases[@]}"; do targets+=("original_${release//./_}"); done
quietly "$build/build.log" cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]}"

target=${CARGO_TARGET_DIR:-$root/target}/release
seconds=$(((time + ${#releases[@]} - 1) / ${#releases[@]}))
for release in "${releases[@]}"; do
  echo "DeepSpeed $release, $seconds s"
  "$target/differential" \
    "$build/proof/cpp_tests/original_${release//./_}/libdeepspeed_aio_utils.so" \
    "$target/libdeepspeed_aio_utils.so" --seconds "$seconds" ${SEED:+--seed "$SEED"}
done
