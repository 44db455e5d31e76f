# shellcheck shell=sh
# Sourced by test scripts: what happens where a tool is missing.

# missing WHAT PACKAGE: a skip with its reason; a failure in CI, which can install the package.
missing() {
    echo "$1 is missing; Debian and Ubuntu have it in: $2"
    if [ -n "${CI+set}" ]; then exit 1; fi
    exit 77
}

# require PROGRAM PACKAGE
require() {
    command -v "$1" > /dev/null || missing "$1" "$2"
}

# require_compiler COMPILER FLAGS...: also for clang++ -stdlib=libc++, whose headers and library are
# packages of their own.
require_compiler() {
    case $1 in
    clang*) require "$1" clang ;;
    *) require "$1" g++ ;;
    esac
    case " $* " in
    *" -stdlib=libc++ "*)
        echo '#include <vector>' | "$1" -stdlib=libc++ -fsyntax-only -x c++ - 2> /dev/null ||
            missing "libc++" "libc++-dev libc++abi-dev"
        ;;
    esac
}
