// dsaio_alloc and dsaio_free.

#include "flat/flat.h"

#include <linux/capability.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <fstream>
#include <string>

namespace {

constexpr int64_t bytes = 30000;

size_t page_size() { return sysconf(_SC_PAGESIZE); }

// Locked memory of this process, in bytes.
int64_t locked()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.compare(0, 6, "VmLck:") == 0) { return std::stoll(line.substr(6)) * 1024; }
    }
    ADD_FAILURE() << "/proc/self/status has no VmLck";
    return 0;
}

// Memory that malloc has given out and not got back, in bytes. It varies a little by itself, by
// what malloc keeps for the thread; far less than by a buffer.
int64_t in_use()
{
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

// Whether locking `bytes` is allowed here at all.
bool may_lock()
{
    void* probe = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool answer = mlock(probe, bytes) == 0;
    munmap(probe, bytes);
    return answer;
}

#define SKIP_WITHOUT_LOCKS() \
    if (!may_lock()) { GTEST_SKIP() << "RLIMIT_MEMLOCK forbids to lock " << bytes << " bytes"; }

using FlatMemory = Flat;

TEST_F(FlatMemory, IsPageAlignedAndWritable)
{
    for (const int64_t size : {INT64_C(1), INT64_C(4096), bytes, INT64_C(5) << 20}) {
        void* buffer = nullptr;
        const int64_t before = locked();
        ASSERT_EQ(dsaio_alloc(size, false, &buffer), 0);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer) % page_size(), 0u);
        memset(buffer, 1, size);
        EXPECT_EQ(locked(), before);
        EXPECT_EQ(dsaio_free(buffer, size), 0);
    }
}

TEST_F(FlatMemory, IsResidentAndLockedOnRequest)
{
    SKIP_WITHOUT_LOCKS();
    const int64_t before = locked();
    void* buffer = nullptr;
    ASSERT_EQ(dsaio_alloc(bytes, true, &buffer), 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer) % page_size(), 0u);
    EXPECT_GE(locked(), before + bytes);
    std::vector<unsigned char> resident((bytes + page_size() - 1) / page_size());
    ASSERT_EQ(mincore(buffer, bytes, resident.data()), 0);
    for (const auto page : resident) { EXPECT_EQ(page & 1, 1); }
    EXPECT_EQ(dsaio_free(buffer, bytes), 0);
    EXPECT_EQ(locked(), before);
}

TEST_F(FlatMemory, IsGivenBack)
{
    const int64_t before = in_use();
    void* buffer = nullptr;
    ASSERT_EQ(dsaio_alloc(bytes, false, &buffer), 0);
    EXPECT_GE(in_use(), before + bytes);
    EXPECT_EQ(dsaio_free(buffer, bytes), 0);
    EXPECT_LT(in_use(), before + bytes);
}

TEST_F(FlatMemory, OfTheCppApiIsFreedToo)
{
    SKIP_WITHOUT_LOCKS();
    const int64_t locked_before = locked();
    const int64_t in_use_before = in_use();
    void* buffer = ds_page_aligned_alloc(bytes, true);
    ASSERT_NE(buffer, nullptr);
    EXPECT_EQ(dsaio_free(buffer, bytes), 0);
    EXPECT_EQ(locked(), locked_before);
    EXPECT_LT(in_use(), in_use_before + bytes);
}

TEST_F(FlatMemory, CanBeReleasedByMunlockAndFree)
{
    SKIP_WITHOUT_LOCKS();
    const int64_t locked_before = locked();
    const int64_t in_use_before = in_use();
    void* buffer = nullptr;
    ASSERT_EQ(dsaio_alloc(bytes, true, &buffer), 0);
    EXPECT_EQ(munlock(buffer, bytes), 0);
    free(buffer);
    EXPECT_EQ(locked(), locked_before);
    EXPECT_LT(in_use(), in_use_before + bytes);
}

TEST_F(FlatMemory, RefusesBadArguments)
{
    int mark;
    void* buffer = &mark;
    for (const bool lock : {false, true}) {
        EXPECT_EQ(dsaio_alloc(bytes, lock, nullptr), -EFAULT);
        for (const int64_t size : {INT64_C(0), INT64_C(-1), INT64_MIN}) {
            EXPECT_EQ(dsaio_alloc(size, lock, &buffer), -EINVAL) << size;
        }
        EXPECT_EQ(dsaio_alloc(INT64_MAX, lock, &buffer), -ENOMEM);
    }
    EXPECT_EQ(buffer, &mark);
}

// Runs in a process of its own, without the privilege to lock more than `limit` bytes; the exit
// status is the error.
[[noreturn]] void lock_with_limit(rlim_t limit)
{
    const rlimit limits{limit, limit};
    if (setrlimit(RLIMIT_MEMLOCK, &limits) != 0) { _exit(101); }
    // No capabilities, so no CAP_IPC_LOCK.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capset, &header, none) != 0) { _exit(102); }
    int mark;
    void* buffer = &mark;
    const int64_t before = in_use();
    const int answer = dsaio_alloc(bytes, true, &buffer);
    if (buffer != &mark) { _exit(103); }
    if (in_use() >= before + bytes) { _exit(104); }
    if (locked() != 0) { _exit(105); }
    _exit(-answer);
}

int error_with_limit(rlim_t limit)
{
    const pid_t child = fork();
    if (child == 0) { lock_with_limit(limit); }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

// mlock(2): EPERM where nothing may be locked, ENOMEM where less may be.
TEST_F(FlatMemory, RefusesWhatTheLimitForbids)
{
    EXPECT_EQ(error_with_limit(0), EPERM);
    EXPECT_EQ(error_with_limit(page_size()), ENOMEM);
}

TEST_F(FlatMemory, FreeingNothingIsAllowed)
{
    EXPECT_EQ(dsaio_free(nullptr, 0), 0);
    EXPECT_EQ(dsaio_free(nullptr, bytes), 0);
}

TEST_F(FlatMemory, FreeRefusesANegativeSizeAndReleasesNothing)
{
    const bool lock = may_lock();
    void* buffer = nullptr;
    ASSERT_EQ(dsaio_alloc(bytes, lock, &buffer), 0);
    const int64_t locked_before = locked();
    const int64_t in_use_before = in_use();
    for (const int64_t size : {INT64_C(-1), INT64_MIN}) {
        EXPECT_EQ(dsaio_free(buffer, size), -EINVAL);
        EXPECT_EQ(dsaio_free(nullptr, size), -EINVAL);
    }
    EXPECT_EQ(locked(), locked_before);
    EXPECT_GT(in_use(), in_use_before - bytes);
    EXPECT_EQ(dsaio_free(buffer, bytes), 0);
}

}  // namespace
