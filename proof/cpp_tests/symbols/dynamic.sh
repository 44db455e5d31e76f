#!/bin/sh
# The name that programs look for, and what the shared library itself needs.
#
# usage: dynamic.sh LIBRARY.so
set -eu
export LC_ALL=C
dynamic=$(readelf --wide --dynamic "$1")

soname=$(echo "$dynamic" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[ "$soname" = "$(basename "$1")" ] || {
    echo "FAILED: the SONAME is '$soname'"
    exit 1
}

needed=$(echo "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
echo "needs:" $needed
echo "$needed" | grep -qx 'libc\.so\.6'
# Parts of the C library: libm, for which some releases of Rust call, and, before glibc 2.34, libdl and
# libpthread.
for library in $needed; do
    case $library in
    libc.so.6 | libm.so.6 | libgcc_s.so.1 | ld-linux*.so.* | libdl.so.2 | libpthread.so.0) ;;
    *)
        echo "FAILED: it needs $library"
        exit 1
        ;;
    esac
done
