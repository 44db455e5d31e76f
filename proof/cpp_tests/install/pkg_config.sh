#!/bin/sh
# shellcheck disable=SC2046  # the flags of pkg-config are words
# A compiler with pkg-config's flags builds against the installed package, and again after the tree
# was moved.
#
# usage: pkg_config.sh VERSION    CMAKE and BUILD in the environment
here=$(dirname "$0")
. "$here/package.sh"
require pkg-config pkg-config
require cc gcc
require c++ g++

pc() {
    pkg-config "$@" $library
}

# compile CALLER LINKAGE COMPILER FLAGS...
compile() {
    program=$dir/$name/$1_$2 source=$here/../languages/$1 linkage=$2 compiler=$3
    shift 3
    $compiler $(pc --cflags) "$source" -o "$program" "$@"
    # pkg-config gives the prefix as a way up from the .pc file.
    verify "$program" $linkage "$(dirname "$pc_file")" $library
}

# use LIBRARY TREE: what the library's .pc file says of the tree.
use() {
    library=$1
    pc_file=$(find "$2" -name $library.pc)
    PKG_CONFIG_PATH=$(dirname "$pc_file")
    export PKG_CONFIG_PATH
    [ "$(pc --modversion)" = "$version" ]
    libdir=$(pc --variable=libdir)
    shared="$(pc --libs) -Wl,-rpath,$libdir"
    # With the archive in place of -l, which takes the shared library where both are there.
    static=$(pc --static --libs | sed "s|-l$library|$libdir/lib$library.a|")
}

# build NAME TREE
build() {
    name=$1
    mkdir "$dir/$name"
    # Unquoted: the flags are words. -nodefaultlibs leaves the archive nothing but the libraries
    # that the package names, and libc.
    use deepspeed_aio_utils "$2"
    compile header_alone.c shared "cc -std=c11" $shared
    compile header_alone.c static "cc -std=c11 -nodefaultlibs" $static -lc
    compile caller.cpp shared "c++ -std=c++14" $shared
    compile caller.cpp static "c++ -std=c++14" $static
    use deepspeed_aio_common "$2"
    compile transfer_caller.c shared "cc -std=c11" $shared
    compile transfer_caller.c static "cc -std=c11 -nodefaultlibs" $static -lc
}

version=$1
build before "$dir/installed"
mkdir "$dir/elsewhere"
mv "$dir/installed" "$dir/elsewhere/moved"
build after "$dir/elsewhere/moved"
