#!/bin/bash
# Makes sure that cargo can build for aarch64: Rust's standard library for it, installed by rustup if there is one.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
readonly target=aarch64-unknown-linux-gnu

has_std() { compgen -G "$(rustc --print target-libdir --target $target)/libstd-*.rlib" >/dev/null; }

has_std && exit
if command -v rustup >/dev/null; then
  echo "Running: rustup target add $target"
  rustup -q target add $target || true
fi
has_std || die "Rust's standard library for $target is missing. rustup installs it; for Debian's rustc," \
  "as root: dpkg --add-architecture arm64 && apt-get update && apt-get install libstd-rust-dev:arm64" \
  "(libstd-rust-web-dev:arm64 for rustc-web)."
