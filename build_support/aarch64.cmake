# Toolchain file: builds for aarch64 with Debian's g++-aarch64-linux-gnu, runs what it built in qemu-user.
# It looks for libaio where this puts it: scripts/unpack-debian.sh arm64 build/aarch64/libaio libaio1 libaio-dev
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)

set(libaio "${CMAKE_CURRENT_LIST_DIR}/../build/aarch64/libaio/usr")
set(CMAKE_CXX_FLAGS_INIT "-I${libaio}/include")
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu "${libaio}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
