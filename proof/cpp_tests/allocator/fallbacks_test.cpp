// Old kernels: what these lack fails here by a seccomp filter, in a child process. The buffer
// is the same, silently.

#include "allocator/memory_state.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <algorithm>
#include <cstddef>

namespace {

constexpr int populate_write = 23;  // MADV_POPULATE_WRITE, since Linux 5.14
constexpr int any = -1;
constexpr int no_filter = 77;

// From now on this process's system call `number`, with `argument` as its third one, answers
// `error`.
bool make_fail(int number, int argument, int error)
{
    // The low half of the third argument, on little-endian machines.
    const __u32 third = offsetof(seccomp_data, args) + 2 * sizeof(__u64);
    const __u8 other = argument == any ? 0 : 1;
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(number), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, third),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(argument), 0, other),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<__u32>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{sizeof program / sizeof *program, program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

struct Missing {
    const char* name;
    int number, argument, error;
};

std::ostream& operator<<(std::ostream& out, const Missing& missing) { return out << missing.name; }

class OldKernel : public testing::TestWithParam<Missing> {};

TEST_P(OldKernel, LocksTheSameBufferInSilence)
{
    const Missing missing = GetParam();
    std::string reason;
    if (!may_lock(300 * MiB, reason)) { GTEST_SKIP() << reason; }
    testing::internal::CaptureStderr();
    const pid_t child = fork();
    if (child == 0) {
        if (!make_fail(missing.number, missing.argument, missing.error)) { _exit(no_filter); }
        for (const int64_t size : {3 * MiB, 300 * MiB}) {
            const int64_t used = in_use();
            void* memory = ds_page_aligned_alloc(size, true);
            // Without files /proc cannot tell what is locked either.
            const bool locked = missing.number == SYS_openat || locked_bytes() == size;
            const bool resident = missing.number == SYS_mincore ||
                                  resident_pages(memory, size) * sysconf(_SC_PAGESIZE) == size;
            // Small pages need no mapping of their own, only the alignment.
            const int64_t most = size + MiB + std::clamp(huge_page_size(), 2 * MiB, 32 * MiB);
            const bool plain = missing.argument != MADV_HUGEPAGE || in_use() - used < most;
            if (memory == nullptr || !locked || !resident || !plain) { _exit(1); }
            munlock(memory, size);
            free(memory);
        }
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    if (WIFEXITED(status) && WEXITSTATUS(status) == no_filter) {
        GTEST_SKIP() << "this process may not filter system calls";
    }
    EXPECT_EQ(status, 0);
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
