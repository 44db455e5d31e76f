# shellcheck shell=sh
# Sourced by the scripts of this folder, with CMAKE and BUILD (the build tree) in the environment.
set -eu
# shellcheck disable=SC2154  # the scripts set it
. "$here/../support/require.sh"
unset DESTDIR LD_LIBRARY_PATH LD_PRELOAD
dir=$(mktemp -d "${TMPDIR:-/tmp}/dsaio-install-XXXXXX")
trap 'rm -rf "$dir"' EXIT

# An installed tree, $dir/installed.
"$CMAKE" --install "$BUILD" --prefix "$dir/installed" > "$dir/install.log"

# verify PROGRAM shared|static TREE LIBRARY: a caller of languages/ passes, and the shared library that
# it runs on, if any, is the one in the tree.
verify() {
    "$1" "$dir/file"
    ldd "$1" > "$dir/loaded"
    case $2 in
    shared) grep -q "lib$4\.so => $3/" "$dir/loaded" ;;
    static) ! grep -q "lib$4" "$dir/loaded" ;;
    esac || {
        cat "$dir/loaded"
        echo "FAILED: $1 should use the $2 library of $3"
        exit 1
    }
    echo "passed: $(basename "$1") on $3"
}
