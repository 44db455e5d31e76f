#!/bin/bash
# setup.sh demo|test|bench|mutants|defects|sanitizers|deepspeed
#
# Makes this machine ready for `make demo`, `make test` and so on: finds what is missing by looking
# for the thing itself (a command, a header), and installs only that. Where everything is there
# already it touches neither the package manager nor the network.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

# What is needed, one a line: probe, Debian packages, Fedora packages, and whether the purpose can
# do without (then its tests are skipped, or the demo shows less).
demo_needs='
cxx         g++                       gcc-c++                     required
make        make                      make                        required
cmake       cmake                     cmake                       required
libaio      libaio-dev                libaio-devel                required
binutils    binutils                  binutils                    required
pip         python3-pip               python3-pip                 optional
'
test_needs="$demo_needs"'
python      python3                   python3                     required
venv        python3-venv              python3                     required
googletest  libgtest-dev              gtest-devel                 required
clang       clang                     clang                       optional
libcxx      libc++-dev,libc++abi-dev  libcxx-devel,libcxxabi-devel  optional
pkgconfig   pkg-config                pkgconf-pkg-config          optional
sanitizers  g++                       libasan,libtsan,libubsan    optional
valgrind    valgrind                  valgrind                    optional
'
defects_needs="$test_needs"'
git         git                       git                         required
'
bench_needs="$demo_needs"'
python      python3                   python3                     required
benchmark   libbenchmark-dev          google-benchmark-devel      required
fio         fio                       fio                         optional
matplotlib  python3-matplotlib        python3-matplotlib          optional
'
deepspeed_needs='
cxx         g++                       gcc-c++                     required
libaio      libaio-dev                libaio-devel                required
binutils    binutils                  binutils                    required
python      python3                   python3                     required
pip         python3-pip               python3-pip                 required
venv        python3-venv              python3                     required
pythondev   python3-dev               python3-devel               required
'

has() { command -v "$1" >/dev/null 2>&1; }

compiles() { # compiles INCLUDE COMPILER [OPTION...]
  local include=$1
  shift
  echo "#include <$include>" | "$@" -x c++ -fsyntax-only - >/dev/null 2>&1
}

