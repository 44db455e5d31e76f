#!/bin/bash
# The Python package on the real thing: torch, and the oldest and the newest supported DeepSpeed.
# Their ops are compiled here, which takes most of the time; a second run finds them.
#
#   TORCH        release of torch (default 2.4.1, which 0.16.0 and 0.19.8 both run on)
#   RELEASES     of DeepSpeed (default: the first and the last of releases.txt)
#   TESTS        an expression of names, as for pytest -k, such as "check or bench"
#   ACCELERATOR  cpu (default), or cuda, which needs a GPU and torch's release of the CUDA toolkit

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$root"

readonly build="$root/build/deepspeed"
readonly torch=$build/venv-torch
mapfile -t supported < <(sed -n 's/^\([0-9][0-9.]*\).*/\1/p' python/deepspeed_aio_utils/releases.txt)
read -ra releases <<<"${RELEASES:-${supported[0]} ${supported[-1]}}"

# Steps call the functions, where errexit is off: a failure has to be passed on by hand.

# Each DeepSpeed has an environment of its own, that sees torch's packages.
make_release() { # make_release VERSION
  local venv=$build/venv-$1
  make_venv_beside "$venv" || return
  "$torch/bin/python" -m pip --python "$venv/bin/python" install --quiet --no-deps --use-pep517 \
    --no-build-isolation "deepspeed==$1"
}

make_venv_beside() { # make_venv_beside DIRECTORY
  [[ ! -x $1/bin/python ]] || return 0
  python3 -m venv --without-pip "$1" || return
  "$torch/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$(
    "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
  )/torch.pth"
}

install_package() {
  local venv
  rm -rf "$build/wheel"
  "$torch/bin/python" -m pip wheel --quiet --no-deps -w "$build/wheel" "$root" || return
  for venv in "${releases[@]/#/$build/venv-}"; do
    "$torch/bin/python" -m pip --python "$venv/bin/python" install --quiet --no-deps --no-index \
      --force-reinstall "$build"/wheel/*.whl || return
  done
}

mkdir -p "$build"
scripts/setup.sh deepspeed
python3 -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))' || [[ -n ${TORCH:-} ]] ||
  die "torch 2.4.1 needs Python 3.9 to 3.12, and this is $(python3 --version); name another with TORCH=."
# What DeepSpeed needs besides itself; setuptools below 81 has the pkg_resources that torch 2.4 imports.
step -n "install torch (5 GB, once)" make_venv "$torch" "torch==${TORCH:-2.4.1}" 'numpy<3' 'setuptools<81' \
  wheel ninja einops hjson msgpack packaging psutil py-cpuinfo pydantic tqdm nvidia-ml-py pytest || true
for release in "${releases[@]}"; do
  step -n "install DeepSpeed $release" make_release "$release" || true
done
# torch looks for ninja on the path.
step -n "install the package" install_package &&
  step -r "$build/pytest.xml" "pytest" env PATH="$torch/bin:$PATH" DSAIO_DEEPSPEED_BUILD="$build" \
    DSAIO_DEEPSPEED_RELEASES="${releases[*]}" DSAIO_DEEPSPEED_ACCELERATOR="${ACCELERATOR:-cpu}" \
    "$torch/bin/pytest" --color=no -v --junit-xml "$build/pytest.xml" \
    python/deepspeed_tests ${TESTS:+-k "$TESTS"} || true
summary
