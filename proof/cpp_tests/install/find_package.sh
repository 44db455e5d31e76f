#!/bin/sh
# A CMake project builds against the installed package, and again after the tree was moved.
#
# usage: find_package.sh VERSION    CMAKE, BUILD and GENERATOR in the environment
here=$(dirname "$0")
. "$here/package.sh"

# build NAME TREE
build() {
    "$CMAKE" -G "$GENERATOR" -S "$here/consumer" -B "$dir/$1" "-DREQUIRED_VERSION=$version" \
        "-DCMAKE_PREFIX_PATH=$2" > "$dir/$1.log" 2>&1 &&
        "$CMAKE" --build "$dir/$1" >> "$dir/$1.log" 2>&1 || {
        cat "$dir/$1.log"
        exit 1
    }
    for language in c cpp; do
        verify "$dir/$1/${language}_shared" shared "$2"
        verify "$dir/$1/${language}_static" static "$2"
    done
}

version=$1
build before "$dir/installed"
mkdir "$dir/elsewhere"
mv "$dir/installed" "$dir/elsewhere/moved"
build after "$dir/elsewhere/moved"
