#!/bin/sh
# A CMake project builds against the installed package, and again after the tree was moved; a version
# that is newer than the installed one is not found.
#
# usage: find_package.sh VERSION    CMAKE, BUILD and GENERATOR in the environment
here=$(dirname "$0")
. "$here/package.sh"

# configure NAME TREE VERSION
configure() {
    "$CMAKE" -G "$GENERATOR" -S "$here/consumer" -B "$dir/$1" "-DREQUIRED_VERSION=$3" \
        "-DCMAKE_PREFIX_PATH=$2" > "$dir/$1.log" 2>&1
}

# build NAME TREE
build() {
    configure "$1" "$2" "${version%.*}" && "$CMAKE" --build "$dir/$1" >> "$dir/$1.log" 2>&1 || {
        cat "$dir/$1.log"
        exit 1
    }
    for linkage in shared static; do
        verify "$dir/$1/c_$linkage" $linkage "$2" deepspeed_aio_utils
        verify "$dir/$1/cpp_$linkage" $linkage "$2" deepspeed_aio_utils
        verify "$dir/$1/transfer_$linkage" $linkage "$2" deepspeed_aio_common
    done
}

version=$1
build before "$dir/installed"
too_new=$((${version%%.*} + 1)).0
if configure too_new "$dir/installed" "$too_new"; then
    echo "FAILED: version $too_new was found"
    exit 1
fi
# CMake breaks its lines where they are full.
tr -s ' \n' '  ' < "$dir/too_new.log" | grep -o "compatible with requested version \"$too_new\"" || {
    cat "$dir/too_new.log"
    echo "FAILED: it was not found for another reason"
    exit 1
}
mkdir "$dir/elsewhere"
mv "$dir/installed" "$dir/elsewhere/moved"
build after "$dir/elsewhere/moved"
