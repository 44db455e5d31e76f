// What preparing one iocb costs: a batch (io_prep_context) and a generator (io_prep_generator) of
// the original as DeepSpeed ships it, of the original as a compiler makes it at best, and of ours,
// beside the least that any of them must do, storing 64 bytes for each iocb.
//
// Benchmarks are named <variant>/<batch|generator|store>/<queue depth>; the counter "ns_per_iocb"
// is the result.

#include "support/loaded_library.h"

#include <benchmark/benchmark.h>
#include <libaio.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr int64_t kBlockSize = 1 << 20;
// So many blocks that no generator comes to its end while it is measured, and few enough for the
// original's division in double to be exact.
constexpr int64_t kGeneratorBytes = int64_t{1} << 52;
// Nothing is transferred, so nothing need be there.
const void* const kBuffer = reinterpret_cast<const void*>(0x100000000);

// A queue's iocbs, each allocated on its own, as DeepSpeed's aio_context allocates them.
class Queue {
  public:
    explicit Queue(int depth)
    {
        for (int i = 0; i < depth; ++i) {
            iocbs_.push_back(static_cast<iocb*>(calloc(1, sizeof(iocb))));
        }
    }
    ~Queue()
    {
        for (iocb* iocb : iocbs_) { free(iocb); }
    }
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    std::vector<iocb*>* iocbs() { return &iocbs_; }

  private:
    std::vector<iocb*> iocbs_;
};

// A transfer object of the library's, and the std::unique_ptr that its callers refer to it by: to
// the ABI a pointer.
class Transfer {
  public:
    Transfer(const LoadedLibrary& library, int64_t num_bytes)
    {
        library.new_xfer(storage_, 3, 4096, 0, num_bytes, kBuffer);
    }
    const void* unique_ptr() const { return &pointer_; }

  private:
    alignas(16) unsigned char storage_[40];
    const void* pointer_ = storage_;
};

void report(benchmark::State& state, int depth)
{
    // As an inverted rate: seconds per iocb; in units that need no exponent.
    state.counters["ns_per_iocb"] =
        benchmark::Counter(depth * 1e-9, benchmark::Counter::kIsIterationInvariantRate |
                                             benchmark::Counter::kInvert);
}

void batch(benchmark::State& state, const LoadedLibrary& library, int depth)
{
    Queue queue(depth);
    const Transfer transfer(library, depth * kBlockSize);
    alignas(16) unsigned char context[32];
    library.new_context(context, false, transfer.unique_ptr(), kBlockSize, queue.iocbs());
    for (auto _ : state) {
        library.context_prep(context, depth, depth * kBlockSize, kBuffer, 0);
        benchmark::ClobberMemory();
    }
    report(state, depth);
}

void generator(benchmark::State& state, const LoadedLibrary& library, int depth)
{
    Queue queue(depth);
    const Transfer transfer(library, kGeneratorBytes);
    alignas(16) unsigned char generator[56];
    library.new_generator(generator, false, transfer.unique_ptr(), kBlockSize);
    for (auto _ : state) {
        if (library.generator_prep(generator, depth, queue.iocbs()) != depth) {
            state.SkipWithError("the generator came to its end");
            break;
        }
        benchmark::ClobberMemory();
    }
    report(state, depth);
}

// The same 64 bytes for every iocb: nothing is checked and nothing computed. Not inlined, because
// the libraries' functions are calls as well; by value, because a copy of its own stays in
// registers.
[[gnu::noinline]] void store_all(const std::vector<iocb*>& iocbs, const iocb filled)
{
    for (iocb* slot : iocbs) { *slot = filled; }
}

void store(benchmark::State& state, int depth)
{
    Queue queue(depth);
    iocb filled{};
    filled.aio_fildes = 3;
    filled.aio_lio_opcode = IO_CMD_PWRITE;
    for (auto _ : state) {
        benchmark::DoNotOptimize(filled);
        store_all(*queue.iocbs(), filled);
        benchmark::ClobberMemory();
    }
    report(state, depth);
}

}  // namespace

int main(int argc, char** argv)
{
    const LoadedLibrary original(DSAIO_ORIGINAL);
    const LoadedLibrary original_o3(DSAIO_ORIGINAL_O3);
    const LoadedLibrary ours(DSAIO_OURS);
    const struct {
        const char* name;
        const LoadedLibrary& library;
    } variants[] = {{"original", original}, {"original_o3", original_o3}, {"ours", ours}};

    // Many short repetitions rather than few long ones: with random interleaving a disturbance of
    // the machine then hits all variants alike.
    constexpr double kSeconds = 0.02;
    for (const int depth : {8, 128, 1024}) {
        const std::string suffix = "/" + std::to_string(depth);
        for (const auto& variant : variants) {
            const LoadedLibrary& library = variant.library;
            const std::string name = variant.name;
            benchmark::RegisterBenchmark((name + "/batch" + suffix).c_str(),
                                         [&library, depth](auto& state) {
                                             batch(state, library, depth);
                                         })
                ->MinTime(kSeconds);
            benchmark::RegisterBenchmark((name + "/generator" + suffix).c_str(),
                                         [&library, depth](auto& state) {
                                             generator(state, library, depth);
                                         })
                ->MinTime(kSeconds);
        }
        benchmark::RegisterBenchmark(("floor/store" + suffix).c_str(),
                                     [depth](auto& state) { store(state, depth); })
            ->MinTime(kSeconds);
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) { return 1; }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
