#!/bin/bash
# setup.sh demo|test|lint|bench|mutants|sanitizers|msrv|deepspeed|wheels|filesystems|aarch64|machines
#
# Makes this machine ready for `make demo`, `make test` and so on. It looks for each thing itself (a
# command, a header), says what is missing and the command that it is about to run, and installs only
# that. If everything is here, it touches neither the package manager nor the network.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"

# A thing that probe() looks for; Debian's packages; Fedora's; whether the tests can do without; and the
# purposes that need it, where "all" means neither lint nor msrv.
readonly needs='
rust        rustc,cargo               rust,cargo                    required  all lint
rustfmt     rustfmt                   rustfmt                       optional  test lint
clippy      rust-clippy               clippy                        optional  test lint
shellcheck  shellcheck                ShellCheck                    optional  test lint
cxx         g++                       gcc-c++                       required  all lint msrv
libaio      libaio-dev                libaio-devel                  required  all lint msrv
make        make                      make                          required  all
binutils    binutils                  binutils                      required  all
cmake       cmake                     cmake                         required  demo test mutants sanitizers bench filesystems aarch64 machines
pip         python3-pip               python3-pip                   optional  all lint
python      python3                   python3                       required  all msrv
venv        python3-venv              python3                       optional  test lint
venv        python3-venv              python3                       required  deepspeed wheels
googletest  libgtest-dev              gtest-devel                   required  test mutants sanitizers filesystems aarch64 machines
clang       clang                     clang                         optional  test mutants
libcxx      libc++-dev,libc++abi-dev  libcxx-devel,libcxxabi-devel  optional  test mutants
pkgconfig   pkg-config                pkgconf-pkg-config            optional  test
e2fsprogs   e2fsprogs                 e2fsprogs                     optional  test mutants
jemalloc    libjemalloc2              jemalloc                      optional  test mutants
sanitizers  g++                       libasan,libtsan,libubsan      required  sanitizers
valgrind    valgrind                  valgrind                      optional  sanitizers
fio         fio                       fio                           required  bench
matplotlib  python3-matplotlib        python3-matplotlib            required  bench
pythondev   python3-dev               python3-devel                 required  test deepspeed wheels
aarch64cxx  g++-aarch64-linux-gnu     gcc-c++-aarch64-linux-gnu     required  aarch64 machines
qemu        qemu-user                 qemu-user                     required  aarch64 machines
qemux86     qemu-system-x86           qemu-system-x86               required  machines
qemuarm     qemu-system-arm           qemu-system-aarch64           required  machines
busybox     busybox-static            busybox                       required  machines
kmod        kmod                      kmod                          required  machines
dmsetup     dmsetup                   device-mapper                 optional  test
dmsetup     dmsetup                   device-mapper                 required  machines
e2fsprogs   e2fsprogs                 e2fsprogs                     required  filesystems machines
xfsprogs    xfsprogs                  xfsprogs                      required  filesystems
btrfsprogs  btrfs-progs               btrfs-progs                   required  filesystems
xz          xz-utils                  xz                            required  machines
bc          bc                        bc                            required  machines
bison       bison                     bison                         required  machines
flex        flex                      flex                          required  machines
keyring     debian-archive-keyring    debian-keyring                required  machines
debootstrap debootstrap,debian-archive-keyring debootstrap,debian-keyring optional wheels
'

has() { command -v "$1" >/dev/null 2>&1; }
includes() { echo "#include <$1>" | "${@:2}" -x c++ -fsyntax-only - >/dev/null 2>&1; } # includes HEADER COMPILER...

# Its names for mutants are in proof/mutants/survivors.txt.
readonly cargo_mutants=27.1.0
rust_version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

probe() { # probe THING
  local cxx=${CXX:-c++} python sanitizer
  case $1 in
    rust) at_least "$rust_version" "$(rustc --version 2>/dev/null | cut -d ' ' -f 2)" && has cargo ;;
    rustfmt) cargo fmt --version >/dev/null 2>&1 ;;
    clippy) cargo clippy --version >/dev/null 2>&1 ;;
    cxx) includes vector "$cxx" ;;
    libaio) includes libaio.h "$cxx" ;;
    binutils) has nm && has readelf ;;
    cmake) at_least "$(sed -n 's/^cmake_minimum_required(VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)" \
      "$(cmake --version 2>/dev/null | sed -n '1s/[^0-9]*//p')" ;;
    pip) python3 -m pip --version >/dev/null 2>&1 ;;
    python) has python3 ;;
    venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    googletest) [[ -e /usr/src/googletest/CMakeLists.txt ]] || includes gtest/gtest.h "$cxx" ;;
    clang) includes cstddef clang++ ;;
    libcxx) includes vector clang++ -stdlib=libc++ ;;
    pkgconfig) has pkg-config ;;
    e2fsprogs | xfsprogs | btrfsprogs)
      local type=${1%progs}
      PATH=$PATH:/usr/sbin:/sbin has "mkfs.${type/e2fs/ext4}"
      ;;
    debootstrap)
      PATH=$PATH:/usr/sbin:/sbin has debootstrap && [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]]
      ;;
    jemalloc) PATH=$PATH:/usr/sbin:/sbin ldconfig -p | grep -q 'libjemalloc\.so\.2 ' ;;
    sanitizers)
      for sanitizer in address,undefined thread; do
        echo 'int main() {}' | "$cxx" "-fsanitize=$sanitizer" -x c++ - -o /dev/null 2>/dev/null || return
      done
      ;;
    # proof/bench takes the system's python3 if another one comes first and has none.
    matplotlib)
      for python in python3 /usr/bin/python3; do "$python" -c 'import matplotlib' 2>/dev/null && return; done
      return 1
      ;;
    # What Python modules are compiled with.
    pythondev) [[ -e $(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h ]] ;;
    aarch64cxx) includes vector aarch64-linux-gnu-g++ ;;
    qemu) has qemu-aarch64 ;;
    qemux86) has qemu-system-x86_64 ;;
    qemuarm) has qemu-system-aarch64 ;;
    busybox) has busybox && busybox --list | grep -x taskset >/dev/null ;;
    kmod | dmsetup) PATH=$PATH:/usr/sbin:/sbin has "$1" ;;
    keyring) [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] ;;
    *) has "$1" ;;
  esac
}

