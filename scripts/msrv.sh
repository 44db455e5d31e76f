#!/bin/bash
# Builds the library and tests the core with the oldest Rust that Cargo.toml allows (rust-version): that
# of rustup, if it is installed, or else Debian trixie's packages, unpacked in build/msrv. Nothing is
# installed on the system.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly build=$root/build/msrv
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

# apt with sources, lists and a status file of its own, as for a machine without any package.
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$build/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State="$build/state" -o Dir::State::status="$build/status" -o Dir::Cache="$build/cache" \
    -o APT::Sandbox::User= "$@"
}

unpack_debian() {
  local keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror package loader program
  mkdir -p "$build"/{state/lists/partial,cache/archives/partial,bin} && : >"$build/status" || return
  # The mirror that this system uses.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' | head -n 1)
  [[ -n $mirror ]] || return
  echo "deb [signed-by=$keys] $mirror trixie main" >"$build/sources.list"
  apt update && apt install -y --no-install-recommends --download-only rustc cargo libstd-rust-dev || return
  for package in "$build"/cache/archives/*.deb; do dpkg-deb -x "$package" "$build/root" || return; done
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
  rm -rf "$build/cache"
}

if rustup run "$wanted" rustc --version >/dev/null 2>&1; then
  run=(rustup run "$wanted")
elif command -v apt-get >/dev/null && [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
  [[ -x $build/bin/rustdoc ]] || step -n "unpack Debian's rustc" unpack_debian || true
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
