// Many threads at once, as DeepSpeed's programs have them: each gets the requests and the buffers
// that a single thread gets.

#include "support/memory_state.h"
#include "support/pattern.h"

#include <deepspeed_aio_utils.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <memory>
#include <thread>

namespace {

// More than most machines that run this have processors.
constexpr int thread_count = 8;

// Runs `work` in many threads, each with its number, from one moment on.
void together(const std::function<void(int)>& work)
{
    std::promise<void> start;
    const auto started = start.get_future().share();
    std::vector<std::thread> threads;
    for (int number = 0; number < thread_count; ++number) {
        threads.emplace_back([&work, started, number] {
            started.wait();
            work(number);
        });
    }
    start.set_value();
    for (auto& thread : threads) { thread.join(); }
}

// The bytes of all requests of a transfer that no other thread has, by both of the C++ API's ways.
std::vector<iocb> requests(int number, int round)
{
    constexpr int depth = 16;
    const int64_t block_size = 4096 + 512 * number;
    const int64_t num_bytes = 100'000 * (number + 1) + round;
    const auto xfer = std::make_unique<io_xfer_ctxt>(number, (INT64_C(1) << 40) * number,
                                                     4096 * round, num_bytes, nullptr);
    std::vector<iocb> storage(depth), all;
    std::vector<iocb*> iocbs;
    for (auto& request : storage) { iocbs.push_back(&request); }
    io_prep_generator generator(true, xfer, block_size);
    while (const int count = generator.prep_iocbs(depth, &iocbs)) {
        all.insert(all.end(), storage.begin(), storage.begin() + count);
    }
    io_prep_context context(false, xfer, block_size, &iocbs);
    for (int64_t done = 0; done < num_bytes; done += depth * block_size) {
        const int64_t bytes = std::min(depth * block_size, num_bytes - done);
        const int count = static_cast<int>((bytes + block_size - 1) / block_size);
        context.prep_iocbs(count, bytes, reinterpret_cast<const char*>(done), done);
        all.insert(all.end(), storage.begin(), storage.begin() + count);
    }
    return all;
}

bool same(const std::vector<iocb>& a, const std::vector<iocb>& b)
{
    return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(iocb)) == 0;
}

TEST(Threads, PrepareTheRequestsThatASingleThreadPrepares)
{
    constexpr int rounds = 50;
    std::vector<std::vector<iocb>> expected;
    for (int i = 0; i < thread_count * rounds; ++i) {
        expected.push_back(requests(i / rounds, i % rounds));
    }
    together([&](int number) {
        for (int round = 0; round < rounds; ++round) {
            ASSERT_TRUE(same(requests(number, round), expected[number * rounds + round]));
        }
    });
}

const size_t page = sysconf(_SC_PAGESIZE);

struct Buffer {
    void* memory;
    int64_t size;
    uint64_t seed;

    size_t marked() const { return std::min<int64_t>(size, 8192); }
    char* end() const { return static_cast<char*>(memory) + size - marked(); }
    void mark() const
    {
        fill_pattern(memory, marked(), seed);
        if (size >= 16384) { fill_pattern(end(), marked(), seed + 1); }
    }
    bool has_its_marks() const
    {
        return first_difference(memory, marked(), seed) == marked() &&
               (size < 16384 || first_difference(end(), marked(), seed + 1) == marked());
    }
    bool is_resident() const
    {
        return resident_pages(memory, size) == (size + int64_t(page) - 1) / int64_t(page);
    }
};

// Whether RLIMIT_MEMLOCK forbids it.
bool is_forbidden(int error) { return error == ENOMEM || error == EAGAIN || error == EPERM; }

// On the first call of the process all threads look at the machine at the same time.
TEST(Threads, GetBuffersThatAreApart)
{
    const int64_t sizes[] = {1, 4096, 30'000, 1 << 20, (2 << 20) + 1};
    std::atomic<int> locked{0};
    together([&](int number) {
        uint64_t seed = number << 20;
        for (int round = 0; round < 20; ++round) {
            std::vector<Buffer> buffers;
            for (const int64_t size : sizes) {
                const bool lock = (round + number + size) % 2 == 0;
                void* memory = nullptr;
                const int answer = dsaio_alloc(size, lock, &memory);
                if (lock && is_forbidden(-answer)) { continue; }
                ASSERT_EQ(answer, 0);
                ASSERT_EQ(reinterpret_cast<uintptr_t>(memory) % page, 0u);
                buffers.push_back({memory, size, ++seed});
                locked += lock;
                ASSERT_TRUE(!lock || buffers.back().is_resident());
                buffers.back().mark();
            }
            for (const auto& buffer : buffers) {
                ASSERT_TRUE(buffer.has_its_marks());
                ASSERT_EQ(dsaio_free(buffer.memory, buffer.size), 0);
            }
        }
    });
    if (locked == 0) { GTEST_SKIP() << "RLIMIT_MEMLOCK forbids to lock; unlocked, all is well"; }
}

// Large enough that each caller starts helpers of its own.
TEST(Threads, PopulateBuffersWithHelpersOfTheirOwn)
{
    constexpr int64_t size = INT64_C(256) << 20;
    std::atomic<bool> forbidden{false};
    together([&](int number) {
        if (number >= 2) { return; }
        errno = 0;
        Buffer buffer{ds_page_aligned_alloc(size, true), size, uint64_t(number)};
        if (buffer.memory == nullptr) {
            ASSERT_TRUE(is_forbidden(errno)) << errno;
            forbidden = true;
            return;
        }
        EXPECT_TRUE(buffer.is_resident());
        buffer.mark();
        EXPECT_TRUE(buffer.has_its_marks());
        EXPECT_EQ(munlock(buffer.memory, size), 0);
        free(buffer.memory);
    });
    if (forbidden) { GTEST_SKIP() << "RLIMIT_MEMLOCK, or memory, forbids to lock 512 MiB"; }
}

}  // namespace
