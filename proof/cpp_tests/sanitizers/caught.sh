#!/bin/bash
# caught.sh PATTERN PROGRAM [ARGUMENT...]
#
# Passes where the program ends in failure, for the reason that the pattern (grep -E) gives.
set -u

pattern=$1
shift
if output=$("$@" 2>&1); then
  echo "nothing was caught: $*"
elif grep -E -m 1 -- "$pattern" <<<"$output"; then
  exit 0
else
  echo "it failed, but with nothing that matches: $pattern"
fi
echo "$output"
exit 1
