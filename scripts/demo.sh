#!/bin/bash
# The library's main job, on this machine: a transfer tool, linked against DeepSpeed's original
# libdeepspeed_aio_utils.so, moves a file; then that .so is swapped for ours, and the same binary
# moves it again.
#
#   SIZE  of the file and the buffer (default 1GiB)
#   DIR   where the file goes (default build/demo/data)

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly rounds=3
readonly build="$root/build/demo"
readonly stage="$build/run" # the tool, and the library it runs on; made anew by every run
readonly tool="$stage/transfer_tool"
# Lines such as: original sequential yes 131.2 6.10 4.20 0123456789abcdef yes
readonly results="$stage/results"
readonly block=4096 # O_DIRECT moves whole ones

default_dir=
stage_made=
# Interrupted or not, nothing stays but the build. The transferred file has no name while it lives.
clean_up() {
  [[ -z $stage_made ]] || rm -rf "$stage"
  [[ -z $default_dir ]] || rmdir "$default_dir" 2>/dev/null || true
}
trap clean_up EXIT
trap 'echo; exit 129' HUP
trap 'echo; exit 130' INT
trap 'echo; exit 143' TERM

in_words() { # bytes
  local unit
  for unit in 1073741824:GiB 1048576:MiB 1024:KiB; do
    if (($1 % ${unit%:*} == 0)); then
      echo "$(($1 / ${unit%:*})) ${unit#*:}"
      return
    fi
  done
  echo "$1 bytes"
}

# ---- Before anything is installed or built ----

