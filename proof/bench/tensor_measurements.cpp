// Tensors of one size, moved as DeepSpeed's aio_handle moves them with the settings that DeepSpeed
// has by default; through its loops or ours, with buffers of its allocator or ours.

#include "measure.h"

#include <deepspeed_aio_common.h>

#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace {

constexpr int kBlockSize = 1 * MiB, kQueueDepth = 8;  // also in run.py
constexpr double kSeconds = 0.1;                      // of each measurement; at least one call

class Tensors {
  public:
    Tensors(const char* path, int64_t file_bytes, int64_t num_bytes)
        : path_(path),
          file_bytes_(file_bytes),
          tensor_(num_bytes / sizeof(uint64_t)),
          num_bytes_(num_bytes),
          queue_(std::make_unique<aio_context>(kBlockSize, kQueueDepth)),
          settings_(kBlockSize, kQueueDepth, false, true, false)
    {
        if (queue_->_io_ctxt == nullptr) {
            fail(
                "the kernel grants no queue for asynchronous I/O; see /proc/sys/fs/aio-nr and "
                "aio-max-nr.");
        }
        std::generate(tensor_.begin(), tensor_.end(), std::mt19937_64());
        // Where the kernel does not lock as much, the demo goes on with buffers that are not
        // locked.
        void* buffer = ds_page_aligned_alloc(num_bytes, true);
        locked_ = buffer != nullptr;
        if (locked_) { release(buffer); }
    }

    void measure_allocation()
    {
        Stopwatch allocation, releasing;
        const auto both = [&] {
            void* buffer = nullptr;
            allocation.time([&] { buffer = allocate(); });
            releasing.time([&] { release(buffer); });
        };
        const int count = repeat(both, allocation, releasing);
        if (!locked_) { return; }
        report(name("allocate+lock"), "ms", allocation.seconds * 1e3 / count);
        report(name("unlock+free"), "ms", releasing.seconds * 1e3 / count);
    }

    // "pinned": a locked buffer is moved again and again. "pinned anew": one is allocated for each
    // transfer, and released after it. "unpinned": so it is for ordinary memory, which DeepSpeed
    // copies to it or from it.
    void measure_transfer(const std::string& kind, bool read_op)
    {
        const bool pinned = kind == "pinned", unpinned = kind == "unpinned";
        void* buffer = pinned ? allocate() : nullptr;
        Stopwatch watch, unmeasured;
        const auto transfer = [&] {
            if (!pinned) {
                watch.time([&] { buffer = allocate(); });
            }
            Stopwatch& copying = unpinned ? watch : unmeasured;
            if (!read_op) {
                copying.time([&] { memcpy(buffer, tensor_.data(), num_bytes_); });
            }
            watch.time([&] { move(read_op, buffer); });
            if (read_op) {
                copying.time([&] { memcpy(tensor_.data(), buffer, num_bytes_); });
            }
            if (!pinned) {
                watch.time([&] { release(buffer); });
            }
        };
        // Other bytes than those that were moved last.
        for (uint64_t& word : tensor_) { read_op ? word = 0 : ++word; }
        const int count = repeat(transfer, watch, unmeasured);
        if (pinned) { release(buffer); }

        const std::string what = name((read_op ? "read " : "write ") + kind);
        if (!file_equals_tensor()) { fail(what + ": the file and the tensor differ."); }
        const double moved = static_cast<double>(num_bytes_) * count;
        report(what, "GB/s", moved / 1e9 / watch.seconds);
        report("CPU " + what, "ms/GiB", watch.cpu * 1e3 * (1 << 30) / moved);
    }

  private:
    // The number of calls that were measured. The first are not: memory that a virtual machine's
    // host has taken back is slow to touch, and which library meets it is chance. malloc takes new
    // memory for each buffer in its heap until its cache is full of what is left over beside them
    // (7 chunks).
    template <typename Function>
    int repeat(Function call, Stopwatch& watch, Stopwatch& other) const
    {
        for (int i = 0; i < (num_bytes_ < 32 * MiB ? 10 : 1); ++i) { call(); }
        watch = other = Stopwatch();
        int count = 0;
        do {
            call();
            ++count;
        } while (watch.seconds < kSeconds);
        return count;
    }

    void* allocate() const
    {
        void* buffer = ds_page_aligned_alloc(num_bytes_, locked_);
        if (buffer == nullptr) { fail("the buffer cannot be allocated; choose a smaller SIZE."); }
        return buffer;
    }

    void release(void* buffer) const
    {
        if (locked_) { munlock(buffer, num_bytes_); }
        free(buffer);
    }

    // As aio_handle does, which opens the file for each transfer. Each goes to the next place in
    // the file, so that what the device has in a cache is no matter of the tensor's size.
    void move(bool read_op, void* buffer)
    {
        offset_ = offset_ + 2 * num_bytes_ <= file_bytes_ ? offset_ + num_bytes_ : 0;
        const int fd = open_file(path_, read_op);
        if (fd == -1) { fail(std::string(path_) + " cannot be opened."); }
        auto transfer = std::make_unique<io_xfer_ctxt>(fd, offset_, 0, num_bytes_, buffer);
        do_aio_operation_overlap(read_op, queue_, transfer, &settings_, nullptr);
        close(fd);
    }

    // Reads the file by pread(2), through the page cache: neither library takes part in that.
    bool file_equals_tensor() const
    {
        const int fd = open(path_, O_RDONLY);
        std::vector<char> chunk(MiB);
        int64_t at = 0;
        for (ssize_t n = 1; at < num_bytes_ && n > 0; at += n) {
            n = pread(fd, chunk.data(), std::min<int64_t>(MiB, num_bytes_ - at), offset_ + at);
            const char* expected = reinterpret_cast<const char*>(tensor_.data()) + at;
            if (n <= 0 || memcmp(chunk.data(), expected, n) != 0) { break; }
        }
        // Gives the memory back.
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
        return at == num_bytes_;
    }

    std::string name(const std::string& what) const
    {
        return what + " " + std::to_string(num_bytes_);
    }

    const char* path_;
    const int64_t file_bytes_;
    std::vector<uint64_t> tensor_;
    const int64_t num_bytes_;
    std::unique_ptr<aio_context> queue_;
    deepspeed_aio_config_t settings_;
    bool locked_ = true;
    int64_t offset_ = 0;
};

}  // namespace

void measure_tensors(const char* path, int64_t file_bytes, int64_t num_bytes,
                     const std::vector<std::string>& kinds)
{
    // As where tensors were freed before: malloc takes up to 32 MiB from its heap from now on.
    // (Volatile, so that the compiler leaves no call out.)
    void* volatile freed = malloc(31 * MiB);
    free(freed);
    Tensors tensors(path, file_bytes, num_bytes);
    tensors.measure_allocation();
    for (const std::string& kind : kinds) {
        for (const bool read_op : {false, true}) { tensors.measure_transfer(kind, read_op); }
    }
}
