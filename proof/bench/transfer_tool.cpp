// Measures a libdeepspeed_aio_utils.so, the original or ours.
//
// usage: transfer_tool LIBRARY prepare
//        transfer_tool LIBRARY FILE BYTES (sequential|overlap BLOCK_SIZE)...
//
// measurements.cpp says what is measured and printed.

#include <dlfcn.h>

#include <cstdio>

int main(int argc, char** argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: transfer_tool LIBRARY prepare | FILE BYTES (MODE BLOCK_SIZE)...\n");
        return 1;
    }
    // The calls of the second are bound to the first.
    void* library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    void* measurements = library == nullptr ? nullptr : dlopen(MEASUREMENTS, RTLD_NOW);
    void* measure = measurements == nullptr ? nullptr : dlsym(measurements, "measure");
    if (measure == nullptr) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    return reinterpret_cast<int (*)(int, char**)>(measure)(argc - 2, argv + 2);
}