parse_size() { # prints bytes
  local text=$1 factor=1 limit=18
  if [[ ! $text =~ ^([0-9]+)(([KMG])(iB)?)?$ ]]; then
    die "SIZE=$text is not a size; give bytes, or a number with K, M or G, as in SIZE=512M or SIZE=2GiB."
  fi
  case ${BASH_REMATCH[3]} in
    K) factor=1024 limit=9 ;;
    M) factor=$((1024 * 1024)) limit=9 ;;
    G) factor=$((1024 * 1024 * 1024)) limit=9 ;;
  esac
  local number=${BASH_REMATCH[1]}
  ((${#number} <= limit)) || die "SIZE=$text is more than this machine can hold."
  number=$((10#$number * factor))
  ((number > 0)) || die "SIZE=$text is nothing to move; give at least SIZE=4K."
  echo "$number"
}

check_memory() {
  local kib needed=$size
  # There the file needs as much as the buffer.
  [[ $(file_system) != tmpfs ]] || needed=$((2 * size))
  kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  ((needed / 1024 + 65536 < ${kib:-0})) ||
    die "$(in_words "$needed") do not fit in the $((kib / 1024)) MiB of memory that are available; choose a smaller SIZE."
}

file_system() { df --output=fstype "$dir" | tail -n 1; }

check_directory() {
  if [[ -z ${DIR+x} ]]; then
    dir=$root/build/demo/data
    mkdir -p "$dir" 2>/dev/null || die "$dir cannot be made; name a directory with DIR=."
    default_dir=$dir
  else
    dir=$DIR
    [[ -e $dir ]] || die "DIR=$dir does not exist."
    [[ -d $dir ]] || die "DIR=$dir is not a directory."
  fi
  # Under root too: a read-only file system answers no.
  [[ -w $dir && -x $dir ]] || die "$dir is not writable."
  dir=$(cd -- "$dir" && pwd)
  check_memory
  check_direct_io
  check_space
}

check_direct_io() {
  local probe
  probe=$(mktemp "$dir/.transfer_tool-XXXXXX" 2>/dev/null) || die "no file can be made in $dir."
  exec 8<>"$probe"
  rm -f "$probe"
  if ! dd if=/dev/zero of=/proc/self/fd/8 oflag=direct bs=$block count=1 2>/dev/null; then
    # The same without the flag tells why.
    dd if=/dev/zero of=/proc/self/fd/8 bs=$block count=1 2>/dev/null ||
      die "nothing can be written in $dir: the disk is full, or a quota is."
    die "the file system of $dir does not take O_DIRECT; name a directory on a disk with DIR=."
  fi
  exec 8>&-
}

check_space() {
  local total free
  read -r total free < <(df --output=size,avail -B1 "$dir" | tail -n 1)
  # Some file systems do not tell; the tool reserves the space before it writes.
  [[ $total =~ ^[1-9] && $free =~ ^[0-9]+$ ]] || return 0
  ((free > size)) ||
    die "$dir has only $((free / 1024 / 1024)) MiB left, and $(in_words "$size") are needed; choose a smaller SIZE, or another DIR."
}

# ---- Build ----

newest_release() { sed -n '$s/ .*//p' "$root/python/deepspeed_aio_utils/releases.txt"; }

build_all() {
  mkdir -p "$build" || die "$build cannot be made."
  stage_made=yes
  rm -rf "$stage"
  mkdir "$stage"
  echo "Configuring (fetches the sources of DeepSpeed $(newest_release) from PyPI, once)"
  # Without a network the demo shows less; only tests fail for that where CI is set.
  quietly "$build/configure.log" env -u CI cmake -S "$root" -B "$build" \
    -DCMAKE_BUILD_TYPE=Release -DDSAIO_BUILD_TESTS=OFF -DDSAIO_BUILD_DEMO=ON \
    -DDSAIO_CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
  echo "Building the library, the original and the transfer tool (a minute the first time)"
  quietly "$build/build.log" cmake --build "$build" --parallel "$(nproc)"
  { read -r original && read -r ours; } <"$build/proof/demo/libraries.txt" || true
  cp "$build/proof/demo/transfer_tool" "$tool"
}

# ---- Run ----

# In one step, so that at no moment half a library lies there. This is all that a swap is.
put_library() {
  cp "$1" "$stage/new"
  mv "$stage/new" "$stage/libdeepspeed_aio_utils.so"
}

# The tool's lines, kept in $results and shown as they come.
record() { # record NAME < the tool's output
  local name=$1 line
  while read -r line; do
    case $line in
      library\ *)
        echo "$line" >"$stage/library.$name"
        ;;
      mode=*)
        echo "$line" | sed "s/[a-z_]*=//g; s/^/$name /" >>"$results"
        tail -n 1 "$results" | awk '{
          allocate = $3 == "yes" ? sprintf("%8.1f ms", $4) : " not locked"
          verified = $8 == "yes" ? "verified" : "NOT VERIFIED"
          printf "  %-9s %-10s allocate %s   write %6.2f GB/s   read %6.2f GB/s   %s\n",
            $1, $2, allocate, $5, $6, verified
        }'
        ;;
    esac
  done
}

run_tool() { # run_tool NAME
  local status=0
  "$tool" "$dir" "$size" 2>"$stage/stderr" | record "$1" || status=$?
  case $status in
    0) return ;;
    137) die "the transfer tool was killed, as the kernel does when memory runs out; choose a smaller SIZE." ;;
    129 | 130 | 141 | 143) exit "$status" ;;
  esac
  # Its own sentence where it has one, else whatever there is.
  grep '^transfer_tool: ' "$stage/stderr" | grep -v '^transfer_tool: note: ' >"$stage/sentence" ||
    cp "$stage/stderr" "$stage/sentence"
  die "$(sed 's/^transfer_tool: //' "$stage/sentence")"
}

# The tool asks the loaded library itself; the name of the file alone would prove nothing.
require_library() { # require_library NAME none|other
  local version
  version=$(sed 's/^library version=\([^ ]*\).*/\1/' "$stage/library.$1")
  case $2:$version in
    none:none) ;;
    none:* | other:none) die "the tool did not run on the library that was put next to it." ;;
  esac
}

run_one() { # run_one NAME LIBRARY none|other
  put_library "$2"
  run_tool "$1"
  require_library "$1" "$3"
  [[ $(checksum_of_tool) == "$checksum" ]] || die "the transfer tool is not the same file any more."
}

checksum_of_tool() { sha256sum "$tool" | cut -c 1-16; }