# Prints the lines of $needs whose thing is needed for the purpose and not here.
missing_needs() { # missing_needs PURPOSE
  local thing debian fedora importance purposes all=all
  [[ $1 != lint && $1 != msrv ]] || all=$1
  while read -r thing debian fedora importance purposes; do
    [[ " $purposes " == *" $1 "* || " $purposes " == *" $all "* ]] || continue
    probe "$thing" || echo "$thing $debian $fedora $importance"
  done < <(sed '/^$/d' <<<"$needs")
}

column() { awk -v n="$1" '{ print $n }' | tr ',\n' '  ' | sed 's/ *$//'; } # column N, all on one line

# Says the command, then runs it; non-zero if it failed, which the caller sees by looking again.
as_root() {
  local sudo=(sudo)
  ((EUID != 0)) || sudo=()
  echo "Running: ${sudo[*]:+sudo }$*"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >/dev/null
}

install_packages() { # install_packages PURPOSE
  local missing packages candidate advice
  missing=$(missing_needs "$1")
  if has rustup && grep -qE '^(rust|rustfmt|clippy) ' <<<"$missing"; then
    ! grep -q '^rust ' <<<"$missing" ||
      die "Rust $rust_version or later is needed; 'rustup update stable' installs it."
    echo "Running: rustup component add rustfmt clippy"
    rustup -q component add rustfmt clippy || true
    missing=$(missing_needs "$1")
  fi
  if [[ -n $missing ]] && has apt-get && { ((EUID == 0)) || has sudo; }; then
    echo "Missing: $(column 1 <<<"$missing"). Debian's packages for that: $(column 2 <<<"$missing")"
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update || true
    packages=$(column 2 <<<"$missing")
    if grep -q '^rust ' <<<"$missing"; then
      candidate=$(apt-cache policy rustc | sed -n 's/^ *Candidate: *\([0-9.]*\).*/\1/p')
      at_least "$rust_version" "$candidate" || die "Rust $rust_version or later is needed, and this" \
        "distribution has ${candidate:-none}; this installs it:" \
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
    fi
    # shellcheck disable=SC2086  # one word each
    {
      apt-get -s install --no-install-recommends $packages | sed -n 's/^Remv \([^ ]*\).*/Installing them removes \1./p' || true
      as_root apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $packages || true
    }
    missing=$(missing_needs "$1")
  fi
  [[ -n $missing ]] || return 0
  # In other distributions the names are often Fedora's.
  advice="install $(column 3 <<<"$missing") (Fedora's names)"
  ! has apt-get || advice="as root: apt-get install $(column 2 <<<"$missing")"
  ! grep -q ' required$' <<<"$missing" || die "missing, or too old: $(column 1 <<<"$missing"); $advice"
  echo "Going on without $(column 1 <<<"$missing"); for everything, $advice"
}

install_tools() {
  local requirements=(-r scripts/tools.txt -r python/tests/requirements.txt)
  ! has_venv build/tools "${requirements[@]}" || return 0
  echo "Installing from PyPI in build/tools: $(grep -hv '^#' scripts/tools.txt python/tests/requirements.txt |
    tr '\n' ' ')"
  make_venv build/tools "${requirements[@]}" || echo "Going on without them; let pip reach PyPI."
}

purpose=${1:-}
readonly known='demo|test|lint|bench|mutants|sanitizers|msrv|deepspeed|wheels|filesystems|aarch64|machines'
[[ "|$known|" == *"|$purpose|"* && -n $purpose ]] || die "usage: setup.sh $known"
install_packages "$purpose"
case $purpose in
  test | lint | wheels) install_tools ;;
  mutants)
    [[ $(cargo mutants --version 2>/dev/null) == *" $cargo_mutants" ]] || {
      echo "Running: cargo install --locked cargo-mutants@$cargo_mutants (some minutes)"
      cargo install --quiet --locked "cargo-mutants@$cargo_mutants" || die "cargo-mutants cannot be installed; see above."
    }
    ;;
  aarch64 | machines)
    scripts/aarch64-std.sh
    # The first is named libaio1 or libaio1t64.
    # shellcheck disable=SC2046  # one word
    scripts/unpack-debian.sh arm64 build/aarch64/libaio libaio-dev \
      $(apt-cache depends libaio-dev | sed -n 's/.* Depends: \(libaio1.*\)/\1/p') ||
      die "Debian's libaio for arm64 cannot be unpacked in build/aarch64; see above."
    ;;
esac
