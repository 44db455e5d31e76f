// Measures a libdeepspeed_aio_utils.so and a libdeepspeed_aio_common.so, the original's or ours.
//
// usage: transfer_tool UTILS COMMON tensors FILE FILE_BYTES BYTES KIND...
//        transfer_tool UTILS COMMON loops PLACE FILE
//
// KIND is pinned, "pinned anew" or unpinned.
//
// measurements.cpp says what is measured and printed.

#include <dlfcn.h>

#include <cstdio>

int main(int argc, char** argv)
{
    if (argc < 4) {
        fprintf(stderr,
                "usage: transfer_tool UTILS COMMON tensors FILE FILE_BYTES BYTES KIND... | "
                "loops PLACE FILE\n");
        return 1;
    }
    // The calls of each are bound to those before it.
    void* utils = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    void* common = utils == nullptr ? nullptr : dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL);
    void* measurements = common == nullptr ? nullptr : dlopen(MEASUREMENTS, RTLD_NOW);
    void* measure = measurements == nullptr ? nullptr : dlsym(measurements, "measure");
    if (measure == nullptr) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    return reinterpret_cast<int (*)(int, char**)>(measure)(argc - 3, argv + 3);
}
