#!/bin/bash
# Breaks the library in the ways that matter, one at a time and on a copy, and shows that `make test`
# catches each: the copy's own scripts/test.sh runs, the steps and tests alone that should notice, and
# the tests that are named for the defect must be among those that fail.
#
# defects/*.patch are the defects. Each says what is broken, then, one a line:
#   Steps:      of scripts/test.sh
#   Tests:      of the step ctest, those whose names match this regular expression
#   Pytests:    of the step python, those that match this expression, as for pytest -k
#   Caught by:  a regular expression for the name of a test that must fail; a step's, where the whole
#               step does (a build); as many lines as there are such tests
#   Saying:     a regular expression for what the run must say, where a build fails: it could fail for
#               anything
#
#   ONLY  a regular expression: only the defects whose names match

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=broken_copy.sh
. "$root/scripts/broken_copy.sh"

readonly build="$root/build/defects"
readonly copy="$build/source"

field() { sed -n "s/^$1: //p" "$2"; } # field NAME FILE

# Those that touch the header come last: everything is compiled anew for them.
all_defects() {
  grep -L '^+++ b/include/' "$root"/proof/defects/*.patch
  grep -l '^+++ b/include/' "$root"/proof/defects/*.patch || true
}

# run_tests LOG STEPS TESTS PYTESTS: the copy's `make test`, where a skip for want of a tool is a failure.
run_tests() {
  (
    # Should a defect leak all memory, this is what the kernel ends first. A limit on address space would
    # end the sanitizers' programs, too, which reserve terabytes of it.
    echo 1000 >/proc/self/oom_score_adj
    unset CARGO_TARGET_DIR
    CI=1 STEPS=$2 TESTS=$3 PYTESTS=$4 "$copy/scripts/test.sh"
  ) >"$1" 2>&1 </dev/null
}

# What failed in a run, one a line.
failed_in() { sed -n '/^Failed:$/,/^$/s/^  //p' "$1"; } # failed_in LOG

# That field of all defects, joined.
all_fields() { # all_fields NAME SEPARATOR
  field "$1" <(cat "${defects[@]}") | sort -u | awk -v by="$2" 'NR > 1 { printf by } { printf "%s", $0 }'
}

# Without a defect everything that is run below passes.
run_undamaged() {
  local log=$build/undamaged.log
  echo "Building and testing the undamaged copy (minutes the first time)"
  run_tests "$log" "$(field Steps <(cat "${defects[@]}") | tr ' ' '\n' | sort -u | tr '\n' ' ')" \
    "$(all_fields Tests '|')" "$(all_fields Pytests ' or ')" || {
    cat "$log" >&2
    die "the undamaged copy fails already; mend that first."
  }
  tail -n 1 "$log"
}

# try DEFECT: prints its line of the table; false where it is missed.
try() {
  local name log caught expected missing=()
  name=$(basename "$1" .patch)
  log=$build/$name.log
  copy_checkout "$copy"
  # Without a ceiling git would find this checkout above the copy, and ignore the copy.
  (cd "$copy" && GIT_CEILING_DIRECTORIES=$build git apply "$1") ||
    die "defects/$name.patch does not apply any more; make it anew from today's sources."
  if run_tests "$log" "$(field Steps "$1")" "$(field Tests "$1")" "$(field Pytests "$1")"; then
    printf '%-28s MISSED: everything passed\n' "$name"
    return 1
  fi
  caught=$(failed_in "$log")
  while IFS= read -r expected; do
    grep -qE -- "$expected" <<<"$caught" || missing+=("$expected")
  done < <(field 'Caught by' "$1")
  expected=$(field Saying "$1")
  [[ -z $expected ]] || grep -qE -- "$expected" "$log" || missing+=("the words $expected")
  if ((${#missing[@]} > 0)); then
    printf '%-28s MISSED by %s; failed: %s\n' "$name" "${missing[*]}" "$(in_short "$caught")"
    return 1
  fi
  printf '%-28s %s\n' "$name" "$(in_short "$caught")"
}

# The first few names, and how many more there are.
in_short() {
  awk 'NF { n++; if (n <= 3) { sub(/ +#.*/, ""); printf "%s%s", (n > 1 ? ", " : ""), $0 } }
    END { if (n > 3) printf " and %d more", n - 3; if (n == 0) printf "nothing that has a name" }' <<<"$1"
}

"$root/scripts/setup.sh" defects
mkdir -p "$build" || die "$build cannot be made."
mapfile -t defects < <(all_defects | grep -E -- "/[^/]*(${ONLY:-.})[^/]*\.patch$")
((${#defects[@]} > 0)) || die "no defect matches ONLY=${ONLY-}."
for file in "${defects[@]}"; do
  [[ -n $(field Steps "$file") && -n $(field 'Caught by' "$file") ]] ||
    die "$file does not say which steps are run and which test must fail."
  if grep -qE '^Caught by: (build|cargo)' "$file" && [[ -z $(field Saying "$file") ]]; then
    die "$file names a step that fails, and not what it must say."
  fi
done
copy_checkout "$copy"
run_undamaged
printf '\n%-28s %s\n' defect 'caught by'
caught=0 missed=0
for file in "${defects[@]}"; do
  if try "$file"; then caught=$((caught + 1)); else missed=$((missed + 1)); fi
done
echo
echo "$caught caught, $missed missed"
((missed == 0))
