// Old kernels: what these lack fails here by a seccomp filter, in a child process. The buffer
// is the same, silently.

#include "support/child.h"
#include "support/memory_state.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <sys/syscall.h>
#include <algorithm>

namespace {

struct Missing {
    const char* name;
    int number, argument, error;
};

std::ostream& operator<<(std::ostream& out, const Missing& missing) { return out << missing.name; }

// Bits of the answer: 1 no buffer, 2 not locked, 4 not resident, 8 more memory than it needs.
int same_buffers(const Missing& missing, bool collapses)
{
    if (!make_fail(missing.number, missing.error, missing.argument) ||
        (!collapses && !make_fail(SYS_madvise, EINVAL, collapse))) {
        return cannot_run;
    }
    int answer = 0;
    for (const int64_t size : {3 * MiB, 300 * MiB}) {
        const int64_t used = in_use();
        void* memory = ds_page_aligned_alloc(size, true);
        if (memory == nullptr) { return 1; }
        // Without files /proc cannot tell what is locked.
        if (missing.number != SYS_openat && locked_bytes() != size) { answer |= 2; }
        if (missing.number != SYS_mincore &&
            resident_pages(memory, size) * sysconf(_SC_PAGESIZE) != size) {
            answer |= 4;
        }
        // Small pages need no mapping of their own, only the alignment.
        const int64_t most = size + 2 * MiB + std::clamp(huge_page_size(), 2 * MiB, 32 * MiB);
        if (missing.argument == MADV_HUGEPAGE && in_use() - used > most) { answer |= 8; }
        munlock(memory, size);
        free(memory);
    }
    return answer;
}

class OldKernel : public testing::TestWithParam<Missing> {};

TEST_P(OldKernel, LocksTheSameBufferInSilence)
{
    const Missing missing = GetParam();
    std::string reason;
    if (!may_lock(300 * MiB, reason)) { GTEST_SKIP() << reason; }
    for (const bool collapses : {false, true}) {
        const auto [status, text] = in_a_child([=] { return same_buffers(missing, collapses); });
        if (status == cannot_run) { GTEST_SKIP() << "this process may not filter system calls"; }
        EXPECT_EQ(status, 0) << collapses;
        EXPECT_EQ(text, "") << collapses;
    }
}

INSTANTIATE_TEST_SUITE_P(Without, OldKernel,
                         testing::Values(Missing{"mlock2", SYS_mlock2, any, ENOSYS},
                                         // Docker's default profile once answered so.
                                         Missing{"mlock2_permitted", SYS_mlock2, any, EPERM},
                                         Missing{"populate", SYS_madvise, populate_write, EINVAL},
                                         Missing{"huge_pages", SYS_madvise, MADV_HUGEPAGE, EINVAL},
                                         Missing{"residency", SYS_mincore, any, EPERM},
                                         Missing{"sync", SYS_msync, any, EPERM},
                                         Missing{"affinity", SYS_sched_getaffinity, any, ENOSYS},
                                         Missing{"processor", SYS_sched_setaffinity, any, EPERM},
                                         Missing{"threads", SYS_clone3, any, EAGAIN},
                                         Missing{"files", SYS_openat, any, EACCES}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
