#!/bin/sh
# The installed tree has everything, and no file in it that a build reads names the directory that
# it was installed to, or those of the sources and the build.
#
# usage: no_paths.sh SOURCE    CMAKE and BUILD in the environment
here=$(dirname "$0")
. "$here/package.sh"

cd "$dir/installed" || exit
find . -type f | sed 's|.*/||' | LC_ALL=C sort > "$dir/files"
diff -u - "$dir/files" << END
deepspeed_aio_common.pc
deepspeed_aio_commonConfig.cmake
deepspeed_aio_commonConfigVersion.cmake
deepspeed_aio_utils.h
deepspeed_aio_utils.pc
deepspeed_aio_utilsConfig.cmake
deepspeed_aio_utilsConfigVersion.cmake
dsaio_transfer.h
libdeepspeed_aio_common.a
libdeepspeed_aio_common.so
libdeepspeed_aio_utils.a
libdeepspeed_aio_utils.so
END

for path in "$dir" "$1" "$BUILD"; do
    if grep -rF --include '*.cmake' --include '*.pc' --include '*.h' -e "$path" .; then
        echo "FAILED: these lines name $path"
        exit 1
    fi
done
