// dsaio_alloc, dsaio_free and dsaio_version: what proof/flat_api, which tries all their
// arguments, cannot see. Memory is locked and given back, errors print nothing, and the version is
// the project's.

#include "support/child.h"
#include "support/memory_state.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <cerrno>

namespace {

const int64_t bytes = 7 * sysconf(_SC_PAGESIZE) + 1000;

class Flat : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string reason;
        if (!may_lock(bytes, reason)) { GTEST_SKIP() << reason; }
        testing::internal::CaptureStderr();
    }
    void TearDown() override
    {
        if (!IsSkipped()) { EXPECT_EQ(testing::internal::GetCapturedStderr(), ""); }
    }
    // Neither locked nor in use any more.
    void expect_given_back() const
    {
        EXPECT_EQ(locked_bytes(), locked_before_);
        EXPECT_LT(in_use(), in_use_before_ + bytes);
    }

    void* buffer_ = nullptr;
    const int64_t locked_before_ = locked_bytes();
    const int64_t in_use_before_ = in_use();
};

TEST_F(Flat, FreeGivesBackWhatAllocLocked)
{
    ASSERT_EQ(dsaio_alloc(bytes, true, &buffer_), 0);
    EXPECT_GE(locked_bytes(), locked_before_ + bytes);
    EXPECT_GE(in_use(), in_use_before_ + bytes);
    EXPECT_EQ(dsaio_free(buffer_, -1), -EINVAL);
    EXPECT_GE(locked_bytes(), locked_before_ + bytes) << "an error gives nothing back";
    EXPECT_GE(in_use(), in_use_before_ + bytes) << "an error gives nothing back";
    EXPECT_EQ(dsaio_free(buffer_, bytes), 0);
    expect_given_back();
}

TEST_F(Flat, FreeGivesBackABufferOfTheCppApi)
{
    buffer_ = ds_page_aligned_alloc(bytes, true);
    ASSERT_NE(buffer_, nullptr);
    EXPECT_EQ(dsaio_free(buffer_, bytes), 0);
    expect_given_back();
}

TEST_F(Flat, MunlockAndFreeGiveBackABufferOfAlloc)
{
    ASSERT_EQ(dsaio_alloc(bytes, true, &buffer_), 0);
    EXPECT_EQ(munlock(buffer_, bytes), 0);
    free(buffer_);
    expect_given_back();
}

// The error in a process of its own, without the privilege to lock more than `limit` bytes.
int error_with_limit(rlim_t limit)
{
    const auto [status, text] = in_a_child([=] {
        const rlimit limits{limit, limit};
        if (setrlimit(RLIMIT_MEMLOCK, &limits) != 0) { return 101; }
        // No capabilities, so no CAP_IPC_LOCK.
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
        if (syscall(SYS_capset, &header, none) != 0) { return 102; }
        int mark;
        void* buffer = &mark;
        const int64_t before = in_use();
        const int answer = dsaio_alloc(bytes, true, &buffer);
        if (buffer != &mark) { return 103; }
        if (in_use() >= before + bytes) { return 104; }
        if (locked_bytes() != 0) { return 105; }
        return -answer;
    });
    EXPECT_EQ(text, "");
    return status;
}

// mlock(2): EPERM where nothing may be locked, ENOMEM where less may be.
TEST_F(Flat, AllocAnswersWhatTheLimitForbids)
{
    EXPECT_EQ(error_with_limit(0), EPERM);
    EXPECT_EQ(error_with_limit(sysconf(_SC_PAGESIZE)), ENOMEM);
}

TEST_F(Flat, VersionIsTheProjects) { EXPECT_STREQ(dsaio_version(), PROJECT_VERSION); }

}  // namespace
