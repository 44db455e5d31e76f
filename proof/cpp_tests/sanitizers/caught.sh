#!/bin/bash
# caught.sh WORDS PROGRAM [ARGUMENT...]
#
# Passes where the program ends in failure, for the reason that the words give.
set -u

words=$1
shift
if output=$("$@" 2>&1); then
  echo "$output"
  echo "nothing was caught: $*"
  exit 1
fi
if ! grep -qF -- "$words" <<<"$output"; then
  echo "$output"
  echo "it failed, but not with: $words"
  exit 1
fi
grep -F -m 1 -- "$words" <<<"$output"
