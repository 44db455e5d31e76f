// ds_page_aligned_alloc: what both libraries promise, and what they print when a lock is not
// allowed.

#include "parity/objects.h"
#include "support/child.h"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

const size_t page = sysconf(_SC_PAGESIZE);

// Runs a check by both libraries, ours last.
class PageAlloc : public testing::TestWithParam<bool> {
  protected:
    LoadedLibrary& library() const { return GetParam() ? ours() : original(); }
};

TEST_P(PageAlloc, SizeZeroIsAnAllocationLikeAnyOther)
{
    for (const bool lock : {false, true}) {
        void* memory = library().page_aligned_alloc(0, lock);
        EXPECT_NE(memory, nullptr);
        free(memory);
    }
}

TEST_P(PageAlloc, MoreThanThereIsIsNullInSilence)
{
    for (const int64_t size : {int64_t(-1), int64_t(-4096), INT64_MAX, INT64_MIN}) {
        for (const bool lock : {false, true}) {
            testing::internal::CaptureStderr();
            errno = 0;
            EXPECT_EQ(library().page_aligned_alloc(size, lock), nullptr) << size;
            EXPECT_EQ(errno, ENOMEM) << size;
            EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << size;
        }
    }
}

// Also where looking at the machine fails on the way: no file can be opened.
TEST_P(PageAlloc, SuccessLeavesErrnoAlone)
{
    LoadedLibrary& allocator = library();
    const auto [status, text] = in_a_child([&] {
        const rlimit none{0, 0};
        if (setrlimit(RLIMIT_NOFILE, &none) != 0) { return 2; }
        errno = 4711;
        const bool allocated = allocator.page_aligned_alloc(64 << 20, false) != nullptr &&
                               allocator.page_aligned_alloc(page, true) != nullptr;
        return allocated && errno == 4711 ? 0 : 1;
    });
    EXPECT_EQ(status, 0) << text;
}

INSTANTIATE_TEST_SUITE_P(Library, PageAlloc, testing::Bool(),
                         [](const auto& info) { return info.param ? "Ours" : "Original"; });

// What a process prints and answers that may lock 64 KiB and asks for 16 MiB. In a child, because
// it gives up root, which no limit holds for.
Child lock_too_much(LoadedLibrary& library)
{
    return in_a_child([&] {
        const rlimit limit{65536, 131072};
        const bool limited = setrlimit(RLIMIT_MEMLOCK, &limit) == 0;
        const bool unprivileged = geteuid() != 0 || setuid(65534) == 0;
        if (!limited || !unprivileged) { return cannot_run; }
        errno = 0;
        const void* memory = library.page_aligned_alloc(16 << 20, true);
        const int error = errno;
        return memory == nullptr ? error : 100;
    });
}

TEST(LockLimit, IsSaidInTheOriginalsLineAndThenInOursWithTheRemedy)
{
    const Child theirs = lock_too_much(original());
    if (theirs.status == cannot_run) { GTEST_SKIP() << "this user cannot give up its privileges"; }
    const Child mine = lock_too_much(ours());
    // errno (EAGAIN and ENOMEM are both documented), and null.
    ASSERT_LT(theirs.status, 100) << "the original could lock it";
    EXPECT_EQ(theirs.status, mine.status);
    ASSERT_EQ(theirs.text.substr(0, 39), "mlock failed to allocate 16777216 bytes");
    ASSERT_EQ(mine.text.substr(0, theirs.text.size()), theirs.text);
    // D3: the second line.
    EXPECT_EQ(
        mine.text.substr(theirs.text.size()),
        "deepspeed_aio_utils: ds_page_aligned_alloc: RLIMIT_MEMLOCK is 65536 bytes (hard limit "
        "131072 bytes) for all locked memory of the process, and 16777216 bytes more were "
        "asked for; raise it with `ulimit -l unlimited`, LimitMEMLOCK=infinity (systemd) or "
        "--ulimit memlock=-1 (containers), or grant CAP_IPC_LOCK\n");
}

}  // namespace
