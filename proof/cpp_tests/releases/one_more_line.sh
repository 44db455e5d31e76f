#!/bin/sh
# A new release is one more line in the list: with a made-up one in a copy, the release is the newest,
# the last of its era, and compared with the era's checksums.
#
# usage: one_more_line.sh CMAKE RELEASES SOURCES ERA CSRC    the last two of the newest release
set -eu
here=$(dirname "$0")
cmake=$1 releases=$2 sources=$3 era=$4 csrc=$5
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-releases-XXXXXX")
trap 'rm -rf "$dir"' EXIT

newest=$(grep '^[0-9]' "$releases" | tail -n 1 | cut -d ' ' -f 1)
first=$(grep "^[0-9].* $era\$" "$releases" | head -n 1 | cut -d ' ' -f 1)
{ cat "$releases" && echo "99.0.0 $era"; } > "$dir/releases.txt"
cat > "$dir/print.cmake" << 'END'
include("${HERE}/../cmake/Releases.cmake")
foreach(list RELEASE_IDS ERA_IDS NEWEST_IDS)
  set(releases "")
  foreach(id ${${list}})
    list(APPEND releases ${RELEASE_${id}})
  endforeach()
  message("${list} ${releases};")
endforeach()
message("newest ${NEWEST_RELEASE} ${RELEASE_newest} ${ERA_newest}")
END

# chosen DSAIO_RELEASES: the lists that CMake makes of it
chosen() {
    "$cmake" "-DHERE=$here" "-DDSAIO_RELEASES_FILE=$dir/releases.txt" "-DDSAIO_RELEASES=$1" \
        -P "$dir/print.cmake" 2>&1
}
# expect TEXT PATTERN
expect() {
    echo "$1" | grep -q "$2" || {
        printf 'FAILED: nothing here matches %s:\n%s\n' "$2" "$1"
        exit 1
    }
}

edges=$(chosen edges)
expect "$edges" "^newest 99\.0\.0 99\.0\.0 $era\$"
expect "$edges" "^RELEASE_IDS .*;$first;.*;99\.0\.0;"
expect "$edges" '^ERA_IDS .*;99\.0\.0;'
expect "$edges" '^NEWEST_IDS 99\.0\.0;$'
if echo "$edges" | grep -q "[ ;]$newest;" && [ "$newest" != "$first" ]; then
    echo "FAILED: $newest is still the last of its era:"
    echo "$edges"
    exit 1
fi
expect "$(chosen newest)" '^RELEASE_IDS 99\.0\.0;$'
expect "$(chosen all)" "^RELEASE_IDS .*;$newest;99\.0\.0;"
expect "$(chosen '99.0.0')" '^RELEASE_IDS 99\.0\.0;$'
expect "$(chosen 98.0.0)" 'DSAIO_RELEASES names 98\.0\.0'

# Its sources are those of its era, and of no other.
"$here/eras.sh" "$sources" 99.0.0 "$era" "$csrc"
! "$here/eras.sh" "$sources" 99.0.0 $((era - 1)) "$csrc" > /dev/null
