#!/bin/bash
# Builds the library and tests the core with the oldest Rust that Cargo.toml allows (rust-version): that
# of rustup, if it is installed, or else Debian trixie's packages, unpacked in build/msrv. No Rust is
# installed on the system.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly build=$root/build/msrv
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

unpack_debian() {
  local loader program
  scripts/unpack-debian.sh -d -s trixie "$(dpkg --print-architecture)" "$build/root" \
    rustc cargo libstd-rust-dev || return
  mkdir -p "$build/bin" || return
  # Its programs run on its own libc; what they build is linked on this system, as always.
  loader=("$build"/root/usr/lib*/ld-linux*.so.*)
  for program in cargo rustc rustdoc; do
    {
      echo '#!/bin/sh'
      printf 'exec %q --library-path %q %q "$@"' "${loader[0]}" \
        "$(printf '%s:' "$build"/root/usr/lib/*-linux-gnu)" "$build/root/usr/bin/$program"
      [[ $program == cargo ]] || printf ' --sysroot %q' "$build/root/usr"
    } >"$build/bin/$program"
    chmod +x "$build/bin/$program"
  done
}

scripts/setup.sh msrv
if rustup run "$wanted" rustc --version >/dev/null 2>&1; then
  run=(rustup run "$wanted")
elif command -v apt-get >/dev/null && [[ -n $(apt-get indextargets 'Origin: Debian' 'Label: Debian') ]]; then
  step -n "unpack Debian's rustc" unpack_debian || true
  run=(env PATH="$build/bin:$PATH" CARGO="$build/bin/cargo" RUSTC="$build/bin/rustc"
    RUSTDOC="$build/bin/rustdoc")
else
  skip "Rust $wanted" "it is not here; 'rustup toolchain install $wanted' installs it"
  summary
  exit
fi
# --tests: not the examples in comments, for which rustdoc would start Debian's rustc past its wrapper.
is_wanted() { "${run[@]}" rustc --version | tee /dev/stderr | grep -q "^rustc ${wanted//./\\.}\."; }
step -n "rustc is $wanted" is_wanted &&
  step "build" "${run[@]}" cargo build --locked --lib --target-dir build/cargo-msrv &&
  step -r log "test the core" "${run[@]}" cargo test --locked --package dsaio --tests \
    --target-dir build/cargo-msrv || true
summary
