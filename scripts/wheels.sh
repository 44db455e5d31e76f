#!/bin/bash
# The files of a release, in build/wheels: the source distribution and, built from it, a wheel for x86-64
# and one for aarch64, which need glibc 2.17. zig links them, on either machine. Then they are tested.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
readonly out=$root/build/wheels work=$root/build/for-wheels
readonly python=$work/tools/bin/python

# Steps call the functions, where errexit is off: a failure has to be passed on by hand.

make_sdist() {
  rm -rf "$out" "$work/source" && mkdir -p "$out" "$work/source" "$work/include" || return
  "$python" -c "from setuptools import build_meta; build_meta.build_sdist('$out')" || return
  tar -xf "$out"/*.tar.gz -C "$work/source" --strip-components 1 || return
  # zig has all headers of the target but this one, which is the same for every machine.
  cp "$(c++ -x c++ -E - <<<'#include <libaio.h>' | sed -n 's/^# 1 "\(.*libaio\.h\)".*/\1/p')" "$work/include"
}

make_wheel() { # make_wheel MACHINE
  rm -rf "$work/unrepaired"
  PATH=$work/tools/bin:$PATH CARGO=cargo-zigbuild CARGO_BUILD_TARGET=$1-unknown-linux-gnu.2.17 \
    CARGO_TARGET_DIR=$work/cargo CXXFLAGS=-I$work/include _PYTHON_HOST_PLATFORM=linux-$1 \
    "$python" -m pip wheel --no-deps --no-build-isolation -w "$work/unrepaired" "$work/source" || return
  # Gives the wheel the tag of what the libraries need.
  PATH=$work/tools/bin:$PATH auditwheel repair --plat auto -w "$out" "$work"/unrepaired/*.whl
}

scripts/setup.sh wheels
step -n "install zig" make_venv "$work/tools" -r scripts/wheels.txt &&
  step -n "Rust for aarch64" scripts/aarch64-std.sh &&
  step -n "source distribution" make_sdist &&
  step -n "wheel for x86-64" make_wheel x86_64 &&
  step -n "wheel for aarch64" make_wheel aarch64 || { summary || exit; }

step "twine check" "$work/tools/bin/twine" check --strict "$out"/* || true
export DSAIO_WHEELS=$out
step -r "$work/pytest.xml" "libraries, bare system" pytest --color=no --junit-xml "$work/pytest.xml" \
  --basetemp "$work/tests" python/wheel_tests || true
for machine in x86_64 aarch64; do
  # Those of another machine can only be looked at.
  only='test_wheel and (fits or holds or link)'
  [[ $machine != "$(uname -m)" ]] || only=
  step -r "$work/$machine.xml" "python/tests, $machine" env DSAIO_WHEEL="$(echo "$out"/*_$machine.whl)" \
    pytest --color=no --junit-xml "$work/$machine.xml" -k "$only" || true
done
summary
