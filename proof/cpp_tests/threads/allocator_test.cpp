// The allocator in many threads at once: no two buffers overlap, locked ones are resident, and all
// of it can be given back, by another thread too.

#include "support/pattern.h"
#include "threads/together.h"

#include <deepspeed_aio_utils.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>

namespace {

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
        std::vector<unsigned char> pages((size + page - 1) / page);
        if (mincore(memory, size, pages.data()) != 0) { return false; }
        for (const auto flags : pages) {
            if ((flags & 1) == 0) { return false; }
        }
        return true;
    }
};

// What RLIMIT_MEMLOCK forbids.
bool is_refusal(int error) { return error == ENOMEM || error == EAGAIN || error == EPERM; }

// On the first call of the process all threads look at the machine at the same time.
TEST(ThreadsAllocator, BuffersOfAllThreadsAreApart)
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
                if (lock && is_refusal(-answer)) { continue; }
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

// A Python process frees on whichever thread drops the last reference.
TEST(ThreadsAllocator, ABufferCanBeGivenBackByAnotherThread)
{
    std::mutex mutex;
    std::vector<Buffer> shared;
    together([&](int number) {
        for (int round = 0; round < 40; ++round) {
            const int64_t size = 1 + (number + 1) * round * 1000;
            void* memory = ds_page_aligned_alloc(size);
            ASSERT_NE(memory, nullptr);
            Buffer buffer{memory, size, uint64_t(number) * 1000 + round};
            buffer.mark();
            {
                const std::lock_guard<std::mutex> guard(mutex);
                shared.push_back(buffer);
                if (shared.size() < thread_count) { continue; }
                std::swap(buffer, shared.front());
                shared.front() = shared.back();
                shared.pop_back();
            }
            ASSERT_TRUE(buffer.has_its_marks());
            ASSERT_EQ(dsaio_free(buffer.memory, buffer.size), 0);
        }
    });
    for (const auto& buffer : shared) {
        EXPECT_TRUE(buffer.has_its_marks());
        EXPECT_EQ(dsaio_free(buffer.memory, buffer.size), 0);
    }
}

// Large enough that each caller starts helpers of its own.
TEST(ThreadsAllocator, PopulatedByHelpersOfTwoCallers)
{
    constexpr int64_t size = INT64_C(256) << 20;
    std::atomic<bool> refused{false};
    together([&](int number) {
        if (number >= 2) { return; }
        errno = 0;
        Buffer buffer{ds_page_aligned_alloc(size, true), size, uint64_t(number)};
        if (buffer.memory == nullptr) {
            ASSERT_TRUE(is_refusal(errno)) << errno;
            refused = true;
            return;
        }
        EXPECT_TRUE(buffer.is_resident());
        buffer.mark();
        EXPECT_TRUE(buffer.has_its_marks());
        EXPECT_EQ(munlock(buffer.memory, size), 0);
        free(buffer.memory);
    });
    if (refused) { GTEST_SKIP() << "RLIMIT_MEMLOCK, or memory, forbids to lock 512 MiB"; }
}

}  // namespace
