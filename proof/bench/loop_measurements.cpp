// The loops alone: the same buffer, moved by whichever library with do_aio_operation_* was loaded.

#include "measure.h"

#include <deepspeed_aio_common.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr int64_t kFileBytes = 16 * MiB;  // also in run.py

struct Loop {
    int64_t num_bytes;
    int block_size;
    int queue_depth;
};

class Loops {
  public:
    explicit Loops(const char* path)
        : fd_(open(path, O_RDWR | O_DIRECT)),
          buffer_(static_cast<char*>(ds_page_aligned_alloc(kFileBytes, true)))
    {
        // tmpfs takes O_DIRECT since Linux 6.6 only.
        if (fd_ == -1) { fd_ = open(path, O_RDWR); }
        if (fd_ == -1 || buffer_ == nullptr) { fail("file or buffer cannot be had."); }
    }
    ~Loops()
    {
        munlock(buffer_, kFileBytes);
        free(buffer_);
        close(fd_);
    }
    Loops(const Loops&) = delete;
    Loops& operator=(const Loops&) = delete;

    void measure(const std::string& place, const Loop& loop, bool overlap, bool read_op)
    {
        const std::string name =
            place + (read_op ? " read " : " write ") + std::to_string(loop.num_bytes) +
            (loop.num_bytes > loop.block_size
                 ? " in " + std::to_string(loop.block_size) + " x" +
                       std::to_string(loop.queue_depth) + (overlap ? " overlap" : " sequential")
                 : "");
        const auto move = overlap ? do_aio_operation_overlap : do_aio_operation_sequential;
        deepspeed_aio_config_t settings(loop.block_size, loop.queue_depth, false, overlap, false);
        auto queue = std::make_unique<aio_context>(loop.block_size, loop.queue_depth);
        auto transfer = std::make_unique<io_xfer_ctxt>(fd_, 0, 0, loop.num_bytes, buffer_);
        if (!read_op) { std::generate_n(buffer_, loop.num_bytes, std::ref(random_)); }
        move(read_op, queue, transfer, &settings, nullptr);

        // So many that the clock's own time does not matter.
        const int64_t calls = std::max<int64_t>(1, 64 * KiB / loop.num_bytes);
        int64_t count = 0;
        Stopwatch watch;
        for (; watch.seconds < 0.15; count += calls) {
            watch.time([&] {
                for (int64_t i = 0; i < calls; ++i) {
                    move(read_op, queue, transfer, &settings, nullptr);
                }
            });
        }
        check(name, loop.num_bytes);
        report(name, "us", watch.seconds * 1e6 / count);
        report("CPU " + name, "us", watch.cpu * 1e6 / count);
    }

  private:
    void check(const std::string& name, int64_t num_bytes)
    {
        std::vector<char> bytes(num_bytes);
        const int fd = open(("/proc/self/fd/" + std::to_string(fd_)).c_str(), O_RDONLY);
        const bool same = pread(fd, bytes.data(), num_bytes, 0) == num_bytes &&
                          memcmp(bytes.data(), buffer_, num_bytes) == 0;
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
        if (!same) { fail(name + ": the file and the buffer differ."); }
    }

    int fd_;
    char* buffer_;
    std::mt19937 random_;
};

}  // namespace

void measure_loops(const char* place, const char* path)
{
    Loops loops(path);
    for (const Loop& loop : {
             Loop{4 * KiB, 128 * KiB, 8},
             Loop{1 * MiB, 4 * KiB, 32},
             Loop{16 * MiB, 128 * KiB, 8},
         }) {
        for (const bool overlap : {false, true}) {
            // One block is the same in both modes.
            if (overlap && loop.num_bytes <= loop.block_size) { continue; }
            for (const bool read_op : {false, true}) {
                loops.measure(place, loop, overlap, read_op);
            }
        }
    }
}
