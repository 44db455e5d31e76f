// What cannot be allocated or locked: null, the right errno, memory as before, and no page
// touched on the way. Each in a child process that first gives up its privileges.

#include "support/child.h"
#include "support/memory_state.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace {

// Asks for a buffer that cannot be had. Bits of the answer: 1 not null, 2 wrong errno, 4 memory
// locked, 8 memory not freed, 16 pages touched.
int failed(int64_t size, int expected_errno)
{
    // What the first allocation sets up once is not the error's.
    free(ds_page_aligned_alloc(4096, false));
    const int64_t used = in_use();
    const int64_t touched = proc_value("/proc/self/status", "VmHWM");
    errno = 0;
    const void* memory = ds_page_aligned_alloc(size, true);
    const int error = errno;
    const int64_t touching = proc_value("/proc/self/status", "VmHWM") - touched;
    // Pages are counted late, as resident_bytes() says.
    const int64_t late = 64 * sysconf(_SC_PAGESIZE);
    return (memory != nullptr ? 1 : 0) | (error != expected_errno ? 2 : 0) |
           (locked_bytes() != 0 ? 4 : 0) | (in_use() - used > MiB ? 8 : 0) |
           (touching > std::max(MiB, late) ? 16 : 0);
}

int limit_locked_memory(rlim_t bytes)
{
    const rlimit limit{bytes, bytes};
    // Root may lock whatever the limit says.
    const bool unprivileged = geteuid() != 0 || setuid(65534) == 0;
    return setrlimit(RLIMIT_MEMLOCK, &limit) == 0 && unprivileged ? 0 : cannot_run;
}

class LimitErrors : public testing::TestWithParam<int64_t> {};

TEST_P(LimitErrors, BeforeAnyPageIsTouched)
{
    const int64_t size = GetParam();
    const auto [status, text] = in_a_child([=] {
        if (limit_locked_memory(MiB) != 0) { return cannot_run; }
        return failed(size, ENOMEM);
    });
    if (status == cannot_run) { GTEST_SKIP() << "this user cannot give up its privileges"; }
    EXPECT_EQ(status, 0);
}

// Up to half a huge page beyond the size, and without and with helper threads.
INSTANTIATE_TEST_SUITE_P(Sizes, LimitErrors,
                         testing::Values(2 * MiB, 3 * MiB, 31 * MiB, 100 * MiB, 1024 * MiB,
                                         4096 * MiB));

// The threads' buffers are within the limit together, so that none may account for more than its
// size, even for a moment. The last part of the size is rounded up to a huge page.
TEST(AllocatorErrors, NoneForWhatOtherThreadsLock)
{
    const int64_t size = 3 * MiB;
    const auto [status, text] = in_a_child([=] {
        if (limit_locked_memory(2 * size) != 0) { return cannot_run; }
        std::atomic<int> failures{0};
        const auto allocate = [&] {
            for (int i = 0; i < 300; ++i) {
                void* memory = ds_page_aligned_alloc(size, true);
                failures += memory == nullptr ? 1 : 0;
                if (memory != nullptr) { munlock(memory, size); }
                free(memory);
            }
        };
        std::thread other(allocate);
        allocate();
        other.join();
        return failures > 0 ? 1 : 0;
    });
    if (status == cannot_run) { GTEST_SKIP() << "this user cannot give up its privileges"; }
    EXPECT_EQ(status, 0) << text;
}

TEST(AllocatorErrors, LimitOfNothing)
{
    const auto [status, text] = in_a_child([] {
        if (limit_locked_memory(0) != 0) { return cannot_run; }
        return failed(1024 * MiB, EPERM);
    });
    if (status == cannot_run) { GTEST_SKIP() << "this user cannot give up its privileges"; }
    EXPECT_EQ(status, 0);
    EXPECT_NE(text.find("RLIMIT_MEMLOCK is 0 bytes"), std::string::npos) << text;
}

TEST(AllocatorErrors, LimitOfAddressSpace)
{
    const auto [status, text] = in_a_child([] {
        const rlimit limit{512 * MiB, 512 * MiB};
        if (setrlimit(RLIMIT_AS, &limit) != 0) { return cannot_run; }
        return failed(1024 * MiB, ENOMEM);
    });
    EXPECT_EQ(status, 0);
    EXPECT_EQ(text, "") << "the original says nothing either";
}

// Room for the buffer but not for its alignment too: the original succeeds, so must we.
TEST(AllocatorErrors, NoneForWantOfRoomForTheAlignment)
{
    const auto [status, text] = in_a_child([] {
        std::string reason;
        const int64_t size = 64 * MiB;
        if (!may_lock(size, reason)) { return cannot_run; }
        free(ds_page_aligned_alloc(4096, false));
        const int64_t mapped = proc_value("/proc/self/status", "VmSize");
        // Aligning to 2 MiB takes 2 MiB more, to a page one page.
        const rlim_t room = mapped + size + MiB;
        const rlimit limit{room, room};
        if (setrlimit(RLIMIT_AS, &limit) != 0) { return cannot_run; }
        void* memory = ds_page_aligned_alloc(size, true);
        const int64_t page = sysconf(_SC_PAGESIZE);
        return memory != nullptr && resident_pages(memory, size) * page == size ? 0 : 1;
    });
    if (status == cannot_run) { GTEST_SKIP() << "this process may not lock 64 MiB"; }
    EXPECT_EQ(status, 0) << text;
}

}  // namespace