run_rounds() {
  local round
  checksum=$(checksum_of_tool)
  if [[ -n $original ]]; then
    echo "The transfer tool (sha256 $checksum...) is linked against the original's .so."
  else
    echo "DeepSpeed cannot be fetched from PyPI: this shows our library alone, with our own callers."
  fi
  for ((round = 1; round <= rounds; round++)); do
    echo "Round $round of $rounds"
    if [[ -n $original ]]; then run_one original "$original" none; fi
    if ((round == 1)) && [[ -n $original ]]; then echo "  (the .so is swapped for ours)"; fi
    run_one ours "$ours" other
  done
  if [[ -n $original ]]; then
    echo "All rounds ran the same binary (sha256 $(checksum_of_tool)...), nothing rebuilt or relinked."
  fi
}

# ---- Report ----

median() { # median NAME MODE COLUMN
  awk -v name="$1" -v mode="$2" -v n="$3" '$1 == name && $2 == mode { print $n }' "$results" |
    sort -g | sed -n "$(((rounds + 1) / 2))p"
}

# Yes where it is in every round.
every_round() { # every_round NAME MODE COLUMN
  awk -v name="$1" -v mode="$2" -v n="$3" '$1 == name && $2 == mode && $n != "yes" { no = 1 }
    END { print no ? "no" : "yes" }' "$results"
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2fx", a / b; else print "-" }'; }

table_row() { printf '%-12s%-18s%13s%14s%13s   %s\n' "$@"; }

table() {
  local mode first
  echo
  echo "$(in_words "$size"), O_DIRECT, blocks of 1 MiB, queue depth 32; medians of $rounds interleaved rounds"
  echo
  table_row mode library 'allocate ms' 'write GB/s' 'read GB/s' verified
  for mode in sequential overlap; do
    first=$mode
    if [[ -n $original ]]; then
      library_row original "$first" "$mode" 'original C++'
      first=
    fi
    library_row ours "$first" "$mode" 'this library'
    [[ -z $original ]] || speed_up_row "$mode"
  done
}

library_row() { # library_row NAME FIRST MODE LABEL
  local allocate write read
  printf -v allocate %.1f "$(median "$1" "$3" 4)"
  locked "$1" "$3" || allocate='not locked'
  printf -v write %.2f "$(median "$1" "$3" 5)"
  printf -v read %.2f "$(median "$1" "$3" 6)"
  table_row "$2" "$4" "$allocate" "$write" "$read" "$(every_round "$1" "$3" 8)"
}

speed_up_row() { # speed_up_row MODE
  local allocate
  allocate=$(ratio "$(median original "$1" 4)" "$(median ours "$1" 4)")
  # Without the locking no page is touched, and there is nothing to compare.
  if ! locked original "$1" || ! locked ours "$1"; then allocate=-; fi
  table_row '' 'speed-up' "$allocate" \
    "$(ratio "$(median ours "$1" 5)" "$(median original "$1" 5)")" \
    "$(ratio "$(median ours "$1" 6)" "$(median original "$1" 6)")" ''
}

locked() { [[ $(every_round "$1" "$2" 3) == yes ]]; } # locked NAME MODE

cpu_model() {
  local model
  model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
  echo "${model:-$(uname -m)}"
}

footnotes() {
  echo
  echo "Linux $(uname -r), $(cpu_model), $(file_system) in $dir"
  if [[ -n $original ]]; then
    echo "The transfers were done by $(sed 's/.* caller=\(.*\) file=.*/\1/' "$stage/library.original")."
  fi
  if grep -q hypervisor /proc/cpuinfo; then
    echo "This is a virtual machine: memory and disk of the host are shared, and the first touch of"
    echo "memory that it has taken back is slow for either library. Take small differences as noise."
  fi
  sed -n 's/^transfer_tool: note: /Note: /p' "$stage/stderr" | head -n 1
}

size=$(parse_size "${SIZE-1GiB}")
if ((size % block)); then
  size=$(((size + block - 1) / block * block))
  echo "O_DIRECT moves whole blocks of $block bytes: the size is rounded up to $(in_words "$size")."
fi
check_directory
"$root/scripts/setup.sh" demo
build_all
run_rounds
table
footnotes
