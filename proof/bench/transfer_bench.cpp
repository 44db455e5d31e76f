// Moves a file through DeepSpeed's unmodified callers, in both modes, several block sizes and queue
// depths, on whichever libdeepspeed_aio_utils.so lies next to this program.
//
// usage: transfer_bench FILE BYTES SEED BLOCK_SIZE,... QUEUE_DEPTH,...
//
// FILE exists and is BYTES long; it is overwritten in place, so that all runs use the same extents.
// Every configuration is run twice, and the second run counts. All writes come first, then the
// buffer is cleared, then come all reads; what the last of them brings must be what was written.
//
// Standard output, one JSON object a line:
//   {"library": <dsaio_version() or "original">, "locked": <bool>}
//   {"mode": ..., "operation": ..., "block_size": n, "queue_depth": n, "seconds": n,
//    "cpu_seconds": n}
//   {"verified": <bool>}
// Standard error: one sentence for people. Exit status: 0 when all went well.

#include "support/random_words.h"

#include <deepspeed_aio_common.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

// Declared here because DeepSpeed has moved it from one header to another.
void* ds_page_aligned_alloc(const int64_t size, const bool lock);

namespace {

[[noreturn]] void refuse(const std::string& sentence)
{
    fprintf(stderr, "transfer_bench: %s\n", sentence.c_str());
    exit(1);
}

struct Configuration {
    bool overlap;
    bool read_op;
    int block_size;
    int queue_depth;
};

struct Cost {
    double seconds;
    double cpu_seconds;
};

double seconds_of(const timeval& time) { return time.tv_sec + time.tv_usec * 1e-6; }

// User and system time, of all threads.
double cpu_seconds()
{
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

class Transfers {
  public:
    Transfers(const char* path, void* buffer, int64_t bytes)
        : fd_(open(path, O_RDWR | O_DIRECT)), buffer_(buffer), bytes_(bytes)
    {
        if (fd_ == -1) { refuse(std::string("the file cannot be opened: ") + strerror(errno)); }
    }
    ~Transfers() { close(fd_); }
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;

    Cost run(const Configuration& configuration) const
    {
        // DeepSpeed keeps its queue as long as its handle; making one is no part of a transfer.
        auto queue =
            std::make_unique<aio_context>(configuration.block_size, configuration.queue_depth);
        if (queue->_io_ctxt == nullptr) {
            refuse("the kernel grants no queue for asynchronous I/O (see /proc/sys/fs/aio-nr and "
                   "aio-max-nr)");
        }
        move(configuration, queue);
        const double cpu_before = cpu_seconds();
        const auto before = std::chrono::steady_clock::now();
        move(configuration, queue);
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - before;
        return {elapsed.count(), cpu_seconds() - cpu_before};
    }

  private:
    void move(const Configuration& configuration, std::unique_ptr<aio_context>& queue) const
    {
        const bool single_submit = false, lock_memory = false;
        deepspeed_aio_config_t settings(configuration.block_size, configuration.queue_depth,
                                        single_submit, configuration.overlap, lock_memory);
        auto transfer = std::make_unique<io_xfer_ctxt>(fd_, 0, 0, bytes_, buffer_);
        const auto operation =
            configuration.overlap ? do_aio_operation_overlap : do_aio_operation_sequential;
        operation(configuration.read_op, queue, transfer, &settings, nullptr);
    }

    int fd_;
    void* buffer_;
    int64_t bytes_;
};

// Which library this process really runs on; the name of a file would prove nothing.
std::string library_version()
{
    const auto version =
        reinterpret_cast<const char* (*)()>(dlsym(RTLD_DEFAULT, "dsaio_version"));
    return version == nullptr ? "original" : version();
}

std::vector<int> numbers(const char* list)
{
    std::vector<int> numbers;
    std::istringstream in(list);
    for (std::string item; std::getline(in, item, ',');) { numbers.push_back(atoi(item.c_str())); }
    return numbers;
}

void run_all(const Transfers& transfers, bool read_op, const char* block_sizes,
             const char* queue_depths)
{
    for (const int block_size : numbers(block_sizes)) {
        for (const int queue_depth : numbers(queue_depths)) {
            for (const bool overlap : {false, true}) {
                const Cost cost = transfers.run({overlap, read_op, block_size, queue_depth});
                printf("{\"mode\": \"%s\", \"operation\": \"%s\", \"block_size\": %d, "
                       "\"queue_depth\": %d, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n",
                       overlap ? "overlap" : "sequential", read_op ? "read" : "write", block_size,
                       queue_depth, cost.seconds, cost.cpu_seconds);
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv)
{
    if (argc != 6) { refuse("usage: transfer_bench FILE BYTES SEED BLOCK_SIZES QUEUE_DEPTHS"); }
    const int64_t bytes = strtoll(argv[2], nullptr, 10);
    const uint64_t seed = strtoull(argv[3], nullptr, 10);

    void* buffer = ds_page_aligned_alloc(bytes, true);
    const bool locked = buffer != nullptr;
    if (!locked) { buffer = ds_page_aligned_alloc(bytes, false); }
    if (buffer == nullptr) { refuse("the buffer cannot be allocated"); }
    printf("{\"library\": \"%s\", \"locked\": %s}\n", library_version().c_str(),
           locked ? "true" : "false");

    const Transfers transfers(argv[1], buffer, bytes);
    fill(buffer, bytes, seed);
    const uint64_t expected = checksum(buffer, bytes);
    run_all(transfers, false, argv[4], argv[5]);
    memset(buffer, 0, bytes);
    run_all(transfers, true, argv[4], argv[5]);
    const bool verified = checksum(buffer, bytes) == expected;
    printf("{\"verified\": %s}\n", verified ? "true" : "false");

    if (locked) { munlock(buffer, bytes); }
    free(buffer);
    return verified ? 0 : 1;
}
