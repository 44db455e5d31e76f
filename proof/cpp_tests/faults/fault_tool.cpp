// Runs the cases on one pair of libraries, the original's or ours.
//
// usage: fault_tool UTILS_LIBRARY COMMON_LIBRARY ours|original|report [GROUP|FAULT...]
//
// report.cpp says what is printed and when the exit status is 0.

#include <dlfcn.h>

#include <cstdio>

int main(int argc, char** argv)
{
    if (argc < 4) {
        fprintf(stderr,
                "usage: fault_tool UTILS_LIBRARY COMMON_LIBRARY ours|original|report "
                "[GROUP|FAULT...]\n");
        return 1;
    }
    // The cases are linked with neither: the dynamic linker binds their calls to these.
    void* utils = dlopen(argv[1], RTLD_LAZY | RTLD_GLOBAL);
    void* common = utils == nullptr ? nullptr : dlopen(argv[2], RTLD_LAZY | RTLD_GLOBAL);
    void* cases = common == nullptr ? nullptr : dlopen(FAULT_CASES, RTLD_NOW);
    void* report = cases == nullptr ? nullptr : dlsym(cases, "report_faults");
    if (report == nullptr) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    return reinterpret_cast<int (*)(int, char**)>(report)(argc - 3, argv + 3);
}
