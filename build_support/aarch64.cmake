# Toolchain file: builds for aarch64 on Debian, runs what it built in qemu-user. scripts/setup.sh aarch64
# installs what that needs, and unpacks libaio in build/aarch64/libaio.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)

set(libaio "${CMAKE_CURRENT_LIST_DIR}/../build/aarch64/libaio")
set(CMAKE_CXX_FLAGS_INIT "-I${libaio}/usr/include")
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu "${libaio}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
