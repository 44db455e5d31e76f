// The measurements of transfer_tool, on the libraries that it has loaded. One line on standard
// output for each: its name, the unit, and the value. Whatever is moved is compared, because
// DeepSpeed's loops do not look at the results of their requests; a difference ends the program
// with status 1.

#include "measure.h"

#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

void fail(const std::string& sentence)
{
    fprintf(stderr, "%s\n", sentence.c_str());
    exit(1);
}

void report(const std::string& name, const char* unit, double value)
{
    printf("%s %s %.6g\n", name.c_str(), unit, value);
}

static double clock_seconds(clockid_t clock)
{
    timespec time{};
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

double Stopwatch::now() { return clock_seconds(CLOCK_MONOTONIC); }

double Stopwatch::cpu_now() { return clock_seconds(CLOCK_PROCESS_CPUTIME_ID); }

extern "C" int measure(int argc, char** argv)
{
    if (argc == 3 && strcmp(argv[0], "loops") == 0) {
        measure_loops(argv[1], argv[2]);
    } else if (argc > 4 && strcmp(argv[0], "tensors") == 0) {
        measure_tensors(argv[1], strtoll(argv[2], nullptr, 10), strtoll(argv[3], nullptr, 10),
                        {argv + 4, argv + argc});
    } else {
        fail("the arguments are not those that transfer_tool.cpp describes.");
    }
    return 0;
}
