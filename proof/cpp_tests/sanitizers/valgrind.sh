#!/bin/bash
# valgrind.sh VALGRIND PROGRAM [ARGUMENT...]
#
# Runs the program under memcheck. Its children print as they would without: what valgrind says goes
# to files, and those of the program itself are shown where they say that something is wrong.
# (Children that crash in EXPECT_DEATH are none of its errors.)
set -u

valgrind=$1
shift
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

status=0
"$valgrind" --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect \
  --suppressions="$(dirname "$0")/valgrind.supp" --log-file="$logs/%p" "$@" &
wait "$!" || status=$?
((status == 0)) || cat "$logs/$!"
exit "$status"
