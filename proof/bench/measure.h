#pragma once

#include <cstdint>
#include <string>

// Ends the program with a sentence.
[[noreturn]] void fail(const std::string& sentence);

// One line on standard output: what was measured, the unit, the value.
void report(const std::string& name, const char* unit, double value);

// Seconds of a steady clock.
double now();

// User and system time of all threads.
double cpu_seconds();

// Measures do_aio_operation_* with many small transfers of the file.
void measure_loops(const char* place, const char* path);

// Declared here because DeepSpeed has moved it from one header to another.
void* ds_page_aligned_alloc(const int64_t size, const bool lock);
