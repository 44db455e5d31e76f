// dsaio_file_size and dsaio_fd_file_size.

#include "flat/flat.h"

#include <cerrno>
#include <string>

namespace {

// A directory with a sparse file in it, larger than 32 bits can say.
class FlatFileSize : public Flat {
  protected:
    static constexpr int64_t bytes = (INT64_C(5) << 30) + 7;

    void SetUp() override
    {
        const char* parent = getenv("TMPDIR");
        directory_ = std::string(parent != nullptr ? parent : "/tmp") + "/dsaio-flat-XXXXXX";
        ASSERT_NE(mkdtemp(directory_.data()), nullptr);
        path_ = directory_ + "/file";
        link_ = directory_ + "/link";
        loop_ = directory_ + "/loop";
        fd_ = open(path_.c_str(), O_RDWR | O_CREAT, 0600);
        ASSERT_NE(fd_, -1);
        ASSERT_EQ(ftruncate(fd_, bytes), 0);
        ASSERT_EQ(symlink("file", link_.c_str()), 0);
        ASSERT_EQ(symlink("loop", loop_.c_str()), 0);
        Flat::SetUp();
    }

    void TearDown() override
    {
        Flat::TearDown();
        close(fd_);
        for (const auto& path : {path_, link_, loop_}) { unlink(path.c_str()); }
        rmdir(directory_.c_str());
    }

    std::string directory_, path_, link_, loop_;
    int fd_ = -1;
};

TEST_F(FlatFileSize, OfAPathAndOfADescriptor)
{
    int64_t size = 0;
    EXPECT_EQ(dsaio_file_size(path_.c_str(), &size), 0);
    EXPECT_EQ(size, bytes);
    size = 0;
    EXPECT_EQ(dsaio_fd_file_size(fd_, &size), 0);
    EXPECT_EQ(size, bytes);
}

TEST_F(FlatFileSize, FollowsSymbolicLinks)
{
    int64_t size = 0;
    EXPECT_EQ(dsaio_file_size(link_.c_str(), &size), 0);
    EXPECT_EQ(size, bytes);
}

TEST_F(FlatFileSize, OfAnEmptyFileIsZero)
{
    ASSERT_EQ(ftruncate(fd_, 0), 0);
    int64_t size = 7;
    EXPECT_EQ(dsaio_file_size(path_.c_str(), &size), 0);
    EXPECT_EQ(size, 0);
    size = 7;
    EXPECT_EQ(dsaio_fd_file_size(fd_, &size), 0);
    EXPECT_EQ(size, 0);
}

TEST_F(FlatFileSize, OfAPathRefusesWhatStatRefuses)
{
    int64_t size = 7;
    EXPECT_EQ(dsaio_file_size(nullptr, &size), -EFAULT);
    EXPECT_EQ(dsaio_file_size("", &size), -ENOENT);
    EXPECT_EQ(dsaio_file_size((directory_ + "/none").c_str(), &size), -ENOENT);
    EXPECT_EQ(dsaio_file_size((path_ + "/below").c_str(), &size), -ENOTDIR);
    EXPECT_EQ(dsaio_file_size(loop_.c_str(), &size), -ELOOP);
    EXPECT_EQ(dsaio_file_size(std::string(5000, 'x').c_str(), &size), -ENAMETOOLONG);
    EXPECT_EQ(size, 7);
}

TEST_F(FlatFileSize, OfADescriptorRefusesWhatFstatRefuses)
{
    int64_t size = 7;
    const int closed = dup(fd_);
    close(closed);
    for (const int fd : {-1, INT32_MIN, INT32_MAX, closed}) {
        EXPECT_EQ(dsaio_fd_file_size(fd, &size), -EBADF) << fd;
    }
    EXPECT_EQ(size, 7);
}

TEST_F(FlatFileSize, RefusesANullSize)
{
    EXPECT_EQ(dsaio_file_size(path_.c_str(), nullptr), -EFAULT);
    EXPECT_EQ(dsaio_fd_file_size(fd_, nullptr), -EFAULT);
}

}  // namespace
