// The layouts that the library assumes, asserted by the compiler that will build its callers.
// common/src/cxx/objects.rs and strings.rs assert the same in Rust. The callers' structs are in
// DeepSpeed's headers, which may not be here: these have the same members.

#include <dsaio_transfer.h>
#include <libaio.h>

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#if !defined(__linux__) || !defined(__LP64__)
#error "deepspeed_aio_common supports 64-bit Linux (LP64) only"
#endif

// int64_t must be `long`: the mangled names of the functions say so.
static_assert(std::is_same<int64_t, long>::value, "int64_t is long");

struct transfer {
    const int fd;
    const int64_t file_base_offset, buffer_base_offset;
    const void* mem_buffer;
    const int64_t num_bytes;
};
struct context {
    io_context_t io_ctxt;
    std::vector<struct io_event> io_events;
    std::vector<struct iocb*> iocbs;
    int block_size, queue_depth;
};
struct config {
    const int block_size, queue_depth;
    const bool single_submit, overlap_events, lock_memory;
};
struct latency {
    double min_usec, max_usec, avg_usec;
};
struct perf {
    latency submit, complete;
    double e2e_usec, e2e_rate_GB;
};

static_assert(sizeof(std::unique_ptr<context>) == 8, "unique_ptr is one pointer");
static_assert(sizeof(std::vector<char>) == 24, "vector is begin, end, end of storage");
static_assert(sizeof(bool) == 1, "bool is one byte");
#if defined(_LIBCPP_VERSION)
static_assert(sizeof(std::string) == 24, "size of libc++'s string");
#elif _GLIBCXX_USE_CXX11_ABI
static_assert(sizeof(std::string) == 32, "size of libstdc++'s string");
#else
static_assert(sizeof(std::string) == 8, "size of libstdc++'s string before C++11");
#endif
// By value, such an object is passed as a pointer to it.
static_assert(!std::is_trivially_copyable<std::string>::value, "string is passed by its address");

static_assert(sizeof(transfer) == 40 && offsetof(transfer, fd) == 0 &&
                  offsetof(transfer, file_base_offset) == 8 &&
                  offsetof(transfer, buffer_base_offset) == 16 &&
                  offsetof(transfer, mem_buffer) == 24 && offsetof(transfer, num_bytes) == 32,
              "layout of io_xfer_ctxt");

// Vectors make it no standard-layout type: offsetof is conditionally supported there, and supported
// by g++ and clang++.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
static_assert(sizeof(context) == 64 && offsetof(context, io_ctxt) == 0 &&
                  offsetof(context, io_events) == 8 && offsetof(context, iocbs) == 32 &&
                  offsetof(context, block_size) == 56 && offsetof(context, queue_depth) == 60,
              "layout of aio_context");

static_assert(sizeof(config) == 12 && offsetof(config, block_size) == 0 &&
                  offsetof(config, queue_depth) == 4 && offsetof(config, single_submit) == 8 &&
                  offsetof(config, overlap_events) == 9 && offsetof(config, lock_memory) == 10,
              "layout of deepspeed_aio_config_t");
static_assert(sizeof(latency) == 24 && offsetof(latency, max_usec) == 8 &&
                  offsetof(latency, avg_usec) == 16,
              "layout of deepspeed_aio_latency_t");
static_assert(sizeof(perf) == 64 && offsetof(perf, complete) == 24 &&
                  offsetof(perf, e2e_usec) == 48 && offsetof(perf, e2e_rate_GB) == 56,
              "layout of deepspeed_aio_perf_t");

static_assert(sizeof(struct io_event) == 32, "size of struct io_event");
static_assert(sizeof(struct iocb) == 64, "size of struct iocb");

static_assert(offsetof(struct dsaio_failure, path) == 32, "layout of dsaio_failure");
