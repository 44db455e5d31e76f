#pragma once

#include <cstdint>
#include <string>
#include <vector>

constexpr int64_t KiB = 1024, MiB = 1024 * KiB;

// Ends the program with a sentence.
[[noreturn]] void fail(const std::string& sentence);

// One line on standard output: what was measured, the unit, the value.
void report(const std::string& name, const char* unit, double value);

// Adds up how long calls take, and the processor time of the process's threads in them. (What the
// kernel's own threads do for the process is not in that.)
class Stopwatch {
  public:
    template <typename Function>
    void time(Function call)
    {
        const double began = now(), cpu_began = cpu_now();
        call();
        seconds += now() - began;
        cpu += cpu_now() - cpu_began;
    }

    double seconds = 0, cpu = 0;

  private:
    static double now();
    static double cpu_now();
};

// Allocates and moves tensors of one size; the file has to be written up to `file_bytes`.
void measure_tensors(const char* path, int64_t file_bytes, int64_t num_bytes,
                     const std::vector<std::string>& kinds);

// Measures do_aio_operation_* with many small transfers of the file.
void measure_loops(const char* place, const char* path);

// Declared here because DeepSpeed has moved it from one header to another.
void* ds_page_aligned_alloc(const int64_t size, const bool lock);
