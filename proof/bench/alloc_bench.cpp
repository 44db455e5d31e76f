// How long ds_page_aligned_alloc takes to allocate and lock a buffer, and how long munlock and free
// take to give it back: the original, ours with one thread, and ours; beside them what clearing the
// same memory costs once it is mapped, which no allocator that hands out cleared pages can avoid.
//
// usage: alloc_bench [--benchmark_...] BYTES...
//
// Benchmarks are named <variant>/<bytes>; the counters "lock_ms" and "release_ms" are the result.
//
// In a virtual machine the host takes free memory back, and its first touch is slow for whoever
// comes first. So every repetition begins with a round that is not counted, and then measures the
// same library several times in a row: warm. The repetitions of all variants are interleaved.

#include "support/loaded_library.h"
#include "support/stopwatch.h"

#include <benchmark/benchmark.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kMeasured = 3;  // rounds of a repetition

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

struct Round {
    bool locked;
    double lock_seconds;
    double release_seconds;
};

Round allocate_and_release(const LoadedLibrary& library, int64_t bytes)
{
    const Stopwatch lock;
    void* buffer = library.page_aligned_alloc(bytes, true);
    const double lock_seconds = lock.seconds();
    if (buffer == nullptr) { return {false, 0, 0}; }
    const Stopwatch release;
    munlock(buffer, bytes);
    free(buffer);
    return {true, lock_seconds, release.seconds()};
}

void allocator(benchmark::State& state, const LoadedLibrary& library, int64_t bytes)
{
    std::vector<double> lock_ms, release_ms;
    allocate_and_release(library, bytes);
    for (auto _ : state) {
        const Round round = allocate_and_release(library, bytes);
        if (!round.locked) {
            state.SkipWithError("the kernel did not lock the memory");
            break;
        }
        state.SetIterationTime(round.lock_seconds + round.release_seconds);
        lock_ms.push_back(round.lock_seconds * 1e3);
        release_ms.push_back(round.release_seconds * 1e3);
    }
    if (lock_ms.empty()) { return; }
    state.counters["lock_ms"] = median(lock_ms);
    state.counters["release_ms"] = median(release_ms);
}

void clear(char* buffer, int64_t bytes, int threads)
{
    const int64_t share = bytes / threads;
    std::vector<std::thread> helpers;
    for (int i = 1; i < threads; ++i) {
        helpers.emplace_back([=] { memset(buffer + i * share, 0, share); });
    }
    memset(buffer, 0, bytes - (threads - 1) * share);
    for (auto& helper : helpers) { helper.join(); }
    benchmark::ClobberMemory();
}

// In memory from `library`, so that it lies in pages as large as there are.
void floor(benchmark::State& state, const LoadedLibrary& library, int64_t bytes, int threads)
{
    void* buffer = library.page_aligned_alloc(bytes, true);
    if (buffer == nullptr) {
        state.SkipWithError("the kernel did not lock the memory");
        return;
    }
    std::vector<double> clear_ms;
    for (auto _ : state) {
        const Stopwatch time;
        clear(static_cast<char*>(buffer), bytes, threads);
        const double seconds = time.seconds();
        state.SetIterationTime(seconds);
        clear_ms.push_back(seconds * 1e3);
    }
    state.counters["lock_ms"] = median(clear_ms);
    munlock(buffer, bytes);
    free(buffer);
}

int processors()
{
    cpu_set_t mask;
    return sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
}

// The library reads its environment with its first large buffer, and never again.
void limit_to_one_thread(const LoadedLibrary& library)
{
    setenv("DSAIO_POPULATE_THREADS", "1", 1);
    free(library.page_aligned_alloc(int64_t{64} << 20, false));
    unsetenv("DSAIO_POPULATE_THREADS");
}

template <typename Function>
void add(const std::string& variant, int64_t bytes, Function function)
{
    benchmark::RegisterBenchmark((variant + "/" + std::to_string(bytes)).c_str(), function)
        ->Iterations(kMeasured)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv)
{
    const LoadedLibrary original(DSAIO_ORIGINAL);
    const LoadedLibrary one_thread(DSAIO_OURS_ONE_THREAD);
    const LoadedLibrary ours(DSAIO_OURS);
    unsetenv("DSAIO_POPULATE_THREADS");
    unsetenv("DSAIO_HUGE_PAGES");
    limit_to_one_thread(one_thread);

    benchmark::Initialize(&argc, argv);
    for (int i = 1; i < argc; ++i) {
        const int64_t bytes = strtoll(argv[i], nullptr, 10);
        if (bytes <= 0) {
            fprintf(stderr, "alloc_bench: \"%s\" is not a number of bytes\n", argv[i]);
            return 1;
        }
        const int threads = processors();
        add("original", bytes, [&, bytes](auto& state) { allocator(state, original, bytes); });
        add("ours_1_thread", bytes,
            [&, bytes](auto& state) { allocator(state, one_thread, bytes); });
        add("ours", bytes, [&, bytes](auto& state) { allocator(state, ours, bytes); });
        add("floor_1_thread", bytes, [&, bytes](auto& state) { floor(state, ours, bytes, 1); });
        add("floor", bytes,
            [&, bytes, threads](auto& state) { floor(state, ours, bytes, threads); });
    }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
