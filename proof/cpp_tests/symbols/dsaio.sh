#!/bin/sh
# A shared library made of the package dsaio exports nothing, so no Rust program that depends on it
# exports DeepSpeed's names.
#
# usage: dsaio.sh CARGO SOURCE TARGET
set -eu
"$1" rustc --quiet --locked --release --package dsaio --crate-type cdylib \
    --manifest-path "$2/Cargo.toml" --target-dir "$3"
exported=$(nm -D --defined-only "$3/release/libdsaio.so")
[ -z "$exported" ] || {
    echo "FAILED: it exports $exported"
    exit 1
}
