// The measurements of transfer_tool, on the library that it has loaded. One line on standard output
// for each: its name, the unit, and the value. Whatever is moved is compared, because DeepSpeed's
// loops do not look at the results of their requests; a difference ends the program with status 1.

#include "measure.h"

#include <deepspeed_aio_common.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

void fail(const std::string& sentence)
{
    fprintf(stderr, "%s\n", sentence.c_str());
    exit(1);
}

void report(const std::string& name, const char* unit, double value)
{
    printf("%s %s %.6g\n", name.c_str(), unit, value);
}

double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

double cpu_seconds()
{
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

namespace {

constexpr int kQueueDepth = 32;

int open_file(const char* path, int flags)
{
    const int fd = open(path, flags);
    if (fd == -1) { fail(std::string("the file cannot be opened: ") + strerror(errno)); }
    return fd;
}

// Prepares `depth` iocbs again and again.
template <typename Function>
void measure_preparation(const char* name, int depth, Function prepare)
{
    prepare();
    int calls = 0;
    double elapsed = 0;
    for (const double start = now(); elapsed < 0.02; elapsed = now() - start) {
        for (int i = 0; i < 64; ++i) { prepare(); }
        calls += 64;
    }
    report(name, "ns", elapsed * 1e9 / calls / depth);
}

void measure_preparations()
{
    constexpr int depth = 128;
    constexpr int64_t block_size = 1 << 20;
    // So many blocks that the generator does not come to its end, and few enough for the original's
    // division in double to be exact.
    constexpr int64_t num_bytes = int64_t{1} << 52;
    // Nothing is transferred, so there need be no buffer.
    const void* buffer = reinterpret_cast<const void*>(0x100000000);
    // Each iocb is allocated on its own, as in DeepSpeed's aio_context.
    std::vector<std::unique_ptr<iocb>> storage(depth);
    std::vector<iocb*> iocbs;
    for (auto& slot : storage) { iocbs.push_back((slot = std::make_unique<iocb>()).get()); }
    const auto transfer = std::make_unique<io_xfer_ctxt>(3, 0, 0, num_bytes, buffer);

    io_prep_context batch(false, transfer, block_size, &iocbs);
    measure_preparation("prepare batch", depth,
                        [&] { batch.prep_iocbs(depth, depth * block_size, buffer, 0); });
    io_prep_generator generator(false, transfer, block_size);
    measure_preparation("prepare generator", depth, [&] { generator.prep_iocbs(depth, &iocbs); });
}

class Transfers {
  public:
    Transfers(const char* path, int64_t bytes)
        : bytes_(bytes),
          direct_fd_(open_file(path, O_RDWR | O_DIRECT)),
          ordinary_fd_(open_file(path, O_RDONLY))
    {
        allocate();
    }
    ~Transfers()
    {
        const double before = now();
        release();
        if (locked_) { report("unlock+free", "ms", (now() - before) * 1e3); }
        close(direct_fd_);
        close(ordinary_fd_);
    }
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;

    void measure(bool read_op, const std::string& mode, int block_size)
    {
        const std::string name =
            (read_op ? "read " : "write ") + mode + " " + std::to_string(block_size);
        const bool overlap = mode == "overlap";
        const auto loop = overlap ? do_aio_operation_overlap : do_aio_operation_sequential;
        deepspeed_aio_config_t settings(block_size, kQueueDepth, false, overlap, false);
        // DeepSpeed keeps its queue for many transfers, so making one is not measured.
        auto queue = std::make_unique<aio_context>(block_size, kQueueDepth);
        if (queue->_io_ctxt == nullptr) {
            fail(
                "the kernel grants no queue for asynchronous I/O; see /proc/sys/fs/aio-nr and "
                "aio-max-nr.");
        }
        auto transfer = std::make_unique<io_xfer_ctxt>(direct_fd_, 0, 0, bytes_, buffer_);
        double seconds = 0, cpu = 0;
        // The second of two counts: the first write of a new file allocates its blocks.
        for (int pass = 0; pass < 2; ++pass) {
            read_op ? clear() : fill();
            const double cpu_before = cpu_seconds();
            const double before = now();
            loop(read_op, queue, transfer, &settings, nullptr);
            seconds = now() - before;
            cpu = cpu_seconds() - cpu_before;
        }
        if (!file_equals_buffer()) { fail(name + ": the file and the buffer differ."); }
        report(name, "GB/s", bytes_ / seconds / 1e9);
        report("CPU " + name, "ms/GiB", cpu * 1e3 * (1 << 30) / bytes_);
    }

  private:
    void allocate()
    {
        // The second of two counts: memory that a virtual machine's host has taken back is slow to
        // touch the first time, and which library meets it is chance.
        if ((buffer_ = ds_page_aligned_alloc(bytes_, locked_)) != nullptr) { release(); }
        locked_ = buffer_ != nullptr;
        const double before = now();
        buffer_ = ds_page_aligned_alloc(bytes_, locked_);
        if (buffer_ == nullptr) { fail("the buffer cannot be allocated; choose a smaller SIZE."); }
        if (locked_) { report("allocate+lock", "ms", (now() - before) * 1e3); }
    }

    void release()
    {
        if (locked_) { munlock(buffer_, bytes_); }
        free(buffer_);
    }

    void clear() { memset(buffer_, 0, bytes_); }

    // Other bytes than before, and no two blocks alike.
    void fill()
    {
        auto* words = static_cast<uint64_t*>(buffer_);
        std::generate(words, words + bytes_ / sizeof *words, std::ref(random_));
    }

    // Reads the file by read(2), through the page cache: neither library takes part in that.
    bool file_equals_buffer() const
    {
        std::vector<char> chunk(1 << 20);
        for (int64_t at = 0; at < bytes_;) {
            const ssize_t n = pread(ordinary_fd_, chunk.data(), chunk.size(), at);
            if (n <= 0 || memcmp(chunk.data(), static_cast<char*>(buffer_) + at, n) != 0) {
                return false;
            }
            at += n;
        }
        // Gives the memory back.
        posix_fadvise(ordinary_fd_, 0, 0, POSIX_FADV_DONTNEED);
        return true;
    }

    const int64_t bytes_;
    const int direct_fd_;
    const int ordinary_fd_;
    void* buffer_ = nullptr;
    bool locked_ = true;
    std::mt19937_64 random_;
};

}  // namespace

extern "C" int measure(int argc, char** argv)
{
    if (argc == 1) {
        measure_preparations();
        return 0;
    }
    if (argc == 3 && strcmp(argv[0], "loops") == 0) {
        measure_loops(argv[1], argv[2]);
        return 0;
    }
    Transfers transfers(argv[0], strtoll(argv[1], nullptr, 10));
    for (int i = 2; i + 1 < argc; i += 2) {
        for (const bool read_op : {false, true}) {
            transfers.measure(read_op, argv[i], atoi(argv[i + 1]));
        }
    }
    return 0;
}
