// File sizes asked for in many threads at once: each gets its own answer and its own errno.

#include "support/direct_io_dir.h"
#include "threads/together.h"

#include <deepspeed_aio_utils.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace {

// Many, because a race shows only where two threads meet.
constexpr int rounds = 2000;

int64_t size_of(int number) { return (INT64_C(1) << 32) * number + number; }

class ThreadsFileSize : public testing::Test {
  protected:
    void SetUp() override
    {
        for (int number = 0; number < thread_count; ++number) {
            files_.push_back(std::make_unique<TemporaryFile>(testing::TempDir()));
            ASSERT_EQ(truncate(files_.back()->path().c_str(), size_of(number)), 0);
        }
    }

    std::vector<std::unique_ptr<TemporaryFile>> files_;
};

TEST_F(ThreadsFileSize, EachThreadGetsItsOwnAnswer)
{
    together([&](int number) {
        const std::string& path = files_[number]->path();
        const std::string missing = path + ".missing";
        const int fd = open(path.c_str(), O_RDONLY);
        ASSERT_NE(fd, -1);
        for (int round = 0; round < rounds; ++round) {
            int64_t size = -7;
            ASSERT_EQ(get_file_size(path.c_str(), size), 0);
            ASSERT_EQ(size, size_of(number));
            size = -7;
            ASSERT_EQ(get_fd_file_size(fd, size), 0);
            ASSERT_EQ(size, size_of(number));
            size = -7;
            ASSERT_EQ(dsaio_file_size(path.c_str(), &size), 0);
            ASSERT_EQ(size, size_of(number));
            // Others are refused for another reason at the same time.
            size = -7;
            errno = 0;
            if (number % 2 == 0) {
                ASSERT_EQ(get_file_size(missing.c_str(), size), -1);
                ASSERT_EQ(errno, ENOENT);
                ASSERT_EQ(dsaio_fd_file_size(-1, &size), -EBADF);
            } else {
                ASSERT_EQ(get_fd_file_size(-1, size), -1);
                ASSERT_EQ(errno, EBADF);
                ASSERT_EQ(dsaio_file_size(missing.c_str(), &size), -ENOENT);
            }
            ASSERT_EQ(size, -7);
        }
        close(fd);
    });
}

// All ask about the same file.
TEST_F(ThreadsFileSize, OfOneFile)
{
    const std::string& path = files_[3]->path();
    together([&](int) {
        for (int round = 0; round < rounds; ++round) {
            int64_t size = -7;
            ASSERT_EQ(get_file_size(path.c_str(), size), 0);
            ASSERT_EQ(size, size_of(3));
        }
    });
}

}  // namespace