probe_cxx() { compiles vector "${CXX:-c++}"; }
probe_make() { has make; }
probe_libaio() { compiles libaio.h "${CXX:-c++}"; }
probe_binutils() { has nm && has readelf; }
probe_pip() { python3 -m pip --version >/dev/null 2>&1; }
probe_python() { has python3; }
probe_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }
# What torch compiles ops with.
probe_pythondev() {
  [[ -e $(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h ]]
}
probe_googletest() { [[ -e /usr/src/googletest/CMakeLists.txt ]] || compiles gtest/gtest.h "${CXX:-c++}"; }
probe_clang() { compiles cstddef clang++; }
probe_libcxx() { compiles vector clang++ -stdlib=libc++; }
probe_pkgconfig() { has pkg-config; }
probe_sanitizers() {
  local sanitizer
  for sanitizer in address,undefined thread; do
    echo 'int main() {}' | "${CXX:-c++}" "-fsanitize=$sanitizer" -x c++ - -o /dev/null 2>/dev/null ||
      return 1
  done
}
probe_valgrind() { has valgrind; }
probe_git() { has git; }
probe_benchmark() { compiles benchmark/benchmark.h "${CXX:-c++}"; }
probe_fio() { has fio; }
# bench/run.py takes the system's python3 where another one comes first and has none.
probe_matplotlib() {
  local python
  for python in python3 /usr/bin/python3; do
    "$python" -c 'import matplotlib' 2>/dev/null && return
  done
}

# The CMake files say which version they need.
probe_cmake() {
  local wanted
  wanted=$(sed -n 's/^cmake_minimum_required(VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
  has cmake && at_least "$wanted" "$(cmake --version | sed -n '1s/[^0-9]*//p')"
}

at_least() { # at_least WANTED PRESENT
  [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]
}

check_cargo() {
  local wanted present
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
  has cargo || die "cargo is missing; install Rust $wanted or later with rustup (https://rustup.rs)."
  present=$(cd "$root" && cargo --version 2>/dev/null) ||
    die "cargo does not run; install Rust $wanted or later with 'rustup default stable'."
  present=$(cut -d ' ' -f 2 <<<"$present")
  at_least "$wanted" "$present" ||
    die "cargo $present is too old; Rust $wanted or later is needed: 'rustup update stable' (https://rustup.rs)."
}

# Prints the lines of $needs whose thing is not here.
missing_needs() {
  local probe debian fedora importance
  while read -r probe debian fedora importance; do
    [[ -z $probe ]] || "probe_$probe" || echo "$probe $debian $fedora $importance"
  done <<<"$needs"
}

column() { # column N, of lines on standard input: all on one line, commas as spaces
  awk -v n="$1" '{ print $n }' | tr ',\n' '  ' | sed 's/ *$//'
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

can_be_root() { [[ $EUID -eq 0 ]] || has sudo; }

# Returns non-zero where it could not install; whether that matters is seen by looking again.
apt_install() {
  local log status=0
  log=$(mktemp)
  {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
      install -y --no-install-recommends "$@"
  } >"$log" 2>&1 || status=$?
  [[ $status -eq 0 ]] || tail -n 15 "$log" >&2
  rm -f "$log"
  return "$status"
}

install_packages() {
  local missing packages
  missing=$(missing_needs)
  [[ -n $missing ]] || return 0
  if has apt-get && can_be_root; then
    packages=$(column 2 <<<"$missing")
    echo "Installing with apt-get: $packages"
    # shellcheck disable=SC2086  # one word each
    apt_install $packages || true
    missing=$(missing_needs)
    [[ -n $missing ]] || return 0
  fi
  report_missing "$missing"
}

report_missing() {
  local missing=$1 advice
  if has apt-get; then
    advice="as root: apt-get install $(column 2 <<<"$missing")"
  else
    advice="install $(column 1 <<<"$missing") (Fedora's names: $(column 3 <<<"$missing"))"
  fi
  if grep -q ' required$' <<<"$missing"; then
    die "missing, or too old: $(column 1 <<<"$missing"); $advice"
  fi
  echo "Going on without $(column 1 <<<"$missing"); for everything, $advice"
}

# The component and Debian's name for it; cargo has each as a subcommand.
install_rust_component() { # install_rust_component SUBCOMMAND COMPONENT PACKAGE
  cd "$root"
  cargo "$1" --version >/dev/null 2>&1 && return
  if has rustup; then
    echo "Installing with rustup: $2"
    rustup -q component add "$2" >/dev/null || true
  elif has apt-get && can_be_root; then
    echo "Installing with apt-get: $3"
    apt_install "$3" || true
  fi
  cargo "$1" --version >/dev/null 2>&1 ||
    die "cargo $1 is missing; install it with 'rustup component add $2'."
}

# A subcommand of cargo's that is a crate.
install_cargo_tool() { # install_cargo_tool SUBCOMMAND
  cargo "$1" --version >/dev/null 2>&1 && return
  echo "Installing with cargo: cargo-$1 (some minutes)"
  cargo install --quiet --locked "cargo-$1" || die "cargo-$1 cannot be installed; see above."
}

case ${1:-} in
  demo) needs=$demo_needs ;;
  test | mutants | sanitizers) needs=$test_needs ;;
  defects) needs=$defects_needs ;;
  bench) needs=$bench_needs ;;
  deepspeed) needs=$deepspeed_needs ;;
  *) die "usage: setup.sh demo|test|bench|mutants|defects|sanitizers|deepspeed" ;;
esac

check_cargo
install_packages
if [[ $1 == test ]]; then
  install_rust_component fmt rustfmt rustfmt
  install_rust_component clippy clippy rust-clippy
fi
case $1 in
  mutants) install_cargo_tool mutants ;;
esac
